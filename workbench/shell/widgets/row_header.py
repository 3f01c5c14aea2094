"""The header of a row in a list of rows, and the frame around both."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QEnterEvent,
    QFocusEvent,
    QFont,
    QFontMetrics,
    QKeyEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QPolygonF,
    QResizeEvent,
)
from PySide6.QtWidgets import QAbstractButton, QFrame, QSizePolicy, QWidget

from workbench.shell.theme import current_theme
from workbench.shell.widgets.buttons import draw_focus_ring

_KEYS = {
    (Qt.Key.Key_Up, Qt.KeyboardModifier.AltModifier): "up",
    (Qt.Key.Key_Down, Qt.KeyboardModifier.AltModifier): "down",
    (Qt.Key.Key_D, Qt.KeyboardModifier.ControlModifier): "copy",
    (Qt.Key.Key_Delete, Qt.KeyboardModifier.NoModifier): "remove",
    (Qt.Key.Key_Up, Qt.KeyboardModifier.NoModifier): "before",
    (Qt.Key.Key_Down, Qt.KeyboardModifier.NoModifier): "after",
}
LEAST_CHARACTERS = 14
"""Of the summary, beside the name; with less room it stands below."""
_HELP = "Space opens and closes it, Alt+Up and Alt+Down move it, Ctrl+D copies it, Delete removes it."


class RowFrame(QFrame):
    """A raised surface with a hairline border, in the colour of danger where its content is wrong."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._wrong = False

    def set_problem(self, wrong: bool) -> None:
        if wrong != self._wrong:
            self._wrong = wrong
            self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        theme = current_theme()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(theme.color("danger" if self._wrong else "border"), 1.0))
        painter.setBrush(theme.color("raised"))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), 6, 6)


class RowHeader(QAbstractButton):
    """A name, a summary (below it where there is little room) and an angle that tells whether the row is open."""

    asked = Signal(str)
    focused = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._name = self._summary = self._place = ""
        self._narrow = False
        self.setCheckable(True)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleDescription(_HELP)
        self.toggled.connect(lambda _on: self._tell())

    def set_text(self, name: str, summary: str, place: str) -> None:
        """``place`` is the name with how many there are, for a screen reader."""
        self._name, self._summary, self._place = name, summary, place
        self.setToolTip(f"{name}: {summary}. {_HELP}")
        self._tell()
        self.updateGeometry()

    def _tell(self) -> None:
        self.setAccessibleName(f"{self._place}: {self._summary}, {'open' if self.isChecked() else 'closed'}")
        self.update()

    def _bold(self) -> QFont:
        font = QFont(self.font())
        font.setWeight(QFont.Weight.DemiBold)
        return font

    def _indent(self) -> int:
        return 8 + self.fontMetrics().height()

    def _name_end(self) -> int:
        return self._indent() + QFontMetrics(self._bold()).horizontalAdvance(self._name)

    def sizeHint(self) -> QSize:
        metrics = self.fontMetrics()
        lines = 2 if self._narrow else 1
        width = self._name_end() + 16 + metrics.horizontalAdvance(self._summary)
        return QSize(width, max(30, metrics.height() * lines + 12))

    def minimumSizeHint(self) -> QSize:
        return QSize(self._name_end() + 8, self.sizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        narrow = self.width() - self._name_end() < self.fontMetrics().averageCharWidth() * LEAST_CHARACTERS
        if narrow != self._narrow:
            self._narrow = narrow
            self.updateGeometry()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        modifiers = event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
        what = _KEYS.get((Qt.Key(event.key()), modifiers))
        if what is not None:
            self.asked.emit(what)
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.click()
        else:
            super().keyPressEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self.focused.emit()

    def enterEvent(self, event: QEnterEvent) -> None:
        self.update()
        super().enterEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        theme = current_theme()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        rect = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
        if self.underMouse() and self.isEnabled() and not theme.is_high_contrast:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.color("grid"))
            painter.drawRoundedRect(rect, 6, 6)
        if self.hasFocus():
            draw_focus_ring(painter, rect, theme)
        metrics = self.fontMetrics()
        lines = 2 if self._narrow else 1
        line = metrics.height()
        top = (self.height() - lines * line) / 2
        painter.setPen(QPen(theme.color("muted"), 1.5))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        centre, unit = QPointF(4 + line / 2, top + line / 2), line / 15
        points = ((-3.5, -2), (0, 2), (3.5, -2)) if self.isChecked() else ((-2, -3.5), (2, 0), (-2, 3.5))
        painter.drawPolyline(QPolygonF([centre + QPointF(x, y) * unit for x, y in points]))
        painter.setFont(self._bold())
        painter.setPen(theme.color("text" if self.isEnabled() else "muted"))
        left, end = self._indent(), self._name_end()
        middle = int(Qt.AlignmentFlag.AlignVCenter)
        painter.drawText(QRectF(left, top, end - left + 2, line), middle, self._name)
        painter.setFont(self.font())
        painter.setPen(theme.color("muted"))
        if not self._narrow:
            left = end + 10
        room = max(0, self.width() - left - 6)
        cut = metrics.elidedText(self._summary, Qt.TextElideMode.ElideRight, room)
        painter.drawText(QRectF(left, top + (lines - 1) * line, room, line), middle, cut)
