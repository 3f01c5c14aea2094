"""A frame around a plugin's widget: whatever the plugin raises, the window goes on and a card says which plugin it was.

Two nets, because Qt calls Python in two ways. Handlers the plugin overrides (``paintEvent``, ``sizeHint``, …) are
guarded on each of its widgets: an exception there would otherwise surface in whichever code of ours made Qt call
them, or, with a painter still open on the widget, end the process. What the plugin raises elsewhere (slots, timers,
widgets it made later) reaches ``sys.excepthook``, where :class:`ExceptionRouter` finds out whose it was.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable
from functools import cache
from types import MethodType, TracebackType
from typing import Any
from weakref import WeakSet, ref

from PySide6.QtCore import QEvent, QObject, QSize, QTimer
from PySide6.QtWidgets import QVBoxLayout, QWidget
from shiboken6 import isValid

from workbench.api import InferenceView, Panel, RecordEditor, WorkbenchError
from workbench.host import ProblemList
from workbench.host.staging import describe
from workbench.shell.widgets import ErrorCard

GuiContribution = Panel | InferenceView | RecordEditor

_VIRTUALS = frozenset({"event", "eventFilter", "sizeHint", "minimumSizeHint", "heightForWidth", "hasHeightForWidth"})


class PluginFrame(QWidget):
    """Shows the widget that ``widget_factory()`` yields, or a card that names the plugin once it has failed.

    ``plugin`` is the owner's name (``catalogue.owner(contribution)``); without it the factory's module stands in.
    ``widget`` is None once the plugin has failed.
    """

    def __init__(
        self,
        widget_factory: Callable[[], QWidget],
        contribution: GuiContribution,
        problems: ProblemList,
        *,
        plugin: str = "",
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.contribution = contribution
        self.plugin = plugin or contribution.factory.module
        self.widget: QWidget | None = None
        self.error: WorkbenchError | None = None
        self._problems = problems
        self._factory = widget_factory
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._replace = QTimer(self, singleShot=True, interval=0)
        self._replace.timeout.connect(self._show_card)
        ExceptionRouter.installed().add(self)
        self._build()

    def _build(self) -> None:
        try:
            widget = self._factory()
            if not isinstance(widget, QWidget):
                raise TypeError(f"its factory yields {type(widget).__name__}, not a QWidget")
        except (Exception, SystemExit) as error:
            self.fail(error)
            self._show_card()
            return
        self.widget = widget
        self._layout.addWidget(widget)
        self._guard_all()

    def fail(self, error: BaseException) -> None:
        """Report ``error`` and put the card in place of the widget, as soon as Qt is out of its handlers."""
        problem = self._problems.report(self.plugin, describe(self.contribution), error)
        _release_painters(error)
        if self.error is None:
            self.error = WorkbenchError(
                f"The plugin {self.plugin} failed in its {describe(self.contribution)}: {problem.what}",
                why="The rest of the application is not affected.",
                fix="Try again, update the plugin or switch it off; the problems list has the details.",
                details=problem.details,
            )
            if isValid(self):
                self._replace.start()

    def retry(self) -> None:
        """Build the plugin's widget anew."""
        self._clear()
        self.error = None
        self._build()

    def event(self, event: QEvent) -> bool:
        """Widgets the plugin added since are guarded when they ask for their place."""
        if event.type() == QEvent.Type.LayoutRequest and self.widget is not None:
            self._guard_all()
        return bool(super().event(event))

    def _guard_all(self) -> None:
        widget = self.widget
        if widget is None or not isValid(widget):
            return
        for one in (widget, *widget.findChildren(QWidget)):
            guard(one, self)

    def _show_card(self) -> None:
        if self.error is None:
            return
        self._clear()
        card = ErrorCard(self.error, on_fix=self.retry, fix_text="Try again")
        self._layout.addWidget(card)

    def _clear(self) -> None:
        self.widget = None
        while (item := self._layout.takeAt(0)) is not None:
            old = item.widget()
            if old is not None and isValid(old):
                old.hide()
                old.deleteLater()


