"""The unrolled network in a frame that scrolls sideways, with a line that says what is chosen and what it shows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QVBoxLayout, QWidget

from workbench.shell.plots.tree_view import TreeView
from workbench.shell.plots.unrolled import UnrolledView
from workbench.shell.plots.unrolling import Unrolled
from workbench.shell.theme import Theme
from workbench.shell.widgets import Muted, ScrollColumn


class UnrolledPage(QWidget):
    """``show_unrolled`` with a sentence on where input and values are from; the chosen step stays in view."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.view = UnrolledView(theme)
        self.view.step_chosen.connect(self._follow)
        self.scroller = ScrollColumn(self.view)
        self.scroller.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAsNeeded)
        self.tree = TreeView(theme)
        self.tree.node_chosen.connect(lambda _node: self._describe_node())
        self.origin = Muted("")
        self.line = Muted("")
        self.line.setAlignment(Qt.AlignmentFlag.AlignTop)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        layout.addWidget(self.origin)
        layout.addWidget(self.scroller, 1)
        layout.addWidget(self.tree, 1)
        layout.addWidget(self.line)
        self.show_unrolled(None, "")

    def show_unrolled(self, unrolled: Unrolled | None, origin: str) -> None:
        """None shows the sentence alone."""
        self.origin.setText(origin)
        self.origin.setVisible(bool(origin))
        self.view.show_unrolled(unrolled)
        self.scroller.setVisible(unrolled is not None)
        self.tree.hide()
        self.line.setVisible(unrolled is not None)
        self.line.setText(self.view.summary())

    def show_tree(
        self,
        steps: Sequence[str],
        parents: Sequence[int] | NDArray[np.int64],
        origin: str,
        *,
        values: NDArray[np.float64] | None = None,
        labels: Sequence[str] = (),
        caption: str = "",
    ) -> None:
        """A network over trees is not unrolled in time but along the tree itself: from the leaves to the root."""
        self.show_unrolled(None, origin)
        self.tree.show()
        self.line.show()
        self.tree.show_tree(steps, parents, values, labels, caption)
        self._describe_node()

    def _describe_node(self) -> None:
        self.line.setText(self.tree.accessibleDescription())

    def _follow(self, side: int, step: int) -> None:
        self.line.setText(self.view.summary())
        if self.view.by_mouse:
            return  # what moves under the mouse is hard to point at
        column = self.view.column(side, step)
        bar = self.scroller.horizontalScrollBar()
        left, right = bar.value(), bar.value() + self.scroller.viewport().width()
        if column.left() < left:
            bar.setValue(int(column.left()) - 8)
        elif column.right() > right:
            bar.setValue(int(column.right()) - self.scroller.viewport().width() + 8)
