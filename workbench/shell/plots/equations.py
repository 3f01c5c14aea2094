"""Equations as rich text: each symbol can be pointed at, says what it is, and lights up where it stands."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from html import escape
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QPoint, QSize, Qt, QUrl, Signal
from PySide6.QtGui import QDesktopServices, QHelpEvent, QResizeEvent, QTextCharFormat, QTextCursor
from PySide6.QtWidgets import QFrame, QSizePolicy, QTextBrowser, QTextEdit, QToolTip, QWidget

from workbench.api import Symbol
from workbench.shell.plots.markup import SCHEME, SymbolTable, equations_html, scripted
from workbench.shell.plots.symbol_card import SymbolValues, shape_text, symbol_html, symbol_line

if TYPE_CHECKING:
    from workbench.shell.theme import Theme

Values = Callable[[Symbol], SymbolValues | None]


class EquationView(QTextBrowser):
    """``symbol_hovered`` names the symbol under the mouse or the keyboard's focus (Tab goes from one to the next).

    ``fitted`` makes the view as high as its text, for a column that scrolls as a whole.
    """

    symbol_hovered = Signal(str)

    def __init__(self, theme: Theme, parent: QWidget | None = None, *, fitted: bool = False) -> None:
        super().__init__(parent)
        self._theme, self._fitted = theme, fitted
        self._source = self._title = ""
        self._table = SymbolTable()
        self._sizes: dict[str, int] = {}
        self._values: Values = lambda _symbol: None
        self._more = ""
        self._lit = ""
        self.setOpenLinks(False)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setAccessibleName("Equations")
        self.viewport().setAutoFillBackground(False)
        self.highlighted.connect(self._pointed)
        self.anchorClicked.connect(self._clicked)
        if fitted:
            self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
            self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAsNeeded)
            self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
            self.document().documentLayout().documentSizeChanged.connect(lambda _size: self.updateGeometry())
        theme.changed.connect(self._render)

    # -- content ------------------------------------------------------------------------------------------------

    def show_equations(
        self,
        source: str,
        symbols: Iterable[Symbol] = (),
        sizes: Mapping[str, int] | None = None,
        *,
        title: str = "",
        more: str = "",
    ) -> None:
        """``source`` is an architecture's Markdown, ``sizes`` the numbers of its letters, ``more`` HTML below."""
        table = SymbolTable(symbols)
        new = (source, table.symbols, dict(sizes or {}), title, more)
        if new == (self._source, self._table.symbols, self._sizes, self._title, self._more):
            return
        self._source, self._title, self._more = source, title, more
        self._table, self._sizes = table, dict(sizes or {})
        self._render()

    def set_values(self, values: Values) -> None:
        """Where a symbol's card takes its numbers from."""
        self._values = values

    @property
    def table(self) -> SymbolTable:
        return self._table

    @property
    def sizes(self) -> Mapping[str, int]:
        return self._sizes

    def describe(self, name: str) -> str:
        """The symbol in one line, "" for one that is not known."""
        symbol = self._table.find(name) if name else None
        return symbol_line(symbol, self._sizes, self._values(symbol)) if symbol is not None else ""

    def _render(self) -> None:
        accent = self._theme.css("accent")
        parts = [f"<h4>{escape(self._title)}</h4>"] if self._title else []
        parts.append(equations_html(self._source, self._table.symbols, accent))
        parts.append(self._shapes())
        parts.append(self._more)
        self.document().setDefaultStyleSheet("p { margin: 4px 0 8px 0 } td { padding: 3px 14px 3px 0 }")
        place = self.verticalScrollBar().value()
        self.setHtml("".join(parts))
        self.verticalScrollBar().setValue(place)
        lit, self._lit = self._lit, ""
        self.light(lit)
        self.updateGeometry()

    def _shapes(self) -> str:
        """A table of all symbols that have a shape, with this model's numbers."""
        rows = []
        muted = self._theme.css("muted")
        for one in self._table.symbols:
            shape = shape_text(one, self._sizes)
            if shape:
                look = f"color:{self._theme.css('accent')};text-decoration:none"
                link = f'<a href="{SCHEME}{escape(one.name)}" style="{look}">{scripted(one.name)}</a>'
                rows.append(
                    f"<tr><td>{link}</td><td>{escape(shape)}</td>"
                    f"<td style='color:{muted}'>{escape(one.meaning)}</td></tr>"
                )
        if not rows:
            return ""
        return f"<p><b>Shapes in this model</b></p><table cellspacing='0'>{''.join(rows)}</table>"

    # -- pointing -----------------------------------------------------------------------------------------------

    def light(self, name: str) -> None:
        """Mark every place of symbol ``name``; "" marks none."""
        if name == self._lit:
            return
        self._lit = name
        symbol = self._table.find(name) if name else None
        found: list[QTextEdit.ExtraSelection] = []
        if symbol is not None:
            href = f"{SCHEME}{symbol.name}"
            look = QTextCharFormat()
            look.setBackground(self._theme.color("selection"))
            look.setForeground(self._theme.color("text"))
            if self._theme.is_high_contrast:
                look.setFontUnderline(True)
            block = self.document().begin()
            while block.isValid():
                iterator = block.begin()
                while not iterator.atEnd():
                    fragment = iterator.fragment()
                    if fragment.charFormat().anchorHref() == href:
                        cursor = QTextCursor(self.document())
                        cursor.setPosition(fragment.position())
                        cursor.setPosition(fragment.position() + fragment.length(), QTextCursor.MoveMode.KeepAnchor)
                        mark = QTextEdit.ExtraSelection()
                        mark.cursor, mark.format = cursor, look
                        found.append(mark)
                    iterator += 1
                block = block.next()
        self.setExtraSelections(found)

    @property
    def lit(self) -> str:
        return self._lit

    def _pointed(self, url: QUrl) -> None:
        text = url.toString(QUrl.ComponentFormattingOption.FullyDecoded)
        self.symbol_hovered.emit(text.removeprefix(SCHEME) if text.startswith(SCHEME) else "")

    def focusNextPrevChild(self, forward: bool) -> bool:
        """Tab goes from symbol to symbol before it leaves; each is told as if it were pointed at."""
        stays = bool(super().focusNextPrevChild(forward))
        cursor = self.textCursor()
        if cursor.hasSelection():
            inner = QTextCursor(cursor)
            inner.setPosition(cursor.selectionEnd())
            self._pointed(QUrl(inner.charFormat().anchorHref()))
        return stays

    def _clicked(self, url: QUrl) -> None:
        text = url.toString(QUrl.ComponentFormattingOption.FullyDecoded)
        if text.startswith(SCHEME):
            self.symbol_hovered.emit(text.removeprefix(SCHEME))
        elif text.startswith(("http://", "https://")):
            QDesktopServices.openUrl(url)

    def card_at(self, place: QPoint) -> str:
        """HTML of the card of the symbol at ``place`` of the viewport, "" where there is none."""
        href = QUrl(self.anchorAt(place)).toString(QUrl.ComponentFormattingOption.FullyDecoded)
        symbol = self._table.find(href.removeprefix(SCHEME)) if href.startswith(SCHEME) else None
        return symbol_html(symbol, self._sizes, self._theme, self._values(symbol)) if symbol is not None else ""

    def viewportEvent(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            card = self.card_at(event.pos())
            if card:
                QToolTip.showText(event.globalPos(), card, self)
            else:
                QToolTip.hideText()
            return True
        if event.type() == QEvent.Type.Leave:
            self.symbol_hovered.emit("")
        return super().viewportEvent(event)

    # -- size ---------------------------------------------------------------------------------------------------

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if self._fitted:
            self.updateGeometry()

    def sizeHint(self) -> QSize:
        if not self._fitted:
            return super().sizeHint()
        return QSize(240, int(self.document().size().height()) + 4)

    def minimumSizeHint(self) -> QSize:
        return QSize(160, self.sizeHint().height()) if self._fitted else QSize(160, 80)
