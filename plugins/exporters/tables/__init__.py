"""Export of texts, pairs and labelled texts as tables; unedited rows of a table exactly as they were imported."""

from __future__ import annotations

from workbench.api import Exporter, Ref, Registrar, hookimpl

requires_api = "1"

_HERE = "workbench_plugins.exporters.tables.writer"
_KINDS = (("labelled_text", "labelled"), ("text_pair", "pairs"), ("text", "texts"))
_FORMS = (
    ("", "Table as it came (CSV)", ".csv", "write_as_it_came"),
    ("-tsv", "Table with tabs", ".tsv", "write_tsv"),
    ("-jsonl", "JSON Lines", ".jsonl", "write_jsonl"),
    ("-parquet", "Parquet", ".parquet", "write_parquet"),
)

EXPORTERS = tuple(
    Exporter(
        id=f"table-{name}{ending}",
        title=title,
        suffix=suffix,
        of="dataset",
        factory=Ref(f"{_HERE}:{function}"),
        record=record,
    )
    for record, name in _KINDS
    for ending, title, suffix, function in _FORMS
)
"""For each kind of record the one that keeps the form of the import, called as the importer, and one for each other."""


@hookimpl
def register_exporters(registry: Registrar) -> None:
    for exporter in EXPORTERS:
        registry.add(exporter)
