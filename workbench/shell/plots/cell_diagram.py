"""Paints an architecture's :class:`CellDiagram`: gates, operations, what is kept, and what comes from the step before.

Boxes take the room their labels need, so the picture holds at every text size; where it is wider than the page it
scrolls. Pointing at a box (or going there with the arrow keys) names its symbol, which the equations then light up.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QFocusEvent,
    QFontMetricsF,
    QHelpEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QStaticText,
)
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from workbench.api import CellDiagram, DiagramEdge, DiagramNode
from workbench.shell.plots.arrows import paint_head, rounded_path
from workbench.shell.plots.diagram_parts import drawable, in_words, memory_lanes, node_look, node_size
from workbench.shell.plots.markup import canonical, scripted
from workbench.shell.plots.routing import Point, Wire, route

if TYPE_CHECKING:
    from workbench.shell.theme import Theme

MARGIN = 14.0
_GAPS = (30.0, 20.0, 13.0)
"""Pixels between two boxes beside one another: as many as the page has room for."""
_ABOVE = 26.0
"""Pixels between two boxes above one another: room for two arrows."""
_KIND_WORDS = {"value": "value", "gate": "learned gate", "operation": "operation", "memory": "kept between steps"}
_LEGEND = (("gate", "learned"), ("operation", "arithmetic"), ("memory", "kept"), ("recurrent", ""))


class CellDiagramView(QWidget):
    """``symbol_hovered`` carries the symbol of the box pointed at, "" for none."""

    symbol_hovered = Signal(str)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._diagram: CellDiagram | None = None
        self._given: CellDiagram | None = None
        self._title = self._before = ""
        self._card: Callable[[str], str] = lambda _name: ""
        self._line: Callable[[str], str] = lambda _name: ""
        self._boxes: dict[str, QRectF] = {}
        self._texts: dict[str, QStaticText] = {}
        self._ways: list[list[Point]] = []
        self._natural = QSize(200, 80)
        self._laid_out = False
        self._room = 0
        self._hovered = self._chosen = self._lit = ""
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Minimum, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Cell diagram")
        theme.changed.connect(self._restyle)

    # -- content ------------------------------------------------------------------------------------------------

    def show_diagram(
        self, diagram: CellDiagram | None, title: str = "", *, before: str = "from the step before"
    ) -> None:
        """Paint ``diagram``; ``title`` names the cell for those who do not see it, ``before`` its recurrent arrows."""
        if diagram is self._given and title == self._title:
            return
        self._diagram, self._title, self._before = drawable(diagram), title, before
        self._given = diagram
        self._hovered = self._chosen = self._lit = ""
        self._restyle()
        self.setAccessibleName(f"Cell diagram of {title}" if title else "Cell diagram")
        self.setAccessibleDescription(self.summary())

    def set_cards(self, card: Callable[[str], str], line: Callable[[str], str]) -> None:
        """What the tooltip (HTML) and the screen reader say of a symbol."""
        self._card, self._line = card, line

    @property
    def diagram(self) -> CellDiagram | None:
        return self._diagram

    def light(self, symbol: str) -> None:
        """Mark the boxes that stand for ``symbol``; "" marks none."""
        if symbol != self._lit:
            self._lit = symbol
            self.update()

    def summary(self) -> str:
        """The cell in words: every box with what flows into it."""
        return in_words(self._diagram, self._before) if self._diagram is not None else ""

    def box(self, node: str) -> QRectF:
        """Where a node stands, in this widget's pixels."""
        self._lay_out()
        return self._boxes[node].translated(self._shift(), 0)

    def ways(self) -> list[list[Point]]:
        """The polylines of the edges, in the order of the diagram, before the picture is centred."""
        self._lay_out()
        return self._ways

    def boxes(self) -> Mapping[str, QRectF]:
        """The boxes in the same pixels as :meth:`ways`."""
        self._lay_out()
        return self._boxes

    def set_room(self, width: int) -> None:
        """How wide the page is: a wider picture moves its boxes closer together before it scrolls."""
        if width != self._room:
            before = self._natural
            self._room = width
            self._laid_out = False
            self._lay_out()
            if self._natural != before:
                self.updateGeometry()
                self.update()

    # -- layout -------------------------------------------------------------------------------------------------

    def _restyle(self) -> None:
        self._laid_out = False
        self.updateGeometry()
        self.update()

    def changeEvent(self, event: QEvent) -> None:
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.ApplicationFontChange):
            self._restyle()
        super().changeEvent(event)

    def sizeHint(self) -> QSize:
        self._lay_out()
        return self._natural

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def _lay_out(self) -> None:
        """The widest spacing that the page has room for, else the narrowest."""
        if self._laid_out:
            return
        self._laid_out = True
        for gap in _GAPS:
            self._place(gap)
            if not self._room or self._natural.width() <= self._room:
                return

    def _place(self, gap: float) -> None:
        """Scale the grid so that no two boxes touch, then find ways for the arrows."""
        self._boxes, self._texts, self._ways = {}, {}, []
        metrics = QFontMetricsF(self.font())
        line = metrics.height()
        if self._diagram is None or not self._diagram.nodes:
            self._natural = QSize(120, int(line * 2))
            return
        nodes = self._diagram.nodes
        sizes: dict[str, tuple[float, float]] = {}
        for node in nodes:
            text = QStaticText(scripted(node.label))
            text.setTextFormat(Qt.TextFormat.RichText)
            text.prepare(font=self.font())
            self._texts[node.id] = text
            sizes[node.id] = node_size(node, text.size().width(), line)
        across, down = line * 2.0, line * 1.8
        for a in nodes:  # side by side: |Δx| must hold both halves and the gap between
            for b in nodes:
                if a.x < b.x and abs(a.y - b.y) < 0.75:
                    need = (sizes[a.id][0] + sizes[b.id][0]) / 2 + gap
                    across = max(across, need / (b.x - a.x))
        known = self._diagram.edges
        places = {node.id: node for node in nodes}
        for edge in known:  # a label stands above its arrow
            a, b = places[edge.source], places[edge.target]
            if edge.label and a.x != b.x and abs(a.y - b.y) < 0.75:
                need = (sizes[a.id][0] + sizes[b.id][0]) / 2 + metrics.horizontalAdvance(edge.label) + 16
                across = max(across, need / abs(b.x - a.x))
        for a in nodes:
            for b in nodes:
                touching = abs(a.x - b.x) * across < (sizes[a.id][0] + sizes[b.id][0]) / 2 + 8
                if a.y < b.y and touching:
                    need = (sizes[a.id][1] + sizes[b.id][1]) / 2 + _ABOVE
                    down = max(down, need / (b.y - a.y))
        for node in nodes:
            width, height = sizes[node.id]
            x, y = node.x * across, node.y * down
            self._boxes[node.id] = QRectF(x - width / 2, y - height / 2, width, height)
        corners = {
            name: (box.left(), box.top(), box.right(), box.bottom()) for name, box in self._boxes.items()
        }
        ways = route(corners, [Wire(edge.source, edge.target) for edge in known])
        xs = [x for way in ways for x, _ in way] + [v for c in corners.values() for v in (c[0], c[2])]
        ys = [y for way in ways for _, y in way] + [v for c in corners.values() for v in (c[1], c[3])]
        left, top = min(xs) - MARGIN, min(ys) - MARGIN
        for box in self._boxes.values():
            box.translate(-left, -top)
        self._ways = [[(x - left, y - top) for x, y in way] for way in ways]
        wide = max(xs) - left + MARGIN
        tall = max(ys) - top + MARGIN + line + 8  # the legend below
        self._natural = QSize(math.ceil(max(wide, self._legend_width(metrics))), math.ceil(tall))

    def _shift(self) -> float:
        """The picture stands in the middle of a wider page."""
        self._lay_out()
        right = max((box.right() for box in self._boxes.values()), default=0.0)
        right = max(right, max((x for way in self._ways for x, _ in way), default=0.0))
        return max(0.0, (self.width() - right - MARGIN) / 2)

    # -- painting -----------------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        self._lay_out()
        if self._diagram is None or not self._boxes:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.save()
        painter.translate(self._shift(), 0)
        self._paint_lane(painter)
        edges = self._diagram.edges
        active = self._active()
        for edge, way in zip(edges, self._ways, strict=True):
            if not (edge.source in active or edge.target in active):
                self._paint_edge(painter, edge, way, lit=False)
        for edge, way in zip(edges, self._ways, strict=True):
            if edge.source in active or edge.target in active:
                self._paint_edge(painter, edge, way, lit=True)
        for node in self._diagram.nodes:
            self._paint_node(painter, node, lit=node.id in active)
        painter.restore()
        self._paint_legend(painter)
        if self.hasFocus():
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(self._theme.color("accent"), 1.5))
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(1, 1, -1, -1), 6, 6)
        painter.end()

    def _active(self) -> frozenset[str]:
        """Nodes that are pointed at, and those of the symbol lit from outside."""
        assert self._diagram is not None
        found = {name for name in (self._hovered or self._chosen,) if name}
        if self._lit:
            wanted = canonical(self._lit)
            found |= {node.id for node in self._diagram.nodes if canonical(node.symbol or node.label) == wanted}
        return frozenset(found)

    def _paint_lane(self, painter: QPainter) -> None:
        """A band behind what is kept: the memory's way through the cell."""
        assert self._diagram is not None
        theme = self._theme
        for lane in memory_lanes(self._diagram):
            band = QRectF()
            for name in lane:
                band = band.united(self._boxes[name])
            band = band.adjusted(-6, -5, 6, 5)
            if theme.is_high_contrast:
                painter.setBrush(Qt.BrushStyle.NoBrush)
                painter.setPen(QPen(theme.color("grid"), 1, Qt.PenStyle.DotLine))
            else:
                painter.setPen(Qt.PenStyle.NoPen)
                painter.setBrush(theme.tint(0))
            painter.drawRoundedRect(band, 10, 10)

    def _paint_edge(self, painter: QPainter, edge: DiagramEdge, way: list[Point], *, lit: bool) -> None:
        theme = self._theme
        colour = theme.color("accent" if edge.recurrent else ("text" if lit else "muted"))
        pen = QPen(colour, 2.4 if lit else (1.8 if edge.recurrent else 1.3))
        pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
        if edge.recurrent:
            pen.setDashPattern([5, 2.2])  # not by colour alone
        painter.setPen(pen)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawPath(rounded_path(way))
        paint_head(painter, way, colour)
        if edge.label:
            painter.setPen(theme.color("text" if lit else "muted"))
            self._paint_label(painter, edge.label, way)

    def _paint_label(self, painter: QPainter, label: str, way: list[Point]) -> None:
        """Above the longest level piece of an arrow, or beside it where it only goes up or down."""
        text = QStaticText(scripted(label))
        text.setTextFormat(Qt.TextFormat.RichText)
        text.prepare(font=self.font())
        size = text.size()
        (ax, ay), (bx, by) = max(
            pairwise(way), key=lambda ends: 3 * abs(ends[0][0] - ends[1][0]) + abs(ends[0][1] - ends[1][1])
        )
        if abs(ax - bx) >= abs(ay - by):
            place = QPointF((ax + bx - size.width()) / 2, ay - size.height() - 1)
        else:
            place = QPointF(ax + 5, (ay + by - size.height()) / 2)
        painter.drawStaticText(place, text)

    def _paint_node(self, painter: QPainter, node: DiagramNode, *, lit: bool) -> None:
        theme, box = self._theme, self._boxes[node.id]
        edge, fill, width = node_look(theme, node.kind)
        if lit:
            edge, width = theme.color("accent"), 2.4
            fill = theme.color("selection")
        painter.setPen(QPen(edge, width))
        painter.setBrush(fill)
        radius = box.height() / 2 if node.kind in ("operation", "value", "memory") else 6.0
        painter.drawRoundedRect(box, radius, radius)
        if node.kind == "memory":  # a double line: it stands there longer than a step
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(box.adjusted(3, 3, -3, -3), radius - 3, radius - 3)
        text = self._texts[node.id]
        painter.setPen(theme.color("text"))
        size = text.size()
        painter.drawStaticText(
            QPointF(box.center().x() - size.width() / 2, box.center().y() - size.height() / 2), text
        )

    def _legend_width(self, metrics: QFontMetricsF) -> float:
        return sum(metrics.horizontalAdvance(word) + 40 for _, word in self._legend()) + 2 * MARGIN

    def _legend(self) -> list[tuple[str, str]]:
        """Only the kinds that occur."""
        assert self._diagram is not None
        kinds = {str(node.kind) for node in self._diagram.nodes}
        if any(edge.recurrent for edge in self._diagram.edges):
            kinds.add("recurrent")
        return [(kind, word or self._before) for kind, word in _LEGEND if kind in kinds]

    def _paint_legend(self, painter: QPainter) -> None:
        theme, metrics = self._theme, QFontMetricsF(self.font())
        line = metrics.height()
        y = self.height() - line / 2 - 6
        x = max(MARGIN, (self.width() - self._legend_width(metrics)) / 2 + MARGIN)
        for kind, word in self._legend():
            if kind == "recurrent":
                pen = QPen(theme.color("accent"), 1.8)
                pen.setDashPattern([5, 2.2])
                painter.setPen(pen)
                painter.drawLine(QPointF(x, y), QPointF(x + 20, y))
            else:
                edge, fill, width = node_look(theme, kind)
                painter.setPen(QPen(edge, width))
                painter.setBrush(fill)
                box = QRectF(x + 1, y - line * 0.32, line if kind == "operation" else 18, line * 0.64)
                if kind == "operation":
                    box.setWidth(box.height())
                radius = 3 if kind == "gate" else box.height() / 2
                painter.drawRoundedRect(box, radius, radius)
                if kind == "memory":
                    painter.setBrush(Qt.BrushStyle.NoBrush)
                    inner = box.adjusted(2, 2, -2, -2)
                    painter.drawRoundedRect(inner, inner.height() / 2, inner.height() / 2)
            painter.setPen(theme.color("muted"))
            painter.drawText(QPointF(x + 25, y + metrics.ascent() / 2 - 1), word)
            x += metrics.horizontalAdvance(word) + 40

    # -- pointing -----------------------------------------------------------------------------------------------

    def node_at(self, place: QPointF) -> DiagramNode | None:
        """The node under ``place``."""
        if self._diagram is None:
            return None
        self._lay_out()
        inner = place - QPointF(self._shift(), 0)
        found = (node for node in self._diagram.nodes if self._boxes[node.id].adjusted(-3, -3, 3, 3).contains(inner))
        return next(found, None)

    def _point(self, node: DiagramNode | None) -> None:
        name = node.id if node is not None else ""
        if name == self._hovered:
            return
        self._hovered = name
        self.symbol_hovered.emit(node.symbol if node is not None else "")
        self.update()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._point(self.node_at(event.position()))

    def leaveEvent(self, event: QEvent) -> None:
        self._point(None)
        super().leaveEvent(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        node = self.node_at(event.position())
        self.setFocus()
        self.choose(node.id if node is not None else "")

    def choose(self, name: str) -> None:
        """Go to a node, as the arrow keys do; "" leaves all."""
        self._chosen = name
        node = self._node(name)
        self.setAccessibleDescription(self.text_of(node) if node is not None else self.summary())
        self.symbol_hovered.emit(node.symbol if node is not None else "")
        self.update()

    @property
    def chosen(self) -> str:
        return self._chosen

    def text_of(self, node: DiagramNode) -> str:
        """A node in one plain line."""
        line = self._line(node.symbol) if node.symbol else ""
        return line or f"{node.label}: {_KIND_WORDS[node.kind]}"

    def _node(self, name: str) -> DiagramNode | None:
        return next((node for node in self._diagram.nodes if node.id == name), None) if self._diagram else None

    def keyPressEvent(self, event: QKeyEvent) -> None:
        ways = {Qt.Key.Key_Left: (-1, 0), Qt.Key.Key_Right: (1, 0), Qt.Key.Key_Up: (0, -1), Qt.Key.Key_Down: (0, 1)}
        way = ways.get(Qt.Key(event.key()))
        if way is None or self._diagram is None or not self._diagram.nodes:
            super().keyPressEvent(event)
            return
        self._lay_out()
        if not self._chosen:
            self.choose(self._diagram.nodes[0].id)
            return
        here = self._boxes[self._chosen].center()
        best, nearest = math.inf, ""
        for name, box in self._boxes.items():
            dx, dy = box.center().x() - here.x(), box.center().y() - here.y()
            along, aside = dx * way[0] + dy * way[1], abs(dx * way[1]) + abs(dy * way[0])
            if along > 1 and along + 2 * aside < best:
                best, nearest = along + 2 * aside, name
        if nearest:
            self.choose(nearest)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        if self._chosen:
            self.choose("")
        super().focusOutEvent(event)

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            node = self.node_at(QPointF(event.pos()))
            text = (self._card(node.symbol) if node.symbol else "") or self.text_of(node) if node is not None else ""
            if text:
                QToolTip.showText(event.globalPos(), text, self)
            else:
                QToolTip.hideText()
            return True
        return bool(super().event(event))
