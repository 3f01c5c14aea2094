"""A cell to look into: its picture above, its equations below, and what is pointed at in either lit up in both."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QVBoxLayout, QWidget

from workbench.api import Architecture, Trait
from workbench.shell.plots.cell_diagram import CellDiagramView
from workbench.shell.plots.equations import EquationView, Values
from workbench.shell.plots.symbol_card import line_html, symbol_html
from workbench.shell.theme import Theme
from workbench.shell.widgets import Muted, ScrollColumn

HINT = "Point at a box or a symbol, or reach it with Tab and the arrow keys, to see what it stands for."


class CellPage(QWidget):
    """``show_architecture`` fills it; a family without a picture shows its equations alone."""

    def __init__(self, theme: Theme, parent: QWidget | None = None, *, hint: str = HINT) -> None:
        super().__init__(parent)
        self._theme, self._hint = theme, hint
        self._values: Values = lambda _symbol: None
        self.diagram = CellDiagramView(theme)
        self.diagram.set_cards(self._card, self._line)
        self.scroller = ScrollColumn(self.diagram)
        self.scroller.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAsNeeded)
        self.scroller.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.line = Muted(hint)
        self.line.setMinimumHeight(self.line.fontMetrics().height() * 2 + 2)  # two lines, so that nothing jumps
        self.line.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.line.setTextFormat(Qt.TextFormat.RichText)  # no font has every letter as a subscript
        self.equations = EquationView(theme)
        self.equations.setMinimumHeight(150)
        self.none = Muted("This architecture brings neither a picture of its cell nor equations.")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        layout.addWidget(self.scroller)
        layout.addWidget(self.line)
        layout.addWidget(self.equations, 1)
        layout.addWidget(self.none)
        self.diagram.symbol_hovered.connect(self._point)
        self.equations.symbol_hovered.connect(self._point)
        self.show_architecture(None)

    def show_architecture(
        self, architecture: Architecture | None, sizes: Mapping[str, int] | None = None, *, more: str = ""
    ) -> None:
        """``sizes`` are the numbers of this model's letters (H, D, …), ``more`` is HTML below the equations."""
        diagram = architecture.diagram if architecture is not None else None
        source = architecture.equations if architecture is not None else ""
        over_trees = architecture is not None and Trait.TREE in architecture.accepts
        before = "from the children" if over_trees else "from the step before"
        self.diagram.show_diagram(diagram, architecture.title if architecture is not None else "", before=before)
        self.equations.show_equations(
            source, architecture.symbols if architecture is not None else (), sizes, more=more
        )
        self.scroller.setVisible(diagram is not None)
        self._fit()
        self.equations.setVisible(bool(source or more))
        known = bool(architecture is not None and architecture.symbols)
        self.line.setVisible(known and bool(diagram is not None or source))
        self.none.setVisible(diagram is None and not source and not more)

    def set_values(self, values: Values) -> None:
        """Where the cards of symbols take their numbers from."""
        self._values = values
        self.equations.set_values(values)

    def refresh_values(self) -> None:
        """The numbers have changed: say those of the symbol that is lit."""
        if self.equations.lit:
            self._say(self.equations.lit)

    def heightForWidth(self, width: int) -> int:
        """The least that will do: the equations scroll by themselves, the page only where even that does not fit."""
        return self.layout().minimumHeightForWidth(width)

    def _fit(self) -> None:
        """The picture's own height, and room for the bar where it has to scroll sideways."""
        room = self.width()
        self.diagram.set_room(room)
        need = self.diagram.sizeHint()
        bar = self.scroller.horizontalScrollBar().sizeHint().height() if need.width() > room else 0
        self.scroller.setFixedHeight(need.height() + bar)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.ApplicationFontChange) and hasattr(self, "none"):
            self._fit()
            self.line.setMinimumHeight(self.line.fontMetrics().height() * 2 + 2)

    def _card(self, name: str) -> str:
        symbol = self.equations.table.find(name)
        if symbol is None:
            return ""
        return symbol_html(symbol, self.equations.sizes, self._theme, self._values(symbol))

    def _line(self, name: str) -> str:
        return self.equations.describe(name)

    def _point(self, name: str) -> None:
        self.diagram.light(name)
        self.equations.light(name)
        self._say(name)

    def _say(self, name: str) -> None:
        """The symbol in words below the picture."""
        text = self._line(name)
        self.line.setText(line_html(text) or escape(self._hint))
        self.line.setAccessibleName(text or self._hint)
