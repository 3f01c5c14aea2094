"""Pairs of texts as numbers: a vocabulary for each side, or one for both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from workbench.api import Record, TextPair
from workbench.nn.contract import Batch, Encoding
from workbench.nn.text import END, PAD, START, Tokeniser
from workbench.nn.text.unknown import Unknown


class TranslationCodec:
    """``source`` and ``target`` tokenisers (the same object where the vocabulary is joint).

    A source ends with the end symbol: an empty one has a step too, and the decoder sees where the text ends.
    """

    def __init__(self, source: Tokeniser, target: Tokeniser, max_length: int) -> None:
        self.source = source
        self.target = target
        self.max_length = max_length
        self._last: tuple[TextPair, Encoding] | None = None

    @property
    def joint(self) -> bool:
        return self.source is self.target

    def encode(self, record: Record) -> Encoding:
        """``source`` (S,) with its end and ``target`` (T,) without; without a target that is empty."""
        pair = as_pair(record)
        if self._last is not None and self._last[0] is pair:
            return self._last[1]  # its length was asked for just before
        source = self.source.encode(pair.source)[: self.max_length - 1]
        encoding = {
            "source": np.append(source, END).astype(np.int32),
            "target": self.target.encode(pair.target)[: self.max_length - 1].astype(np.int32),
        }
        self._last = (pair, encoding)
        return encoding

    def length(self, record: Record) -> int:
        return len(self.encode(record)["source"])

    def target_length(self, encoding: Encoding) -> int:
        """Symbols and the end."""
        return len(encoding["target"]) + 1

    def collate(self, items: Sequence[Encoding]) -> Batch:
        """``symbols`` are what the decoder is given (the start first), ``gold`` what it is to write (the end last)."""
        lengths = [len(item["source"]) for item in items]
        target_lengths = [len(item["target"]) + 1 for item in items]
        source = np.full((len(items), max(lengths)), PAD, np.int64)
        symbols = np.full((len(items), max(target_lengths)), PAD, np.int64)
        gold = symbols.copy()
        symbols[:, 0] = START
        for row, (item, length, written) in enumerate(zip(items, lengths, target_lengths, strict=True)):
            source[row, :length] = item["source"]
            symbols[row, 1:written] = gold[row, : written - 1] = item["target"]
            gold[row, written - 1] = END
        fields = {
            "source": torch.from_numpy(source),
            "symbols": torch.from_numpy(symbols),
            "gold": torch.from_numpy(gold),
        }
        return Batch(fields, torch.tensor(lengths), sum(target_lengths), extra={"target_lengths": target_lengths})

    def unknown(self, record: Record) -> Unknown:
        """What the source's vocabulary lacks (:class:`workbench.nn.text.unknown.KnowsUnknown`)."""
        return self.source.unknown(as_pair(record).source)

    def target_ids(self, text: str) -> NDArray[np.int64]:
        return self.target.encode(text)

    def source_tokens(self, text: str) -> tuple[str, ...]:
        """Names of the source's steps."""
        return (*self.source.tokens(text)[: self.max_length - 1], END_NAME)

    def to_json(self) -> dict[str, Any]:
        return {
            "source": self.source.to_json(),
            "target": None if self.joint else self.target.to_json(),
            "max_length": self.max_length,
            "hash": [self.source.hash, self.target.hash],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> TranslationCodec:
        source = Tokeniser.from_json(data["source"])
        target = source if data["target"] is None else Tokeniser.from_json(data["target"])
        return cls(source, target, int(data["max_length"]))


END_NAME = "∎"
"""What the end of a source is called where its steps are shown."""


def as_pair(record: Record) -> TextPair:
    if not isinstance(record, TextPair):
        raise TypeError(f"translation is given a record of another kind: {type(record).__name__}")
    return record
