"""How the records are divided, as one bar with counts, and the dialog that divides them anew."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QRectF, QSize
from PySide6.QtGui import QFontMetricsF, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QLabel,
    QSizePolicy,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from workbench.shell.widgets import Muted, Text

if TYPE_CHECKING:
    from workbench.shell.theme import Theme

_SERIES = {"train": 0, "validation": 1, "test": 2}
METHODS = {
    "random": "At random, by seed",
    "document": "By document: a text stays on one side",
    "imported": "As the files were imported",
}


class SplitBar(QWidget):
    """A bar with one stretch for each split, and the counts in words below it."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._counts: dict[str, int] = {}
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Splits")
        theme.changed.connect(self.update)

    def show_counts(self, counts: Mapping[str, int]) -> None:
        self._counts = {name: count for name, count in counts.items() if count}
        self.setToolTip(self.summary())
        self.setAccessibleDescription(self.summary())
        self.update()

    def summary(self) -> str:
        return " · ".join(f"{name or 'no split'} {count:,}" for name, count in self._counts.items())

    def sizeHint(self) -> QSize:
        return QSize(260, int(QFontMetricsF(self.font()).height()) + 18)

    def minimumSizeHint(self) -> QSize:
        return QSize(180, self.sizeHint().height())

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        metrics = QFontMetricsF(self.font())
        total = sum(self._counts.values()) or 1
        x, width = 0.0, float(self.width())
        text_x = 0.0
        for name, count in self._counts.items():
            colour = self._theme.series(_SERIES[name]) if name in _SERIES else self._theme.color("muted")
            share = width * count / total
            painter.setBrush(colour)
            painter.setPen(QPen(self._theme.color("surface"), 1.5))
            painter.drawRoundedRect(QRectF(x, 2, max(3.0, share), 9), 3, 3)
            painter.setPen(QPen(colour, 0))
            painter.drawRoundedRect(QRectF(text_x, 17 + metrics.height() / 2 - 4, 8, 8), 2, 2)
            words = f"{name or 'no split'} {count:,}"
            painter.setPen(self._theme.color("text"))
            painter.drawText(QRectF(text_x + 12, 15, width, metrics.height() + 2), words)
            text_x += metrics.horizontalAdvance(words) + 28
            x += share
        painter.end()


@dataclass(frozen=True, slots=True)
class Division:
    """What :meth:`DivideDialog.ask` answers."""

    method: str
    fractions: tuple[float, float, float]
    seed: int


class DivideDialog(QDialog):
    """How to divide a dataset into train, validation and test."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Divide into splits")
        self.method = QComboBox()
        self.method.setAccessibleName("How to divide")
        for name, title in METHODS.items():
            self.method.addItem(title, name)
        self.shares = [QSpinBox() for _ in range(3)]
        for box, name, share in zip(self.shares, ("Train", "Validation", "Test"), (80, 10, 10), strict=True):
            box.setRange(0, 100)
            box.setSuffix(" %")
            box.setValue(share)
            box.setAccessibleName(f"Share of {name.lower()}")
            box.valueChanged.connect(self._check)
        self.seed = QSpinBox()
        self.seed.setRange(0, 2**31 - 1)
        self.seed.setValue(7)
        self.seed.setAccessibleName("Seed")
        self.problem = QLabel()
        form = QFormLayout()
        form.addRow("How", self.method)
        for box, name in zip(self.shares, ("Train", "Validation", "Test"), strict=True):
            form.addRow(name, box)
        form.addRow("Seed", self.seed)
        self.buttons = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel
        )
        self.buttons.button(QDialogButtonBox.StandardButton.Ok).setText("Divide")
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.addWidget(Text("Every record gets a new split. Undo brings the present ones back."))
        layout.addLayout(form)
        layout.addWidget(Muted("The same seed gives the same splits again."))
        layout.addWidget(self.problem)
        layout.addWidget(self.buttons)
        self.method.currentIndexChanged.connect(self._check)
        self._check()

    def _check(self) -> None:
        imported = self.method.currentData() == "imported"
        for box in (*self.shares, self.seed):
            box.setEnabled(not imported)
        total = sum(box.value() for box in self.shares)
        right = imported or (0 < total <= 100)
        left = 100 - total
        self.problem.setText(
            "" if right and not left else f"{left} % are in no split." if right else "The shares exceed 100 %."
        )
        self.buttons.button(QDialogButtonBox.StandardButton.Ok).setEnabled(right)

    def division(self) -> Division:
        train, validation, test = (box.value() / 100 for box in self.shares)
        return Division(str(self.method.currentData()), (train, validation, test), self.seed.value())

    @classmethod
    def ask(cls, parent: QWidget) -> Division | None:
        dialog = cls(parent)
        accepted = dialog.exec() == QDialog.DialogCode.Accepted
        answer = dialog.division() if accepted else None
        dialog.deleteLater()
        return answer
