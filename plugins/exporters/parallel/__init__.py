"""Export of pairs of texts as they came: parallel files, translation memories, gettext catalogues."""

from workbench.api import Exporter, Ref, hookimpl
from workbench.api.registry import Registrar

requires_api = "1"

_HERE = "workbench_plugins.exporters.parallel.writer"
EXPORTERS = (
    Exporter(
        id="parallel",
        title="Parallel text, two files (a line each)",
        suffix=".src",
        of="dataset",
        factory=Ref(f"{_HERE}:write_parallel"),
        record="text_pair",
    ),
    Exporter(
        id="tmx",
        title="Translation memory (TMX)",
        suffix=".tmx",
        of="dataset",
        factory=Ref(f"{_HERE}:write_tmx"),
        record="text_pair",
    ),
    Exporter(
        id="po",
        title="Gettext catalogue (PO)",
        suffix=".po",
        of="dataset",
        factory=Ref("workbench_plugins.exporters.parallel.gettext:write_po"),
        record="text_pair",
    ),
)


@hookimpl
def register_exporters(registry: Registrar) -> None:
    for exporter in EXPORTERS:
        registry.add(exporter)
