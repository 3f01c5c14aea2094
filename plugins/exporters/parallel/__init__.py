"""Export of pairs of texts as they came: either side of parallel files, translation memories, gettext catalogues."""

from workbench.api import Exporter, Ref, hookimpl
from workbench.api.registry import Registrar

requires_api = "1"

_HERE = "workbench_plugins.exporters.parallel.writer"
EXPORTERS = (
    Exporter(
        id="parallel-source",
        title="Parallel text, the sources (a line each)",
        suffix=".source.txt",
        of="dataset",
        factory=Ref(f"{_HERE}:write_sources"),
        record="text_pair",
    ),
    Exporter(
        id="parallel-target",
        title="Parallel text, the targets (a line each)",
        suffix=".target.txt",
        of="dataset",
        factory=Ref(f"{_HERE}:write_targets"),
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
        factory=Ref(f"{_HERE}:write_po"),
        record="text_pair",
    ),
)


@hookimpl
def register_exporters(registry: Registrar) -> None:
    for exporter in EXPORTERS:
        registry.add(exporter)
