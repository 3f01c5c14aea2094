"""Chips that carry a label and its digit; they wrap, and the last one adds a label."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QIcon, QPainter, QPixmap
from PySide6.QtWidgets import QSizePolicy, QToolButton, QWidget

from workbench.shell.tokens.labelling import LabelColours
from workbench.shell.widgets.flow import FlowLayout

if TYPE_CHECKING:
    from workbench.shell.theme import Theme


class LabelChips(QWidget):
    """One button for each label; ``chosen(number)`` is its digit's meaning: 0 clears, 1 is the first label."""

    chosen = Signal(int)
    add_requested = Signal()

    def __init__(
        self, theme: Theme, colours: LabelColours, parent: QWidget | None = None, *, noun: str = "tokens"
    ) -> None:
        super().__init__(parent)
        self._noun = noun
        self._theme = theme
        self._colours = colours
        self._labels: tuple[str, ...] = ()
        self._buttons: list[QToolButton] = []
        self._flow = FlowLayout(self)
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        theme.changed.connect(self._repaint_icons)

    @property
    def labels(self) -> tuple[str, ...]:
        return self._labels

    def set_labels(self, labels: Sequence[str], *, clear_text: str = "Clear", can_add: bool = True) -> None:
        """Rebuild the chips; ``clear_text`` is empty where a label cannot be taken away."""
        if tuple(labels) == self._labels and self._buttons:
            return
        self._labels = tuple(labels)
        while (item := self._flow.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        self._buttons = []
        for number, label in enumerate(self._labels, start=1):
            shown = f"{number}  {label}" if number <= 9 else label
            tip = f"Label the chosen {self._noun} {label}" + (f" (key {number})" if number <= 9 else "")
            self._add(shown, tip, number)
        if clear_text:
            self._add(f"0  {clear_text}", f"Take the label off the chosen {self._noun} (key 0)", 0)
        if can_add:
            button = self._add("Add label…", f"Add a label of your own and give it to the chosen {self._noun}", -1)
            button.clicked.disconnect()
            button.clicked.connect(self.add_requested)
        self._repaint_icons()
        self.updateGeometry()

    def _add(self, text: str, tip: str, number: int) -> QToolButton:
        button = QToolButton(self)
        button.setText(text)
        button.setToolTip(tip)
        button.setAccessibleName(tip)
        button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        button.setMinimumHeight(28)
        button.setProperty("number", number)
        button.clicked.connect(lambda: self.chosen.emit(number))
        self._flow.addWidget(button)
        self._buttons.append(button)
        return button

    def set_enabled_for(self, enabled: bool) -> None:
        for button in self._buttons:
            button.setEnabled(enabled)

    def _repaint_icons(self) -> None:
        for button in self._buttons:
            number = button.property("number")
            if number >= 1:
                button.setIcon(dot_icon(self._theme, self._colours.index(self._labels[number - 1])))


def dot_icon(theme: Theme, index: int) -> QIcon:
    """A dot of a series colour; the text beside it says the same."""
    pixmap = QPixmap(24, 24)
    pixmap.setDevicePixelRatio(2.0)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(theme.series(index))
    painter.drawEllipse(2, 2, 8, 8)
    painter.end()
    return QIcon(pixmap)
