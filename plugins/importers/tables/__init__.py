"""Import of tables of text: CSV, TSV, JSON Lines and Parquet, as texts, pairs of texts or labelled texts."""

from __future__ import annotations

from workbench_plugins.importers.tables.params import LabelledTableParams, PairTableParams, TextTableParams

from workbench.api import Importer, Ref, Registrar, hookimpl

requires_api = "1"

_HERE = "workbench_plugins.importers.tables.stream"
EXTENSIONS = (".csv", ".tsv", ".tab", ".jsonl", ".ndjson", ".json", ".parquet", ".txt")

LABELLED = Importer(
    id="table-labelled",
    title="Table of labelled texts",
    extensions=EXTENSIONS,
    record="labelled_text",
    params=LabelledTableParams,
    sniff=Ref(f"{_HERE}:sniff_labelled"),
    factory=Ref(f"{_HERE}:LabelledTable"),
)
PAIRS = Importer(
    id="table-pairs",
    title="Table of pairs of texts",
    extensions=EXTENSIONS,
    record="text_pair",
    params=PairTableParams,
    sniff=Ref(f"{_HERE}:sniff_pairs"),
    factory=Ref(f"{_HERE}:PairTable"),
)
TEXTS = Importer(
    id="table-texts",
    title="Table with a column of text",
    extensions=EXTENSIONS,
    record="text",
    params=TextTableParams,
    sniff=Ref(f"{_HERE}:sniff_texts"),
    factory=Ref(f"{_HERE}:TextTable"),
)


@hookimpl
def register_importers(registry: Registrar) -> None:
    for importer in (LABELLED, PAIRS, TEXTS):
        registry.add(importer)
