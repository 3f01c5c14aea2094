"""The model of the generated tasks that write: the smallest task on an encoder-decoder. Needs torch."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from workbench.api import Alternative, Record, Report, Result, TextPair, Translation, WorkbenchError
from workbench.nn.contract import (
    Batch,
    Codec,
    DecodeOptions,
    Encoded,
    EncoderDecoder,
    Encoding,
    Head,
    PairEmbedder,
    PairInputs,
    Parts,
    SymbolHead,
)
from workbench.nn.decoding import DecoderStepper, Decoding, Hypothesis, Symbols, copy_unknowns, decode
from workbench.nn.heads import VocabularyHead
from workbench.testing.pair_tasks import DescribedVector, PairParams

SPECIALS = ("<pad>", "<unk>", "<s>", "</s>")
PADDING, UNKNOWN, START, END = range(4)
SYMBOLS = Symbols(start=START, end=END, unknown=UNKNOWN, never=(PADDING,))


class PairCodec:
    """Words ↔ numbers on both sides; ``source`` is None where the source is a vector of ``width`` values."""

    def __init__(self, source: Sequence[str] | None, target: Sequence[str], width: int = 0) -> None:
        self.source = None if source is None else (*SPECIALS, *source)
        self.target = (*SPECIALS, *target)
        self.width = width
        self._source_ids = {word: i for i, word in enumerate(self.source or ())}
        self._target_ids = {word: i for i, word in enumerate(self.target)}

    def encode(self, record: Record) -> Encoding:
        """Without a target its array is empty."""
        if isinstance(record, DescribedVector):
            source: NDArray[Any] = np.array([record.values], dtype=np.float32)
            return {"source": source, "target": self.target_ids(record.text.split())}
        assert isinstance(record, TextPair)
        words = [self._source_ids.get(word, UNKNOWN) for word in record.source.split()]
        return {"source": np.array(words, dtype=np.int64), "target": self.target_ids(record.target.split())}

    def target_ids(self, words: Iterable[str]) -> NDArray[np.int64]:
        return np.array([self._target_ids.get(word, UNKNOWN) for word in words], dtype=np.int64)

    def length(self, record: Record) -> int:
        return record.size()

    def target_length(self, encoding: Encoding) -> int:
        """Words and the end."""
        return len(encoding["target"]) + 1

    def collate(self, items: Sequence[Encoding]) -> Batch:
        """``symbols`` are what the decoder is given (the start first), ``gold`` what it is to write (the end last)."""
        sources = [torch.from_numpy(np.array(item["source"])) for item in items]
        targets = [torch.from_numpy(np.array(item["target"], dtype=np.int64)) for item in items]
        lengths = torch.tensor([len(source) for source in sources])
        target_lengths = [len(target) + 1 for target in targets]
        symbols = torch.full((len(items), max(target_lengths)), PADDING)
        gold = symbols.clone()
        for row, target in enumerate(targets):
            symbols[row, 0], symbols[row, 1 : len(target) + 1] = START, target
            gold[row, : len(target)], gold[row, len(target)] = target, END
        fields = {
            "source": nn.utils.rnn.pad_sequence(sources, batch_first=True, padding_value=PADDING),
            "symbols": symbols,
            "gold": gold,
        }
        return Batch(fields, lengths, sum(target_lengths), extra={"target_lengths": target_lengths})

    def to_json(self) -> dict[str, Any]:
        return {
            "source": None if self.source is None else list(self.source[len(SPECIALS) :]),
            "target": list(self.target[len(SPECIALS) :]),
            "width": self.width,
        }


class PairWords(PairEmbedder):
    """Words of both sides as vectors; a source that is a vector is taken as it is."""

    def __init__(self, codec: PairCodec, size: int) -> None:
        super().__init__()
        self.words = None if codec.source is None else nn.Embedding(len(codec.source), size, padding_idx=PADDING)
        self.symbols = nn.Embedding(len(codec.target), size, padding_idx=PADDING)
        self.output_size = codec.width if self.words is None else size
        self.target_size = size
        self.extra_sizes = {"target_size": size}

    def forward(self, batch: Batch) -> PairInputs:
        source = batch.fields["source"]
        read = source if self.words is None else self.words(source)
        lengths = torch.tensor(batch.extra["target_lengths"])
        return PairInputs(read, self.embed_targets(batch.fields["symbols"]), lengths)

    def embed_targets(self, tokens: Tensor) -> Tensor:
        embedded: Tensor = self.symbols(tokens)
        return embedded

    def symbol_weight(self) -> Tensor:
        return self.symbols.weight


class PairModel:
    """The task as the engine meets it; it :class:`~workbench.nn.protocols.Generates`."""

    answer_options = Decoding.names()

    def __init__(self, params: PairParams) -> None:
        self.params = params

    def check(self, records: Iterable[Record]) -> None:
        for record in records:
            if _target(record):
                return
        raise WorkbenchError(
            "There is nothing to learn to write: no record has a target.", fix="Import pairs with both sides."
        )

    def fit_codec(self, records: Iterable[Record]) -> PairCodec:
        source: set[str] = set()
        target: set[str] = set()
        width = 0
        for record in records:
            target.update(_target(record).split())
            if isinstance(record, DescribedVector):
                width = len(record.values)
            elif isinstance(record, TextPair):
                source.update(record.source.split())
        return PairCodec(None if width else sorted(source - set(SPECIALS)), sorted(target - set(SPECIALS)), width)

    def load_codec(self, data: Mapping[str, Any]) -> PairCodec:
        return PairCodec(data["source"], data["target"], int(data["width"]))

    def embedder(self, codec: Codec) -> PairWords:
        return PairWords(_own(codec), self.params.embedding_size)

    def head(self, codec: Codec, input_size: int) -> Head:
        return VocabularyHead(
            input_size,
            len(_own(codec).target),
            targets="gold",
            tied=self.params.tied,
            embedding_size=self.params.embedding_size,
        )

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
        """The most probable symbol of each teacher-forced step (:meth:`generate` writes freely)."""
        assert isinstance(head, SymbolHead)
        best = head.log_probabilities(outputs).argmax(-1).tolist()
        return [
            _translation(self._words(codec, row[: length - 1]), record)
            for row, length, record in zip(best, encoded.lengths.tolist(), records, strict=True)
        ]

    def generate(self, parts: Parts, batch: Batch, records: Sequence[Record], options: DecodeOptions) -> list[Result]:
        """Greedy in validation, else by a beam (or as ``options.extra`` says: beam, temperature, seed, …)."""
        network = parts.network
        assert isinstance(network, EncoderDecoder)
        defaults: dict[str, Any] = {"method": "greedy"}
        if options.probabilities:
            defaults = {"method": "beam", "beam": self.params.beam}
        defaults |= {"n_best": max(1, options.n_best)}
        chosen = Decoding.of(options.extra, **defaults)
        stepper = DecoderStepper(parts)
        inputs = parts.embedder(batch)
        keys = [zlib.crc32(str(_source(record)).encode()) for record in records]
        bounds = [4 * length + 10 for length in batch.lengths.tolist()]
        begun = stepper.start(network.read(inputs.source, batch.lengths), keys=keys, max_lengths=bounds)
        found = decode(stepper, begun, chosen, SYMBOLS)
        return [self._answer(parts.codec, each, record) for each, record in zip(found, records, strict=True)]

    def _answer(self, codec: Codec, hypotheses: Sequence[Hypothesis], record: Record) -> Translation:
        best = hypotheses[0]
        source = record.source.split() if isinstance(record, TextPair) else ()
        others = [(self._words(codec, one.tokens), one.score) for one in hypotheses]
        copied = copy_unknowns(others[0][0], SPECIALS[UNKNOWN], best.attention, source)
        return _translation(
            copied,
            record,
            score=best.score,
            log_probability=best.log_probability,
            token_log_probabilities=best.step_log_probabilities,
            attention=None if best.attention is None else tuple(map(tuple, best.attention.tolist())),
            n_best=tuple(Alternative(" ".join(words), words, score) for words, score in others)
            if len(others) > 1
            else (),
        )

    def _words(self, codec: Codec, tokens: Iterable[int]) -> tuple[str, ...]:
        known = _own(codec).target
        return tuple(known[token] for token in tokens)

    def written(self, encoding: Encoding, result: Result, codec: Codec) -> Encoding:
        assert isinstance(result, Translation)
        return {**encoding, "target": _own(codec).target_ids(result.tokens)}

    def report(self, split: str, pairs: Iterable[tuple[int, Record, Result, float]]) -> Report:
        exact, tokens, examples = ExactlyWritten(), 0, list[dict[str, Any]]()
        for id_, record, result, loss in pairs:
            exact.update(result, record)
            tokens += len(_target(record).split()) + 1
            example = {"record_id": id_, "gold": record.to_json(), "result": result.to_json(), "loss": loss}
            examples.append({**example, "errors": int(not _right(result, record))})
        examples.sort(key=lambda example: (-example["errors"], -example["loss"]))
        return Report(split, len(examples), tokens, exact.compute(), examples=tuple(examples[:20]))

    def steps(self, record: Record) -> tuple[str, ...]:
        return tuple(record.source.split()) if isinstance(record, TextPair) else ("vector",)

    def output_probabilities(self, outputs: Tensor, encoded: Encoded, batch: Batch, head: Head) -> NDArray[np.float32]:
        assert isinstance(head, SymbolHead)
        found: NDArray[np.float32] = head.log_probabilities(outputs).exp().detach().float().cpu().numpy()
        return found

    def output_labels(self, codec: Codec) -> tuple[str, ...]:
        return _own(codec).target


class ExactlyWritten:
    """The share of records that were written exactly."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.right = self.all = 0

    def update(self, result: Result, record: Record) -> None:
        self.right += _right(result, record)
        self.all += 1

    def compute(self) -> dict[str, float]:
        return {"generated_exact": self.right / max(1, self.all)}


def _right(result: Result, record: Record) -> bool:
    assert isinstance(result, Translation)
    return list(result.tokens) == _target(record).split()


def _source(record: Record) -> object:
    return record.values if isinstance(record, DescribedVector) else getattr(record, "source", "")


def _target(record: Record) -> str:
    return record.text if isinstance(record, DescribedVector) else str(getattr(record, "target", ""))


def _translation(words: tuple[str, ...], record: Record, **more: Any) -> Translation:
    source = tuple(record.source.split()) if isinstance(record, TextPair) else ("vector",)
    return Translation(text=" ".join(words), tokens=words, source_tokens=source, **more)


def _own(codec: Codec) -> PairCodec:
    if not isinstance(codec, PairCodec):
        raise TypeError(f"a generated pair task is given the codec of another task: {type(codec).__name__}")
    return codec
