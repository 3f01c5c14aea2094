"""A report as a file to keep: JSON with everything, CSV of the table, Markdown to read."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

from workbench.api import Report
from workbench.api.files import write_atomic
from workbench.shell.stages.evaluate.tables import figure


def write_report(report: Report, path: Path, title: str) -> None:
    """Write ``report`` as the suffix of ``path`` says (.json, .csv, else Markdown), whole or not at all."""
    suffix = path.suffix.lower()
    if suffix == ".json":
        text = json.dumps({"schema_version": 1, "model": title, **report.to_json()}, ensure_ascii=False, indent=1)
    elif suffix == ".csv":
        text = as_csv(report)
    else:
        text = as_markdown(report, title)
    write_atomic(path, text)


def as_csv(report: Report) -> str:
    """The table by type."""
    out = io.StringIO()
    columns = list(report.table[0]) if report.table else ["label"]
    writer = csv.DictWriter(out, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(report.table)
    return out.getvalue()


def as_markdown(report: Report, title: str) -> str:
    """Figures with their protocol, the table, the confusion matrix."""
    lines = [f"# {title}: {report.split}", ""]
    lines.append(f"{report.n_records:,} records, {report.n_tokens:,} tokens.")
    lines.extend(f"- {name.replace('_', ' ')}: {figure(value)}" for name, value in report.metrics.items())
    protocol = "; ".join(f"{name}: {value}" for name, value in (report.protocol or {}).items())
    if protocol:
        lines.extend(["", f"Protocol: {protocol}."])
    if report.table:
        columns = list(report.table[0])
        lines.extend(["", "| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)])
        lines.extend("| " + " | ".join(figure(row.get(name)) for name in columns) + " |" for row in report.table)
    if report.confusion:
        names = report.confusion_labels
        lines.extend(["", "| gold \\ predicted | " + " | ".join(names) + " |", "|" + "---|" * (len(names) + 1)])
        for name, row in zip(names, report.confusion, strict=True):
            lines.append(f"| {name} | " + " | ".join(f"{count:,}" for count in row) + " |")
    return "\n".join(lines) + "\n"
