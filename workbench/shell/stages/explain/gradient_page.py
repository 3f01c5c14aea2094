"""The X-ray of one input: how the gradient of a step's loss fades with distance, and how it does in other models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QCheckBox, QHBoxLayout, QMenu, QVBoxLayout, QWidget

from workbench.api import Trace
from workbench.shell.plots.gradient_flow import lesson
from workbench.shell.stages.explain.reach import LEVELS, ReachChart, reaches
from workbench.shell.widgets import Button, Muted

if TYPE_CHECKING:
    from workbench.shell.theme import Theme


ONE_STEP = "The input is read in one step: there is no distance in it for a gradient to fade over."


def lowered(text: str) -> str:
    """``text`` with the indices of its derivatives written low: |∂Lₛ/∂hₜ|."""
    for plain, low in (("L_s", "Lₛ"), ("h_t", "hₜ"), ("x_t", "xₜ"), ("x_i", "xᵢ")):
        text = text.replace(plain, low)
    return text


class GradientPage(QWidget):
    """``tools`` stand in the corner of the tabs; ``menu_wanted`` asks for the runs to lay over."""

    menu_wanted = Signal(object)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._trace: Trace | None = None
        self._others: dict[str, Trace] = {}
        self._step = 0
        self.chart = ReachChart(theme)
        self.note = Muted("", factor=0.88)
        column = QVBoxLayout(self)
        column.setContentsMargins(4, 4, 4, 0)
        column.setSpacing(2)
        column.addWidget(self.chart, 1)
        column.addWidget(self.note)
        column.addStretch(0)
        self.tools = QWidget()
        row = QHBoxLayout(self.tools)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        self.menu = QMenu(self)
        self.menu.setAccessibleName("Runs to lay over")
        self.compare_button = Button("Compare…", kind="quiet", tip="Trace other runs too and lay their gradients over")
        self.compare_button.clicked.connect(lambda _on=False: self._open())
        self.logarithmic = QCheckBox("Logarithmic")
        self.logarithmic.setToolTip("A gradient that shrinks by the same factor with each step is then a straight line")
        self.logarithmic.toggled.connect(self.chart.set_logarithmic)
        self.logarithmic.setChecked(True)
        row.addWidget(self.compare_button)
        row.addWidget(self.logarithmic)

    def _open(self) -> None:
        self.menu_wanted.emit(self.menu)
        self.menu.popup(self.compare_button.mapToGlobal(self.compare_button.rect().bottomLeft()))

    def show_trace(self, trace: Trace) -> None:
        self._trace = trace
        self.logarithmic.setEnabled(bool(trace.gradient_through_time))

    def show_others(self, others: Mapping[str, Trace]) -> None:
        """Traces of the same input by other models, by their titles."""
        self._others = dict(others)
        self.show_step(self._step)

    def show_step(self, step: int) -> None:
        """How the loss of ``step`` depends on the states before it (after it, in a backward layer)."""
        self._step = step
        trace = self._trace
        if trace is None:
            return
        found, of = reaches(trace, step)
        others = {}
        for title, other in self._others.items():
            theirs, _ = reaches(other, step)
            if theirs:
                others[title] = theirs[0]
        self.chart.show_reaches(found, of, others)
        self.chart.setVisible(bool(found))
        if not found:
            nothing = ONE_STEP if len(trace.steps) == 1 else ""
            words = " ".join(part for part in (nothing, lowered(trace.gradient_note)) if part)
            self.note.setText(words or "The gradient was not computed for this sequence.")
            return
        inner = "x_t" if "input" in trace.gradient_through_time else "h_t"
        # what was written has a loss; what was read has a gradient
        names = trace.output_steps or trace.steps
        word = f" ({names[of]})" if of < len(names) else ""
        own = "This model" if others else ""
        over = "levels" if found[0].name == LEVELS else "steps"
        said = [lesson(found[0].mean, own, over), *(lesson(one.mean, title, over) for title, one in others.items())]
        self.note.setText(
            lowered(
                " ".join(part for part in said if part)
                + f" |∂L_s/∂{inner}| for the loss of step s = {of + 1}{word}. {trace.gradient_note}"
            )
        )
        what = "an input" if inner == "x_t" else "a state of the last layer"
        self.chart.setToolTip(f"How much a small change of {what}, so many steps away, would change the loss here")
