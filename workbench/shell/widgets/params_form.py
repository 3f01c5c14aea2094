"""A form derived from a ``Params`` class: one column, labels left, help for the focused field, Advanced folded away."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from PySide6.QtCore import QEvent, QObject, Signal
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from workbench.api import Params, ParamSpec, describe
from workbench.shell.widgets.buttons import Button
from workbench.shell.widgets.fields import Field, RowsField, make_field
from workbench.shell.widgets.labels import Muted, Text


class ParamsForm(QWidget):
    """Edits plain values of ``params_class``. ``changed`` fires after each valid change by the user."""

    changed = Signal()

    def __init__(
        self,
        params_class: type[Params],
        values: Mapping[str, Any] | None = None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.params_class = params_class
        self.specs: tuple[ParamSpec, ...] = describe(params_class)
        self._fields: dict[str, Field] = {}
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        self._help = Muted()
        self._help.setMinimumHeight(self._help.fontMetrics().lineSpacing() * 3)
        self._help.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
        basic = [spec for spec in self.specs if not spec.advanced]
        advanced = [spec for spec in self.specs if spec.advanced]
        layout.addLayout(self._grid(basic, self))
        self._advanced = QWidget(self)
        self._advanced.setLayout(self._grid(advanced, self._advanced))
        self._advanced.hide()
        self.advanced_button = Button("Advanced", on_click=self._toggle_advanced, tip="More options, rarely needed")
        self.advanced_button.setCheckable(True)
        self.advanced_button.setVisible(bool(advanced))
        layout.addWidget(self._help)
        row = QHBoxLayout()
        row.addWidget(self.advanced_button, 1)
        layout.addLayout(row)
        layout.addWidget(self._advanced)
        layout.addStretch(1)
        self.set_values(values or {})
        if self.specs:
            self._show_help(self.specs[0].name)

    def _grid(self, specs: list[ParamSpec], owner: QWidget) -> QGridLayout:
        grid = QGridLayout()
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(8)
        grid.setVerticalSpacing(6)
        grid.setColumnStretch(0, 1)
        grid.setColumnStretch(1, 1)
        row = 0
        for spec in specs:
            field = make_field(spec, owner)
            field.widget.setObjectName(f"field.{spec.name}")
            field.widget.setAccessibleName(spec.title)
            field.widget.setAccessibleDescription(help_text(spec))
            field.widget.setToolTip(help_text(spec))
            field.widget.setMinimumHeight(28)
            field.widget.installEventFilter(self)
            field.changed.connect(self._on_changed)
            label = Text(spec.title, owner)
            label.setMinimumWidth(60)
            label.setBuddy(field.widget)
            if isinstance(field, RowsField):  # as wide as the form, below its label
                field.editor.focused.connect(lambda name=spec.name: self._show_help(name))
                grid.addWidget(label, row, 0, 1, 2)
                grid.addWidget(field.widget, row + 1, 0, 1, 2)
            else:
                grid.addWidget(label, row, 0)
                grid.addWidget(field.widget, row, 1)
            row += 2
            self._fields[spec.name] = field
        return grid

    def values(self) -> dict[str, Any]:
        """Plain values of all options, of rows a list of dictionaries.

        A field that does not parse keeps its last valid value.
        """
        return {name: field.value() for name, field in self._fields.items()}

    def set_values(self, values: Mapping[str, Any]) -> None:
        """Show ``values`` (defaults for what is missing) without a ``changed``."""
        for spec in self.specs:
            field = self._fields[spec.name]
            blocked = field.blockSignals(True)
            field.set_value(values.get(spec.name, spec.default))
            field.blockSignals(blocked)

    def field(self, name: str) -> QWidget:
        return self._fields[name].widget

    def problems(self) -> dict[str, str]:
        """Option → what is wrong with what was typed."""
        return {name: field.problem for name, field in self._fields.items() if field.problem}

    def set_read_only(self, read_only: bool) -> None:
        for field in self._fields.values():
            field.widget.setEnabled(not read_only)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.FocusIn:
            self._show_help(watched.objectName().removeprefix("field."))
        return False

    def _show_help(self, name: str) -> None:
        spec = next((spec for spec in self.specs if spec.name == name), None)
        if spec is not None:
            problem = self._fields[name].problem
            self._help.setText(f"{spec.title}: {problem}" if problem else f"{spec.title}: {help_text(spec)}")

    def _on_changed(self) -> None:
        sender = self.sender()
        for name, field in self._fields.items():
            if field is sender:
                self._show_help(name)
        self.changed.emit()

    def _toggle_advanced(self) -> None:
        self._advanced.setVisible(self.advanced_button.isChecked())


def help_text(spec: ParamSpec) -> str:
    """What, when, typical, in one paragraph."""
    what = spec.what[:1].lower() + spec.what[1:] if spec.what[1:2].islower() else spec.what
    parts = [what, spec.when]
    if spec.typical:
        unit = f" {spec.unit}" if spec.unit and spec.unit not in spec.typical else ""
        parts.append(f"Typical: {spec.typical}{unit}.")
    text = " ".join(part for part in parts if part)
    for choice in spec.choices:  # written as the box writes them
        text = text.replace(choice, choice.replace("_", " "))
    return text
