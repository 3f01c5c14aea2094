"""Typed or pasted text as sources to translate: a line each, long ones cut where a sentence or a word ends."""

from __future__ import annotations

import re

from workbench.api import Record, TextPair

LONG_LINE = 400
"""Characters beyond which a line is cut into sentences."""
LONGEST_PIECE = 600
"""Characters no source is longer than: what is typed without an end is cut between two words, or anywhere."""
_SENTENCE = re.compile(r"(?<=[.!?…。！？])[\"'»”’)\]]*\s+")


def parse_input(text: str) -> list[Record]:
    """Records in the order of the text; blank lines are left out."""
    return [TextPair(piece) for line in text.splitlines() if line.strip() for piece in split_line(line.strip())]


def split_line(line: str) -> list[str]:
    """The sentences of a long line, several short ones together; a short line is left as it is."""
    if len(line) <= LONG_LINE:
        return [line]
    pieces: list[str] = []
    start = 0
    cuts = [match.end() for match in _SENTENCE.finditer(line)] + [len(line)]
    for before, cut in zip([0, *cuts], cuts, strict=False):
        if cut - start > LONG_LINE and before > start:
            pieces.append(line[start:before])
            start = before
    pieces.append(line[start:])
    return [short.strip() for piece in pieces for short in _shortened(piece) if short.strip()]


def _shortened(piece: str) -> list[str]:
    found = []
    while len(piece) > LONGEST_PIECE:
        cut = piece.rfind(" ", 1, LONGEST_PIECE) + 1 or LONGEST_PIECE
        found.append(piece[:cut])
        piece = piece[cut:]
    return [*found, piece]
