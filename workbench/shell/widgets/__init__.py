"""Small widgets every stage shares: cards, empty states, error cards, forms, labels, buttons."""

from workbench.shell.widgets.buttons import Button
from workbench.shell.widgets.card import Card, EmptyState, ErrorCard
from workbench.shell.widgets.flow import FlowLayout
from workbench.shell.widgets.flow_text import FlowText, Piece
from workbench.shell.widgets.labels import Figure, Muted, SectionTitle, Text
from workbench.shell.widgets.params_form import ParamsForm
from workbench.shell.widgets.problem_slot import ProblemSlot
from workbench.shell.widgets.scroll import ScrollColumn

__all__ = [
    "Button",
    "Card",
    "EmptyState",
    "ErrorCard",
    "Figure",
    "FlowLayout",
    "FlowText",
    "Muted",
    "ParamsForm",
    "Piece",
    "ProblemSlot",
    "ScrollColumn",
    "SectionTitle",
    "Text",
]
