"""The panel of the Evaluate stage: how often intervals held and how large errors were, for each step ahead."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from workbench.api import Report
from workbench.shell.sdk import Muted, PanelContext, SectionTitle, make_canvas

MODEL = "this model"
HEIGHT = 190


class ByStepPanel(QWidget):
    """Two plots over the steps ahead: coverage of each interval beside its promise, and the errors of all methods."""

    def __init__(self, context: PanelContext) -> None:
        super().__init__()
        theme = context.theme
        self.coverage = make_canvas("Intervals that held", x_label="steps ahead", y_label="% inside", theme=theme)
        self.errors = make_canvas("Error by step ahead", x_label="steps ahead", y_label="error", theme=theme)
        # a line at 100 % is seen whole
        self.coverage.lowest, self.coverage.highest, self.errors.lowest = 0.0, 103.0, 0.0
        self.error_title = SectionTitle("Error by step ahead")
        self.coverage_note, self.error_note = Muted(""), Muted("")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(16)
        self._columns: list[QWidget] = []
        for title, canvas, note in (
            (SectionTitle("Intervals that held, % by step ahead"), self.coverage, self.coverage_note),
            (self.error_title, self.errors, self.error_note),
        ):
            canvas.first = 1.0
            canvas.setMinimumHeight(HEIGHT)
            holder = QWidget()
            column = QVBoxLayout(holder)
            column.setContentsMargins(0, 0, 0, 0)
            column.setSpacing(4)
            column.addWidget(title)
            column.addWidget(canvas, 1)
            column.addWidget(note)
            row.addWidget(holder, 1)
            self._columns.append(holder)

    def show_report(self, report: Report) -> bool:
        """Draw what the report says of each step; False where it says nothing."""
        details = report.details or {}
        errors, coverage = details.get("errors") or {}, details.get("coverage") or {}
        if not errors:
            return False
        self._columns[0].setVisible(bool(coverage))
        self._draw_coverage(coverage, report)
        self._draw_errors(errors, str(details.get("error_name", "error")))
        return True

    def _draw_coverage(self, coverage: Mapping[str, Sequence[float | None]], report: Report) -> None:
        told: list[str] = []
        self.coverage.clear()
        for i, (name, values) in enumerate(coverage.items()):
            level, y = float(name), 100.0 * _numbers(values)
            x = np.arange(1.0, len(y) + 1)
            known = ~np.isnan(y)
            title = f"{100 * level:g} %"
            self.coverage.set_line(f"inside {name}", x[known], y[known], series=i, label=title, points=len(y) <= 48)
            asked = np.full(2, 100.0 * level)
            self.coverage.set_line(f"asked {name}", np.array([1.0, max(2.0, x[-1])]), asked, series=i, dashed=True)
            if known.any() and (level == 0.9 or len(coverage) == 1):
                low = int(np.nanargmin(y))
                told.append(f"{title} intervals held {np.nanmean(y):.1f} %, least at step {low + 1:,} ({y[low]:.0f} %)")
        self.coverage.fit()
        text = f"{'. '.join(told)}. " if told else ""
        text += f"Dashed: what is promised. {report.n_records:,} windows that overlap: steps differ by chance too."
        if report.split == "validation":
            text += " The widths were taken from this very split: look at test for what they are worth."
        self.coverage_note.setText(text)

    def _draw_errors(self, errors: Mapping[str, Sequence[float | None]], name: str) -> None:
        self.errors.clear()
        found = {method: _numbers(values) for method, values in errors.items()}
        for i, (method, y) in enumerate(found.items()):
            x, known = np.arange(1.0, len(y) + 1), ~np.isnan(y)
            own = method == MODEL
            self.errors.set_line(
                method, x[known], y[known], series=i % 8, label=method, bold=own, points=own and len(y) <= 48
            )
        self.errors.fit()
        self.error_title.setText(f"{name}, by step ahead")
        self.error_note.setText(f"The mean over all windows. {_better(found)}")


def _better(found: Mapping[str, NDArray[np.float64]]) -> str:
    """Where the model beats the best of the simple methods, in words."""
    others = [y for method, y in found.items() if method != MODEL]
    if MODEL not in found or not others:
        return ""
    own, best = found[MODEL], np.min(others, axis=0)
    judged = ~(np.isnan(own) | np.isnan(best))
    better = int((own < best)[judged].sum())
    return f"The model is better than every simple method at {better:,} of {int(judged.sum()):,} steps."


def _numbers(values: Sequence[Any]) -> NDArray[np.float64]:
    return np.array([np.nan if value is None else float(value) for value in values])
