"""A list of like things with options of their own (the layers of a stack): added, copied, moved, edited in place."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from workbench.api import ParamSpec, WorkbenchError, describe, validate
from workbench.shell.widgets.buttons import Button
from workbench.shell.widgets.glyph_button import GlyphButton
from workbench.shell.widgets.labels import Text
from workbench.shell.widgets.row_header import RowFrame, RowHeader

if TYPE_CHECKING:
    from workbench.shell.widgets.params_form import ParamsForm


class Row(RowFrame):
    """One of them: its header with buttons and, while it is open, its form. ``values`` are complete."""

    def __init__(self, editor: RowsEditor, values: Mapping[str, Any]) -> None:
        super().__init__(editor)
        self._editor = editor
        self.values: dict[str, Any] = dict(values)
        self.form: ParamsForm | None = None
        column = QVBoxLayout(self)
        column.setContentsMargins(4, 4, 4, 4)
        column.setSpacing(4)
        line = QHBoxLayout()
        line.setSpacing(0)
        self.header = RowHeader(self)
        self.header.toggled.connect(self._open)
        self.header.asked.connect(lambda what: editor.act(self, what))
        self.header.focused.connect(editor.focused)
        line.addWidget(self.header, 1)
        self.up = GlyphButton("up", "Move up", self, on_click=lambda: editor.act(self, "up"))
        self.down = GlyphButton("down", "Move down", self, on_click=lambda: editor.act(self, "down"))
        self.copy = GlyphButton("copy", "Duplicate", self, on_click=lambda: editor.act(self, "copy"))
        self.cross = GlyphButton("cross", "Remove", self, on_click=lambda: editor.act(self, "remove"))
        self.buttons = (self.up, self.down, self.copy, self.cross)
        for button in self.buttons:
            line.addWidget(button)
        column.addLayout(line)
        self.message = Text("", self, role=QPalette.ColorRole.BrightText)
        self.message.setContentsMargins(8, 0, 4, 0)
        self.message.hide()
        column.addWidget(self.message)
        self._holder = QWidget(self)
        holder = QVBoxLayout(self._holder)
        holder.setContentsMargins(8, 0, 4, 4)
        self._holder.hide()
        column.addWidget(self._holder)

    def set_values(self, values: Mapping[str, Any]) -> None:
        self.values = dict(values)
        if self.form is not None:
            self.form.set_values(self.values)
        self.check()

    def check(self) -> str:
        """What is wrong with it, shown under its header; "" where nothing is."""
        problem = ""
        if self.form is not None and (wrong := self.form.problems()):
            name, said = next(iter(wrong.items()))
            problem = f"{next(spec.title for spec in self.form.specs if spec.name == name)}: {said}"
        else:
            try:
                validate(self._editor.row_class, self.values)
            except WorkbenchError as error:
                problem = error.what
        self.message.setText(problem)
        self.message.setVisible(bool(problem))
        self.set_problem(bool(problem))
        return problem

    def _open(self, opened: bool) -> None:
        if opened and self.form is None:
            from workbench.shell.widgets.params_form import ParamsForm  # which makes fields, this one among them

            self.form = ParamsForm(self._editor.row_class, self.values, self)
            self.form.changed.connect(self._edited)
            self._holder.layout().addWidget(self.form)
            self._editor.chain_tabs()
        self._holder.setVisible(opened)

    def _edited(self) -> None:
        assert self.form is not None
        self.values = self.form.values()
        self._editor.row_edited()


class RowsEditor(QWidget):
    """Edits the values of a ``spec`` of kind "rows". ``changed`` fires after each change by the user.

    On a header: Space opens and closes, Up and Down go to the next one, Alt+Up and Alt+Down move the row, Ctrl+D
    copies it, Delete removes it.
    """

    changed = Signal()
    focused = Signal()

    def __init__(self, spec: ParamSpec, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        assert spec.row is not None
        self.spec = spec
        self.row_class = spec.row
        self.specs = describe(spec.row)
        self.noun = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", spec.row.__name__.removesuffix("Params")).capitalize() or "Row"
        self.least, self.most = int(spec.minimum or 0), int(spec.maximum or 1000)
        self.rows: list[Row] = []
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        self._list = QVBoxLayout()
        self._list.setSpacing(6)
        column.addLayout(self._list)
        line = QHBoxLayout()
        self.add_button = Button(f"Add {self.noun.lower()}", self, on_click=self.add)
        line.addWidget(self.add_button)
        line.addStretch(1)
        column.addLayout(line)
        self.set_values(spec.default or ())

    # -- values -------------------------------------------------------------------------------------------------

    def values(self) -> list[dict[str, Any]]:
        """The plain values of every row, first to last."""
        return [dict(row.values) for row in self.rows]

    def set_values(self, rows: Sequence[Any]) -> None:
        """Show ``rows``, with defaults for what they leave out, without a ``changed``; open ones stay open."""
        wanted = [self._complete(row) for row in rows]
        if wanted == self.values() and not self.problem():
            return  # what is shown already keeps its focus and its place
        while len(self.rows) > len(wanted):
            self._take(self.rows[-1])
        for row, values in zip(self.rows, wanted, strict=False):
            row.set_values(values)
        for values in wanted[len(self.rows) :]:
            self._insert(len(self.rows), values)
        self._renumber()

    def problem(self) -> str:
        """The first thing that is wrong, with the number of its row."""
        for number, row in enumerate(self.rows, start=1):
            if said := row.check():
                return f"{self.noun} {number}: {said}"
        return ""

    def _complete(self, values: Any) -> dict[str, Any]:
        given = values if isinstance(values, Mapping) else values.model_dump(mode="json")
        return {spec.name: given.get(spec.name, spec.default) for spec in self.specs}

    # -- what the user does -------------------------------------------------------------------------------------

    def add(self) -> None:
        """A new row at the end, open, with the keyboard in it."""
        if len(self.rows) < self.most:
            row = self._insert(len(self.rows), self._complete({}))
            row.header.setChecked(True)
            self._done(row)

    def act(self, row: Row, what: str) -> None:
        """Move a row "up" or "down", "copy" or "remove" it, or go to the header "before" or "after" it."""
        at = self.rows.index(row)
        if what in ("before", "after"):
            near = at + (1 if what == "after" else -1)
            if 0 <= near < len(self.rows):
                self.rows[near].header.setFocus(Qt.FocusReason.TabFocusReason)
        elif what in ("up", "down"):
            to = at + (1 if what == "down" else -1)
            if 0 <= to < len(self.rows):
                self.rows.insert(to, self.rows.pop(at))
                self._list.removeWidget(row)
                self._list.insertWidget(to, row)
                self._done(row if row.header.hasFocus() else None)
        elif what == "copy" and len(self.rows) < self.most:
            self._done(self._insert(at + 1, row.values))
        elif what == "remove" and len(self.rows) > self.least:
            self._take(row)
            self._done(self.rows[min(at, len(self.rows) - 1)] if self.rows else None)
            if not self.rows:
                self.add_button.setFocus(Qt.FocusReason.OtherFocusReason)

    def row_edited(self) -> None:
        self._renumber()
        self.changed.emit()

    def _done(self, focus: Row | None) -> None:
        if focus is not None:
            focus.header.setFocus(Qt.FocusReason.OtherFocusReason)
        self._renumber()
        self.chain_tabs()
        self.changed.emit()

    # -- rows ---------------------------------------------------------------------------------------------------

    def _insert(self, at: int, values: Mapping[str, Any]) -> Row:
        row = Row(self, values)
        self.rows.insert(at, row)
        self._list.insertWidget(at, row)
        return row

    def _take(self, row: Row) -> None:
        self.rows.remove(row)
        self._list.removeWidget(row)
        row.hide()
        row.deleteLater()

    def _renumber(self) -> None:
        count = len(self.rows)
        for number, row in enumerate(self.rows, start=1):
            row.check()
            name = f"{self.noun} {number}"
            row.header.set_text(name, summary(self.specs, row.values), f"{name} of {count}")
            row.up.set_name(f"Move {name.lower()} up", "" if number > 1 else "It is the first already")
            row.down.set_name(f"Move {name.lower()} down", "" if number < count else "It is the last already")
            full = "" if count < self.most else f"There may be {self.most} at most"
            row.copy.set_name(f"Duplicate {name.lower()}", full)
            row.cross.set_name(
                f"Remove {name.lower()}", "" if count > self.least else f"At least {self.least} must be left"
            )
            for button, able in zip(
                row.buttons, (number > 1, number < count, count < self.most, count > self.least), strict=True
            ):
                if not able and button.hasFocus():
                    row.header.setFocus(Qt.FocusReason.OtherFocusReason)  # not lost to wherever Qt would put it
                button.setEnabled(able)
        self.add_button.setEnabled(count < self.most)
        self.add_button.setToolTip("" if count < self.most else f"There may be {self.most} at most")

    def chain_tabs(self) -> None:
        """Tab goes through the rows as they stand, whatever the order in which they were made."""
        stops = [
            widget
            for row in self.rows
            for widget in row.findChildren(QWidget)
            if widget.focusPolicy() & Qt.FocusPolicy.TabFocus
            and widget.window() is self.window()  # not the list that a combo box drops down
            and not widget.objectName().startswith("qt_")
        ]
        for before, after in pairwise([*stops, self.add_button]):
            QWidget.setTabOrder(before, after)


def summary(specs: Sequence[ParamSpec], values: Mapping[str, Any]) -> str:
    """A row in a line: its first two options, and what is not as it is by default."""
    return ", ".join(
        _words(spec, values[spec.name])
        for place, spec in enumerate(specs)
        if place < 2 or values[spec.name] != spec.default
    )


def _words(spec: ParamSpec, value: Any) -> str:
    title = spec.title.lower()
    if spec.kind == "bool":
        return title if value else f"no {title}"
    if spec.kind == "choice":
        return str(value).replace("_", " ")
    shown = f"{value:g}" if isinstance(value, float) else str(value)
    return f"{shown} {spec.unit}" if spec.unit == "units" else f"{title} {shown}"
