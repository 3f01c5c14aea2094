"""What a plugin's ``gui.py`` may import of the shell, and nothing else of it.

A factory of a panel, an inference view or a record editor gets one of the contexts below, never the window.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Signal

from workbench.api import Record, WorkbenchError
from workbench.shell.theme import Theme, current_theme
from workbench.shell.tokens.bars import ProbabilityBars
from workbench.shell.tokens.label_chips import LabelChips
from workbench.shell.tokens.labelling import LabelColours
from workbench.shell.tokens.sentence_editor import SentenceEditor
from workbench.shell.tokens.token_flow import TokenFlow
from workbench.shell.widgets import (
    Button,
    Card,
    EmptyState,
    ErrorCard,
    FlowLayout,
    FlowText,
    Muted,
    Piece,
    SectionTitle,
    Text,
)

if TYPE_CHECKING:
    from workbench.shell.plots.canvas import Canvas
    from workbench.shell.plots.lanes import SeriesLanes
    from workbench.shell.plots.time_axis import positions, time_text
    from workbench.shell.plots.time_plot import TimePlot
    from workbench.shell.plots.tree_view import TreeView

Notify = Callable[[WorkbenchError | str], None]


class EventFeed(QObject):
    """``arrived`` carries lists of run events as they come; ``restarted`` says another run was selected."""

    arrived = Signal(object)
    restarted = Signal()


@dataclass(frozen=True, slots=True)
class PanelContext:
    """What a panel or an inference view may use.

    ``run`` and ``dataset`` answer what is selected now (or None). ``submit(job, on_result, on_error)`` asks a worker.
    ``predict(on_result, on_error, texts=…, inputs=…, options=…)`` asks the model of the selected run, the live one
    while it learns; ``inputs`` are records as JSON; ``on_result`` gets the job's value ({"result_kind", "results",
    "epoch", "notice"}). It answers a handle to cancel, or None where there is no model. ``records(start, count)``
    answers (stored records, how many there are in all) of the data the selected run learned from. ``read(path, record
    kind, on_records, on_error)`` reads a file off the GUI thread by the importer that knows it.

    A panel of the stage Evaluate may have ``show_report(report)``: it is given every :class:`workbench.api.Report` that
    is shown, and is hidden where it returns False (there is nothing in it to draw).

    In the stage Use (``settings["place"] == "use"``) an inference view may, besides ``show_result``, have

    - ``asks_itself = True``: it brings its own input, fills the page and calls ``predict`` when it likes; the stage
      calls its ``ask()`` when it is shown and whenever the model has changed (another run, another epoch);
    - ``options() -> dict`` and a signal ``options_changed``: sent with what is typed, which is asked anew;
    - ``shows_input = False``: where it stands beside others (the pinned inputs) what was asked is written above it;
    - ``placeholder``: what the empty input says; ``several_readings = True``: the stage offers n-best answers.
    """

    theme: Theme
    notify: Notify
    run: Callable[[], Any] = lambda: None
    dataset: Callable[[], Any] = lambda: None
    events: EventFeed = field(default_factory=EventFeed)
    submit: Callable[..., Any] = lambda *_arguments: None
    predict: Callable[..., Any] = lambda *_arguments, **_options: None
    records: Callable[[int, int], tuple[list[Any], int]] = lambda _start, _count: ([], 0)
    read: Callable[..., Any] = lambda *_arguments: None
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EditorContext:
    """What a record editor may use.

    ``labels`` maps a layer's name to its labels, in the order of their digits. ``commit(record, name)`` stores the
    changed record as one undoable edit called ``name``. ``layers`` describes the layers as the importer found them.
    ``draft`` answers the configuration that the next Train uses (or None): where it divides a record, for instance.
    """

    theme: Theme
    notify: Notify
    commit: Callable[[Record, str], None] = lambda _record, _name: None
    labels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    layers: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    read_only: bool = False
    draft: Callable[[], Any] = lambda: None
    settings: Mapping[str, Any] = field(default_factory=dict)


def make_canvas(title: str, *, x_label: str = "", y_label: str = "", theme: Theme | None = None) -> Canvas:
    """A themed plot for lines and points; pyqtgraph is imported with the first."""
    from workbench.shell.plots.canvas import Canvas

    return Canvas(title, x_label=x_label, y_label=y_label, theme=theme or current_theme())


_LAZY = {
    "SeriesLanes": "workbench.shell.plots.lanes",
    "TimePlot": "workbench.shell.plots.time_plot",
    "TreeView": "workbench.shell.plots.tree_view",
    "positions": "workbench.shell.plots.time_axis",
    "time_text": "workbench.shell.plots.time_axis",
}


def __getattr__(name: str) -> Any:
    """What needs NumPy or pyqtgraph is imported when it is first asked for: a window should not wait for it."""
    if name in _LAZY:
        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = [
    "Button",
    "Card",
    "EditorContext",
    "EmptyState",
    "ErrorCard",
    "EventFeed",
    "FlowLayout",
    "FlowText",
    "LabelChips",
    "LabelColours",
    "Muted",
    "PanelContext",
    "Piece",
    "ProbabilityBars",
    "SectionTitle",
    "SentenceEditor",
    "SeriesLanes",
    "Text",
    "Theme",
    "TimePlot",
    "TokenFlow",
    "TreeView",
    "current_theme",
    "make_canvas",
    "positions",
    "time_text",
]
