"""Import of CoNLL-U treebanks: words with their universal and language-specific parts of speech."""

from workbench_plugins.importers.conllu.params import ConlluParams

from workbench.api import Importer, Ref, hookimpl
from workbench.api.registry import Registrar

requires_api = "1"

IMPORTER = Importer(
    id="conllu",
    title="CoNLL-U",
    extensions=(".conllu", ".conll"),
    record="tagged_tokens",
    params=ConlluParams,
    sniff=Ref("workbench_plugins.importers.conllu.reader:sniff"),
    factory=Ref("workbench_plugins.importers.conllu.reader:ConlluStream"),
)


@hookimpl
def register_importers(registry: Registrar) -> None:
    registry.add(IMPORTER)
