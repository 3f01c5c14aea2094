"""Views of results that plugins bring, framed: what the stages Use, Train and Evaluate show answers in."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from workbench.api import InferenceView
from workbench.shell.plugin_frame import PluginFrame
from workbench.shell.sdk import PanelContext
from workbench.shell.stages.model_state import ask_model

if TYPE_CHECKING:
    from workbench.shell.session import Session


def plugin_view(session: Session, contribution: InferenceView, settings: Mapping[str, Any]) -> PluginFrame:
    """A plugin's view of results. ``settings`` say where it stands ("place") and whether it has to be small."""
    context = PanelContext(
        theme=session.theme,
        notify=session.notify,
        run=lambda: session.run,
        dataset=lambda: session.dataset,
        submit=session.submit,
        predict=partial(ask_model, session),
        settings=settings,
    )
    return PluginFrame(
        lambda: contribution.factory.resolve()(context),
        contribution,
        session.problems,
        plugin=session.catalogue.owner(contribution),
    )
