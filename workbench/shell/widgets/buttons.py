"""Push buttons in the look of the application: flat, rounded, one accent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from PySide6.QtCore import QEvent, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QEnterEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QPushButton, QSizePolicy, QWidget

from workbench.shell.theme import Theme, current_theme, mix

RADIUS = 6.0
MINIMUM_HEIGHT = 30


def draw_focus_ring(painter: QPainter, rect: QRectF, theme: Theme, radius: float = RADIUS) -> None:
    """Two pixels of accent around ``rect``: seen on every surface (3:1 or better)."""
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setPen(QPen(theme.color("accent"), 2.0))
    painter.drawRoundedRect(rect.adjusted(1, 1, -1, -1), radius, radius)


class Button(QPushButton):
    """``kind``: "primary" (one in view), "plain", or "quiet" (no border until touched)."""

    def __init__(
        self,
        text: str,
        parent: QWidget | None = None,
        *,
        kind: Literal["primary", "plain", "quiet"] = "plain",
        on_click: Callable[[], object] | None = None,
        tip: str = "",
    ) -> None:
        super().__init__(text, parent)
        self.kind = kind
        self.setAccessibleName(text)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setSizePolicy(QSizePolicy.Policy.Minimum, QSizePolicy.Policy.Fixed)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        if tip:
            self.setToolTip(tip)
        if on_click is not None:
            self.clicked.connect(lambda _checked=False: on_click())

    def setText(self, text: str) -> None:
        super().setText(text)
        self.setAccessibleName(text)
        self.updateGeometry()

    def sizeHint(self) -> QSize:
        metrics = self.fontMetrics()
        width = metrics.horizontalAdvance(self.text().replace("&", "")) + (18 if self.kind == "quiet" else 26)
        if not self.icon().isNull():
            width += self.iconSize().width() + 6
        return QSize(max(width, 32), max(MINIMUM_HEIGHT, metrics.height() + 13))

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def enterEvent(self, event: QEnterEvent) -> None:
        self.update()
        super().enterEvent(event)

    def leaveEvent(self, event: QEvent) -> None:
        self.update()
        super().leaveEvent(event)

    def _colours(self, theme: Theme) -> tuple[QColor | None, QColor | None, QColor]:
        """Fill, border, text."""
        enabled, hovered = self.isEnabled(), self.underMouse()
        pressed = self.isDown() or self.isChecked()
        if not enabled:
            faint = mix(theme.color("muted"), theme.color("surface"), 0.3)
            text = theme.color("grid") if theme.is_high_contrast else faint
            return (None if self.kind == "quiet" else theme.color("window")), (
                None if self.kind == "quiet" else theme.color("grid" if theme.is_high_contrast else "border")
            ), text
        if self.kind == "primary":
            fill = theme.color("accent")
            if pressed or hovered:
                fill = mix(fill, theme.color("text"), 0.22 if pressed else 0.10)
            return fill, fill, theme.color("on_accent")
        if pressed:
            return theme.color("selection"), theme.color("border"), theme.color("text")
        if self.kind == "quiet":
            return (theme.color("grid") if hovered and not theme.is_high_contrast else None), None, theme.color("text")
        fill = mix(theme.color("surface"), theme.color("selection"), 0.5) if hovered else theme.color("surface")
        return fill, theme.color("border"), theme.color("text")

    def paintEvent(self, event: QPaintEvent) -> None:
        theme = current_theme()
        fill, border, text = self._colours(theme)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        rect = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
        painter.setPen(QPen(border, 1.0) if border is not None else Qt.PenStyle.NoPen)
        painter.setBrush(fill if fill is not None else Qt.BrushStyle.NoBrush)
        if fill is not None or border is not None:
            painter.drawRoundedRect(rect, RADIUS, RADIUS)
        if self.hasFocus():
            ring = rect.adjusted(2, 2, -2, -2) if self.kind == "primary" else rect
            if self.kind == "primary":
                painter.setBrush(Qt.BrushStyle.NoBrush)
                painter.setPen(QPen(theme.color("on_accent"), 1.5))
                painter.drawRoundedRect(ring, RADIUS - 2, RADIUS - 2)
            else:
                draw_focus_ring(painter, rect, theme)
        font = self.font()
        if self.kind == "primary":
            font.setBold(True)
            painter.setFont(font)
        painter.setPen(text)
        area = self.rect()
        if not self.icon().isNull():
            size = self.iconSize()
            whole = size.width() + (6 if self.text() else 0)
            whole += painter.fontMetrics().horizontalAdvance(self.text()) if self.text() else 0
            left = (self.width() - whole) // 2
            self.icon().paint(painter, left, (self.height() - size.height()) // 2, size.width(), size.height())
            area = self.rect().adjusted(left + size.width() + 6, 0, 0, 0)
            alignment = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft
        else:
            alignment = Qt.AlignmentFlag.AlignCenter
        painter.drawText(area, int(alignment | Qt.TextFlag.TextShowMnemonic), self.text())
