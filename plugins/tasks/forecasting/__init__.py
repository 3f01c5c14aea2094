"""Forecasting: what comes after a series, how sure that is, and what the simple methods would have said."""

from __future__ import annotations

from workbench_plugins.tasks.forecasting.params import FREE_RUN_PRESETS, PRESETS, ForecastingParams, FreeRunParams

from workbench.api import (
    DoctorCheck,
    InferenceView,
    IOShape,
    Metric,
    Panel,
    RecordEditor,
    Ref,
    Registrar,
    Task,
    Trait,
    hookimpl,
)

requires_api = "1"

_HERE = "workbench_plugins.tasks.forecasting"
_METRICS = ("mse", "mase")
_CUT = Ref(f"{_HERE}.cutting:SeriesCut")


@hookimpl
def register_tasks(registry: Registrar) -> None:
    registry.add(
        Task(
            id="forecasting",
            title="Forecasting",
            params=ForecastingParams,
            record="series",
            result="forecast",
            shape=IOShape.MANY_TO_ONE,
            needs=frozenset({Trait.SEQUENCE}),
            factory=Ref(f"{_HERE}.task:DirectForecasting"),
            metrics=_METRICS,
            summary="Reads a piece of the past and tells all steps of the horizon at once.",
            presets=PRESETS,
            parse_input=Ref(f"{_HERE}.text:parse_input"),
            proposals=Ref(f"{_HERE}.proposals:propose"),
            time_cut=_CUT,
        )
    )
    registry.add(
        Task(
            id="forecasting_free_run",
            title="Forecasting step by step (free run)",
            params=FreeRunParams,
            record="series",
            result="forecast",
            shape=IOShape.MANY_TO_MANY_ALIGNED,
            needs=frozenset({Trait.SEQUENCE, Trait.CAUSAL}),
            offers=frozenset({Trait.NUMERIC}),
            factory=Ref(f"{_HERE}.free_run:FreeRunForecasting"),
            metrics=_METRICS,
            summary="Tells the next value, reads its own answer, tells the next: as far as you like.",
            presets=FREE_RUN_PRESETS,
            parse_input=Ref(f"{_HERE}.text:parse_input"),
            proposals=Ref(f"{_HERE}.proposals:propose_free_run"),
            time_cut=_CUT,
        )
    )


@hookimpl
def register_metrics(registry: Registrar) -> None:
    for name, title in (("mse", "Mean squared error (z-scored)"), ("mase", "MASE")):
        registry.add(
            Metric(
                id=name,
                title=title,
                result="forecast",
                higher_is_better=False,
                factory=Ref(f"{_HERE}.scoring:{'SquaredError' if name == 'mse' else 'ScaledError'}"),
            )
        )


@hookimpl
def register_doctor_checks(registry: Registrar) -> None:
    registry.add(
        DoctorCheck(
            id="series",
            title="times and values of series",
            record="series",
            factory=Ref(f"{_HERE}.checks:check_series_data"),
            with_draft=True,
        )
    )


@hookimpl
def register_record_editors(registry: Registrar) -> None:
    registry.add(RecordEditor(record="series", factory=Ref(f"{_HERE}.gui:SeriesEditor")))


@hookimpl
def register_panels(registry: Registrar) -> None:
    for task in ("forecasting", "forecasting_free_run"):
        registry.add(
            Panel(
                id=f"{task}-by-step",
                title="Step by step ahead",
                area="evaluate",
                factory=Ref(f"{_HERE}.gui_by_step:ByStepPanel"),
                for_task=task,
            )
        )


@hookimpl
def register_inference_views(registry: Registrar) -> None:
    registry.add(InferenceView(result="forecast", factory=Ref(f"{_HERE}.gui:ForecastView")))
