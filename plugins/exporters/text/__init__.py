"""Export of plain text; pieces that were not edited exactly as they were imported."""

from workbench.api import Exporter, Ref, hookimpl
from workbench.api.registry import Registrar

requires_api = "1"

EXPORTER = Exporter(
    id="text",
    title="Plain text",
    suffix=".txt",
    of="dataset",
    factory=Ref("workbench_plugins.exporters.text.writer:write"),
    record="text",
)


@hookimpl
def register_exporters(registry: Registrar) -> None:
    registry.add(EXPORTER)
