"""An evaluation: every window of a split as one origin of a backtest, beside the simple methods on the same windows."""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from workbench_plugins.tasks.forecasting.by_step import ByStep
from workbench_plugins.tasks.forecasting.params import SeriesParams
from workbench_plugins.tasks.forecasting.scoring import deviations_of, scales_of, truth_of

from workbench.api import Forecast, Record, Report, Result, Series
from workbench.nn.forecasting.metrics import pinball

MAX_EXAMPLES = 100
MODEL = "this model"
POINT = ("mse", "mae", "mase", "smape", "mape")
"""Errors of a point forecast, which all methods have."""


@dataclass(slots=True)
class _Errors:
    """Sums over steps of the errors of one method."""

    sums: dict[str, float] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)

    def add(self, name: str, values: NDArray[Any]) -> None:
        known = ~np.isnan(values)
        self.sums[name] = self.sums.get(name, 0.0) + float(values[known].sum())
        self.counts[name] = self.counts.get(name, 0) + int(known.sum())

    def add_point(
        self, found: NDArray[Any], truth: NDArray[Any], deviations: NDArray[Any] | None, scales: NDArray[Any]
    ) -> None:
        error = np.abs(found - truth)
        if deviations is not None:
            self.add("mse", (error / deviations) ** 2)
            self.add("mae", error / deviations)
        self.add("mase", error / scales)
        size = np.abs(truth) + np.abs(found)
        self.add("smape", 200.0 * error / np.where(size == 0, 1.0, size))
        self.add("mape", 100.0 * error / np.where(truth == 0, np.nan, np.abs(truth)))

    def means(self) -> dict[str, float]:
        return {name: self.sums[name] / count for name, count in self.counts.items() if count}


def build_report(
    split: str, pairs: Iterable[tuple[int, Record, Result, float]], params: SeriesParams
) -> Report:
    """``metrics`` of the model; a row of the ``table`` for it and for each simple method; the worst windows first.

    Examples are spread over the split: of each stretch of it the first window and, beyond those, the worst.
    """
    own, methods, steps_ahead = _Errors(), dict[str, _Errors](), ByStep()
    scaled = True
    windows = steps = 0
    absolute = 0.0
    worst: list[tuple[float, int, dict[str, Any]]] = []
    shown: list[dict[str, Any]] = []
    for record_id, record, result, loss in pairs:
        assert isinstance(result, Forecast)
        assert isinstance(record, Series)
        truth = truth_of(record, result)
        deviations, scales = deviations_of(record, result), scales_of(record, result, params.season)
        found = np.array(result.mean)
        own.add_point(found, truth, deviations, scales)
        scaled = scaled and deviations is not None
        divide = scales if deviations is None else deviations
        steps_ahead.add(MODEL, found, truth, divide)
        steps_ahead.add_intervals(result, truth)
        for name, values in result.baselines.items():
            methods.setdefault(name, _Errors()).add_point(np.array(values), truth, deviations, scales)
            steps_ahead.add(name, np.array(values), truth, divide)
        for interval in result.intervals:
            lower, upper = np.array(interval.lower), np.array(interval.upper)
            inside = ((truth >= lower) & (truth <= upper)).astype(float)
            own.add(f"coverage_{interval.level * 100:g}", np.where(np.isnan(truth), np.nan, inside))
        if result.quantiles:
            losses = pinball(truth, np.array(result.quantiles), result.levels)
            own.add("pinball", losses)
            own.add("crps", 2.0 * losses.mean(axis=0))
        absolute += float(np.nansum(np.abs(truth)))
        windows, steps = windows + 1, steps + result.horizon
        error = float(np.nanmean(np.abs(found - truth) / (scales if deviations is None else deviations)))
        if math.isnan(error):
            continue
        item = (error, windows, _example(record_id, record, result, loss, error))
        if len(worst) < MAX_EXAMPLES // 2:
            heapq.heappush(worst, item)
        elif error > worst[0][0]:
            heapq.heapreplace(worst, item)
        shown.append(item[2])
        if len(shown) > MAX_EXAMPLES:
            del shown[1::2]
    metrics = own.means()
    if "pinball" in metrics and absolute > 0:
        metrics["wql"] = 2.0 * metrics.pop("pinball") * own.counts["crps"] / absolute
    rows = [(MODEL, metrics), *((name, errors.means()) for name, errors in methods.items())]
    chosen = {id(example): example for _, _, example in sorted(worst, key=lambda one: -one[0])}
    chosen |= {id(example): example for example in shown[:: max(1, len(shown) // (MAX_EXAMPLES // 2))]}
    return Report(
        split=split,
        n_records=windows,
        n_tokens=steps,
        metrics=metrics,
        table=tuple({"label": name, **_columns(values), "support": windows} for name, values in rows),
        examples=tuple(chosen.values()),
        protocol={
            "windows": "every origin of the split, no refit"
            if params.evaluation_stride == 1
            else f"an origin every {params.evaluation_stride} steps, no refit",
            "lookback": params.lookback,
            "horizon": params.horizon,
            "errors": "mse and mae z-scored by the training part; mase by the seasonal naive error before the split",
            "intervals": "conformal, widths from the validation split",
        },
        details=steps_ahead.details("Absolute error, z-scored" if scaled else "MASE"),
    )


def _columns(values: dict[str, float]) -> dict[str, float]:
    """What every method has: the errors of its point forecast."""
    return {name: values[name] for name in POINT if name in values}


def _example(record_id: int, record: Series, result: Forecast, loss: float, error: float) -> dict[str, Any]:
    return {"record_id": record_id, "gold": record.to_json(), "result": result.to_json(), "errors": error, "loss": loss}
