"""Import of bracketed trees: one a line, as the sentiment treebank has them, or over several, as the Penn treebank."""

from workbench_plugins.importers.bracketed.params import BracketedParams

from workbench.api import Importer, RecordEditor, Ref, hookimpl
from workbench.api.registry import Registrar

requires_api = "1"

IMPORTER = Importer(
    id="bracketed",
    title="Bracketed trees",
    extensions=(".mrg", ".ptb", ".tree", ".trees", ".txt", ".psd"),
    record="labelled_tree",
    params=BracketedParams,
    sniff=Ref("workbench_plugins.importers.bracketed.reader:sniff"),
    factory=Ref("workbench_plugins.importers.bracketed.reader:BracketedStream"),
)
EDITOR = RecordEditor(
    record="labelled_tree", factory=Ref("workbench_plugins.importers.bracketed.gui:LabelledTreeEditor")
)


@hookimpl
def register_importers(registry: Registrar) -> None:
    registry.add(IMPORTER)


@hookimpl
def register_record_editors(registry: Registrar) -> None:
    registry.add(EDITOR)
