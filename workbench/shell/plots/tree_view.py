"""A tree drawn from its root down, its nodes coloured by a value; it scrolls and zooms, by mouse and by keys.

Nothing here walks by recursion and only what is in view is painted, so a tree of ten thousand nodes is no burden.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFocusEvent,
    QFont,
    QFontMetricsF,
    QHelpEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QAbstractScrollArea, QFrame, QToolTip, QWidget

from workbench.shell.colour_maps import cividis, diverging
from workbench.shell.plots.colour_scale import paint_scale
from workbench.shell.plots.tree_layout import TreeLayout, Way, lay_out, neighbour
from workbench.shell.theme import contrast

if TYPE_CHECKING:
    from workbench.shell.theme import Theme

MOST_WIDTH = 130.0
"""Pixels of a node's text at most; a longer one is cut."""
LEAST_ZOOM, MOST_ZOOM = 0.02, 4.0
READABLE_ZOOM = 0.55
"""A tree is never shown smaller than this without being asked: text must be legible."""
_WAYS: dict[Qt.Key, Way] = {
    Qt.Key.Key_Up: "up",
    Qt.Key.Key_Down: "down",
    Qt.Key.Key_Left: "left",
    Qt.Key.Key_Right: "right",
    Qt.Key.Key_Home: "root",
}


