"""A tiny encoder-decoder: write the vowels of a word, one after the other, and stop."""

from __future__ import annotations

import string
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import toy
from numpy.typing import NDArray
from torch import Tensor, nn

from workbench.api import (
    Architecture,
    IOShape,
    LayerTrace,
    Metric,
    Params,
    Record,
    Ref,
    Report,
    Result,
    TaggedTokens,
    Task,
    TokenLabels,
    Trait,
    option,
)
from workbench.nn.contract import (
    Batch,
    DecodeOptions,
    Decoder,
    Encoded,
    EncoderDecoder,
    Encoding,
    Head,
    LossSum,
    PairEmbedder,
    PairInputs,
    Parts,
    State,
    SymbolHead,
)

SYMBOLS = ("<pad>", "<s>", "</s>", *string.ascii_lowercase)
START, END = 1, 2
LONGEST = 12


def words(count: int, seed: int = 0) -> list[Record]:
    generator = np.random.default_rng(seed)
    return [
        word("".join(string.ascii_lowercase[i] for i in generator.integers(0, 26, generator.integers(2, 9))))
        for _ in range(count)
    ]


def word(text: str) -> TaggedTokens:
    return TaggedTokens(tuple(text), {"kind": tuple("vowel" if c in "aeiou" else "consonant" for c in text)})


def vowels(record: Record) -> tuple[str, ...] | None:
    assert isinstance(record, TaggedTokens)
    return tuple(c for c in record.tokens if c in "aeiou") if record.layers else None


class PairParams(Params):
    by_row: bool = option(False, what="Leave the losses of the records to the engine.")


class PairCodec:
    def encode(self, record: Record) -> Encoding:
        assert isinstance(record, TaggedTokens)
        target = vowels(record)
        written = [] if target is None else [SYMBOLS.index(c) for c in target] + [END]
        return {
            "source": np.array([SYMBOLS.index(c) for c in record.tokens], dtype=np.int64),
            "target": np.array(written, dtype=np.int64),
        }

    def length(self, record: Record) -> int:
        return record.size()

    def collate(self, items: Sequence[Encoding]) -> Batch:
        lengths = torch.tensor([len(item["source"]) for item in items])
        target_lengths = torch.tensor([len(item["target"]) for item in items])
        fields = {
            "source": torch.zeros(len(items), int(lengths.max()), dtype=torch.int64),
            "targets": torch.zeros(len(items), int(target_lengths.max()), dtype=torch.int64),
            "target_lengths": target_lengths,
        }
        for row, item in enumerate(items):
            fields["source"][row, : lengths[row]] = torch.from_numpy(np.array(item["source"]))
            fields["targets"][row, : target_lengths[row]] = torch.from_numpy(np.array(item["target"]))
        return Batch(fields, lengths, int(lengths.sum()))

    def to_json(self) -> dict[str, Any]:
        return {}


class WordEmbedder(PairEmbedder):
    output_size = target_size = 6

    def __init__(self) -> None:
        super().__init__()
        self.extra_sizes = {"target_size": 6}
        self.table = nn.Embedding(len(SYMBOLS), 6)

    def forward(self, batch: Batch) -> PairInputs:
        source = self.table(batch.fields["source"])
        targets = batch.fields["targets"]
        if not targets.shape[1]:
            return PairInputs(source)
        given = torch.cat([torch.full_like(targets[:, :1], START), targets[:, :-1]], dim=1)
        return PairInputs(source, self.embed_targets(given), batch.fields["target_lengths"])

    def embed_targets(self, tokens: Tensor) -> Tensor:
        embedded: Tensor = self.table(tokens)
        return embedded


