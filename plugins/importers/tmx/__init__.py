"""Import of translation memories in TMX 1.4: a pair of texts for every translation unit."""

from workbench_plugins.importers.tmx.params import TmxParams

from workbench.api import Importer, Ref, hookimpl
from workbench.api.registry import Registrar

requires_api = "1"

IMPORTER = Importer(
    id="tmx",
    title="Translation memory (TMX)",
    extensions=(".tmx",),
    record="text_pair",
    params=TmxParams,
    sniff=Ref("workbench_plugins.importers.tmx.reader:sniff"),
    factory=Ref("workbench_plugins.importers.tmx.reader:TmxStream"),
)


@hookimpl
def register_importers(registry: Registrar) -> None:
    registry.add(IMPORTER)
