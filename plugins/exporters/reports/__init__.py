"""Exports of what a model achieved (reports: Markdown, JSON, CSV) and answered (predictions: CoNLL, JSON Lines)."""

from __future__ import annotations

from workbench.api import Exporter, Ref, Registrar, hookimpl

requires_api = "1"

_HERE = "workbench_plugins.exporters.reports"


@hookimpl
def register_exporters(registry: Registrar) -> None:
    for name, title, suffix in (
        ("markdown", "Report as Markdown", ".md"),
        ("json", "Report as JSON", ".json"),
        ("csv", "Report table as CSV", ".csv"),
    ):
        registry.add(
            Exporter(
                id=f"report-{name}",
                title=title,
                suffix=suffix,
                of="report",
                factory=Ref(f"{_HERE}.report:write_{name}"),
            )
        )
    registry.add(
        Exporter(
            id="predictions-conll",
            title="Predicted tags as CoNLL columns",
            suffix=".conll",
            of="predictions",
            factory=Ref(f"{_HERE}.predictions:write_conll"),
            record="tagged_tokens",
            result="token_labels",
        )
    )
    registry.add(
        Exporter(
            id="predictions-jsonl",
            title="Predictions as JSON Lines",
            suffix=".jsonl",
            of="predictions",
            factory=Ref(f"{_HERE}.predictions:write_jsonl"),
        )
    )
