"""Typed text as inputs, and text cut as the training data was."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from itertools import islice

from workbench_plugins.tasks.tagging.text import tokenise

from workbench.api import LabelledText, Record

_LOOKED_AT = 2000
_APART = re.compile(r"(?:^|\s)(?:[.,;:!?]|'s|n't|''|``|-LRB-)(?:\s|$)")
_JOINED = re.compile(r"\w[.,;:!?](?:\s|$)")


def parse_input(text: str) -> list[Record]:
    """The texts to classify: every line that is not blank is one."""
    return [LabelledText(line.strip()) for line in text.splitlines() if line.strip()]


def is_cut_already(texts: Iterable[str]) -> bool:
    """Whether the words of ``texts`` stand apart from punctuation by spaces, as in a treebank."""
    apart = joined = 0
    for text in islice(texts, _LOOKED_AT):
        apart += len(_APART.findall(text))
        joined += len(_JOINED.findall(text))
    return apart > 4 * joined


def cut_as_trained(text: str, known: Callable[[str], bool]) -> str:
    """``text`` with spaces between what a treebank would part; what is known as it stands stays whole."""
    parts: list[str] = []
    for piece in text.split():
        parts.extend([piece] if known(piece) else tokenise(piece) or [piece])
    return " ".join(parts)
