"""A typed text as the beginning of another."""

from __future__ import annotations

from workbench.api import Record, Text


def parse_input(text: str) -> list[Record]:
    """The text as it is, one record; nothing for a blank one. A line end at its end is the keyboard's and goes."""
    text = text.removesuffix("\n").removesuffix("\r")
    return [Text(text)] if text.strip() else []
