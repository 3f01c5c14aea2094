"""How a labelled tree is shown and edited: the drawn tree, and chips that label the chosen node. Only the shell
imports this module."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QInputDialog, QVBoxLayout, QWidget

from workbench.api import LabelledTree, StoredRecord
from workbench.shell.sdk import EditorContext, LabelChips, LabelColours, Muted, TreeView

LAYER = "node"


class LabelledTreeEditor(QWidget):
    """Edits the labels of one tree; every change is one undoable edit through ``context.commit``.

    Arrows and clicks choose a node, 1 to 9 label it, 0 takes its label away, Enter goes on to the next tree. The
    dataset editor calls ``show_stored`` and ``set_labels``, listens to ``accepted`` and ``moved_on(step)``, and shows
    ``keys`` below.
    ``ask_label`` is asked for a new label's name; tests give their own.
    """

    accepted = Signal()
    moved_on = Signal(int)
    keys = "Arrows or a click choose a node · 1–9 label · 0 clear · Ctrl+wheel zooms · Enter next"

    def __init__(self, context: EditorContext, *, ask_label: Callable[[QWidget], str] | None = None) -> None:
        super().__init__()
        self._context = context
        self._ask_label = ask_label or _ask_label
        self._tree: LabelledTree | None = None
        self._known: tuple[str, ...] = tuple(label for label in context.labels.get(LAYER, ()) if label)
        self.chips = LabelChips(context.theme, LabelColours(self._known), noun="node")
        self.chips.chosen.connect(self.apply_label)
        self.chips.add_requested.connect(self._add_label)
        self.view = TreeView(context.theme)
        self.view.installEventFilter(self)
        self.view.node_chosen.connect(lambda _node: self._show_chosen())
        self.caption = Muted("")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        layout.addWidget(self.chips)
        layout.addWidget(self.view, 1)
        layout.addWidget(self.caption)
        self.setFocusProxy(self.view)
        self._refresh_chips()

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels in the order of their digits."""
        return self._known

    def set_labels(self, labels: Mapping[str, tuple[str, ...]], layers: Mapping[str, Mapping[str, Any]]) -> None:
        """The dataset knows other labels now."""
        found = [label for label in labels.get(LAYER, ()) if label]
        # labels that were added here and not yet given to a node stay
        self._known = tuple(found + [label for label in self._known if label not in found])
        self._refresh_chips()
        self._draw()

    def show_stored(self, stored: StoredRecord | None, *, keep_cursor: bool = False) -> None:
        record = stored.record if stored is not None else None
        self._tree = record if isinstance(record, LabelledTree) else None
        if not keep_cursor:
            self.view.clear()  # then the root of the next tree is chosen, even if it has the same shape
        self._draw()

    def _draw(self) -> None:
        tree = self._tree
        if tree is None:
            self.view.clear()
            self.caption.setText("")
            return
        self.view.show_tree(tree.names(), tree.parents, self._values(tree), tree.tags, "label", signed=True)
        self._show_chosen()

    def _values(self, tree: LabelledTree) -> list[float] | None:
        """Labels that are numbers colour the nodes, around the middle of those the dataset has."""
        numbers = [_number(tag) for tag in {*self._known, *tree.tags} if tag]
        if not numbers or any(number is None for number in numbers):
            return None
        known = [number for number in numbers if number is not None]
        middle = (min(known) + max(known)) / 2
        return [float("nan") if not tag else float(tag) - middle for tag in tree.tags]

    def _show_chosen(self) -> None:
        node = self.view.chosen
        tree = self._tree
        if tree is None or node < 0:
            self.caption.setText("")
            return
        label = tree.tags[node] or "no label"
        self.caption.setText(f"{tree.names()[node]} · {label} · node {node + 1} of {tree.size()}")

    def _refresh_chips(self) -> None:
        self.chips.set_labels(self._known)
        self.chips.set_enabled_for(not self._context.read_only)

    # -- edits --------------------------------------------------------------------------------------------------

    def apply_label(self, number: int) -> None:
        """Give the chosen node the ``number``-th label; 0 takes its label away."""
        tree, node = self._tree, self.view.chosen
        if tree is None or node < 0 or self._context.read_only or not 0 <= number <= len(self._known):
            return
        label = self._known[number - 1] if number else ""
        if label == tree.tags[node]:
            return
        self._tree = tree.with_tag(node, label)
        self._draw()
        name = tree.names()[node]
        self._context.commit(self._tree, f"Label “{name}” {label}" if label else f"Take the label off “{name}”")

    def _add_label(self) -> None:
        if self._context.read_only:
            return
        label = "".join(self._ask_label(self).split())
        if not label:
            return
        if label not in self._known:
            self._known = (*self._known, label)
            self._refresh_chips()
        self.apply_label(self._known.index(label) + 1)
        self.view.setFocus()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Digits label, Enter accepts, Page Up and Page Down go on; all other keys are the tree's own."""
        if watched is self.view and isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            plain = event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
            key = event.key()
            if plain != Qt.KeyboardModifier.NoModifier:
                return super().eventFilter(watched, event)
            if Qt.Key.Key_0 <= key <= Qt.Key.Key_9:
                self.apply_label(key - Qt.Key.Key_0)
            elif key in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace):
                self.apply_label(0)
            elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
                self.accepted.emit()
            elif key in (Qt.Key.Key_PageDown, Qt.Key.Key_PageUp):
                self.moved_on.emit(1 if key == Qt.Key.Key_PageDown else -1)
            else:
                return super().eventFilter(watched, event)
            return True
        return super().eventFilter(watched, event)


def _number(label: str) -> float | None:
    try:
        return float(label)
    except ValueError:
        return None


def _ask_label(parent: QWidget) -> str:
    text, accepted = QInputDialog.getText(parent, "Add a label", "Name of the label, without blanks:")
    return text if accepted else ""
