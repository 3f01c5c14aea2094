"""Reading the shipped plays."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files

from workbench.api import Text

_FOLDER = "workbench_resources.samples.shakespeare"
_SHARES = (("train", 0.90), ("validation", 0.95), ("test", 1.0))


def records() -> Iterator[tuple[str, str, Text]]:
    """(split, document, speech) triples, in the order of the plays: 90 % to train, then 5 % and 5 %."""
    text = (files(_FOLDER) / "excerpt.txt").read_text(encoding="utf-8")
    place = 0
    for speech in text.rstrip("\n").split("\n\n"):
        split = next(name for name, share in _SHARES if place < share * len(text))
        yield split, "", Text(speech)
        place += len(speech) + 2
