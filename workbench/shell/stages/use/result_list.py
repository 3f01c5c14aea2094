"""The model's answers below each other, each in the view its plugin brings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from PySide6.QtWidgets import QFrame, QScrollArea, QVBoxLayout, QWidget

from workbench.shell.plugin_frame import PluginFrame
from workbench.shell.stages.model_state import result_from, summary_of
from workbench.shell.stages.plugin_views import plugin_view
from workbench.shell.widgets import Muted, Text

if TYPE_CHECKING:
    from workbench.shell.session import Session

MOST_SHOWN = 40


class ResultList(QScrollArea):
    """Keeps its views between answers: a text that is typed on changes in place, without flicker."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.session = session
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setAccessibleName("Answers of the model")
        self.viewport().setAutoFillBackground(False)
        self._content = QWidget()
        self.setWidget(self._content)
        self._content.setAutoFillBackground(False)  # QScrollArea has just switched it on
        self._layout = QVBoxLayout(self._content)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(12)
        self._more = Muted("")
        self._views: list[QWidget] = []
        self._captions: list[QWidget] = []
        self._kind = ""
        self.results: list[Any] = []
        self._layout.addWidget(self._more)
        self._layout.addStretch(1)
        self._more.hide()

    def prepare(self, kind: str) -> QWidget | None:
        """The plugin's view of results of ``kind``, made before there is one; None where it has none."""
        if self.session.catalogue.inference_view(kind) is None:
            return None
        self._set_kind(kind)
        if not self._views:
            self._add_view(kind, compact=False)
        return self.views[0]

    def _set_kind(self, kind: str) -> None:
        if kind != self._kind:
            self._drop_views(0)
            self._kind = kind

    def _add_view(self, kind: str, *, compact: bool) -> None:
        view = self._make_view(kind, compact)
        self._layout.insertWidget(self._layout.indexOf(self._more), view)
        self._views.append(view)

    def show_results(self, kind: str, values: Sequence[Any], texts: Sequence[str] = ()) -> None:
        """Show results of ``kind`` given as JSON objects, the answers to ``texts`` where each has one of its own."""
        self._set_kind(kind)
        self.results = [result_from(kind, one) for one in values]
        shown = self.results[:MOST_SHOWN]
        self._drop_views(len(shown))
        while len(self._views) < len(shown):
            self._add_view(kind, compact=len(shown) > 1)
        for view, result in zip(self._views, shown, strict=True):
            target: Any = view.widget if isinstance(view, PluginFrame) else view
            if target is not None:
                target.show_result(result)
        self._caption(texts if len(texts) == len(self.results) > 1 else ())
        hidden = len(self.results) - len(shown)
        self._more.setText(f"{hidden:,} more are not shown here; they are in the exported file.")
        self._more.setVisible(hidden > 0)

    def _caption(self, texts: Sequence[str]) -> None:
        """Write above each answer what was asked, where its view does not show it."""
        for old in self._captions:
            self._layout.removeWidget(old)
            old.hide()
            old.deleteLater()
        self._captions = []
        for i, view in enumerate(self.views[: len(texts)]):
            if not getattr(view, "shows_input", True):
                self._captions.append(Muted(texts[i]))
                self._layout.insertWidget(self._layout.indexOf(self._views[i]), self._captions[-1])

    @property
    def views(self) -> list[QWidget]:
        return [view.widget if isinstance(view, PluginFrame) and view.widget else view for view in self._views]

    def clear(self) -> None:
        self.show_results(self._kind, [])

    def _drop_views(self, keep: int) -> None:
        # one answer is shown with its alternatives, several without: then the views differ
        if len(self._views) == 1 or keep == 1:
            keep = keep if len(self._views) == keep else 0
        for view in self._views[keep:]:
            self._layout.removeWidget(view)
            view.hide()
            view.deleteLater()
        del self._views[keep:]

    def _make_view(self, kind: str, compact: bool) -> QWidget:
        contribution = self.session.catalogue.inference_view(kind)
        if contribution is None:
            return PlainResultView()
        return plugin_view(self.session, contribution, {"compact": compact, "place": "use"})


class PlainResultView(QWidget):
    """A result whose kind has no view: its summary."""

    def __init__(self) -> None:
        super().__init__()
        self._text = Text()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._text)

    def show_result(self, result: Any) -> None:
        self._text.setText(summary_of(result))
