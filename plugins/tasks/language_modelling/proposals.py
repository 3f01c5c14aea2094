"""What to propose for a text just imported, from its statistics."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workbench_plugins.tasks.language_modelling.params import PRESETS

FEW_CHARACTERS = 2_000_000
"""Below, characters are learned well and words are too rare."""
WORDS, CHARACTERS, SUBWORDS = (dict(preset.values) for preset in PRESETS[:3])


def propose(statistics: Any) -> list[tuple[dict[str, Any], str]]:
    """(options, a sentence why), the likeliest first.

    ``statistics`` is that of the dataset, as attributes or keys; a text's steps are its characters.
    """
    found = statistics.get("split_steps") if isinstance(statistics, Mapping) else statistics.split_steps
    characters = sum((found or {}).values())
    if not characters:
        return []
    small = characters < FEW_CHARACTERS
    size = f"{characters:,} characters"
    letters = (CHARACTERS, f"Learn to write like this text, character by character ({size}).")
    words = (WORDS if characters > 500_000 else {**WORDS, "softmax": "full", "embedding_size": 128},
             f"Foretell the next word of this text ({size}).")  # fmt: skip
    pieces = (SUBWORDS, f"Foretell the next piece of a word: no word is unknown ({size}).")
    return [letters, words, pieces] if small else [words, pieces, letters]
