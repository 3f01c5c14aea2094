"""Export of series as a table, in the layout and the manner of writing of the file they came from."""

from workbench.api import Exporter, Ref, hookimpl
from workbench.api.registry import Registrar

requires_api = "1"

DATASET = Exporter(
    id="series",
    title="Table of numbers over time (CSV)",
    suffix=".csv",
    of="dataset",
    factory=Ref("workbench_plugins.exporters.series.writer:write"),
    record="series",
)
FORECASTS = Exporter(
    id="forecast-csv",
    title="Forecasts as a table (CSV)",
    suffix=".csv",
    of="predictions",
    factory=Ref("workbench_plugins.exporters.series.forecasts:write"),
    record="series",
    result="forecast",
)


@hookimpl
def register_exporters(registry: Registrar) -> None:
    registry.add(DATASET)
    registry.add(FORECASTS)
