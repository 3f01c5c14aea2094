"""Export of tagged sentences as CoNLL columns or CoNLL-U; unedited ones exactly as they were imported."""

from workbench.api import Exporter, Ref, hookimpl
from workbench.api.registry import Registrar

requires_api = "1"

EXPORTER = Exporter(
    id="conll",
    title="CoNLL columns",
    suffix=".conll",
    of="dataset",
    factory=Ref("workbench_plugins.exporters.conll.writer:write"),
    record="tagged_tokens",
)


@hookimpl
def register_exporters(registry: Registrar) -> None:
    registry.add(EXPORTER)
