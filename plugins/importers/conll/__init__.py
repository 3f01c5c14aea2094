"""Import of CoNLL column files: one token a line, blank lines between sentences, any number of columns."""

from workbench_plugins.importers.conll.params import ConllParams

from workbench.api import Importer, Ref, hookimpl
from workbench.api.registry import Registrar

requires_api = "1"

IMPORTER = Importer(
    id="conll",
    title="CoNLL columns",
    extensions=(".conll", ".txt", ".iob", ".iob2", ".bio", ".train", ".testa", ".testb", ".tsv", ".col"),
    record="tagged_tokens",
    params=ConllParams,
    sniff=Ref("workbench_plugins.importers.conll.columns:sniff"),
    factory=Ref("workbench_plugins.importers.conll.reader:ConllStream"),
)


@hookimpl
def register_importers(registry: Registrar) -> None:
    registry.add(IMPORTER)
