"""The tokeniser of the house: text to ids and back, fitted on training texts only, the same wherever it is read.

Ids 0 to 3 are padding, the unknown symbol, start and end. Texts are brought into Unicode's composed form (NFC) first,
so that an accent typed as two characters is the one that was learned.
"""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any, Literal, Self, get_args

import numpy as np
from numpy.typing import NDArray

from workbench.api import WorkbenchError
from workbench.nn.text.cutting import CharacterCutter, Cutter, Piece, Split, WordCutter
from workbench.nn.text.unknown import Unknown

PAD, UNKNOWN, START, END = range(4)
SPECIALS = ("<pad>", "<unk>", "<s>", "</s>")

Kind = Literal["words", "characters", "bpe", "unigram"]
KINDS: tuple[Kind, ...] = get_args(Kind)


def normalise(text: str) -> str:
    """The text as every tokeniser sees it: NFC, line ends as ``\\n``, no byte order mark."""
    text = text.removeprefix("\ufeff")
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return unicodedata.normalize("NFC", text)


class Tokeniser:
    """``symbols[id]`` is each id's symbol and ``counts[id]`` how often the training texts had it.

    Symbols of words carry joiner marks (``￭,``) and those of subwords spaces (``▁the``); :meth:`tokens` has neither.
    """

    def __init__(
        self, kind: Kind, cutter: Cutter, symbols: Sequence[str], counts: Sequence[int], *, lowercase: bool = False
    ) -> None:
        self.kind = kind
        self.symbols = tuple(symbols)
        self.counts = tuple(counts)
        self.lowercase = lowercase
        self._cutter = cutter
        self._ids = {symbol: i for i, symbol in enumerate(self.symbols) if i not in (PAD, START, END)}

    @classmethod
    def fit(
        cls,
        kind: Kind,
        texts: Iterable[str],
        *,
        size: int = 0,
        lowercase: bool = False,
        min_count: int = 1,
        split: Split = "punctuation",
    ) -> Self:
        """Learn at most ``size`` symbols, the four special ones among them (0: all; for subwords 8,000).

        Subwords keep every character of the training texts, even beyond that: what was read once can be written.
        ``min_count`` leaves out what occurs less often; ``split`` "spaces" is for words of text that is tokenised
        already. Deterministic: symbols stand in the order of how frequent they are, then of their characters.
        :class:`WorkbenchError` for texts without a single symbol and for a size that leaves no room.
        """
        if size and size <= len(SPECIALS):
            raise WorkbenchError(
                f"A vocabulary of {size} symbols has no room beside the {len(SPECIALS)} special ones.",
                fix="Choose a larger vocabulary.",
            )
        if iter(texts) is texts:
            texts = list(texts)
        room = max(0, size - len(SPECIALS))
        subwords = kind in ("bpe", "unigram")
        cutter: Cutter
        if kind == "words":
            cutter = WordCutter(split, lowercase)
        elif kind == "characters":
            cutter = CharacterCutter(lowercase)
        else:
            cutter = _fit_subwords(kind, texts, room or 8000, lowercase, min_count)
        counts: Counter[str] = Counter()
        for pieces in _by_many(cutter, texts):
            counts.update([piece.symbol for piece in pieces])
        if not counts:
            raise WorkbenchError(
                "There is no text to make a vocabulary of.",
                why="All training texts are empty or blank.",
                fix="Check what was imported.",
            )
        if subwords:
            chosen = list(cutter.vocabulary)  # type: ignore[attr-defined]
        else:
            ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
            chosen = [symbol for symbol, count in ranked if count >= min_count and symbol not in SPECIALS]
            chosen = chosen[:room] if room else chosen
        kept = [counts.get(symbol, 0) for symbol in chosen]
        unknown = counts.total() - sum(kept)
        return cls(kind, cutter, (*SPECIALS, *chosen), (0, unknown, 0, 0, *kept), lowercase=lowercase)

    def __len__(self) -> int:
        return len(self.symbols)

    # -- text to ids ----------------------------------------------------------------------------------------------

    def pieces(self, text: str) -> list[Piece]:
        """Symbols (those not in the vocabulary too) with their place in ``normalise(text)``."""
        return self._cutter.cut(normalise(text))

    def id_of(self, symbol: str) -> int:
        return self._ids.get(symbol, UNKNOWN)

    def encode(self, text: str) -> NDArray[np.int64]:
        """(T,) ids, without start and end."""
        (ids,) = self._ids_of([normalise(text)])
        return ids

    def encode_many(self, texts: Iterable[str]) -> Iterable[NDArray[np.int64]]:
        """:meth:`encode` of each, faster for subwords."""
        for some in _portions(texts):
            yield from self._ids_of(some)

    def _ids_of(self, texts: Sequence[str]) -> Iterable[NDArray[np.int64]]:
        quick = getattr(self._cutter, "ids_many", None)
        if quick is not None:
            found: Iterable[NDArray[np.int64]] = quick(texts, UNKNOWN, len(SPECIALS))
            return found
        return map(self._to_ids, self._cutter.cut_many(texts))

    def _to_ids(self, pieces: Sequence[Piece]) -> NDArray[np.int64]:
        get = self._ids.get
        return np.fromiter((get(piece[0], UNKNOWN) for piece in pieces), np.int64, len(pieces))

    def tokens(self, text: str) -> list[str]:
        """What each id stands for, as it is written in the text."""
        text = normalise(text)
        return [text[start:end] for _, start, end in self._cutter.cut(text)]

    def offsets(self, text: str) -> list[tuple[int, int]]:
        """(start, end) of each token in ``normalise(text)``, end exclusive."""
        return [(start, end) for _, start, end in self.pieces(text)]

    def unknown_rate(self, texts: Iterable[str]) -> float:
        """The share of tokens that are not in the vocabulary, 0 to 1."""
        unknown = total = 0
        for ids in self.encode_many(texts):
            unknown += int((ids == UNKNOWN).sum())
            total += len(ids)
        return unknown / total if total else 0.0

    def unknown(self, text: str) -> Unknown:
        """What of ``text`` is not in the vocabulary, as it is written there."""
        text = normalise(text)
        pieces = self._cutter.cut(text)
        missing = tuple(text[start:end] for symbol, start, end in pieces if self._ids.get(symbol, UNKNOWN) == UNKNOWN)
        return Unknown(missing, len(pieces), self.kind)

    # -- ids to text ----------------------------------------------------------------------------------------------

    def decode(self, ids: Iterable[int]) -> str:
        """The text of ``ids``, with its spaces; padding, start and end are left out, unknown is ``<unk>``."""
        return self.join([self.symbols[i] for i in map(int, ids) if i not in (PAD, START, END)])

    def join(self, symbols: Sequence[str]) -> str:
        """The text of symbols, which need not be in the vocabulary (a word that was copied)."""
        return self._cutter.join(symbols)

    # -- as values ------------------------------------------------------------------------------------------------

    def to_json(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "lowercase": self.lowercase,
            "symbols": list(self.symbols[len(SPECIALS) :]),
            "counts": list(self.counts),
            **self._cutter.to_json(),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        kind, lowercase, symbols = data["kind"], bool(data["lowercase"]), list(data["symbols"])
        cutter: Cutter
        if kind == "words":
            cutter = WordCutter(data.get("split", "punctuation"), lowercase)
        elif kind == "characters":
            cutter = CharacterCutter(lowercase)
        elif kind in ("bpe", "unigram"):
            from workbench.nn.text.subwords import SubwordCutter

            cutter = SubwordCutter.from_json(kind, symbols, data, lowercase)
        else:
            raise WorkbenchError(
                f"This vocabulary is of a kind this version does not know: {kind!r}.", fix="Update Recurra to open it."
            )
        counts = data.get("counts") or [0] * (len(symbols) + len(SPECIALS))
        return cls(kind, cutter, (*SPECIALS, *symbols), counts, lowercase=lowercase)

    @cached_property
    def hash(self) -> str:
        """Of everything that decides how a text is cut and numbered, SHA-256 in hexadecimal."""
        values = {name: value for name, value in self.to_json().items() if name != "counts"}
        return hashlib.sha256(json.dumps(values, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def _fit_subwords(kind: Literal["bpe", "unigram"], texts: Iterable[str], room: int, lower: bool, least: int) -> Cutter:
    from workbench.nn.text.subwords import SubwordCutter

    return SubwordCutter.fit(kind, map(normalise, texts), room, lowercase=lower, min_count=least)


def _by_many(cutter: Cutter, texts: Iterable[str]) -> Iterable[list[Piece]]:
    """The pieces of each text, cut some thousand at a time."""
    for some in _portions(texts):
        yield from cutter.cut_many(some)


def _portions(texts: Iterable[str]) -> Iterable[list[str]]:
    """The normalised texts, two thousand at a time."""
    waiting: list[str] = []
    for text in texts:
        waiting.append(normalise(text))
        if len(waiting) == 2000:
            yield waiting
            waiting = []
    if waiting:
        yield waiting
