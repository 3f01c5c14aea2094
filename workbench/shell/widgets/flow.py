"""A layout that wraps its widgets like words, used for cards and chips."""

from __future__ import annotations

from PySide6.QtCore import QMargins, QPoint, QRect, QSize, Qt
from PySide6.QtWidgets import QLayout, QLayoutItem, QWidget


class FlowLayout(QLayout):
    """Left to right, then the next line. With ``stretch``, the widgets of a line share its whole width evenly."""

    def __init__(self, parent: QWidget | None = None, *, spacing: int = 8, stretch: bool = False) -> None:
        super().__init__(parent)
        self._items: list[QLayoutItem] = []
        self._stretch = stretch
        self.setSpacing(spacing)
        self.setContentsMargins(QMargins(0, 0, 0, 0))

    def addItem(self, item: QLayoutItem) -> None:
        self._items.append(item)

    def count(self) -> int:
        return len(self._items)

    def itemAt(self, index: int) -> QLayoutItem | None:
        return self._items[index] if 0 <= index < len(self._items) else None

    def takeAt(self, index: int) -> QLayoutItem | None:
        return self._items.pop(index) if 0 <= index < len(self._items) else None

    def expandingDirections(self) -> Qt.Orientation:
        return Qt.Orientation(0)

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        return self._arrange(QRect(0, 0, width, 0), move=False)

    def setGeometry(self, rect: QRect) -> None:
        super().setGeometry(rect)
        self._arrange(rect, move=True)

    def sizeHint(self) -> QSize:
        return self.minimumSize()

    def minimumSize(self) -> QSize:
        size = QSize()
        for item in self._items:
            size = size.expandedTo(item.minimumSize())
        return size

    def _arrange(self, rect: QRect, *, move: bool) -> int:
        items = [item for item in self._items if item.widget() is None or not item.widget().isHidden()]
        y, spacing = rect.y(), self.spacing()
        line: list[QLayoutItem] = []
        used = 0

        def place() -> int:
            extra = max(0, rect.width() - used) // len(line) if self._stretch and len(line) > 1 else 0
            widths = [item.sizeHint().width() + extra for item in line]
            height = max(_height(item, width) for item, width in zip(line, widths, strict=True))
            x = rect.x()
            for item, width in zip(line, widths, strict=True):
                if move:
                    size = QSize(min(width, rect.width()), height)
                    item.setGeometry(QRect(QPoint(x, y), size))
                x += width + spacing
            return height

        for item in items:
            width = item.sizeHint().width()
            if line and used + spacing + width > rect.width():
                y += place() + spacing
                line, used = [], 0
            used += width + (spacing if line else 0)
            line.append(item)
        if line:
            y += place()
        return y - rect.y()


def _height(item: QLayoutItem, width: int) -> int:
    return item.heightForWidth(width) if item.hasHeightForWidth() else item.sizeHint().height()
