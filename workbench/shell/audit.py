"""What a careful eye would find in a window: clipped words, controls without a name, names that shadow Qt's."""

from __future__ import annotations

from collections.abc import Iterator

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractButton, QLabel, QWidget

_SLACK = 2
"""Pixels by which rounding may differ."""


def visible_widgets(root: QWidget) -> Iterator[QWidget]:
    """``root`` and everything in it that is shown."""
    for widget in [root, *root.findChildren(QWidget)]:
        if widget.isVisibleTo(root) and widget.width() > 0 and widget.height() > 0:
            yield widget


def clipped(root: QWidget) -> list[str]:
    """Labels and buttons that need more room than they have and carry no tooltip."""
    found: list[str] = []
    for widget in visible_widgets(root):
        if not isinstance(widget, (QLabel, QAbstractButton)) or widget.toolTip():
            continue
        need = widget.sizeHint()
        if isinstance(widget, QLabel) and widget.wordWrap():
            enough = widget.heightForWidth(widget.width()) <= widget.height() + _SLACK
        else:
            enough = need.width() <= widget.width() + _SLACK and need.height() <= widget.height() + _SLACK
        if not enough:
            found.append(
                f"{type(widget).__name__} {widget.text()!r}: needs {need.width()} × {need.height()}, "
                f"has {widget.width()} × {widget.height()}"
            )
    return found


def nameless(root: QWidget) -> list[str]:
    """Widgets one can reach with Tab that a screen reader could not announce."""
    found: list[str] = []
    for widget in visible_widgets(root):
        policy = widget.focusPolicy()
        if policy & Qt.FocusPolicy.TabFocus != Qt.FocusPolicy.TabFocus or widget.focusProxy() is not None:
            continue
        text = widget.text() if isinstance(widget, QAbstractButton) else ""
        if not (widget.accessibleName() or text) and not _is_inner_part(widget):
            found.append(f"{type(widget).__name__} {widget.objectName()!r} in {_path(widget)}")
    return found


def shadowing(root: QWidget) -> list[str]:
    """Attributes that hide a method of Qt: ``self.metric = label`` makes Qt call a label, which ends the process."""
    found: list[str] = []
    for widget in [root, *root.findChildren(QWidget)]:
        native = next(cls for cls in type(widget).__mro__ if cls.__module__.startswith("PySide6."))
        for name, value in vars(widget).items():
            if hasattr(native, name) and not callable(value):
                found.append(f"{type(widget).__name__}.{name}")
    return sorted(set(found))


def _is_inner_part(widget: QWidget) -> bool:
    """The line edit in a spin box is announced with the spin box."""
    parent = widget.parentWidget()
    return widget.objectName().startswith("qt_") and parent is not None and bool(parent.accessibleName())


def _path(widget: QWidget) -> str:
    names: list[str] = []
    parent = widget.parentWidget()
    while parent is not None and len(names) < 4:
        names.append(parent.objectName() or type(parent).__name__)
        parent = parent.parentWidget()
    return " < ".join(names)
