"""Where the options of a forecast cut a series in time: what the window shows and asks before anything is trained."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workbench_plugins.tasks.forecasting.params import ForecastingParams, FreeRunParams, SeriesParams
from workbench_plugins.tasks.forecasting.splitting import bounds

from workbench.api import Series

_KINDS: Mapping[str, type[SeriesParams]] = {"forecasting": ForecastingParams, "forecasting_free_run": FreeRunParams}


def params_of_task(task: str, options: Mapping[str, Any]) -> SeriesParams | None:
    """The options of a forecasting task; None for another task and for options that do not hold together."""
    kind = _KINDS.get(task)
    try:
        return kind.model_validate(dict(options)) if kind is not None else None
    except ValueError:
        return None  # the Model stage says what is wrong with them


class SeriesCut:
    """See :class:`workbench.api.TimeCut`."""

    def cuts(self, options: Mapping[str, Any]) -> bool:
        params = _shared(options)
        return params is not None and params.split == "time"

    def steps(self, record: Any, options: Mapping[str, Any]) -> Mapping[str, int]:
        params = _shared(options)
        if params is None or not isinstance(record, Series):
            return {}
        first, second, end = bounds(record, params)
        return {"train": first, "validation": second - first, "test": end - second, "": record.size() - end}

    def cut(self, validation: float, test: float) -> Mapping[str, Any]:
        ends = {"validation_from": "", "test_from": ""}
        return {"split": "time", "train": 0.0, "validation": float(validation), "test": float(test), **ends}

    def whole(self) -> Mapping[str, Any]:
        return {"split": "records"}


def _shared(options: Mapping[str, Any]) -> SeriesParams | None:
    """What both tasks share is enough to cut; the rest may be in the middle of being edited."""
    try:
        return SeriesParams.model_validate({k: v for k, v in options.items() if k in SeriesParams.model_fields})
    except ValueError:
        return None