class WordDecoder(Decoder):
    """A GRU cell that attends to the states of the encoder (dot product) and counts how it was called."""

    def __init__(self, target_size: int, size: int) -> None:
        super().__init__()
        self.output_size = 2 * size
        self.cell = nn.GRUCell(target_size, size)

    def start(self, memory: Encoded) -> State:
        return memory.final

    def step(self, y_t: Tensor, state: State, memory: Encoded) -> tuple[Tensor, State, Tensor]:
        hidden = self.cell(y_t, state)
        scores = (memory.states @ hidden[:, :, None])[:, :, 0]
        beyond = torch.arange(scores.shape[1]) >= memory.lengths[:, None]
        weights = scores.masked_fill(beyond, -1e9).softmax(-1)
        context = (weights[:, None] @ memory.states)[:, 0]
        return torch.cat([hidden, context], dim=-1), hidden, weights

    def forward(self, targets: Tensor, lengths: Tensor, memory: Encoded, feedback: Any = None) -> Encoded:
        state, outputs, weights = self.start(memory), [], []
        for y_t in targets.unbind(1):
            output, state, attention = self.step(y_t, state, memory)
            outputs.append(output)
            weights.append(attention)
        mask = torch.arange(targets.shape[1])[None] < lengths[:, None]
        states = torch.stack(outputs, dim=1) * mask[:, :, None]
        final = states[torch.arange(len(lengths)), lengths - 1]
        return Encoded(states, lengths, final, attention=torch.stack(weights, dim=1) * mask[:, :, None])


class WordNet(EncoderDecoder):
    def __init__(self, params: toy.ToyNetParams, input_size: int, *, target_size: int) -> None:
        super().__init__()
        self.encoder = toy.ToyEncoder(params, input_size)
        self.decoder = WordDecoder(target_size, self.encoder.output_size)
        self.output_size = self.decoder.output_size

    def at_step(self, step: int, total_steps: int) -> None:
        assert 0 <= step <= total_steps

    def read(self, source: Tensor, lengths: Tensor) -> Encoded:
        memory = super().read(source, lengths)
        memory.state = None  # torch's modules put the layers before the batch
        return memory

    def trace(self, inputs: PairInputs, length: int) -> tuple[LayerTrace, ...]:
        encoded = self(inputs, torch.tensor([length]))
        memory = encoded.memory
        layers = [LayerTrace("encoder", "forward", memory.states[0, :length].detach().numpy())]
        if inputs.targets is not None:
            layers.append(LayerTrace("decoder", "forward", encoded.states[0].detach().numpy(), over="outputs"))
        return tuple(layers)


class WordHead(SymbolHead):
    def __init__(self, input_size: int, by_row: bool) -> None:
        super().__init__()
        self.linear = nn.Linear(input_size, len(SYMBOLS))
        self.by_row = by_row

    def forward(self, encoded: Encoded, batch: Batch) -> Tensor:
        scores: Tensor = self.linear(encoded.states)
        return scores

    def log_probabilities(self, states: Tensor) -> Tensor:
        return self.linear(states).log_softmax(-1)

    def each(self, outputs: Tensor, batch: Batch) -> Tensor:
        losses = nn.functional.cross_entropy(outputs.transpose(1, 2), batch.fields["targets"], reduction="none")
        return losses * (torch.arange(outputs.shape[1]) < batch.fields["target_lengths"][:, None])

    def loss(self, outputs: Tensor, encoded: Encoded, batch: Batch) -> LossSum:
        assert len(outputs) == len(encoded.lengths) == len(batch.fields["target_lengths"])
        assert encoded.memory is not None
        assert encoded.attention is not None
        assert len(encoded.memory.states) == len(encoded.attention) == len(outputs)
        return LossSum(self.each(outputs, batch).sum(), int(batch.fields["target_lengths"].sum()))

    def record_losses(self, outputs: Tensor, encoded: Encoded, batch: Batch) -> tuple[Tensor, Tensor] | None:
        return None if self.by_row else (self.each(outputs, batch).sum(1), batch.fields["target_lengths"])


