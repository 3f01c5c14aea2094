"""Panels that plugins contribute: each in a frame that keeps a failing one from harming the window."""

from __future__ import annotations

from collections.abc import Iterator

from workbench.api import Panel
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


def panel_cards(session: Session, areas: frozenset[str]) -> Iterator[tuple[Panel, Card]]:
    """A card with the framed panel for every contribution that belongs into one of ``areas``."""
    for panel in session.catalogue.panels():
        if panel.area in areas:
            yield panel, make_card(session, panel)


def make_card(session: Session, panel: Panel) -> Card:
    card = Card(panel.title)
    factory, context = panel.factory, panel_context(session)
    card.body.addWidget(
        PluginFrame(
            lambda: factory.resolve()(context), panel, session.problems, plugin=session.catalogue.owner(panel)
        ),
        1,
    )
    return card
