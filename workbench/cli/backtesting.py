"""``recurra backtest``: what a forecasting model would have said at many moments of the past."""

from __future__ import annotations

import copy
import json
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbench.api import Catalogue, Series, WorkbenchError
from workbench.cli.context import CliContext, find_run, project_of_run
from workbench.cli.flags import real, whole

if TYPE_CHECKING:
    from workbench.api import Forecast
    from workbench.engine.predict import Predictor
    from workbench.nn.forecasting.backtest import Backtest, Predict


BACKTEST_TOKENS = 1 << 16
"""Steps answered at once: a forecast keeps little, so batches may be larger than in training."""


def backtest(
    ctx: typer.Context,
    run: Annotated[Path, typer.Argument(help="A run of a forecasting task, or a project (its newest run).")],
    series: Annotated[str, typer.Option(help="Which series of the dataset, by its name (default: the first).")] = "",
    origins: Annotated[int, whole("Moments to foretell from; 0 takes all of the test part.", 0)] = 0,
    stride: Annotated[int, whole("Steps from one moment to the next.", 1)] = 1,
    refit: Annotated[int, whole("Fit the model anew every so many moments; 0 never does.", 0)] = 0,
    level: Annotated[float, real("What the intervals promise.", 0.01, 0.999)] = 0.9,
    as_json: Annotated[bool, typer.Option("--json", help="Write everything as JSON.")] = False,
) -> None:
    """Foretell the test part again and again, each time from what was known then."""
    from workbench.engine.predict import load_bundle

    context: CliContext = ctx.obj
    folder = find_run(run)
    catalogue = context.plugins().catalogue
    predictor = load_bundle(folder.path, catalogue)
    with context.open_project(project_of_run(folder), read_only=True) as opened:
        dataset = opened.store.dataset(folder.config.data.dataset)
        found = _named((stored.record for stored in opened.store.iterate(dataset.id)), series)
    result = backtest_of(
        predictor,
        found,
        stride=stride,
        count=origins,
        level=level,
        refit=refitting(predictor, catalogue) if refit else None,
        refit_every=refit,
    )
    if as_json:
        typer.echo(json.dumps(_as_json(result)))
        return
    console = context.console()
    console.print(
        f"{result.series}: {len(result.origins):,} origins, {result.mean.shape[1]} steps ahead, "
        f"{'no refit' if not refit else f'{result.fits} fits'}",
        markup=False,
    )
    for method, errors in result.errors().items():
        told = "  ".join(f"{name} {value:.4g}" for name, value in errors.items())
        console.print(f"  {method}: {told}", markup=False)
    console.print(f"  {level:.0%} intervals held {result.coverage():.1%}", markup=False)


def backtest_of(
    predictor: Predictor,
    series: Any,
    *,
    stride: int = 1,
    count: int = 0,
    level: float = 0.9,
    refit: Callable[[Series], Predict] | None = None,
    refit_every: int = 0,
) -> Backtest:
    """A backtest of ``predictor`` over the test part of ``series``; intervals begin from its validation part.

    :class:`WorkbenchError` for a model that does not forecast.
    """
    from workbench.nn.contract import SplitsInTime
    from workbench.nn.forecasting.backtest import backtest as run_backtest

    task, codec = predictor.model.task, predictor.model.codec
    params = getattr(codec, "params", None)
    if not isinstance(series, Series) or params is None or not isinstance(task, SplitsInTime):
        raise WorkbenchError("This model does not forecast series.", fix="Choose a run of a forecasting task.")
    context, horizon = params.lookback + params.difference, params.horizon
    part = task.part(series, "test") if task.splits_in_time else None
    if part is None:
        raise WorkbenchError(
            f"The series {series.name!r} has no test part.", fix="Give the test part a length in the task's options."
        )
    assert isinstance(part, Series)
    first = int((series.times() >= part.times()[0]).argmax()) + int(part.static.get("first target", 0))
    predict = predictor_of(predictor)
    future, targets = getattr(codec, "future", ()), getattr(codec, "targets", ())
    before = task.part(series, "validation")
    scores = None
    if isinstance(before, Series):
        start = int((series.times() >= before.times()[0]).argmax()) + int(before.static.get("first target", 0))
        # only forecasts that end before the test part begins
        known = series.part(0, first)
        if first - start >= horizon:
            told = run_backtest(
                known,
                predict,
                horizon=horizon,
                context=context,
                first=start,
                stride=stride,
                targets=targets,
                future=future,
                level=level,
            )
            scores = abs(_log(told.truth) - _log(told.mean)) if params.log else abs(told.truth - told.mean)
    return run_backtest(
        series,
        predict,
        horizon=horizon,
        context=context,
        first=first,
        stride=stride,
        count=count,
        refit=refit,
        refit_every=refit_every,
        level=level,
        scores=scores,
        targets=targets,
        future=future,
        relative=params.log,
    )


