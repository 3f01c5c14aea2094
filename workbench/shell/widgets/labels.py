"""Labels that follow palette and text scale by themselves."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QSize, Qt
from PySide6.QtGui import QFont, QPainter, QPalette, QResizeEvent
from PySide6.QtWidgets import QLabel, QSizePolicy, QWidget

from workbench.shell.theme import FIGURE_FACTOR, current_theme


class Text(QLabel):
    """Plain text, wrapped by default. ``factor`` scales the application's text size."""

    def __init__(
        self,
        text: str = "",
        parent: QWidget | None = None,
        *,
        wrap: bool = True,
        factor: float = 1.0,
        semibold: bool = False,
        role: QPalette.ColorRole = QPalette.ColorRole.WindowText,
    ) -> None:
        super().__init__(text, parent)
        self._factor = factor
        self._semibold = semibold
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setWordWrap(wrap)
        self.setForegroundRole(role)
        self._resize_font()

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.ApplicationFontChange:
            self._resize_font()
        super().changeEvent(event)

    def _resize_font(self) -> None:
        font = QFont()  # only what is set here overrides the application's font
        if self._factor != 1.0:
            font.setPointSizeF(current_theme().points(self._factor))
        if self._semibold:
            font.setWeight(QFont.Weight.DemiBold)
        self.setFont(font)


class Muted(Text):
    """Secondary text."""

    def __init__(
        self, text: str = "", parent: QWidget | None = None, *, wrap: bool = True, factor: float = 1.0
    ) -> None:
        super().__init__(text, parent, wrap=wrap, factor=factor, role=QPalette.ColorRole.PlaceholderText)


class SectionTitle(Text):
    """The semibold title of a card or a group."""

    def __init__(self, text: str = "", parent: QWidget | None = None, *, wrap: bool = False) -> None:
        super().__init__(text, parent, wrap=wrap, semibold=True)


class Figure(Text):
    """A number to read across the room."""

    def __init__(self, text: str = "", parent: QWidget | None = None) -> None:
        super().__init__(text, parent, wrap=False, factor=FIGURE_FACTOR, semibold=True)


class Elided(QLabel):
    """One line that is cut with an ellipsis where it does not fit; then the tooltip holds the whole."""

    def __init__(
        self, text: str = "", parent: QWidget | None = None, *, muted: bool = False, semibold: bool = False
    ) -> None:
        super().__init__(parent)
        self._full = ""
        if semibold:
            font = QFont()
            font.setWeight(QFont.Weight.DemiBold)
            self.setFont(font)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        if muted:
            self.setForegroundRole(QPalette.ColorRole.PlaceholderText)
        self.setText(text)

    def setText(self, text: str) -> None:
        if text == self._full == super().text():
            return  # asked for often, with the same words: no new layout for nothing
        self._full = text
        super().setText(text)
        self._update_tooltip()

    def sizeHint(self) -> QSize:
        hint = super().sizeHint()
        return QSize(self.fontMetrics().horizontalAdvance(self._full) + 2, hint.height())

    def minimumSizeHint(self) -> QSize:
        hint = super().minimumSizeHint()
        return QSize(min(hint.width(), self.fontMetrics().averageCharWidth() * 4), hint.height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._update_tooltip()

    def paintEvent(self, event: object) -> None:
        painter = QPainter(self)
        painter.setPen(self.palette().color(self.foregroundRole()))
        text = self.fontMetrics().elidedText(self._full, Qt.TextElideMode.ElideRight, self.width())
        painter.drawText(self.contentsRect(), int(self.alignment() | Qt.AlignmentFlag.AlignVCenter), text)

    def _update_tooltip(self) -> None:
        fits = self.fontMetrics().horizontalAdvance(self._full) <= self.width()
        self.setToolTip("" if fits else self._full)
