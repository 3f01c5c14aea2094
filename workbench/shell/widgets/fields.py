"""One field for each kind of option; all speak the same small language."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QEvent, QLocale, QObject, Qt, Signal
from PySide6.QtWidgets import QAbstractSpinBox, QCheckBox, QComboBox, QDoubleSpinBox, QLineEdit, QSpinBox, QWidget

from workbench.api import ParamSpec
from workbench.shell.widgets.rows_editor import RowsEditor

_INT_LIMIT = 2**31 - 1


class Field(QObject):
    """Value in, value out, ``changed`` in between; ``problem`` says what is wrong with the text typed."""

    changed = Signal()
    widget: QWidget
    problem: str = ""

    def value(self) -> Any:
        raise NotImplementedError

    def set_value(self, value: Any) -> None:
        raise NotImplementedError


class _CalmWheel(QObject):
    """The wheel scrolls the page; only a focused field may change its value by it."""

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Wheel and isinstance(watched, QWidget) and not watched.hasFocus():
            event.ignore()
            return True
        return False


class TrimmedSpinBox(QDoubleSpinBox):
    """Shows 0.5, not 0.5000."""

    def textFromValue(self, value: float) -> str:
        return f"{value:.4f}".rstrip("0").rstrip(".") or "0"


class BoolField(Field):
    def __init__(self, spec: ParamSpec, parent: QWidget) -> None:
        super().__init__(parent)
        box = QCheckBox(parent)
        self.widget = self._box = box
        box.toggled.connect(lambda _on: self.changed.emit())

    def value(self) -> bool:
        return self._box.isChecked()

    def set_value(self, value: Any) -> None:
        self._box.setChecked(bool(value))


class IntField(Field):
    def __init__(self, spec: ParamSpec, parent: QWidget) -> None:
        super().__init__(parent)
        box = QSpinBox(parent)
        self.widget = self._box = box
        low = spec.minimum if spec.minimum is not None else -_INT_LIMIT
        high = spec.maximum if spec.maximum is not None else _INT_LIMIT
        box.setRange(
            max(-_INT_LIMIT, int(low) + spec.exclusive_minimum), min(_INT_LIMIT, int(high) - spec.exclusive_maximum)
        )
        box.setStepType(QAbstractSpinBox.StepType.AdaptiveDecimalStepType)
        box.setKeyboardTracking(False)
        box.valueChanged.connect(lambda _value: self.changed.emit())

    def value(self) -> int:
        return self._box.value()

    def set_value(self, value: Any) -> None:
        self._box.setValue(int(value or 0))


class ShareField(Field):
    """A number between 0 and 1."""

    def __init__(self, spec: ParamSpec, parent: QWidget) -> None:
        super().__init__(parent)
        box = TrimmedSpinBox(parent)
        self.widget = self._box = box
        box.setLocale(QLocale.c())
        box.setDecimals(4)
        box.setRange(
            (spec.minimum or 0.0) + (1e-4 if spec.exclusive_minimum else 0.0),
            (spec.maximum or 1.0) - (1e-4 if spec.exclusive_maximum else 0.0),
        )
        box.setSingleStep(0.05)
        box.setKeyboardTracking(False)
        box.valueChanged.connect(lambda _value: self.changed.emit())

    def value(self) -> float:
        return round(self._box.value(), 4)

    def set_value(self, value: Any) -> None:
        self._box.setValue(float(value or 0.0))


class ChoiceField(Field):
    def __init__(self, spec: ParamSpec, parent: QWidget) -> None:
        super().__init__(parent)
        box = QComboBox(parent)
        self.widget = self._box = box
        for choice in spec.choices:
            box.addItem(choice.replace("_", " "), choice)
        box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        box.setMinimumContentsLength(6)
        box.currentIndexChanged.connect(lambda _index: self.changed.emit())

    def value(self) -> str:
        return str(self._box.currentData())

    def set_value(self, value: Any) -> None:
        text = str(getattr(value, "value", value))
        self._box.setCurrentIndex(max(0, self._box.findData(text)))


class TextField(Field):
    """Text, any float, an optional value (empty is none) or a list (separated by commas)."""

    def __init__(self, spec: ParamSpec, parent: QWidget) -> None:
        super().__init__(parent)
        self._spec = spec
        self._value: Any = spec.default
        edit = QLineEdit(parent)
        edit.setTextMargins(3, 0, 3, 0)
        self.widget = self._edit = edit
        if spec.optional:
            edit.setPlaceholderText("automatic")
        edit.textEdited.connect(self._on_edited)

    def value(self) -> Any:
        return self._value

    def set_value(self, value: Any) -> None:
        self._value = value
        self.problem = ""
        if value is None:
            text = ""
        elif isinstance(value, (list, tuple)):
            text = ", ".join(_show(item) for item in value)
        else:
            text = _show(value)
        self._edit.setText(text)
        if isinstance(value, (list, tuple)):
            self._edit.setCursorPosition(0)  # of a long list the beginning is seen

    def _on_edited(self, text: str) -> None:
        try:
            self._value = self._parse(text.strip())
        except ValueError as error:
            self.problem = str(error)
        else:
            self.problem = ""
        self._edit.setProperty("invalid", bool(self.problem))
        self.changed.emit()

    def _parse(self, text: str) -> Any:
        spec = self._spec
        if spec.optional and not text:
            return None
        if spec.kind == "list":
            return tuple(_number(part.strip(), spec, spec.item_kind) for part in text.split(",") if part.strip())
        return _number(text, spec, spec.kind)


class RowsField(Field):
    """Several of a kind, each with options of its own. While one of them is wrong, the last right ones stand."""

    def __init__(self, spec: ParamSpec, parent: QWidget) -> None:
        super().__init__(parent)
        self.widget = self.editor = RowsEditor(spec, parent)
        self._value = self.editor.values()
        self.editor.changed.connect(self._on_changed)

    def value(self) -> list[dict[str, Any]]:
        return [dict(row) for row in self._value]

    def set_value(self, value: Any) -> None:
        self.editor.set_values(value or ())
        self._value = self.editor.values()
        self.problem = self.editor.problem()

    def _on_changed(self) -> None:
        self.problem = self.editor.problem()
        if not self.problem:
            self._value = self.editor.values()
        self.changed.emit()


def _show(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _number(text: str, spec: ParamSpec, kind: str | None) -> Any:
    if kind not in ("int", "float"):
        return text
    try:
        number = int(text) if kind == "int" else float(text.replace(",", "."))
    except ValueError:
        raise ValueError(f"“{text}” is not a {'whole number' if kind == 'int' else 'number'}.") from None
    low, high = spec.minimum, spec.maximum
    if low is not None and (number < low or (spec.exclusive_minimum and number == low)):
        raise ValueError(f"must be {'more than' if spec.exclusive_minimum else 'at least'} {low:g}.")
    if high is not None and (number > high or (spec.exclusive_maximum and number == high)):
        raise ValueError(f"must be {'less than' if spec.exclusive_maximum else 'at most'} {high:g}.")
    return number


def make_field(spec: ParamSpec, parent: QWidget) -> Field:
    """The field that suits ``spec``."""
    field: Field
    if spec.kind == "rows":
        field = RowsField(spec, parent)
    elif spec.optional or spec.kind in ("text", "list"):
        field = TextField(spec, parent)
    elif spec.kind == "bool":
        field = BoolField(spec, parent)
    elif spec.kind == "int":
        field = IntField(spec, parent)
    elif spec.kind == "choice":
        field = ChoiceField(spec, parent)
    elif spec.minimum is not None and spec.maximum is not None and spec.maximum <= 1:
        field = ShareField(spec, parent)
    else:
        field = TextField(spec, parent)
    if isinstance(field.widget, (QAbstractSpinBox, QComboBox)):
        field.widget.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        field.widget.installEventFilter(_CalmWheel(field.widget))
    return field
