"""A picture of eigenvalues: dots in the complex plane, and the unit circle that parts fading from growing."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QWidget

from workbench.shell.sdk import Theme


class EigenvaluePlane(QWidget):
    """As large as the room allows, both axes to the same scale."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._points: list[QPointF] = []
        self._reach = 1.0
        self.setAccessibleName("Eigenvalues in the complex plane")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        theme.changed.connect(self.update)

    def sizeHint(self) -> QSize:
        return QSize(260, 220)

    def show_values(self, real: Sequence[float], imaginary: Sequence[float]) -> None:
        # the imaginary axis points up, a screen's down
        self._points = [QPointF(float(x), -float(y)) for x, y in zip(real, imaginary, strict=True)]
        self._reach = max([1.0, *(max(abs(point.x()), abs(point.y())) for point in self._points)])
        self.update()

    def place(self, x: float, y: float) -> QPointF:
        """Where the number x + iy stands."""
        scale = (min(self.width(), self.height()) / 2 - self.fontMetrics().height() * 0.7) / self._reach
        return QPointF(self.width() / 2 + scale * x, self.height() / 2 - scale * y)

    def paintEvent(self, event: QPaintEvent) -> None:
        theme = self._theme
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        middle, one = self.place(0, 0), self.place(1, 0)
        radius = one.x() - middle.x()
        painter.setPen(QPen(theme.color("grid" if theme.is_high_contrast else "border"), 1))
        edge = self._reach * 1.02
        painter.drawLine(self.place(-edge, 0), self.place(edge, 0))
        painter.drawLine(self.place(0, -edge), self.place(0, edge))
        painter.setPen(QPen(theme.color("muted"), 1.4, Qt.PenStyle.DashLine))
        painter.drawEllipse(middle, radius, radius)
        painter.setPen(theme.color("muted"))
        height = self.fontMetrics().height()
        above = self.place(0, 1)
        for text, at in (("1", QPointF(one.x() + 3, one.y() - height)), ("i", QPointF(above.x() + 4, above.y() + 2))):
            painter.drawText(QRectF(at, QSize(20, height)), int(Qt.AlignmentFlag.AlignLeft), text)
        size = 4.0 if len(self._points) <= 300 else 2.6
        painter.setPen(QPen(theme.series(0), size, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))
        painter.drawPoints(QPolygonF([middle + point * radius for point in self._points]))
        painter.end()
