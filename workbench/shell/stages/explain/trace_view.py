"""One trace to walk through: the time scrubber moves words, heat map, outputs and curves together."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QHBoxLayout,
    QSlider,
    QSplitter,
    QTabWidget,
    QTextBrowser,
    QVBoxLayout,
    QWidget,
)

from workbench.api import Architecture, LayerTrace, Trace
from workbench.shell.stages.explain.curve import StepCurve
from workbench.shell.stages.explain.equations import equations_markdown
from workbench.shell.stages.explain.heat_map import HeatMap
from workbench.shell.stages.explain.reach import ReachChart, reaches
from workbench.shell.tokens.bars import ProbabilityBars
from workbench.shell.tokens.labelling import LabelColours, spans_of
from workbench.shell.tokens.token_flow import TokenFlow
from workbench.shell.widgets import Button, Card, Muted

if TYPE_CHECKING:
    from workbench.shell.theme import Theme

STEP_MS = 400
HIDDEN, CELL = "Hidden state", "Cell state"
_SIGNED_GATES = frozenset({"candidate"})


class TraceView(QWidget):
    """Left and right step, Space plays, Home and End jump; a click anywhere does the same."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._trace: Trace | None = None
        self._step = 0
        colours = LabelColours()
        self.words = TokenFlow(theme, colours)
        self.words.setAccessibleName("Steps of the sequence")
        self.words.token_clicked.connect(self.set_step)
        self.play_button = Button("Play", tip="Walk through the steps (Space)", on_click=self.toggle_play)
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setAccessibleName("Time scrubber")
        self.slider.setToolTip("Step through the sequence (arrow keys; Space plays)")
        self.slider.setMinimumHeight(28)
        self.slider.valueChanged.connect(self.set_step)
        self.where = Muted("", wrap=False)
        self.steps_card = Card("Sequence")
        self.steps_card.body.addWidget(self.words)
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(self.play_button)
        row.addWidget(self.slider, 1)
        row.addWidget(self.where)
        self.steps_card.body.addLayout(row)

        self.layer = _combo("Layer and direction")
        self.quantity = _combo("State or gate")
        self.layer.currentIndexChanged.connect(lambda _index: self._layer_chosen())
        self.quantity.currentIndexChanged.connect(lambda _index: self._show_map())
        self.heat_map = HeatMap(theme)
        self.heat_map.step_chosen.connect(self.set_step)
        self.heat_map.unit_chosen.connect(self._show_unit)
        self.map_card = Card("Inside")
        self.map_card.header.addWidget(self.layer)
        self.map_card.header.addWidget(self.quantity)
        self.map_card.body.addWidget(self.heat_map, 1)

        self.bars = ProbabilityBars(theme, colours, limit=6)
        self.bars.setAccessibleName("Output probabilities at this step")
        self.output_card = Card("Output here")
        self.output_card.body.addWidget(self.bars)
        self.output_card.body.addStretch(1)
        self.unit_curve = StepCurve(theme, "Value of the chosen unit", series=0)
        self.unit_card = Card("Unit")
        self.unit_card.body.addWidget(self.unit_curve, 1)
        self.gradient = ReachChart(theme)
        self.gradient_note = Muted("", factor=0.88)
        self.logarithmic = QCheckBox("Logarithmic")
        self.logarithmic.setToolTip("A gradient that shrinks by the same factor with each step is then a straight line")
        self.logarithmic.toggled.connect(self.gradient.set_logarithmic)
        gradient_page = QWidget()
        column = QVBoxLayout(gradient_page)
        column.setContentsMargins(4, 4, 4, 0)
        column.setSpacing(2)
        column.addWidget(self.gradient, 1)
        column.addWidget(self.gradient_note)
        self.equations = QTextBrowser()
        self.equations.setAccessibleName("Equations of the architecture")
        self.equations.setOpenExternalLinks(True)
        self.equations.setFrameShape(QTextBrowser.Shape.NoFrame)
        self.tabs = QTabWidget()
        self.tabs.setDocumentMode(True)
        self.tabs.tabBar().setAccessibleName("Gradient or equations")
        self.tabs.addTab(gradient_page, "Gradient through time")
        self.tabs.addTab(self.equations, "Equations")
        self.tabs.setCornerWidget(self.logarithmic)
        self.tabs.currentChanged.connect(lambda index: self.logarithmic.setVisible(index == 0))

        right = QWidget()
        stack = QVBoxLayout(right)
        stack.setContentsMargins(0, 0, 0, 0)
        stack.setSpacing(8)
        stack.addWidget(self.output_card, 1)
        stack.addWidget(self.unit_card, 1)
        middle = QSplitter(Qt.Orientation.Horizontal)
        middle.addWidget(self.map_card)
        middle.addWidget(right)
        middle.setStretchFactor(0, 5)
        middle.setStretchFactor(1, 2)
        bottom = Card("")
        bottom.body.addWidget(self.tabs)
        columns = QSplitter(Qt.Orientation.Vertical)
        columns.addWidget(middle)
        columns.addWidget(bottom)
        columns.setStretchFactor(0, 3)
        columns.setStretchFactor(1, 2)
        middle.setSizes([490, 280])
        columns.setSizes([270, 210])
        for splitter in (middle, columns):
            splitter.setChildrenCollapsible(False)
            splitter.setHandleWidth(8)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        layout.addWidget(self.steps_card)
        layout.addWidget(columns, 1)
        self._timer = QTimer(self, interval=STEP_MS)
        self._timer.timeout.connect(self._tick)

    # -- the trace ----------------------------------------------------------------------------------------------

    @property
    def trace(self) -> Trace | None:
        return self._trace

    @property
    def step(self) -> int:
        return self._step

    def show_trace(self, trace: Trace, architecture: Architecture | None) -> None:
        """Show another trace; layer, quantity, unit and step stay where they can."""
        self.pause()
        self._trace = trace
        self._step = min(self._step, max(0, len(trace.steps) - 1))
        labels = trace.predicted if len(trace.predicted) == len(trace.steps) else ()
        if labels and all(label == "O" or label[1:2] == "-" for label in labels):
            self.words.set_content(trace.steps, spans_of(labels), probabilities=False)
        else:
            self.words.set_content(trace.steps, under=labels)
        self.slider.blockSignals(True)
        self.slider.setRange(0, max(0, len(trace.steps) - 1))
        self.slider.setValue(self._step)
        self.slider.blockSignals(False)
        _refill(self.layer, [f"{layer.name}, {layer.direction}" for layer in trace.layers])
        self._layer_chosen()
        self.output_card.setVisible(trace.outputs is not None)
        self.logarithmic.setEnabled(bool(trace.gradient_through_time))
        self.equations.setMarkdown(equations_markdown(architecture, trace))
        self._follow_step()

    def current_layer(self) -> LayerTrace | None:
        index = self.layer.currentIndex()
        if self._trace is None or not 0 <= index < len(self._trace.layers):
            return None
        return self._trace.layers[index]

    def _layer_chosen(self) -> None:
        layer = self.current_layer()
        if layer is None:
            return
        names = [HIDDEN, *([CELL] if layer.cell is not None else []), *(f"{g.capitalize()} gate" for g in layer.gates)]
        _refill(self.quantity, names)
        self._show_map()

    def values(self) -> tuple[NDArray[np.float64], bool]:
        """The array (T, H) that is chosen, and whether it is signed."""
        layer = self.current_layer()
        assert layer is not None
        name = self.quantity.currentText()
        if name == CELL and layer.cell is not None:
            return layer.cell, True
        gate = next((gate for gate in layer.gates if f"{gate.capitalize()} gate" == name), None)
        if gate is not None:
            return layer.gates[gate], gate in _SIGNED_GATES
        return layer.states, True

    def _show_map(self) -> None:
        if self._trace is None or self.current_layer() is None:
            return
        values, signed = self.values()
        self.heat_map.show_values(values, self._trace.steps, self.quantity.currentText(), signed=signed)
        self.map_card.set_title("Inside", f"{values.shape[1]:,} units × {values.shape[0]:,} steps")
        self.heat_map.set_step(self._step)
        self._show_unit(self.heat_map.unit)

    def _show_unit(self, unit: int) -> None:
        values, _ = self.values()
        self.unit_card.set_title(f"Unit {unit}", self.quantity.currentText().lower())
        self.unit_curve.show_values(values[:, unit])
        self.unit_curve.set_step(self._step)

    # -- time ---------------------------------------------------------------------------------------------------

    def set_step(self, step: int) -> None:
        """Everything goes to ``step``."""
        if self._trace is None or step == self._step or not 0 <= step < len(self._trace.steps):
            return
        self._step = step
        self._follow_step()

    def _follow_step(self) -> None:
        trace = self._trace
        if trace is None or not trace.steps:
            return
        step = self._step
        self.slider.setValue(step)
        self.words.mark(step)
        self.heat_map.set_step(step)
        self.unit_curve.set_step(step)
        self._show_gradient()
        self.where.setText(f"step {step + 1} of {len(trace.steps)}")
        if trace.outputs is not None:
            self.output_card.set_title("Output here", trace.steps[step])
            shown = zip(trace.output_labels, trace.outputs[step], strict=False)
            self.bars.show_values([(label, float(p)) for label, p in shown])

    def _show_gradient(self) -> None:
        """How the loss of this step depends on the states before it (after it, in a backward layer)."""
        trace = self._trace
        assert trace is not None
        found, of = reaches(trace, self._step)
        self.gradient.show_reaches(found, of)
        if not found:
            self.gradient_note.setText(trace.gradient_note or "The gradient was not computed for this sequence.")
            return
        inner = "x_t" if "input" in trace.gradient_through_time else "h_t"
        self.gradient_note.setText(
            f"|∂L_s/∂{inner}| for the loss of step s = {of + 1} ({trace.steps[of]}). {trace.gradient_note}"
        )
        what = "an input" if inner == "x_t" else "a state of the last layer"
        self.gradient.setToolTip(f"How much a small change of {what}, so many steps away, would change the loss here")

    def toggle_play(self) -> None:
        """Play or pause; with reduced motion, one step at a time."""
        trace = self._trace
        if trace is None:
            return
        if self._timer.isActive():
            self.pause()
            return
        if self._step >= len(trace.steps) - 1:
            self.set_step(0)
        elif self._theme.reduced_motion:
            self.set_step(self._step + 1)
            return
        self._timer.start()
        self.play_button.setText("Pause")

    def pause(self) -> None:
        self._timer.stop()
        self.play_button.setText("Play")

    @property
    def playing(self) -> bool:
        return self._timer.isActive()

    def _tick(self) -> None:
        if self._trace is None or self._step >= len(self._trace.steps) - 1 or not self.isVisible():
            self.pause()
            return
        self.set_step(self._step + 1)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        last = len(self._trace.steps) - 1 if self._trace is not None else 0
        key = event.key()
        if key == Qt.Key.Key_Space:
            self.toggle_play()
        elif key == Qt.Key.Key_Left:
            self.set_step(max(0, self._step - 1))
        elif key == Qt.Key.Key_Right:
            self.set_step(min(last, self._step + 1))
        elif key == Qt.Key.Key_Home:
            self.set_step(0)
        elif key == Qt.Key.Key_End:
            self.set_step(last)
        else:
            super().keyPressEvent(event)


def _combo(name: str) -> QComboBox:
    combo = QComboBox()
    combo.setAccessibleName(name)
    combo.setToolTip(name)
    combo.setMinimumHeight(28)
    combo.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
    return combo


def _refill(combo: QComboBox, names: list[str]) -> None:
    """New choices; the same name stays chosen where it is still there."""
    chosen = combo.currentText()
    combo.blockSignals(True)
    combo.clear()
    combo.addItems(names)
    combo.setCurrentIndex(max(0, combo.findText(chosen)))
    combo.blockSignals(False)
