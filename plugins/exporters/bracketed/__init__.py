"""Export of trees as brackets, one a line; unedited ones exactly as they were imported."""

from workbench.api import Exporter, Ref, hookimpl
from workbench.api.registry import Registrar

requires_api = "1"

EXPORTER = Exporter(
    id="bracketed",
    title="Bracketed trees",
    suffix=".txt",
    of="dataset",
    factory=Ref("workbench_plugins.exporters.bracketed.writer:write"),
    record="labelled_tree",
)


@hookimpl
def register_exporters(registry: Registrar) -> None:
    registry.add(EXPORTER)
