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
    """A name, a summary that is cut where it does not fit, and a triangle that tells whether the row is open."""

    asked = Signal(str)
    focused = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._name = self._summary = self._place = ""
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

    def sizeHint(self) -> QSize:
        metrics = self.fontMetrics()
        width = 36 + QFontMetrics(self._bold()).horizontalAdvance(self._name) + metrics.horizontalAdvance(self._summary)
        return QSize(width, max(30, metrics.height() + 12))

    def minimumSizeHint(self) -> QSize:
        return QSize(32 + QFontMetrics(self._bold()).horizontalAdvance(self._name), self.sizeHint().height())

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
        painter.setPen(QPen(theme.color("muted"), 1.5))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        centre = QPointF(13, rect.center().y())
        points = ((-3.5, -2), (0, 2), (3.5, -2)) if self.isChecked() else ((-2, -3.5), (2, 0), (-2, 3.5))
        painter.drawPolyline(QPolygonF([centre + QPointF(x, y) for x, y in points]))
        painter.setFont(self._bold())
        painter.setPen(theme.color("text" if self.isEnabled() else "muted"))
        wide = painter.fontMetrics().horizontalAdvance(self._name)
        painter.drawText(QRectF(24, 0, wide + 1, self.height()), int(Qt.AlignmentFlag.AlignVCenter), self._name)
        painter.setFont(self.font())
        painter.setPen(theme.color("muted"))
        left = 24 + wide + 10
        room = max(0, self.width() - left - 6)
        cut = self.fontMetrics().elidedText(self._summary, Qt.TextElideMode.ElideRight, room)
        painter.drawText(QRectF(left, 0, room, self.height()), int(Qt.AlignmentFlag.AlignVCenter), cut)