class TreeView(QAbstractScrollArea):
    """:meth:`show_tree` draws one tree. ``node_hovered`` is -1 when the mouse leaves; ``node_chosen`` follows a click
    and the arrow keys (up to the parent, down to the first child, left and right along a level)."""

    node_hovered = Signal(int)
    node_chosen = Signal(int)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._steps: tuple[str, ...] = ()
        self._labels: tuple[str, ...] = ()
        self._parents: NDArray[np.int64] = np.zeros(0, dtype=np.int64)
        self._children: list[list[int]] = []
        self._values: NDArray[np.float64] | None = None
        self._asked: bool | None = None
        self._signed, self._limit = True, 1.0
        self._caption = ""
        self._layout: TreeLayout | None = None
        self._texts: list[str] = []
        self._under: list[str] = []
        self._widths: NDArray[np.float64] = np.zeros(0)
        self._fills: list[QColor] = []
        self._chosen, self._hovered = -1, -1
        self._zoom = 1.0
        self._by_hand = False
        """Whether somebody has zoomed: until then the tree is fitted into whatever room there is."""
        self._row = 40.0
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName("Tree")
        self.viewport().setMouseTracking(True)
        self.viewport().setAutoFillBackground(False)
        theme.changed.connect(self._restyle)

    # -- content ------------------------------------------------------------------------------------------------

    def show_tree(
        self,
        steps: Sequence[str],
        parents: Sequence[int] | NDArray[np.int64],
        values: Sequence[float] | NDArray[np.float64] | None = None,
        labels: Sequence[str] = (),
        caption: str = "",
        signed: bool | None = None,
    ) -> None:
        """Draw the tree of ``parents`` (N,), in post-order with -1 for the root.

        ``steps`` (N,) name the nodes (a name in round brackets is that of a phrase and only told, not drawn),
        ``labels`` (N,) are written into them; ``values`` (N,) colour them, NaN not: blue to orange around 0 where
        ``signed``, or where that is not said and some are negative, else in cividis up to the largest. ``caption``
        says what the values are. The chosen node stays chosen where the tree has the same shape.
        """
        arrived = np.asarray(parents, dtype=np.int64)
        same = np.array_equal(arrived, self._parents)
        self._steps, self._labels, self._caption = tuple(steps), tuple(labels), caption
        self._parents = arrived
        self._asked = signed
        self._children = [[] for _ in self._parents]
        for node, parent in enumerate(self._parents.tolist()):
            if parent >= 0:
                self._children[parent].append(node)
        self._values = None if values is None else np.asarray(values, dtype=np.float64)
        if not same:
            self._chosen = len(self._parents) - 1
        self._hovered = -1
        self.setAccessibleName(f"Tree: {caption}" if caption else "Tree")
        self._restyle()
        if not same:
            self._by_hand = False
            self.fit(READABLE_ZOOM)
        self._describe()

    def clear(self) -> None:
        self.show_tree((), ())

    @property
    def chosen(self) -> int:
        """The chosen node, -1 without a tree."""
        return self._chosen

    @property
    def zoom(self) -> float:
        return self._zoom

    def choose(self, node: int) -> None:
        """Choose a node and bring it into view."""
        if not 0 <= node < len(self._parents):
            return
        if node != self._chosen:
            self._chosen = node
            self._describe()
            self.node_chosen.emit(node)
        self._bring_into_view(node)
        self.viewport().update()

    def describe(self, node: int) -> str:
        """What a node is, in words: its name, label and value."""
        parts = [self._steps[node] if node < len(self._steps) else ""]
        if node < len(self._labels) and self._labels[node]:
            parts.append(f"label {self._labels[node]}")
        if self._values is not None and np.isfinite(self._values[node]):
            parts.append(f"{self._caption or 'value'} {self._values[node]:.3g}")
        return ", ".join(part for part in parts if part)

    def _describe(self) -> None:
        if self._chosen >= 0:
            place = f"node {self._chosen + 1} of {len(self._parents)}"
            self.setAccessibleDescription(f"{self.describe(self._chosen)}; {place}")
        else:
            self.setAccessibleDescription("No tree")

    # -- measures -----------------------------------------------------------------------------------------------

    def _font(self) -> QFont:
        font = QFont(self.font())
        font.setPointSizeF(max(4.0, self._theme.points(0.95)))
        return font

    def _restyle(self) -> None:
        """Texts, widths, places and colours anew: another tree, another theme or another text size."""
        metrics = QFontMetricsF(self._font())
        self._texts, self._under = [], []
        for node, below in enumerate(self._children):
            label = self._labels[node] if node < len(self._labels) else ""
            name = self._steps[node] if node < len(self._steps) else ""
            if below:
                own = "" if name == "∅" or (name.startswith("(") and name.endswith(")")) else name
                inside, under = " ".join(part for part in (own, label) if part), ""
            else:
                inside, under = (label, name) if label else (name, "")
            cut = Qt.TextElideMode.ElideRight
            self._texts.append(metrics.elidedText(inside, cut, MOST_WIDTH))
            self._under.append(metrics.elidedText(under, cut, MOST_WIDTH))
        boxes = [max(12.0, metrics.horizontalAdvance(text) + 12.0) for text in self._texts]
        self._widths = np.array(boxes)
        widths = [max(box, metrics.horizontalAdvance(text)) for box, text in zip(boxes, self._under, strict=True)]
        self._row = 2.4 * metrics.height() + (metrics.height() if any(self._under) else 0.0)
        self._layout = lay_out(self._parents.tolist(), widths, 10.0, self._row) if widths else None
        self._recolour()
        self._place_bars()
        self.viewport().update()

    def _recolour(self) -> None:
        surface = self._theme.color("raised")
        if self._values is None or not len(self._parents):
            self._fills = [surface] * len(self._parents)
            return
        finite = np.isfinite(self._values)
        known = self._values[finite]
        self._signed = bool((known < 0).any()) if self._asked is None else self._asked
        self._limit = max(1e-9, float(np.abs(known).max(initial=0.0)))
        scaled = np.nan_to_num(self._values / self._limit)
        middle = (surface.red(), surface.green(), surface.blue())
        rgb = diverging(scaled, middle) if self._signed else cividis(scaled)
        self._fills = [
            QColor(*row) if is_known else surface for row, is_known in zip(rgb.tolist(), finite.tolist(), strict=True)
        ]

    def sizeHint(self) -> QSize:
        return QSize(480, 280)

    def minimumSizeHint(self) -> QSize:
        return QSize(220, 140)

    # -- zoom and scroll ----------------------------------------------------------------------------------------

    def set_zoom(self, zoom: float, around: QPointF | None = None) -> None:
        """Show at ``zoom``; the point ``around`` of the viewport (its middle) stays where it is."""
        zoom = min(MOST_ZOOM, max(LEAST_ZOOM, zoom))
        view = self.viewport()
        around = around or QPointF(view.width() / 2, view.height() / 2)
        held = self._to_tree(around)
        self._by_hand = True
        self._zoom = zoom
        self._place_bars()
        moved = held * zoom + self._margin() - around
        self.horizontalScrollBar().setValue(round(moved.x()))
        self.verticalScrollBar().setValue(round(moved.y()))
        view.update()

    def fit(self, least: float = LEAST_ZOOM) -> None:
        """The whole tree, but not smaller than ``least``; then the root is in view."""
        layout = self._layout
        if layout is None:
            return
        view = self.viewport()
        room = self.maximumViewportSize()  # without the bars, which a tree that fits does not need
        across = (room.width() - 25) / layout.width
        down = (room.height() - self._legend_height() - 25) / layout.height
        self._zoom = min(1.0, max(least, min(across, down)))
        self._place_bars()
        self._bring_into_view(len(self._parents) - 1)
        view.update()

    def whole_height(self) -> int:
        """Pixels that show the whole tree at its natural size."""
        return int((self._layout.height if self._layout is not None else 0.0) + self._legend_height() + 26)

    def _legend_height(self) -> float:
        return QFontMetricsF(self.font()).height() * 1.6 if self._values is not None else 0.0

    def _margin(self) -> QPointF:
        """Where the tree's corner stands in the viewport before scrolling: centred where there is room."""
        layout = self._layout
        if layout is None:
            return QPointF(0, 0)
        spare = self.viewport().width() - layout.width * self._zoom
        return QPointF(max(12.0, spare / 2), 12.0)

    def _origin(self) -> QPointF:
        scrolled = QPointF(self.horizontalScrollBar().value(), self.verticalScrollBar().value())
        return self._margin() - scrolled

    def _to_tree(self, point: QPointF) -> QPointF:
        return (point - self._origin()) / self._zoom

    def _place_bars(self) -> None:
        layout, view = self._layout, self.viewport()
        for bar, size, room in (
            (self.horizontalScrollBar(), layout.width if layout else 0.0, view.width()),
            (self.verticalScrollBar(), layout.height if layout else 0.0, view.height() - round(self._legend_height())),
        ):
            bar.setRange(0, max(0, round(size * self._zoom + 24) - room))
            bar.setPageStep(max(1, room))
            bar.setSingleStep(24)

    def _bring_into_view(self, node: int) -> None:
        if self._layout is None:
            return
        place = QPointF(self._layout.x[node], self._layout.y[node]) * self._zoom + self._margin()
        for bar, at, room in (
            (self.horizontalScrollBar(), place.x(), self.viewport().width()),
            (self.verticalScrollBar(), place.y(), self.viewport().height() - self._legend_height()),
        ):
            edge = min(60.0, room / 3)
            if at < bar.value() + edge:
                bar.setValue(round(at - edge))
            elif at > bar.value() + room - edge:
                bar.setValue(round(at - room + edge))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if self._by_hand:
            self._place_bars()
        else:
            self.fit(READABLE_ZOOM)

    def scrollContentsBy(self, dx: int, dy: int) -> None:
        del dx, dy  # the legend stays in its corner, so everything is painted again
        self.viewport().update()

    # -- painting -----------------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self.viewport())
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if self._layout is not None:
            painter.save()
            origin = self._origin()
            painter.translate(origin)
            painter.scale(self._zoom, self._zoom)
            self._paint_tree(painter, self._layout)
            painter.restore()
            if self._values is not None:
                self._paint_legend(painter)
        if self.hasFocus():
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(self._theme.color("accent"), 1.2))
            painter.drawRoundedRect(QRectF(self.viewport().rect()).adjusted(0.8, 0.8, -0.8, -0.8), 4, 4)
        painter.end()

    def _paint_tree(self, painter: QPainter, layout: TreeLayout) -> None:
        view = self.viewport()
        corner, far = self._to_tree(QPointF(0, 0)), self._to_tree(QPointF(view.width(), view.height()))
        up = np.maximum(self._parents, 0)
        spread = self._widths / 2 + MOST_WIDTH / 2
        low, high = np.minimum(layout.x, layout.x[up]), np.maximum(layout.x, layout.x[up])
        edges = (high > corner.x()) & (low < far.x()) & (layout.y > corner.y()) & (layout.y[up] < far.y())
        painter.setPen(QPen(self._theme.color("muted"), 1.2))
        for node in np.flatnonzero(edges & (self._parents >= 0)).tolist():
            above = int(self._parents[node])
            painter.drawLine(QPointF(layout.x[above], layout.y[above]), QPointF(layout.x[node], layout.y[node]))
        nodes = (layout.x + spread > corner.x()) & (layout.x - spread < far.x())
        nodes &= (layout.y + self._row > corner.y()) & (layout.y - self._row < far.y())
        font = self._font()
        painter.setFont(font)
        metrics = QFontMetricsF(font)
        legible = font.pointSizeF() * self._zoom > 3.5
        for node in np.flatnonzero(nodes).tolist():
            self._paint_node(painter, layout, node, metrics, legible=legible)

    def _box(self, layout: TreeLayout, node: int, height: float) -> QRectF:
        width = float(self._widths[node])
        return QRectF(layout.x[node] - width / 2, layout.y[node] - height * 0.65, width, height * 1.3)

    def _paint_node(
        self, painter: QPainter, layout: TreeLayout, node: int, metrics: QFontMetricsF, *, legible: bool
    ) -> None:
        box = self._box(layout, node, metrics.height())
        fill = self._fills[node]
        chosen = node == self._chosen
        line = self._theme.color("accent" if chosen else "text" if node == self._hovered else "border")
        painter.setPen(QPen(line, 2.6 if chosen else 1.2))
        painter.setBrush(fill)
        painter.drawRoundedRect(box, 5, 5)
        if not legible:
            return
        dark, light = self._theme.color("text"), self._theme.color("surface")
        painter.setPen(max((dark, light), key=lambda colour: contrast(colour, fill)))
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter, self._texts[node])
        if self._under[node]:
            painter.setPen(self._theme.color("text"))
            below = QRectF(layout.x[node] - MOST_WIDTH, box.bottom() + 1, 2 * MOST_WIDTH, metrics.height())
            painter.drawText(below, Qt.AlignmentFlag.AlignHCenter, self._under[node])

    def _paint_legend(self, painter: QPainter) -> None:
        height = self._legend_height()
        room = QRectF(0, self.viewport().height() - height, self.viewport().width(), height)
        painter.fillRect(room, self._theme.color("surface"))
        paint_scale(painter, room, self._theme, self._limit, self._caption, signed=self._signed)

    # -- mouse and keys -----------------------------------------------------------------------------------------

    def node_at(self, point: QPointF) -> int:
        """The node under ``point`` of the viewport; -1 for none."""
        layout = self._layout
        if layout is None:
            return -1
        place = self._to_tree(point)
        height = QFontMetricsF(self._font()).height()
        below = height if any(self._under) else 0.0
        near = np.abs(layout.x - place.x()) <= np.maximum(self._widths / 2, 14.0)
        near &= (place.y() >= layout.y - height * 0.65) & (place.y() <= layout.y + height * 0.65 + below)
        found = np.flatnonzero(near)
        return int(found[0]) if len(found) else -1

    def mousePressEvent(self, event: QMouseEvent) -> None:
        node = self.node_at(event.position())
        if node >= 0 and event.button() == Qt.MouseButton.LeftButton:
            self.choose(node)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._hover(self.node_at(event.position()))

    def leaveEvent(self, event: QEvent) -> None:
        self._hover(-1)
        super().leaveEvent(event)

    def _hover(self, node: int) -> None:
        if node != self._hovered:
            self._hovered = node
            self.node_hovered.emit(node)
            self.viewport().update()

    def wheelEvent(self, event: QWheelEvent) -> None:
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self.set_zoom(self._zoom * 1.2 ** (event.angleDelta().y() / 120), event.position())
            event.accept()
            return
        super().wheelEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key = event.key()
        if self._chosen < 0:
            super().keyPressEvent(event)
        elif key in (Qt.Key.Key_Plus, Qt.Key.Key_Equal):
            self.set_zoom(self._zoom * 1.25)
        elif key == Qt.Key.Key_Minus:
            self.set_zoom(self._zoom / 1.25)
        elif key == Qt.Key.Key_F and not event.modifiers():
            self.fit()
        elif self._layout is not None and (way := _WAYS.get(Qt.Key(key))) is not None:
            self.choose(neighbour(self._layout, self._parents, self._children, self._chosen, way))
        else:
            super().keyPressEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self.viewport().update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self.viewport().update()

    def viewportEvent(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            node = self.node_at(QPointF(event.pos()))
            if node >= 0:
                QToolTip.showText(event.globalPos(), self.describe(node), self)
            else:
                QToolTip.hideText()
            return True
        if event.type() == QEvent.Type.Leave:
            self._hover(-1)
        return super().viewportEvent(event)
