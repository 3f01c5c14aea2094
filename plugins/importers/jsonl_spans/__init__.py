"""Import of JSON Lines: a text with labelled character spans, or tokens with tags, one object a line."""

from workbench_plugins.importers.jsonl_spans.params import JsonlParams

from workbench.api import Importer, Ref, hookimpl
from workbench.api.registry import Registrar

requires_api = "1"

IMPORTER = Importer(
    id="jsonl-spans",
    title="JSON Lines with spans",
    extensions=(".jsonl", ".ndjson", ".json"),
    record="tagged_tokens",
    params=JsonlParams,
    sniff=Ref("workbench_plugins.importers.jsonl_spans.reader:sniff"),
    factory=Ref("workbench_plugins.importers.jsonl_spans.reader:JsonlStream"),
)


@hookimpl
def register_importers(registry: Registrar) -> None:
    registry.add(IMPORTER)
