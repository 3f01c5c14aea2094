"""A generated task over one running stream: which letter comes next (many to many, causal, carried state). Needs torch.

The smallest codec that :class:`~workbench.nn.protocols.Streams`: each record is its letters and an end; the engine
joins them and hands out chunks with one step of overlap, so that the targets of a chunk are its inputs moved by one.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from workbench.api import ClassProbabilities, Record, Report, Result, Text, WorkbenchError
from workbench.nn.contract import Batch, Codec, DecodeOptions, Embedder, Encoded, Encoding, Head, LossSum
from workbench.testing.options import StreamParams

END = "⏎"
UNKNOWN = 0
"""A letter training has not seen."""
NONE = -1
"""The target of a step that has none."""


class LetterCodec:
    """Letters ↔ numbers. ``STREAM`` names the array the engine joins; ``overlap`` is the step looked ahead."""

    STREAM: ClassVar[str] = "symbols"
    overlap = 1

    def __init__(self, letters: Sequence[str], chunk: int) -> None:
        self.symbols = ("?", END, *letters)
        self.chunk = chunk
        self._ids = {symbol: i for i, symbol in enumerate(self.symbols)}

    def stream_start(self) -> Encoding:
        return {self.STREAM: np.array([self._ids[END]], np.int64)}

    def encode(self, record: Record) -> Encoding:
        assert isinstance(record, Text)
        return {self.STREAM: np.array([self._ids.get(s, UNKNOWN) for s in (*record.text, END)], np.int64)}

    def length(self, record: Record) -> int:
        """Letters and the end: as many as there are predictions, read after the end of what came before."""
        return record.size() + 1

    def collate(self, items: Sequence[Encoding]) -> Batch:
        """Pieces of a stream: all but the last symbol are read, all but the first foretold."""
        pieces = [np.asarray(item[self.STREAM]) for item in items]
        lengths = torch.tensor([len(piece) - 1 for piece in pieces])
        read = torch.zeros(len(pieces), int(lengths.max()), dtype=torch.int64)
        targets = torch.full_like(read, NONE)
        for row, piece in enumerate(pieces):
            symbols = torch.from_numpy(np.array(piece, np.int64))
            read[row, : len(piece) - 1] = symbols[:-1]
            targets[row, : len(piece) - 1] = symbols[1:]
        return Batch({"symbols": read, "targets": targets}, lengths, int(lengths.sum()))

    def to_json(self) -> dict[str, Any]:
        return {"letters": list(self.symbols[2:]), "chunk": self.chunk}


class LetterEmbedder(Embedder):
    def __init__(self, symbols: int, size: int) -> None:
        super().__init__()
        self.output_size = size
        self.table = nn.Embedding(symbols, size)

    def forward(self, batch: Batch) -> Tensor:
        embedded: Tensor = self.table(batch.fields["symbols"])
        return embedded


class LetterHead(Head):
    def __init__(self, input_size: int, symbols: int) -> None:
        super().__init__()
        self.scores = nn.Linear(input_size, symbols)

    def forward(self, encoded: Encoded, batch: Batch) -> Tensor:
        scores: Tensor = self.scores(encoded.states)
        return scores

    def loss(self, outputs: Tensor, encoded: Encoded, batch: Batch) -> LossSum:
        targets = batch.fields["targets"]
        total = nn.functional.cross_entropy(
            outputs.float().flatten(0, 1), targets.flatten(), ignore_index=NONE, reduction="sum"
        )
        return LossSum(total, int((targets != NONE).sum()))

    def regression_targets(self, batch: Batch) -> Tensor | None:
        targets = batch.fields["targets"]
        one_hot = nn.functional.one_hot(targets.clamp(min=0), self.scores.out_features).float()
        return one_hot.masked_fill((targets == NONE).unsqueeze(-1), torch.nan)

    def readout(self) -> nn.Linear | None:
        return self.scores


class NextLetter:
    """The task as the engine meets it."""

    def __init__(self, params: StreamParams) -> None:
        self.params = params

    def check(self, records: Iterable[Record]) -> None:
        if not any(record.size() for record in records):
            raise WorkbenchError("There is no text.", fix="Import some.")

    def fit_codec(self, records: Iterable[Record]) -> LetterCodec:
        letters = {letter for record in records if isinstance(record, Text) for letter in record.text}
        return LetterCodec(sorted(letters - {"?", END}), self.params.chunk)

    def load_codec(self, data: Mapping[str, Any]) -> LetterCodec:
        return LetterCodec(data["letters"], int(data["chunk"]))

    def embedder(self, codec: Codec) -> Embedder:
        return LetterEmbedder(len(self.output_labels(codec)), self.params.embedding_size)

    def head(self, codec: Codec, input_size: int) -> Head:
        return LetterHead(input_size, len(self.output_labels(codec)))

    def decode(
        self,
        outputs: Tensor,
        encoded: Encoded,
        batch: Batch,
        head: Head,
        codec: Codec,
        records: Sequence[Record],
        options: DecodeOptions,
    ) -> list[Result]:
        """What follows the last letter of each text."""
        symbols = self.output_labels(codec)
        rows = torch.arange(batch.size, device=outputs.device)
        last = outputs[rows, (encoded.lengths - 1).to(outputs.device)].float().softmax(-1).tolist()
        return [
            ClassProbabilities(symbols[row.index(max(row))], dict(zip(symbols, row, strict=True))) for row in last
        ]

    def report(self, split: str, pairs: Iterable[tuple[int, Record, Result, float]]) -> Report:
        counting, records = Perplexity(), 0
        for _id, record, _result, loss in pairs:
            counting.update_loss(loss * (record.size() + 1), record.size() + 1)
            records += 1
        return Report(split=split, n_records=records, n_tokens=counting.count, metrics=counting.compute())

    def position_losses(self, outputs: Tensor, encoded: Encoded, batch: Batch, head: Head) -> Tensor:
        targets = batch.fields["targets"]
        losses = nn.functional.cross_entropy(
            outputs.float().flatten(0, 1), targets.flatten(), ignore_index=NONE, reduction="none"
        )
        return losses.view_as(targets)

    def report_stream(
        self, split: str, parts: Iterable[tuple[NDArray[np.int64], NDArray[np.float32]]], codec: Codec
    ) -> Report:
        assert isinstance(codec, LetterCodec)
        counting, records = Perplexity(), 0
        for symbols, losses in parts:
            counting.update_loss(float(losses.sum(dtype=np.float64)), len(symbols))
            records += int((symbols == codec.symbols.index(END)).sum())
        return Report(split=split, n_records=records, n_tokens=counting.count, metrics=counting.compute())

    def steps(self, record: Record) -> tuple[str, ...]:
        assert isinstance(record, Text)
        return (END, *record.text)

    def output_probabilities(self, outputs: Tensor, encoded: Encoded, batch: Batch, head: Head) -> NDArray[np.float32]:
        found: NDArray[np.float32] = outputs.float().softmax(-1).detach().cpu().numpy()
        return found

    def output_labels(self, codec: Codec) -> tuple[str, ...]:
        assert isinstance(codec, LetterCodec)
        return codec.symbols


class Perplexity:
    """exp of the mean loss of a letter; 1 is certainty."""

    def __init__(self) -> None:
        self.reset()

    def update(self, result: Result, record: Record) -> None:
        """The losses say it all."""

    def update_loss(self, total: float, count: int) -> None:
        self.total += total
        self.count += count

    def compute(self) -> dict[str, float]:
        return {"generated_perplexity": math.exp(self.total / self.count) if self.count else math.nan}

    def reset(self) -> None:
        self.total, self.count = 0.0, 0


def parse_input(text: str) -> list[Text]:
    return [Text(line) for line in text.splitlines() if line]
