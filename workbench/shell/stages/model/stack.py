"""The layers from input to output as boxes, with direction, size and parameters of each; rows wrap like words."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QFontMetricsF, QHelpEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from workbench.shell.plots.arrows import paint_head
from workbench.shell.theme import SMALL_FACTOR

if TYPE_CHECKING:
    from workbench.shell.theme import Theme

GAP = 24.0


@dataclass(frozen=True, slots=True)
class Box:
    """A box: its name, a line of size, a line of parameters; ``recurrent`` ones carry the accent.

    ``both`` names the sizes of a layer that reads in both directions, which is drawn as two halves.
    """

    name: str
    size: str = ""
    parameters: str = ""
    recurrent: bool = False
    both: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        inner = ", ".join(part for part in (*(self.both or (self.size,)), self.parameters) if part)
        return f"{self.name} ({inner})" if inner else self.name


class StackDiagram(QWidget):
    """A picture of the layers, nothing to click; every box tells itself whole in its tooltip."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self.boxes: tuple[Box, ...] = ()
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        self.setAccessibleName("Stack of layers")
        theme.changed.connect(self.updateGeometry)

    def set_boxes(self, boxes: list[Box]) -> None:
        """From input to output."""
        self.boxes = tuple(boxes)
        self.setAccessibleName("Stack of layers: " + ", then ".join(box.text for box in boxes))
        self.updateGeometry()
        self.update()

    # -- layout -------------------------------------------------------------------------------------------------

    def _box_width(self) -> float:
        """As wide as the longest line of any box, within reason."""
        metrics, small = QFontMetricsF(self.font()), QFontMetricsF(self._theme.font(SMALL_FACTOR))
        widest = 64.0
        for box in self.boxes:
            lines = [small.horizontalAdvance(part) for part in (box.size, box.parameters, *box.both) if part]
            widest = max(widest, metrics.horizontalAdvance(box.name), *lines)
        return min(widest + 18, metrics.averageCharWidth() * 24)

    def _box_height(self) -> float:
        metrics, small = QFontMetricsF(self.font()), QFontMetricsF(self._theme.font(SMALL_FACTOR))
        lines = max((len(box.both) or (1 if box.size else 0) for box in self.boxes), default=0)
        return metrics.height() + small.height() * (lines + any(box.parameters for box in self.boxes)) + 14

    def _places(self, width: float) -> list[QRectF]:
        wide, tall = self._box_width(), self._box_height()
        across = max(1, int((width - 2 + GAP) // (wide + GAP)))
        across = min(across, len(self.boxes)) or 1
        each = min((width - 2 - GAP * (across - 1)) / across, wide * 1.5)
        return [
            QRectF(1 + (i % across) * (each + GAP), 2 + (i // across) * (tall + GAP), each, tall)
            for i in range(len(self.boxes))
        ]

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        places = self._places(float(width))
        return int(places[-1].bottom() + 4) if places else 20

    def sizeHint(self) -> QSize:
        width = max(self.width(), 300)
        return QSize(300, self.heightForWidth(width))

    def minimumSizeHint(self) -> QSize:
        return QSize(120, int(self._box_height()) + 6)

    # -- painting -----------------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        places = self._places(float(self.width()))
        for i, (box, place) in enumerate(zip(self.boxes, places, strict=True)):
            self._paint_box(painter, box, place)
            if i + 1 < len(places):
                self._paint_arrow(painter, place, places[i + 1])
        painter.end()

    def _paint_arrow(self, painter: QPainter, here: QRectF, there: QRectF) -> None:
        colour = self._theme.color("muted")
        painter.setPen(QPen(colour, 1.4))
        if there.left() > here.left():
            way = [(here.right() + 3, here.center().y()), (there.left() - 3, there.center().y())]
        else:  # on to the next row
            middle = (here.bottom() + there.top()) / 2
            down, up = here.center().x(), there.center().x()
            way = [(down, here.bottom() + 2), (down, middle), (up, middle), (up, there.top() - 2)]
        for (ax, ay), (bx, by) in pairwise(way):
            painter.drawLine(QPointF(ax, ay), QPointF(bx, by))
        paint_head(painter, way, colour)

    def _paint_box(self, painter: QPainter, box: Box, place: QRectF) -> None:
        theme = self._theme
        painter.setPen(QPen(theme.color("accent" if box.recurrent else "border"), 1.5 if box.recurrent else 1.0))
        tinted = box.recurrent and not theme.is_high_contrast
        painter.setBrush(theme.color("selection" if tinted else "raised"))
        painter.drawRoundedRect(place, 6, 6)
        small = theme.font(SMALL_FACTOR)
        lines = [(box.name, self.font(), "text")]
        lines += [(part, small, "text" if tinted else "muted") for part in (box.both or (box.size,)) if part]
        lines += [(box.parameters, small, "text" if tinted else "muted")] if box.parameters else []
        heights = [QFontMetricsF(font).height() for _, font, _ in lines]
        top = place.center().y() - sum(heights) / 2
        for (text, font, role), height in zip(lines, heights, strict=True):
            painter.setFont(font)
            painter.setPen(theme.color(role))
            line = QRectF(place.left() + 5, top, place.width() - 10, height)
            cut = QFontMetricsF(font).elidedText(text, Qt.TextElideMode.ElideRight, line.width())
            painter.drawText(line, int(Qt.AlignmentFlag.AlignCenter), cut)
            top += height

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            for box, place in zip(self.boxes, self._places(float(self.width())), strict=True):
                if place.contains(QPointF(event.pos())):
                    QToolTip.showText(event.globalPos(), box.text, self)
                    return True
            QToolTip.hideText()
            return True
        return bool(super().event(event))
