"""Export of tagged sentences as JSON Lines with character spans; unedited ones exactly as they were imported."""

from workbench.api import Exporter, Ref, hookimpl
from workbench.api.registry import Registrar

requires_api = "1"

EXPORTER = Exporter(
    id="jsonl-spans",
    title="JSON Lines with spans",
    suffix=".jsonl",
    of="dataset",
    factory=Ref("workbench_plugins.exporters.jsonl_spans.writer:write"),
    record="tagged_tokens",
)


@hookimpl
def register_exporters(registry: Registrar) -> None:
    registry.add(EXPORTER)
