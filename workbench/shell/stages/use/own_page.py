"""A page that a plugin's view fills, with an input of its own: a series to forecast, a tune to go on with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtWidgets import QVBoxLayout, QWidget

from workbench.shell.plugin_frame import PluginFrame
from workbench.shell.stages.plugin_views import plugin_view

if TYPE_CHECKING:
    from workbench.shell.session import Session


class OwnPage(QWidget):
    """Keeps one view, for one kind of result, as long as runs of that kind are chosen."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.session = session
        self.frame: PluginFrame | None = None
        self._contribution: Any = None
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)

    @property
    def view(self) -> Any:
        return self.frame.widget if self.frame is not None else None

    def show_run(self, kind: str) -> bool:
        """Have a view for results of ``kind`` that asks by itself; False where the plugin has none such."""
        contribution = self.session.catalogue.inference_view(kind) if kind else None
        if contribution is None:
            return False
        if contribution is self._contribution:
            return self.frame is not None
        self._contribution = contribution
        self._drop()
        if not self._asks_itself(contribution):
            return False
        self.frame = plugin_view(self.session, contribution, {"compact": False, "place": "use"})
        self._layout.addWidget(self.frame)
        return True

    def ask(self) -> None:
        """Tell the view that the model has changed, or that it is seen."""
        ask = getattr(self.view, "ask", None)
        if callable(ask) and self.frame is not None:
            try:
                ask()
            except Exception as error:
                self.frame.fail(error)

    def _asks_itself(self, contribution: Any) -> bool:
        try:
            return bool(getattr(contribution.factory.resolve(), "asks_itself", False))
        except Exception:
            return False  # the list of answers shows what is wrong with it

    def _drop(self) -> None:
        if self.frame is not None:
            self._layout.removeWidget(self.frame)
            self.frame.hide()
            self.frame.deleteLater()
            self.frame = None
