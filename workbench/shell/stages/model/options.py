"""The options of the chosen architecture: presets as buttons, each with its note, and the form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from workbench.api import Architecture, Preset, validate
from workbench.shell.widgets import Button, Card, FlowLayout, Muted, ParamsForm


class OptionsCard(Card):
    """``changed`` carries the new values; a form with a problem keeps them to itself."""

    changed = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Options", parent)
        self.architecture: Architecture | None = None
        self.form: ParamsForm | None = None
        self.buttons: dict[str, Button] = {}
        self.preset_row = QWidget()
        self._presets = FlowLayout(self.preset_row, spacing=6)
        policy = self.preset_row.sizePolicy()
        policy.setHeightForWidth(True)
        self.preset_row.setSizePolicy(policy)
        self.body.addWidget(self.preset_row)
        self.preset_note = Muted("")
        self.body.addWidget(self.preset_note)
        self._holder = QVBoxLayout()
        self.body.addLayout(self._holder)

    def show_architecture(self, architecture: Architecture | None, values: Mapping[str, Any]) -> None:
        """Another form where the architecture is another one; else only other values."""
        self.setVisible(architecture is not None)
        if architecture is not self.architecture:
            self._rebuild(architecture, values)
        elif self.form is not None and {**self.form.values(), **values} != self.form.values():
            self.form.set_values(dict(values))
        self._mark_preset(values)

    def _rebuild(self, architecture: Architecture | None, values: Mapping[str, Any]) -> None:
        self.architecture = architecture
        if self.form is not None:
            self._holder.removeWidget(self.form)
            self.form.hide()
            self.form.deleteLater()
            self.form = None
        self.buttons.clear()
        while self._presets.count():
            item = self._presets.takeAt(0)
            if item is not None and item.widget() is not None:
                item.widget().hide()
                item.widget().deleteLater()
        if architecture is None:
            return
        self.set_title(f"Options of {architecture.title}")
        for preset in architecture.presets:
            tip = preset.note or f"Use the values of “{preset.title}”"
            button = Button(preset.title.replace("&", "&&"), tip=tip)
            button.setAccessibleName(preset.title)
            button.setAccessibleDescription(preset.note)
            button.setCheckable(True)
            button.clicked.connect(lambda _on=False, preset=preset: self._use(preset))
            self._presets.addWidget(button)
            self.buttons[preset.title] = button
        self.preset_row.setVisible(bool(architecture.presets))
        self.form = ParamsForm(architecture.params, dict(values))
        self.form.changed.connect(self._store)
        self._holder.addWidget(self.form)

    def _use(self, preset: Preset) -> None:
        """A preset is a whole: what it does not name goes back to its default."""
        assert self.architecture is not None
        defaults = self.architecture.params().model_dump(mode="json")
        self.changed.emit({**defaults, **dict(preset.values)})

    def _mark_preset(self, values: Mapping[str, Any]) -> None:
        """The preset whose values these are is marked, and its note shown."""
        note = ""
        if self.architecture is not None and self.form is not None:
            present = {**values, **self.form.values()}  # the form's rows are complete
            for preset in self.architecture.presets:
                wanted = validate(self.architecture.params, dict(preset.values)).model_dump(mode="json")
                same = all(_plain(present.get(name)) == _plain(value) for name, value in wanted.items())
                button = self.buttons.get(preset.title)
                if button is not None:
                    button.setChecked(same)
                if same:
                    note = f"{preset.title}: {preset.note}" if preset.note else ""
        self.preset_note.setText(note)
        self.preset_note.setVisible(bool(note))

    def _store(self) -> None:
        if self.form is not None and not self.form.problems():
            self.changed.emit(self.form.values())


def _plain(value: Any) -> Any:
    """Lists and tuples are the same here, and so are rows and their values."""
    if isinstance(value, list | tuple):
        return tuple(_plain(one) for one in value)
    if isinstance(value, Mapping):
        return {name: _plain(one) for name, one in value.items()}
    if hasattr(value, "model_dump"):
        return _plain(value.model_dump(mode="json"))
    return value
