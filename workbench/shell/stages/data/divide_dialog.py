"""The dialog that divides a dataset anew: by records, or every record in time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QDoubleSpinBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from workbench.api import Record, Series, TimeCut, WorkbenchError
from workbench.shell.widgets import Muted, Text

METHODS = {
    "random": "At random, by seed",
    "document": "By document: a text stays on one side",
    "imported": "As the files were imported",
}
IN_TIME = "In time: learned from the past"
_NAMES = ("Train", "Validation", "Test")
_RECORDS_TEXT = "Every record gets a new split. Undo brings the present ones back."
_RECORDS_NOTE = "The same seed gives the same splits again."
_TIME_TEXT = "Every record is cut at two moments: learned from the past, chosen and judged on what came after it."
_TIME_NOTE = "These are options of the task (validation, test), which the Model stage shows; records stay as they are."


@dataclass(frozen=True, slots=True)
class TimeChoice:
    """What a cut in time needs: how the task cuts, a ``record`` to show it on, its ``options`` now."""

    cut: TimeCut
    record: Record
    options: Mapping[str, Any]
    count: int
    """Records in the dataset."""


@dataclass(frozen=True, slots=True)
class Division:
    """What :meth:`DivideDialog.ask` answers.

    ``fractions`` are shares of train, validation and test; with the method "time" those of validation and test may be
    1 or more: steps.
    """

    method: str
    fractions: tuple[float, float, float]
    seed: int


class DivideDialog(QDialog):
    """How to divide a dataset into train, validation and test."""

    def __init__(self, parent: QWidget | None = None, time: TimeChoice | None = None) -> None:
        super().__init__(parent)
        self.time = time
        self.setWindowTitle("Divide into splits")
        self.method = QComboBox()
        self.method.setAccessibleName("How to divide")
        if time is not None:
            self.method.addItem(IN_TIME, "time")
        if time is None or time.count > 1:
            for name, title in METHODS.items():
                self.method.addItem(title, name)
        self.text = Text(_RECORDS_TEXT)
        self.shares = [QSpinBox() for _ in _NAMES]
        for box, name, share in zip(self.shares, _NAMES, (80, 10, 10), strict=True):
            box.setRange(0, 100)
            box.setSuffix(" %")
            box.setValue(share)
            box.setAccessibleName(f"Share of {name.lower()}")
            box.valueChanged.connect(self._check)
        self.seed = QSpinBox()
        self.seed.setRange(0, 2**31 - 1)
        self.seed.setValue(7)
        self.seed.setAccessibleName("Seed")
        self.lengths = [QDoubleSpinBox() for _ in _NAMES[1:]]
        self.unit = QComboBox()
        self.unit.setAccessibleName("Length of a part in")
        self.unit.addItem("steps", "steps")
        self.unit.addItem("% of each record", "%")
        self.problem = QLabel()
        self.problem.setWordWrap(True)
        self.note = Muted(_RECORDS_NOTE)
        self.form = QFormLayout()
        self.form.addRow("How", self.method)
        for box, name in zip(self.shares, _NAMES, strict=True):
            self.form.addRow(name, box)
        self.form.addRow("Seed", self.seed)
        for length, name in zip(self.lengths, _NAMES[1:], strict=True):
            length.setAccessibleName(f"Length of {name.lower()}")
            self.form.addRow(name, length)
            length.valueChanged.connect(self._check)
        units = QHBoxLayout()
        units.addWidget(self.unit)
        units.addStretch(1)
        self._units = QWidget()
        units.setContentsMargins(0, 0, 0, 0)
        self._units.setLayout(units)
        self.form.addRow("Counted in", self._units)
        self.buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel)
        self.buttons.button(QDialogButtonBox.StandardButton.Ok).setText("Divide")
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.addWidget(self.text)
        layout.addLayout(self.form)
        layout.addWidget(self.note)
        layout.addWidget(self.problem)
        layout.addWidget(self.buttons)
        if time is not None:
            self._show_present(time)
        self.unit.currentIndexChanged.connect(self._change_unit)
        self.method.currentIndexChanged.connect(self._check)
        self._check()

    # -- a cut in time ----------------------------------------------------------------------------------------------

    def _show_present(self, time: TimeChoice) -> None:
        """Begin with the parts as they are: steps of a single record, shares of several."""
        self.unit.setCurrentIndex(0 if time.count == 1 else 1)
        self._dress_lengths()
        try:
            usual = {} if time.cut.cuts(time.options) else time.cut.cut(0.15, 0.15)
            steps = time.cut.steps(time.record, {**time.options, **usual})
        except WorkbenchError:
            steps = {}  # an option names a date that is none: begin with the usual shares
        size = max(1, time.record.size())
        for box, name in zip(self.lengths, ("validation", "test"), strict=True):
            part = steps.get(name, round(0.15 * size))
            box.setValue(part if self.in_steps else 100.0 * part / size)

    @property
    def in_steps(self) -> bool:
        return self.unit.currentData() == "steps"

    def _dress_lengths(self) -> None:
        size = self.time.record.size() if self.time is not None else 0
        for box in self.lengths:
            box.setDecimals(0 if self.in_steps else 1)
            box.setRange(0, size if self.in_steps else 99.0)
            box.setSuffix(" steps" if self.in_steps else " %")

    def _change_unit(self) -> None:
        """The same parts of the record shown, counted in the other unit."""
        if self.time is None:
            return
        size = max(1, self.time.record.size())
        values = [box.value() / (100.0 if self.in_steps else size) for box in self.lengths]  # shares
        self._dress_lengths()
        for box, share in zip(self.lengths, values, strict=True):
            box.setValue(round(share * size) if self.in_steps else 100.0 * share)
        self._check()

    def _lengths(self) -> tuple[float, float]:
        """What :meth:`TimeCut.cut` is told: steps, or shares below 1."""
        validation, test = (box.value() for box in self.lengths)
        return (validation, test) if self.in_steps else (round(validation / 100, 6), round(test / 100, 6))

    def _preview(self) -> tuple[str, bool]:
        """What the cut does to the record shown, and whether anything is left to learn from."""
        assert self.time is not None
        time, record = self.time, self.time.record
        steps = time.cut.steps(record, {**time.options, **time.cut.cut(*self._lengths())})
        train, validation, test = (steps.get(name.lower(), 0) for name in _NAMES)
        if train <= 0:
            return "Nothing is left to learn from: shorten validation or test.", False
        parts = [f"training {train:,} steps"]
        at = train
        for name, count in (("validation", validation), ("test", test)):
            parts.append(f"{name} {count:,}{self._begin(record, at) if count else ''}")
            at += count
        whose = f"The first of {time.count:,} records: " if time.count > 1 else ""
        return f"{whose}{', '.join(parts)}.", True

    @staticmethod
    def _begin(record: Record, step: int) -> str:
        """Where a part begins, if the record has dates."""
        if not isinstance(record, Series) or record.clock == "none" or step >= record.size():
            return ""
        from workbench.shell.plots.time_axis import time_text

        return f" from {time_text(int(record.times()[step]), record.clock)}"

    # -- both -------------------------------------------------------------------------------------------------------

    def _check(self) -> None:
        method = str(self.method.currentData())
        in_time, imported = method == "time", method == "imported"
        for box in (*self.shares, self.seed):
            self.form.setRowVisible(box, not in_time)
            box.setEnabled(not imported)
        for widget in (*self.lengths, self._units):
            self.form.setRowVisible(widget, in_time)
        self.text.setText(_TIME_TEXT if in_time else _RECORDS_TEXT)
        self.note.setText(_TIME_NOTE if in_time else _RECORDS_NOTE)
        if in_time:
            words, right = self._preview()
        else:
            total = sum(box.value() for box in self.shares)
            right, left = imported or (0 < total <= 100), 100 - total
            words = "" if right and not left else f"{left} % are in no split." if right else "The shares exceed 100 %."
        self.problem.setText(words)
        self.buttons.button(QDialogButtonBox.StandardButton.Ok).setEnabled(right)
        self.adjustSize()

    def division(self) -> Division:
        method = str(self.method.currentData())
        if method == "time":
            validation, test = self._lengths()
            return Division(method, (0.0, validation, test), self.seed.value())
        train, validation, test = (box.value() / 100 for box in self.shares)
        return Division(method, (train, validation, test), self.seed.value())

    @classmethod
    def ask(cls, parent: QWidget, time: TimeChoice | None = None) -> Division | None:
        dialog = cls(parent, time)
        accepted = dialog.exec() == QDialog.DialogCode.Accepted
        answer = dialog.division() if accepted else None
        dialog.deleteLater()
        return answer
