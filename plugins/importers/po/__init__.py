"""Import of gettext catalogues (.po): a pair of texts for every translated message."""

from workbench_plugins.importers.po.params import PoParams

from workbench.api import Importer, Ref, hookimpl
from workbench.api.registry import Registrar

requires_api = "1"

IMPORTER = Importer(
    id="po",
    title="Gettext catalogue (PO)",
    extensions=(".po", ".pot"),
    record="text_pair",
    params=PoParams,
    sniff=Ref("workbench_plugins.importers.po.reader:sniff"),
    factory=Ref("workbench_plugins.importers.po.reader:PoStream"),
)


@hookimpl
def register_importers(registry: Registrar) -> None:
    registry.add(IMPORTER)
