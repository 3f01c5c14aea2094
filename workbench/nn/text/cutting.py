"""Cutting text into words or characters, and putting them together again without losing a space.

A word's symbol says where it touches its neighbours: ``￭,`` follows without a space, ``(￭`` is followed without one
(the joiner marks of the OpenNMT tokeniser). So ``Tom's here (now).`` is ``Tom ￭'s here (￭ now ￭) ￭.``, and French
``Où ?`` keeps the space that English has not: joining needs no rules for languages.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any, Literal, NamedTuple, Protocol

JOINER = "￭"

# a clitic before its word (l'hiver), one behind it (Tom's), a number, a word, anything else by itself
_WORDS = re.compile(
    r"(?P<before>[^\W\d_]{1,2}['’](?=[^\W\d_]))"
    r"|(?P<behind>(?<=[^\W\d_])['’][^\W\d_]{1,2}(?!\w))"
    r"|(?P<number>\d+(?:[.,:]\d+)*)"
    r"|(?P<word>(?:[^\W\d_][\u0300-\u036f\u0900-\u0903\u093a-\u094f\u200c\u200d]*)+)"
    r"|(?P<other>\S)"
)
_SPACES = re.compile(r"\S+")

Split = Literal["punctuation", "spaces"]


class Piece(NamedTuple):
    """A symbol and the characters ``start`` to ``end`` (exclusive) of the text that it stands for."""

    symbol: str
    start: int
    end: int


class Cutter(Protocol):
    """How one kind of tokeniser cuts and joins."""

    def cut(self, text: str) -> list[Piece]: ...

    def cut_many(self, texts: Sequence[str]) -> Iterable[list[Piece]]: ...

    def join(self, symbols: Sequence[str]) -> str: ...

    def to_json(self) -> dict[str, Any]: ...


class WordCutter:
    """Words; ``split`` "punctuation" parts punctuation from them, "spaces" takes text that is tokenised already."""

    def __init__(self, split: Split = "punctuation", lowercase: bool = False) -> None:
        self.split = split
        self.lowercase = lowercase

    def cut(self, text: str) -> list[Piece]:
        if self.split == "spaces":
            found = [Piece(match[0], match.start(), match.end()) for match in _SPACES.finditer(text)]
            return [Piece(p.symbol.lower(), p.start, p.end) for p in found] if self.lowercase else found
        pieces: list[Piece] = []
        matches = list(_WORDS.finditer(text))
        glued_left = False
        for i, match in enumerate(matches):
            after = matches[i + 1] if i + 1 < len(matches) else None
            symbol = match[0].lower() if self.lowercase else match[0]
            if glued_left:
                symbol = JOINER + symbol
            glued_left = False
            if after is not None and after.start() == match.end():
                # the mark goes to what is not a word, so that a word is one symbol wherever it stands
                if match.lastgroup == "before" or (match.lastgroup == "other" and after.lastgroup != "other"):
                    symbol += JOINER
                else:
                    glued_left = True
            pieces.append(Piece(symbol, match.start(), match.end()))
        return pieces

    def cut_many(self, texts: Sequence[str]) -> Iterable[list[Piece]]:
        return map(self.cut, texts)

    def join(self, symbols: Sequence[str]) -> str:
        if self.split == "spaces":
            return " ".join(symbols)
        text: list[str] = []
        glued = True
        for symbol in symbols:
            left = len(symbol) > 1 and symbol.startswith(JOINER)
            right = len(symbol) > 1 + left and symbol.endswith(JOINER)
            if not glued and not left:
                text.append(" ")
            text.append(symbol[left : len(symbol) - right])
            glued = right
        return "".join(text)

    def to_json(self) -> dict[str, Any]:
        return {"split": self.split}


class CharacterCutter:
    """One symbol a character (Unicode code point)."""

    def __init__(self, lowercase: bool = False) -> None:
        self.lowercase = lowercase

    def cut(self, text: str) -> list[Piece]:
        if self.lowercase:
            return [Piece(_lower(one), i, i + 1) for i, one in enumerate(text)]
        return [Piece(one, i, i + 1) for i, one in enumerate(text)]

    def cut_many(self, texts: Sequence[str]) -> Iterable[list[Piece]]:
        return map(self.cut, texts)

    def join(self, symbols: Sequence[str]) -> str:
        return "".join(symbols)

    def to_json(self) -> dict[str, Any]:
        return {}


def _lower(character: str) -> str:
    small = character.lower()
    return small if len(small) == 1 else character
