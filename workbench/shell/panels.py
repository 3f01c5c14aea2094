"""Panels that plugins contribute: each in a frame that keeps a failing one from harming the window."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from workbench.api import Panel, Report
from workbench.shell.plugin_frame import PluginFrame
from workbench.shell.sdk import EventFeed, PanelContext
from workbench.shell.session import Session
from workbench.shell.widgets import Card


def panel_context(session: Session) -> PanelContext:
    """What a panel may use of the session, and nothing else of it."""
    feed = EventFeed(session)
    session.events_arrived.connect(feed.arrived)
    session.run_changed.connect(feed.restarted)
    return PanelContext(
        theme=session.theme,
        notify=session.notify,
        run=lambda: session.run,
        dataset=lambda: session.dataset,
        events=feed,
        submit=session.submit,
    )


class PanelCard(Card):
    """A card around a panel; one made for an architecture or a task is of use beside runs of that alone.

    The panel itself is made when first it belongs: plots are dear, and most runs need few panels.
    """

    def __init__(self, session: Session, panel: Panel, build: Callable[[], PluginFrame] | None = None) -> None:
        super().__init__(panel.title)
        self._session, self.panel, self._build = session, panel, build
        self.frame: PluginFrame | None = None
        self._silent = False
        session.run_changed.connect(self._make)
        self._make()

    def _make(self) -> None:
        if self.frame is None and self._build is not None and self.belongs:
            self.frame = self._build()
            self.body.addWidget(self.frame, 1)

    @property
    def belongs(self) -> bool:
        """Whether the selected run is one that the panel was made for."""
        wanted = (self.panel.for_architecture, self.panel.for_task)
        if not any(wanted):
            return True
        run = self._session.run
        if run is None:
            return False
        found = (run.config.architecture.id, run.config.task.id)
        return all(want in ("", one) for want, one in zip(wanted, found, strict=True))

    def show_report(self, report: Report) -> None:
        """Hand the panel an evaluation; it is not shown where it has nothing to say of it."""
        frame = self.frame
        show = getattr(frame.widget, "show_report", None) if frame is not None else None
        if frame is None or show is None or not self.belongs:
            return
        try:
            told = show(report)
        except Exception as error:  # whatever a plugin raises
            frame.fail(error)
            told = True
        self._silent = told is False
        self._follow()

    def follow_run(self) -> None:
        """Be there only beside runs that the panel was made for."""
        self._session.run_changed.connect(self._follow)
        self._follow()

    def _follow(self) -> None:
        self.setVisible(self.belongs and not self._silent)


def panel_cards(session: Session, areas: frozenset[str]) -> Iterator[tuple[Panel, PanelCard]]:
    """A card with the framed panel for every contribution that belongs into one of ``areas``."""
    for panel in session.catalogue.panels():
        if panel.area in areas:
            yield panel, make_card(session, panel)


def make_card(session: Session, panel: Panel) -> PanelCard:
    def build() -> PluginFrame:
        factory, context = panel.factory, panel_context(session)
        return PluginFrame(
            lambda: factory.resolve()(context), panel, session.problems, plugin=session.catalogue.owner(panel)
        )

    return PanelCard(session, panel, build)
