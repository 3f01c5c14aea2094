"""What to propose for pairs just imported, from their statistics."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workbench_plugins.tasks.translation.params import PRESETS

SMALL_PAIRS = 12_000
SHORT_WORDS = 6
"""Sources of fewer words on average look like formats rather than sentences, in a small set."""


def propose(statistics: Any) -> list[tuple[dict[str, Any], str]]:
    """(options, a sentence why): pieces of words for much data, words for little, characters for short entries."""
    records = sum(_get(statistics, "split_records").values())
    steps = sum(_get(statistics, "split_steps").values())
    if not records:
        return []
    formats, small, medium = (dict(preset.values) for preset in PRESETS[:3])
    words = steps / records
    by_words = (small, f"Translate by words: {records:,} pairs are few.")
    by_pieces = (medium, f"Translate by pieces of words, learned from {records:,} pairs.")
    by_characters = (formats, f"Rewrite character by character: sources are short ({words:.1f} words on average).")
    if records >= SMALL_PAIRS:
        return [by_pieces, by_words]
    return [by_characters, by_words] if words < SHORT_WORDS / 2 else [by_words, by_characters]


def _get(statistics: Any, name: str) -> Mapping[str, Any]:
    found = statistics.get(name) if isinstance(statistics, Mapping) else getattr(statistics, name, None)
    return found or {}
