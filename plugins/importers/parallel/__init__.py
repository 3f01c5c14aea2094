"""Import of parallel files: two texts, line by line translations of one another, as ``train.de`` and ``train.en``."""

from workbench_plugins.importers.parallel.params import ParallelParams

from workbench.api import Importer, Ref, hookimpl
from workbench.api.registry import Registrar

requires_api = "1"

IMPORTER = Importer(
    id="parallel",
    title="Parallel text files",
    extensions=(".de", ".en", ".fr", ".es", ".it", ".txt", ".src", ".tgt"),
    record="text_pair",
    params=ParallelParams,
    sniff=Ref("workbench_plugins.importers.parallel.reader:sniff"),
    factory=Ref("workbench_plugins.importers.parallel.reader:ParallelStream"),
)


@hookimpl
def register_importers(registry: Registrar) -> None:
    registry.add(IMPORTER)
