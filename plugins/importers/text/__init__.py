"""Import of plain text: a record for every line, or for every paragraph."""

from workbench_plugins.importers.text.params import TextParams

from workbench.api import Importer, Ref, hookimpl
from workbench.api.registry import Registrar

requires_api = "1"

IMPORTER = Importer(
    id="text",
    title="Plain text",
    extensions=(".txt", ".text", ".md"),
    record="text",
    params=TextParams,
    sniff=Ref("workbench_plugins.importers.text.reader:sniff"),
    factory=Ref("workbench_plugins.importers.text.reader:TextStream"),
)


@hookimpl
def register_importers(registry: Registrar) -> None:
    registry.add(IMPORTER)
