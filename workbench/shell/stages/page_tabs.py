"""Tabs that are calm, and seen in every theme: the chosen one has a line of accent below it and stronger text."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QFont, QFontMetrics, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QTabBar, QTabWidget, QWidget

from workbench.shell.theme import current_theme
from workbench.shell.widgets.buttons import draw_focus_ring


class PageTabs(QTabWidget):
    """A :class:`QTabWidget` with that bar; ``name`` announces it."""

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        bar = _Bar(self)
        bar.setAccessibleName(name)
        self.setTabBar(bar)
        self.setDocumentMode(True)
        self.setUsesScrollButtons(True)


class _Bar(QTabBar):
    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setDrawBase(False)
        self.setExpanding(False)
        self.setMouseTracking(True)

    def _strong(self) -> QFont:
        font = QFont(self.font())
        font.setWeight(QFont.Weight.DemiBold)
        return font

    def tabSizeHint(self, index: int) -> QSize:
        metrics = QFontMetrics(self._strong())
        text = self.tabText(index).replace("&", "")
        return QSize(metrics.horizontalAdvance(text) + 26, max(32, metrics.height() + 14))

    def minimumTabSizeHint(self, index: int) -> QSize:
        return self.tabSizeHint(index)

    def paintEvent(self, event: QPaintEvent) -> None:
        theme = current_theme()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        pointed = self.tabAt(self.mapFromGlobal(self.cursor().pos())) if self.underMouse() else -1
        painter.setPen(QPen(theme.color("border"), 1))
        base = self.height() - 0.5
        painter.drawLine(QPointF(0, base), QPointF(self.width(), base))
        for index in range(self.count()):
            if not self.isTabVisible(index):
                continue
            place = QRectF(self.tabRect(index))
            chosen = index == self.currentIndex()
            if chosen:
                painter.setPen(Qt.PenStyle.NoPen)
                painter.setBrush(theme.color("accent"))
                painter.drawRect(QRectF(place.left() + 4, self.height() - 3, place.width() - 8, 3))
                if self.hasFocus():
                    draw_focus_ring(painter, place.adjusted(1, 1, -1, -4), theme)
            painter.setFont(self._strong() if chosen else self.font())
            painter.setPen(theme.color("text" if chosen or index == pointed else "muted"))
            text = int(Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextShowMnemonic)
            painter.drawText(place, text, self.tabText(index))
        painter.end()