def _log(values: Any) -> Any:
    import numpy as np

    return np.log(np.where(values > 0, values, np.nan))


def predictor_of(predictor: Predictor, *, simple: bool = True) -> Predict:
    """The answers of a predictor to some series, many at once; without ``simple`` methods beside them it is quicker."""
    from workbench.engine.predict import Predictor as Answering
    from workbench.nn.contract import DecodeOptions

    training = predictor.config.training
    training = training.model_copy(update={"batch_tokens": max(training.batch_tokens, BACKTEST_TOKENS)})
    wide = Answering(predictor.model, predictor.config.model_copy(update={"training": training}))
    options = DecodeOptions(probabilities=simple)

    def predict(pasts: Sequence[Series]) -> Sequence[Forecast]:
        return wide.predict(list(pasts), options)  # type: ignore[return-value]

    return predict


def refitting(predictor: Predictor, catalogue: Catalogue) -> Callable[[Series], Predict]:
    """Fits the predictor's own configuration on all that came before an origin, its end as the validation part."""
    from workbench.engine.predict import load_bundle
    from workbench.engine.training import train
    from workbench.runs import RunFolder

    def refit(past: Series) -> Predict:
        config = predictor.config
        params = copy.deepcopy(dict(config.task.params))
        params |= {"test": 0.0, "train": 0.0, "test_from": "", "validation_from": ""}
        config = config.model_copy(update={"task": config.task.model_copy(update={"params": params})})
        with tempfile.TemporaryDirectory(prefix="recurra-backtest-") as folder:
            run = RunFolder.create(Path(folder), config)
            ended = train(run, {"train": [past]}, catalogue)
            if ended.error is not None:
                raise WorkbenchError.from_dict(ended.error)
            return predictor_of(load_bundle(run.path, catalogue, device="cpu"))

    return refit


def _named(records: Any, name: str) -> Series:
    names: list[str] = []
    for record in records:
        if isinstance(record, Series):
            if not name or record.name == name:
                return record
            names.append(record.name)
    raise WorkbenchError(
        f"The dataset has no series {name!r}." if name else "The dataset has no series.",
        fix=f"Its series are: {', '.join(names[:20])}." if names else "Choose a run of a forecasting task.",
    )


def _as_json(result: Backtest) -> dict[str, Any]:
    return {
        "series": result.series,
        "channels": list(result.channels),
        "origins": result.origins.tolist(),
        "level": result.level,
        "coverage": result.coverage(),
        "fits": result.fits,
        "errors": result.errors(),
        "mean": result.mean.tolist(),
        "truth": _nulls(result.truth.tolist()),
        "lower": _nulls(result.lower.tolist()),
        "upper": _nulls(result.upper.tolist()),
    }


def _nulls(values: Any) -> Any:
    if isinstance(values, list):
        return [_nulls(value) for value in values]
    return None if values != values else values