def guard(widget: QWidget, frame: PluginFrame) -> None:
    """Let ``frame`` take what the handlers that ``widget``'s Python classes override may raise.

    Qt's own implementation answers then, and from then on. Shiboken looks for an override in the instance first,
    so that the guards need neither a subclass nor an event filter that sees every event.
    """
    native = next((cls for cls in type(widget).__mro__ if cls.__module__.startswith("PySide6.")), None)
    if native is None:
        return
    cls: Any = type(widget)  # mypy does not take a type for hashable
    for name in _overridden(cls):
        if name not in vars(widget) and hasattr(native, name):
            setattr(widget, name, _guarded(widget, name, native, frame))


@cache
def _overridden(cls: type) -> tuple[str, ...]:
    """Handlers that ``cls`` or a Python base of it defines; looked up once for each class, widgets come in hundreds."""
    names: dict[str, None] = {}
    for base in cls.__mro__:
        if base.__module__.startswith("PySide6."):
            break
        for name, value in vars(base).items():
            if (name.endswith("Event") or name in _VIRTUALS) and callable(value):
                names[name] = None
    return tuple(names)


def _guarded(widget: QWidget, name: str, native: type, frame: PluginFrame) -> Callable[..., Any]:
    # weak, or widget and guard would keep each other and the frame alive
    widget_ref, frame_ref = ref(widget), ref(frame)
    override = getattr(type(widget), name)
    default = getattr(native, name)

    def call(*arguments: Any) -> Any:
        self, owner = widget_ref(), frame_ref()
        if self is None:
            return None
        if owner is None or owner.error is None:
            try:
                return override(self, *arguments)
            except Exception as error:
                if owner is None:
                    raise
                owner.fail(error)
        answer = default(self, *arguments)
        return answer if answer is not None or not name.endswith("Hint") else QSize()

    return call


def _release_painters(error: BaseException) -> None:
    """A painter in a local of the traceback would keep the widget "being painted"; destroying that ends the process."""
    link: BaseException | None = error
    while link is not None:
        traceback.clear_frames(link.__traceback__)
        link = link.__cause__ or link.__context__


class ExceptionRouter:
    """Stands in ``sys.excepthook`` while there are frames; hands each exception to the frame it belongs to.

    An exception belongs to a frame when a method of a widget inside the frame is on the traceback, else when the
    factory's module is, else when another module of the plugin's package is. All others go to the hook before it.
    """

    def __init__(self, previous: Callable[..., Any]) -> None:
        self._previous = previous
        self._frames: WeakSet[PluginFrame] = WeakSet()

    @classmethod
    def installed(cls) -> ExceptionRouter:
        """The router in ``sys.excepthook``, put there now if there is none. It keeps no state elsewhere."""
        if not isinstance(sys.excepthook, cls):
            sys.excepthook = cls(sys.excepthook)
        return sys.excepthook

    def add(self, frame: PluginFrame) -> None:
        self._frames.add(frame)

    def __call__(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        owners = self._owners(trace) if isinstance(error, Exception) else []
        if not owners:
            self._previous(kind, error, trace)
            return
        for frame in owners:
            frame.fail(error)

    def _owners(self, trace: TracebackType | None) -> list[PluginFrame]:
        calls = [frame for frame, _line in traceback.walk_tb(trace)]
        selves = [call.f_locals.get("self") for call in calls]
        modules = {str(call.f_globals.get("__name__", "")) for call in calls}
        frames = [frame for frame in self._frames if isValid(frame)]
        tests: tuple[Callable[[PluginFrame], bool], ...] = (
            lambda frame: any(_inside(frame, thing) for thing in selves),
            lambda frame: frame.contribution.factory.module in modules,
            lambda frame: any(_same_package(frame.contribution.factory.module, module) for module in modules),
        )
        for test in tests:
            found = [frame for frame in frames if test(frame)]
            if found:
                return found
        return []


def _inside(frame: PluginFrame, thing: object) -> bool:
    if isinstance(thing, MethodType):
        thing = thing.__self__
    if not isinstance(thing, QObject) or not isValid(thing):
        return False
    while thing is not None and not isinstance(thing, QWidget):
        thing = thing.parent()
    return isinstance(thing, QWidget) and thing is not frame and frame.isAncestorOf(thing)


def _same_package(factory_module: str, module: str) -> bool:
    package = factory_module.rpartition(".")[0]
    return bool(package) and (module == package or module.startswith(package + "."))
