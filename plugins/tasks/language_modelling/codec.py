"""Texts as one running stream of symbols, and back.

In words and pieces a record ends with the end symbol; in characters with the line end, or the empty line, that parts
the records in their file: so the stream is the file itself, and the model learns where lines end.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from workbench_plugins.tasks.language_modelling.params import LanguageModellingParams

from workbench.api import Record, Text, WorkbenchError
from workbench.nn.contract import Batch, Encoding
from workbench.nn.text import END, PAD, START, UNKNOWN, Tokeniser, normalise
from workbench.nn.text.unknown import Unknown

NEVER = (PAD, START)
"""Symbols that no text has: padding, and the start of a sequence, for which a stream has no use."""
SHOWN_END = "⏎"
"""How the end of a record, and a line end, is shown as a token."""
SHOWN_SPACE = "␣"


class LanguageCodec:
    """``symbols`` ↔ ids. A piece of the stream has one symbol more than it has steps: inputs and, one on, targets."""

    STREAM: ClassVar[str] = "symbols"
    overlap = 1

    def __init__(self, tokeniser: Tokeniser, chunk: int, record_end: str = "") -> None:
        """``record_end`` is what ends a record in characters, ("\\n" or an empty line); "" is the end symbol."""
        self.tokeniser = tokeniser
        self.chunk = chunk
        self.record_end = record_end
        ends = [tokeniser.id_of(one) for one in record_end] if record_end else [END]
        self.end_ids: NDArray[np.int64] = np.array(ends, np.int64)
        # the engine asks for the length of a record and then for the record: it is cut once
        self._last: tuple[str, NDArray[np.int64]] = ("", np.zeros(0, np.int64))

    @property
    def by_character(self) -> bool:
        return self.tokeniser.kind == "characters"

    def __len__(self) -> int:
        return len(self.tokeniser)

    # -- the stream -----------------------------------------------------------------------------------------------

    def stream_start(self) -> Encoding:
        """The last symbol of an end alone: so every symbol of the records, and no other, is foretold."""
        return {self.STREAM: self.end_ids[-1:].astype(np.int32)}

    def encode(self, record: Record) -> Encoding:
        ids = np.concatenate([self._cut(as_text(record)), self.end_ids])
        return {self.STREAM: ids.astype(np.int32)}

    def length(self, record: Record) -> int:
        """Predictions of this record: its symbols and its end."""
        return len(self._cut(as_text(record))) + len(self.end_ids)

    def unknown(self, record: Record) -> Unknown:
        """What the vocabulary lacks of a text (:class:`workbench.nn.text.unknown.KnowsUnknown`)."""
        return self.tokeniser.unknown(as_text(record))

    def _cut(self, text: str) -> NDArray[np.int64]:
        if self._last[0] is not text:
            self._last = (text, self.tokeniser.encode(text))
        return self._last[1]

    def collate(self, items: Sequence[Encoding]) -> Batch:
        """Pieces of a stream, of any length from two symbols on: all but the last are read, all but the first told."""
        pieces = [np.asarray(item[self.STREAM]) for item in items]
        sizes = [len(piece) - 1 for piece in pieces]
        longest = max(sizes)
        whole = np.full((len(pieces), longest + 1), PAD, np.int64)
        for row, piece in enumerate(pieces):
            whole[row, : len(piece)] = piece
        symbols = torch.from_numpy(whole)
        lengths = torch.tensor(sizes, dtype=torch.int64)
        return Batch({"symbols": symbols[:, :-1], "targets": symbols[:, 1:]}, lengths, int(sum(sizes)))

    # -- for people -----------------------------------------------------------------------------------------------

    def shown(self, symbol: int) -> str:
        """How a symbol stands in a list of tokens: readable, with nothing invisible."""
        if symbol == END:
            return SHOWN_END
        text = self.tokeniser.symbols[symbol]
        return text.replace("\n", SHOWN_END).replace(" ", SHOWN_SPACE) if self.by_character else text

    def to_json(self) -> dict[str, Any]:
        return {"tokeniser": self.tokeniser.to_json(), "chunk": self.chunk, "record_end": self.record_end}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> LanguageCodec:
        return cls(Tokeniser.from_json(data["tokeniser"]), int(data["chunk"]), str(data["record_end"]))


def as_text(record: Record) -> str:
    if not isinstance(record, Text):
        raise TypeError(f"language modelling reads texts, not {type(record).__name__}")
    return record.text


def fit_codec(records: Iterable[Record], params: LanguageModellingParams) -> LanguageCodec:
    """The vocabulary of the training texts, and in characters what parts them."""
    texts = [normalise(as_text(record)) for record in records]
    end = ""
    if params.units == "characters":
        # records of several lines were parted by empty lines when they were imported, records of one by a line end
        end = "\n\n" if any("\n" in text for text in texts) else "\n"
        tokeniser = Tokeniser.fit(
            "characters",
            (text + end for text in texts),
            lowercase=params.lower_case,
            min_count=params.minimum_frequency,
        )
    else:
        tokeniser = Tokeniser.fit(
            params.units,
            texts,
            size=params.vocabulary_size,
            lowercase=params.lower_case,
            min_count=params.minimum_frequency,
            split=params.word_boundaries,
        )
    return LanguageCodec(tokeniser, params.chunk, end)


def check_records(records: Iterable[Record]) -> None:
    """:class:`WorkbenchError` unless at least one text holds something."""
    for record in records:
        if not isinstance(record, Text):
            raise WorkbenchError(
                f"Language modelling learns from texts, not from records of kind {record.KIND!r}.",
                fix="Import plain text, or choose another task.",
            )
        if record.text.strip():
            return
    raise WorkbenchError(
        "There is no text to learn from: every training record is blank.", fix="Check what was imported."
    )


def unknown_words(codec: LanguageCodec, text: str) -> tuple[str, ...]:
    """What of ``text`` the vocabulary does not have, as it is written there, each once."""
    text, found = normalise(text), dict[str, None]()
    for piece in codec.tokeniser.pieces(text):
        if codec.tokeniser.id_of(piece.symbol) == UNKNOWN:
            found[text[piece.start : piece.end]] = None
    return tuple(found)