@dataclass
class WordTask:
    params: PairParams

    def check(self, records: Iterable[Record]) -> None:
        assert any(True for _ in records)

    def fit_codec(self, records: Iterable[Record]) -> PairCodec:
        return PairCodec()

    def load_codec(self, data: Mapping[str, Any]) -> PairCodec:
        return PairCodec()

    def embedder(self, codec: PairCodec) -> WordEmbedder:
        return WordEmbedder()

    def head(self, codec: PairCodec, input_size: int) -> WordHead:
        return WordHead(input_size, self.params.by_row)

    def decode(self, *_: Any) -> list[Result]:
        raise AssertionError("a task that generates is never asked to decode")

    def generate(
        self, parts: Parts, batch: Batch, records: Sequence[Record], options: DecodeOptions
    ) -> list[Result]:
        """Greedy, record by record."""
        assert isinstance(parts.embedder, WordEmbedder)
        assert isinstance(parts.network, WordNet)
        assert isinstance(parts.head, WordHead)
        source = parts.embedder.table(batch.fields["source"])
        found: list[Result] = []
        memory = parts.network.read(source, batch.lengths)
        for row in range(batch.size):
            own = parts.network.decoder.select_memory(memory, torch.tensor([row]))
            state, symbol, written = parts.network.decoder.start(own), START, []
            for _ in range(LONGEST):
                given = parts.embedder.embed_targets(torch.tensor([symbol]))
                output, state, _ = parts.network.decoder.step(given, state, own)
                symbol = int(parts.head.log_probabilities(output).argmax(-1))
                if symbol == END:
                    break
                written.append(SYMBOLS[symbol])
            found.append(TokenLabels(tokens=tuple(written), labels=tuple(written), probabilities=(1.0,) * len(written)))
        return found

    def report(self, split: str, pairs: Iterable[tuple[int, Record, Result, float]]) -> Report:
        metric, examples = Exact(), []
        for id_, record, result, loss in pairs:
            metric.update(result, record)
            examples.append({"record_id": id_, "loss": loss})
        return Report(split, len(examples), len(examples), metric.compute(), examples=tuple(examples))

    def steps(self, record: Record) -> tuple[str, ...]:
        return tuple(getattr(record, "tokens", ()))

    def output_probabilities(self, outputs: Tensor, encoded: Encoded, batch: Batch, head: Head) -> NDArray[np.float32]:
        values: NDArray[np.float32] = outputs.softmax(-1).detach().numpy()
        return values

    def output_labels(self, codec: PairCodec) -> tuple[str, ...]:
        return SYMBOLS


class Exact:
    """The share of words written exactly."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.right = self.all = 0

    def update(self, result: Result, record: Record) -> None:
        self.right += result.tokens == vowels(record)  # type: ignore[attr-defined]
        self.all += 1

    def compute(self) -> dict[str, float]:
        return {"toy_exact": self.right / max(1, self.all)}


TASK = Task(
    id="toy",
    title="Vowels of a word",
    params=PairParams,
    record="tagged_tokens",
    result="token_labels",
    shape=IOShape.MANY_TO_MANY,
    factory=Ref("toy_pairs:WordTask"),
    needs=frozenset({Trait.SEQUENCE, Trait.DECODER}),
    metrics=("toy_exact",),
    parse_input=Ref("toy:parse"),
)
ARCHITECTURE = Architecture(
    id="toynet",
    title="Toy encoder-decoder",
    params=toy.ToyNetParams,
    factory=Ref("toy_pairs:WordNet"),
    shapes=frozenset({IOShape.MANY_TO_MANY}),
    accepts=frozenset({Trait.SEQUENCE, Trait.DECODER}),
)
METRIC = Metric(
    id="toy_exact", title="Exact", result="token_labels", higher_is_better=True, factory=Ref("toy_pairs:Exact")
)


def catalogue() -> toy.ToyCatalogue:
    return toy.ToyCatalogue(TASK, ARCHITECTURE, (METRIC,))
