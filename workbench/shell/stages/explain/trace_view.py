"""One trace to walk through: the time scrubber moves words, heat map, outputs and curves together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QSlider,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from workbench.api import Architecture, LayerTrace, Symbol, Trace
from workbench.shell.plots.symbol_card import SymbolValues
from workbench.shell.plots.tree_view import TreeView
from workbench.shell.plots.unrolling import readable_trace
from workbench.shell.stages.explain.curve import StepCurve
from workbench.shell.stages.explain.heat_map import HeatMap
from workbench.shell.stages.explain.lower import LowerTabs
from workbench.shell.stages.explain.values import values_of
from workbench.shell.tokens.bars import ProbabilityBars
from workbench.shell.tokens.labelling import LabelColours, spans_of
from workbench.shell.tokens.token_flow import TokenFlow
from workbench.shell.widgets import Button, Card, Muted, Text

if TYPE_CHECKING:
    from workbench.shell.theme import Theme

STEP_MS = 400
_MOST_VALUES = 6
_SIZES = {True: [270, 210], False: [190, 290]}
"""Heights of the map and of what is below it: under the gradient, and under the other pages."""
_PICTURE_LINES = 20
"""Lines of text that a picture below the map is at least as high as; the page scrolls where that is too much."""
_TREE_LINES = 18
"""Lines of text that a tree is at most as high as without being asked; a higher one is drawn smaller, or scrolls."""
HIDDEN, CELL = "Hidden state", "Cell state"
_SIGNED_GATES = frozenset({"candidate"})


class TraceView(QWidget):
    """Left and right step, Space plays, Home and End jump; a click anywhere does the same.

    A model that writes a sequence has two times: what it reads and what it writes. The layer chosen says in which of
    them the scrubber moves; the other stays where it is.
    """

    room_made = Signal(object)
    """The card below the map has got more room, and wants to be seen."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._trace: Trace | None = None
        self._step = self._output = 0
        colours = LabelColours()
        self.words = TokenFlow(theme, colours)
        self.words.setAccessibleName("Steps of the sequence")
        self.words.token_clicked.connect(lambda step: self._go(step, writing=False))
        self.written = TokenFlow(theme, colours)
        self.written.setAccessibleName("Steps that were written")
        self.written.token_clicked.connect(lambda step: self._go(step, writing=True))
        self.written.hide()
        self.tree = TreeView(theme)
        self.tree.node_chosen.connect(lambda node: self._go(node, writing=False))
        self.tree.hide()
        self.play_button = Button("Play", tip="Walk through the steps (Space)", on_click=self.toggle_play)
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setAccessibleName("Time scrubber")
        self.slider.setToolTip("Step through the sequence (arrow keys; Space plays)")
        self.slider.setMinimumHeight(28)
        self.slider.valueChanged.connect(self.set_here)
        self.where = Muted("", wrap=False)
        self.steps_card = Card("Sequence")
        self.steps_card.body.addWidget(self.words)
        self.steps_card.body.addWidget(self.written)
        self.steps_card.body.addWidget(self.tree, 1)
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
        self.heat_map.step_chosen.connect(self.set_here)
        self.heat_map.unit_chosen.connect(self._show_unit)
        self.map_card = Card("Inside")
        self.map_card.header.addWidget(self.layer)
        self.map_card.header.addWidget(self.quantity)
        self.map_card.body.addWidget(self.heat_map, 1)

        self.bars = ProbabilityBars(theme, colours, limit=6)
        self.bars.setAccessibleName("Output probabilities at this step")
        self.output_card = Card("Output here")
        self.output_card.body.addWidget(self.bars)
        self.plain = Text("")
        self.plain.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.plain.setAccessibleName("Output values at this step")
        self.output_card.body.addWidget(self.plain)
        self.output_card.body.addStretch(1)
        self.unit_curve = StepCurve(theme, "Value of the chosen unit", series=0)
        self.unit_card = Card("Unit")
        self.unit_card.body.addWidget(self.unit_curve, 1)
        self.details = LowerTabs(theme, self._values_of)
        self.details.step_chosen.connect(lambda step: self._go(step, writing=False))
        self.details.output_chosen.connect(lambda step: self._go(step, writing=True))
        self.gradient, self.gradient_note = self.details.gradient.chart, self.details.gradient.note
        self.logarithmic = self.details.gradient.logarithmic
        self.equations = self.details.equations

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
        bottom = self._bottom = Card("")
        bottom.body.addWidget(self.details)
        columns = self._columns = QSplitter(Qt.Orientation.Vertical)
        columns.addWidget(middle)
        columns.addWidget(bottom)
        columns.setStretchFactor(0, 3)
        columns.setStretchFactor(1, 2)
        middle.setSizes([490, 280])
        columns.setSizes(_SIZES[True])
        self._by_hand = False
        columns.splitterMoved.connect(lambda _place, _index: self._moved())
        self.details.currentChanged.connect(self._make_room)
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

    def heightForWidth(self, width: int) -> int:
        """The least that will do: a page that scrolls would else be as high as everything likes to be."""
        return self.layout().minimumHeightForWidth(width)

    def _moved(self) -> None:
        self._by_hand = True

    def _make_room(self, page: int) -> None:
        """Pictures need more height than the curve of the gradient, until somebody has set the heights by hand."""
        if not self._by_hand:
            self._bottom.setMinimumHeight(0 if page == 0 else self.fontMetrics().height() * _PICTURE_LINES)
            self._columns.setSizes(_SIZES[page == 0])
            if page:
                self.room_made.emit(self._bottom)

    # -- the trace ----------------------------------------------------------------------------------------------

    @property
    def trace(self) -> Trace | None:
        return self._trace

    @property
    def step(self) -> int:
        return self._step

    @property
    def output(self) -> int:
        """The step of what was written."""
        return self._output

    @property
    def writing(self) -> bool:
        """Whether the scrubber moves through what was written: a layer of the decoder is chosen."""
        layer = self.current_layer()
        return layer is not None and layer.over == "outputs" and bool(self._trace and self._trace.output_steps)

    @property
    def here(self) -> int:
        """The step the scrubber is at."""
        return self._output if self.writing else self._step

    def names(self) -> tuple[str, ...]:
        """The steps the scrubber moves through."""
        assert self._trace is not None
        return self._trace.output_steps if self.writing else self._trace.steps

    def show_trace(
        self, trace: Trace, architecture: Architecture | None, sizes: Mapping[str, int] | None = None
    ) -> None:
        """Show another trace; layer, quantity, unit and step stay where they can."""
        self.pause()
        self._trace = trace = readable_trace(trace)
        self._step = min(self._step, max(0, len(trace.steps) - 1))
        self._output = min(self._output, max(0, len(trace.output_steps) - 1))
        labels = trace.predicted if len(trace.predicted) == len(trace.steps) else ()
        if trace.output_steps:
            labels = ()
        if labels and all(label == "O" or label[1:2] == "-" for label in labels):
            self.words.set_content(trace.steps, spans_of(labels), probabilities=False)
        else:
            self.words.set_content(trace.steps, under=labels)
        is_tree = trace.parents is not None
        self.words.setVisible(not is_tree)
        self.tree.setVisible(is_tree)
        self.steps_card.set_title("Tree" if is_tree else "Sequence")
        if not is_tree:
            self.tree.clear()
        self.written.setVisible(bool(trace.output_steps))
        self.written.set_content(trace.output_steps)
        _refill(self.layer, [layer_title(layer) for layer in trace.layers])
        self.details.show_trace(trace, architecture, sizes or {})
        self._layer_chosen()
        self.output_card.setVisible(trace.outputs is not None)
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
        self._fit_slider()
        self._show_map()
        self._follow_step()

    def _fit_slider(self) -> None:
        """The scrubber goes over the time of the chosen layer."""
        self.slider.blockSignals(True)
        self.slider.setRange(0, max(0, len(self.names()) - 1))
        self.slider.setValue(self.here)
        self.slider.blockSignals(False)

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
        self.heat_map.show_values(values, self.names(), self.quantity.currentText(), signed=signed)
        what = "node" if self._trace.parents is not None else "step"
        what += "" if len(values) == 1 else "s"
        self.map_card.set_title("Inside", f"{values.shape[1]:,} units × {values.shape[0]:,} {what}")
        self.heat_map.set_step(self.here)
        self._show_unit(self.heat_map.unit)

    def _show_unit(self, unit: int) -> None:
        values, _ = self.values()
        self.unit_card.set_title(f"Unit {unit}", self.quantity.currentText().lower())
        self.unit_curve.show_values(values[:, unit])
        self.unit_curve.set_step(self.here)
        if self._trace is not None and self._trace.parents is not None:
            self._colour_tree(values[:, unit], f"unit {unit}, {self.quantity.currentText().lower()}")

    def _colour_tree(self, values: NDArray[np.float64], caption: str) -> None:
        """The chosen unit's value at every node, drawn on the tree."""
        trace = self._trace
        assert trace is not None
        assert trace.parents is not None
        fitting = len(values) == len(trace.parents)
        labels = trace.predicted if len(trace.predicted) == len(trace.parents) else ()
        self.tree.show_tree(trace.steps, trace.parents, values if fitting else None, labels, caption)
        line = self.fontMetrics().height()
        self.tree.setMinimumHeight(min(max(self.tree.whole_height(), line * 11), line * _TREE_LINES))
        self.tree.choose(self._step)

    def _values_of(self, symbol: Symbol) -> SymbolValues | None:
        """The numbers of a symbol of the equations at this step."""
        if self._trace is None:
            return None
        return values_of(self._trace, self.current_layer(), self._step, self._output, symbol)

    # -- time ---------------------------------------------------------------------------------------------------

    def set_step(self, step: int) -> None:
        """Everything goes to ``step`` of the input."""
        if self._trace is None or step == self._step or not 0 <= step < len(self._trace.steps):
            return
        self._step = step
        self._follow_step()

    def set_output(self, step: int) -> None:
        """Everything goes to ``step`` of what was written."""
        if self._trace is None or step == self._output or not 0 <= step < len(self._trace.output_steps):
            return
        self._output = step
        self._follow_step()

    def set_here(self, step: int) -> None:
        """The scrubber, in whichever time it moves."""
        (self.set_output if self.writing else self.set_step)(step)

    def _go(self, step: int, *, writing: bool) -> None:
        """To a step of one of the two times; a layer that runs in it is chosen."""
        if self._trace is not None and writing != self.writing and self._trace.output_steps:
            over = "outputs" if writing else "steps"
            index = next((i for i, layer in enumerate(self._trace.layers) if layer.over == over), None)
            if index is not None:
                self.layer.setCurrentIndex(index)
        (self.set_output if writing else self.set_step)(step)

    def _follow_step(self) -> None:
        trace = self._trace
        if trace is None or not trace.steps:
            return
        here, names = self.here, self.names()
        self.slider.setValue(here)
        self.words.mark(self._step)
        if trace.parents is not None:
            self.tree.choose(self._step)
        self.written.mark(self._output if trace.output_steps else -1)
        self.heat_map.set_step(here)
        self.unit_curve.set_step(here)
        self.details.show_step(self._step, self._output, writing=self.writing)
        what = "node" if trace.parents is not None else "step"
        self.where.setText(f"{'written ' if self.writing else ''}{what} {here + 1} of {len(names)}")
        if trace.outputs is not None:
            self._show_output(trace)

    def _show_output(self, trace: Trace) -> None:
        """The answer of this step: probabilities as bars, or plain values."""
        assert trace.outputs is not None
        answers = trace.output_steps or trace.steps
        row = self._output if trace.output_steps else self._step
        if len(trace.outputs) != len(answers):
            row = len(trace.outputs) - 1  # one answer for the whole of it
        if not 0 <= row < len(trace.outputs):
            return
        name = answers[row] if len(trace.outputs) == len(answers) else "of the whole input"
        self.output_card.set_title("Output here", name)
        numbers = np.asarray(trace.outputs[row], dtype=np.float64).reshape(-1)
        self.bars.setVisible(bool(trace.output_labels))
        self.plain.setVisible(not trace.output_labels)
        if trace.output_labels:
            shown = zip(trace.output_labels, numbers, strict=False)
            self.bars.show_values([(label, float(p)) for label, p in shown])
        else:  # plain values: no bars, for they are no shares of anything
            more = "" if len(numbers) <= _MOST_VALUES else f"\nand {len(numbers) - _MOST_VALUES} more"
            lines = (f"value {i + 1}: {number:.4g}" for i, number in enumerate(numbers[:_MOST_VALUES]))
            self.plain.setText("\n".join(lines) + more)

    def toggle_play(self) -> None:
        """Play or pause; with reduced motion, one step at a time."""
        trace = self._trace
        if trace is None:
            return
        if self._timer.isActive():
            self.pause()
            return
        if self.here >= len(self.names()) - 1:
            self.set_here(0)
        elif self._theme.reduced_motion:
            self.set_here(self.here + 1)
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
        if self._trace is None or self.here >= len(self.names()) - 1 or not self.isVisible():
            self.pause()
            return
        self.set_here(self.here + 1)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        last = len(self.names()) - 1 if self._trace is not None else 0
        key = event.key()
        if key == Qt.Key.Key_Space:
            self.toggle_play()
        elif key == Qt.Key.Key_Left:
            self.set_here(max(0, self.here - 1))
        elif key == Qt.Key.Key_Right:
            self.set_here(min(last, self.here + 1))
        elif key == Qt.Key.Key_Home:
            self.set_here(0)
        elif key == Qt.Key.Key_End:
            self.set_here(last)
        else:
            super().keyPressEvent(event)


def layer_title(layer: LayerTrace) -> str:
    """A layer's name and direction; the decoder's say so."""
    part = "decoder " if layer.over == "outputs" and "decoder" not in layer.name.lower() else ""
    return f"{part}{layer.name}, {layer.direction}" if layer.direction else f"{part}{layer.name}"


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
