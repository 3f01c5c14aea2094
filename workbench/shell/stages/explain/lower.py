"""What stands below the map: gradient, equations, cell, unrolled network, attention, each on a page of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from workbench.api import Architecture, Symbol, Trace
from workbench.shell.plots.cell_diagram import CellDiagramView
from workbench.shell.plots.equations import EquationView
from workbench.shell.plots.symbol_card import SymbolValues, line_html, symbol_html
from workbench.shell.plots.unrolled_page import UnrolledPage
from workbench.shell.plots.unrolling import unrolled_trace
from workbench.shell.stages.explain.attention import AttentionMap
from workbench.shell.stages.explain.equations import shapes_html, sizes_of_trace
from workbench.shell.stages.explain.gradient_page import GradientPage
from workbench.shell.stages.page_tabs import PageTabs
from workbench.shell.widgets import Muted, ScrollColumn

if TYPE_CHECKING:
    from workbench.shell.theme import Theme

HINT = "Point at a symbol to see what it is, and its values at this step."
Values = Callable[[Symbol], SymbolValues | None]


class LowerTabs(PageTabs):
    """``step_chosen(step)`` and ``output_chosen(step)`` come from the unrolled network and the attention."""

    step_chosen = Signal(int)
    output_chosen = Signal(int)

    def __init__(self, theme: Theme, values: Values, parent: QWidget | None = None) -> None:
        super().__init__("Gradient, equations and more", parent)
        self._theme, self._values = theme, values
        self.gradient = GradientPage(theme)
        self.equations = EquationView(theme)
        self.equations.setAccessibleName("Equations of the architecture")
        self.equations.set_values(values)
        self.equation_line = Muted("")
        self.diagram = CellDiagramView(theme)
        self.diagram.set_cards(self._card, self.equations.describe)
        self.cell_line = Muted("")
        for line in (self.equation_line, self.cell_line):
            line.setTextFormat(Qt.TextFormat.RichText)
        self.unrolled = UnrolledPage(theme)
        self.unrolled.view.step_chosen.connect(self._unrolled_chosen)
        self.attention = AttentionMap(theme)
        self.attention.cell_chosen.connect(self._attention_chosen)
        self.addTab(self.gradient, "Gradient through time")
        self.addTab(_column(self.equation_line, self.equations), "Equations")
        self._cell_tab = self.addTab(_column(self.cell_line, _scrolled(self.diagram)), "Cell")
        self._unrolled_tab = self.addTab(self.unrolled, "Unrolled")
        self._attention_tab = self.addTab(_scrolled(self.attention), "Attention")
        self.setCornerWidget(self.gradient.tools)
        self.currentChanged.connect(lambda index: self.gradient.tools.setVisible(index == 0))
        self.diagram.symbol_hovered.connect(self._point)
        self.equations.symbol_hovered.connect(self._point)

    def show_trace(self, trace: Trace, architecture: Architecture | None, sizes: Mapping[str, int]) -> None:
        """Fill every page; those without anything are hidden. ``sizes`` are known besides those of the trace."""
        self.gradient.show_trace(trace)
        sizes = {**sizes, **sizes_of_trace(trace)}
        self.equations.show_equations(
            (architecture.equations or "This plugin gives no equations.") if architecture is not None else "",
            architecture.symbols if architecture is not None else (),
            sizes,
            title=architecture.title if architecture is not None else "",
            more=shapes_html(trace),
        )
        diagram = architecture.diagram if architecture is not None else None
        self.diagram.show_diagram(diagram, architecture.title if architecture is not None else "")
        self.setTabVisible(self._cell_tab, diagram is not None)
        self._say(self.equations.lit)
        tree = trace.parents is not None
        self.setTabText(0, "Gradient down the tree" if tree else "Gradient through time")
        self.setTabVisible(self._unrolled_tab, not tree)
        if not tree:
            self.unrolled.show_unrolled(unrolled_trace(trace), "")
        self.setTabVisible(self._attention_tab, trace.attention is not None)
        rows = trace.output_steps or trace.steps
        self.attention.show_weights(trace.attention, rows, trace.steps)

    def show_step(self, step: int, output: int, *, writing: bool) -> None:
        """Everything goes to this step; ``output`` is that of what is written, which is meant where ``writing``."""
        self.gradient.show_step(step)
        self.attention.choose(output if writing or self.attention.cell[0] != step else step, step)
        self.unrolled.view.choose(1 if writing else 0, output if writing else step, tell=False)
        self.unrolled.line.setText(self.unrolled.view.summary())
        if self.equations.lit:
            self._say(self.equations.lit)

    # -- pointing -----------------------------------------------------------------------------------------------

    def _card(self, name: str) -> str:
        symbol = self.equations.table.find(name)
        return symbol_html(symbol, self.equations.sizes, self._theme, self._values(symbol)) if symbol else ""

    def _point(self, name: str) -> None:
        self.diagram.light(name)
        self.equations.light(name)
        self._say(name)

    def _say(self, name: str) -> None:
        text = self.equations.describe(name) if name else ""
        hint = HINT if self.equations.table.symbols else ""
        for line in (self.equation_line, self.cell_line):
            line.setText(line_html(text) or hint)
            line.setAccessibleName(text or hint)
            line.setVisible(bool(text or hint))

    def _unrolled_chosen(self, side: int, step: int) -> None:
        (self.output_chosen if side else self.step_chosen).emit(step)

    def _attention_chosen(self, row: int, column: int) -> None:
        self.output_chosen.emit(row)
        self.step_chosen.emit(column)
        self.attention.choose(row, column)


def _column(*widgets: QWidget) -> QWidget:
    holder = QWidget()
    column = QVBoxLayout(holder)
    column.setContentsMargins(4, 4, 4, 0)
    column.setSpacing(4)
    for i, widget in enumerate(widgets):
        column.addWidget(widget, i)
    return holder


def _scrolled(widget: QWidget) -> ScrollColumn:
    scroller = ScrollColumn(widget)
    scroller.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAsNeeded)
    return scroller
