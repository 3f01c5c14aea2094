"""``recurra backtest``: what a forecasting model would have said at many moments of the past."""

from __future__ import annotations

import copy
import json
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workbench.api import Cancelled, Catalogue, Series, WorkbenchError
from workbench.cli.context import CliContext, find_run, project_of_run
from workbench.cli.flags import real, whole

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from workbench.api import Forecast
    from workbench.engine.predict import Predictor
    from workbench.engine.server import Handler, Request
    from workbench.nn.forecasting.backtest import Backtest, Foretold, Predict


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
    from workbench.nn.forecasting.backtest import backtest as run_backtest
    from workbench.nn.protocols import SplitsInTime

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
    first = _first_target(series, part)
    predict = predictor_of(predictor)
    future, targets = getattr(codec, "future", ()), getattr(codec, "targets", ())
    scores = errors_before(predictor, series, stride=stride, level=level)
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


def errors_before(predictor: Predictor, series: Series, *, stride: int = 1, level: float = 0.9) -> Any:
    """(n, H, C) absolute errors of forecasts that lie in the validation part as a whole; None where none does.

    On logarithms where the model works on them: intervals then grow with the level.
    """
    from workbench.nn.forecasting.backtest import backtest as run_backtest
    from workbench.nn.protocols import SplitsInTime

    task, codec = predictor.model.task, predictor.model.codec
    params = getattr(codec, "params", None)
    if params is None or not isinstance(task, SplitsInTime):
        return None
    before, part = task.part(series, "validation"), task.part(series, "test")
    if not isinstance(before, Series) or not isinstance(part, Series):
        return None
    start, first = _first_target(series, before), _first_target(series, part)
    if first - start < params.horizon:
        return None
    told = run_backtest(
        series.part(0, first),
        predictor_of(predictor, simple=False),
        horizon=params.horizon,
        context=params.lookback + params.difference,
        first=start,
        stride=stride,
        targets=getattr(codec, "targets", ()),
        future=getattr(codec, "future", ()),
        level=level,
    )
    return abs(_log(told.truth) - _log(told.mean)) if params.log else abs(told.truth - told.mean)


def _first_target(series: Series, part: Series) -> int:
    """The step of ``series`` at which the part's own targets begin."""
    return int((series.times() >= part.times()[0]).argmax()) + int(part.static.get("first target", 0))


def _log(values: Any) -> Any:
    import numpy as np

    return np.log(np.where(values > 0, values, np.nan))


def predictor_of(predictor: Predictor, *, simple: bool = True) -> Predict:
    """The answers of a predictor to some series, many at once; without ``simple`` methods beside them it is quicker."""
    from workbench.engine.predict import Predictor as Answering

    training = predictor.config.training
    training = training.model_copy(update={"batch_tokens": max(training.batch_tokens, BACKTEST_TOKENS)})
    return _Answers(Answering(predictor.model, predictor.config.model_copy(update={"training": training})), simple)


class _Answers:
    """A predictor as a backtest asks it: about pieces of series, or about many origins of one."""

    def __init__(self, predictor: Predictor, simple: bool) -> None:
        self._predictor = predictor
        self._simple = simple

    def __call__(self, pasts: Sequence[Series]) -> Sequence[Forecast]:
        from workbench.nn.contract import DecodeOptions

        options = DecodeOptions(probabilities=self._simple)
        return self._predictor.predict(list(pasts), options)  # type: ignore[return-value]

    def at(self, series: Series, origins: NDArray[np.int64]) -> Foretold | None:
        """Windows of one encoded series: each reads what lies before its origin, and ahead only what is known ahead."""
        import numpy as np

        from workbench.engine.evaluate import evaluation_mode
        from workbench.nn.forecasting.backtest import Foretells, Foretold
        from workbench.nn.protocols import CutsWindows, Windows

        model = self._predictor.model
        task, codec = model.task, model.codec
        if not (isinstance(task, Foretells) and isinstance(codec, CutsWindows) and isinstance(codec, Windows)):
            return None
        calendar: object = getattr(codec, "calendar", None)
        if series.ticks and calendar:
            return None  # of times that are listed, those after an origin were not known at it
        lookback = int(model.task.params.lookback)  # type: ignore[attr-defined]
        encoding = codec.encode(series)
        stops = np.asarray(origins, np.int64)
        spans = np.stack([np.maximum(stops - lookback, 0), stops], axis=1)
        most = max(1, self._predictor.config.training.batch_tokens // max(1, codec.window_length(0, lookback)))
        told: list[Foretold] = []
        with self._predictor.weights(), evaluation_mode(model):
            for start in range(0, len(spans), most):
                piece = spans[start : start + most]
                batch = codec.collate_windows([encoding], np.zeros(len(piece), np.int64), piece).to(model.device)
                told.append(task.foretell(model.parts, batch, simple=self._simple))
        return Foretold(
            told[0].channels,
            np.concatenate([part.mean for part in told]),
            {name: np.concatenate([part.baselines[name] for part in told]) for name in told[0].baselines},
        )


def refitting(
    predictor: Predictor, catalogue: Catalogue, *, service: Callable[[Any], None] | None = None
) -> Callable[[Series], Predict]:
    """Fits the predictor's own configuration on all that came before an origin, its end as the validation part.

    ``service`` is called between the steps of a fit; what it raises as a wish to stop ends it with Cancelled.
    """
    from workbench.api.events import FinishReason
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
            ended = train(run, {"train": [past]}, catalogue, service=service)
            if ended.error is not None:
                raise WorkbenchError.from_dict(ended.error)
            if ended.reason == FinishReason.STOPPED.value:
                raise Cancelled
            return predictor_of(load_bundle(run.path, catalogue, device="cpu"))

    return refit


def backtest_job(catalogue: Catalogue) -> Handler:
    """The worker's job ``backtest``: forecasts from earlier origins, by models fitted on what was known then.

    ``inputs`` are the questions (series as JSON, what came after each origin blanked), ``origins`` the step each of
    them begins at in ``series``, ``refit`` after how many origins the model is fitted anew. It tells its progress in
    fits and can be cancelled within one.
    """

    def answer(request: Request) -> dict[str, Any]:
        from workbench.engine.predict import load_bundle

        predictor = load_bundle(Path(request.text("run")), catalogue)
        series = Series.from_json(request.fields["series"])
        questions = [Series.from_json(one) for one in request.fields["inputs"]]
        origins = [int(one) for one in request.fields["origins"]]
        every = max(1, int(request.fields.get("refit") or 1))
        starts = range(0, len(origins), every)
        refit = refitting(predictor, catalogue, service=lambda _live: request.serve_between(None))
        results: list[Forecast] = []
        for done, start in enumerate(starts):
            request.progress(done, len(starts), what=f"fitting {done + 1:,} of {len(starts):,}")
            predict = refit(series.part(0, origins[start]))
            results += predict(questions[start : start + every])
        return {"results": [one.to_json() for one in results], "fits": len(starts)}

    return answer


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
