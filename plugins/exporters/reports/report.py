"""A report as text: headline figures, the table by label, the confusion matrix, and how it was measured.

Each function writes a :class:`~workbench.api.Report` of any task to ``path``. Figures from 0 to 1 stay as they are in
JSON and CSV; Markdown, for people, shows four digits.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from workbench.api import Report

SCHEMA_VERSION = 1
EXAMPLES = 20
"""The worst examples a Markdown report lists; JSON has all the report holds."""


def write_json(report: Report, path: Path) -> None:
    values = {"schema_version": SCHEMA_VERSION, **report.to_json()}
    path.write_text(json.dumps(values, ensure_ascii=False, indent=1) + "\n", encoding="utf-8", newline="\n")


def write_csv(report: Report, path: Path) -> None:
    """The table by label; one row of the headline figures for a report without one."""
    rows: Sequence[Any] = report.table or [report.metrics]
    names = list(dict.fromkeys(name for row in rows for name in row))
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, names, lineterminator="\n")
        writer.writeheader()
        writer.writerows(dict(row) for row in rows)


def write_markdown(report: Report, path: Path) -> None:
    path.write_text(markdown(report), encoding="utf-8", newline="\n")


def markdown(report: Report) -> str:
    parts = [
        f"# Evaluation on the {report.split} split",
        f"{report.n_records:,} records, {report.n_tokens:,} tokens.",
        _table(["measure", "value"], [[name, value] for name, value in report.metrics.items()]),
    ]
    if report.table:
        names = list(dict.fromkeys(name for row in report.table for name in row))
        parts += ["## By label", _table(names, [[row.get(name) for name in names] for row in report.table])]
    if report.confusion:
        rows = [[label, *counts] for label, counts in zip(report.confusion_labels, report.confusion, strict=True)]
        parts += ["## Confusion", "Rows are what is right, columns what was answered."]
        parts.append(_table(["", *report.confusion_labels], rows))
    if report.examples:
        parts += ["## Worst examples", *(_example(example) for example in report.examples[:EXAMPLES])]
    if report.protocol:
        parts += ["## Protocol", _table(["what", "how"], [[name, value] for name, value in report.protocol.items()])]
    return "\n\n".join(parts) + "\n"


def _example(example: Any) -> str:
    head = f"Record {example.get('record_id')}: {example.get('errors')} errors, loss {_cell(example.get('loss'))}"
    gold, result = example.get("gold", {}), example.get("result", {})
    tokens, labels = gold.get("tokens"), result.get("labels")
    if not isinstance(tokens, list | tuple) or not isinstance(labels, list | tuple):
        return f"- {head}"
    right = gold.get("layers", {}).get(result.get("layer", "")) or [None] * len(tokens)
    rows = [
        [token, wanted, found]
        for token, wanted, found in zip(tokens, right, labels, strict=False)
        if wanted != found or wanted is None
    ]
    return f"**{head}.** {_escape(' '.join(tokens))}\n\n{_table(['token', 'right', 'answered'], rows)}"


def _table(header: Sequence[Any], rows: Sequence[Sequence[Any]]) -> str:
    lines = ["| " + " | ".join(_escape(_cell(value)) for value in row) + " |" for row in (header, *rows)]
    lines.insert(1, "|" + "---|" * len(header))
    return "\n".join(lines)


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4f}"
    return "" if value is None else str(value)


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("\n", " ")
