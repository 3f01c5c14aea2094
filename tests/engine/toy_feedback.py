"""A tiny task with a number to answer at each step: which way did the last push go, however long ago it was?

A small reservoir forgets the push; heard again and again, the answer itself remembers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from workbench.api import IOShape, Metric, Params, Record, Ref, Report, Result, Task, Trait, option
from workbench.nn.contract import Batch, DecodeOptions, Embedder, Encoded, Encoding, Head, LossSum


@dataclass(frozen=True, slots=True)
class Pushes:
    """``inputs`` hold a push of 1 or -1 now and then; ``answers`` the last one, 0 before the first."""

    KIND: ClassVar[str] = "toy_pushes"

    inputs: tuple[float, ...]
    answers: tuple[float, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return {"inputs": list(self.inputs), "answers": list(self.answers)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        return cls(tuple(data["inputs"]), tuple(data["answers"]))

    def search_text(self) -> str:
        return ""

    def labels(self) -> dict[str, frozenset[str]]:
        return {}

    def size(self) -> int:
        return len(self.inputs)


@dataclass(frozen=True, slots=True)
class Answers:
    KIND: ClassVar[str] = "toy_answers"

    values: tuple[float, ...]

    def to_json(self) -> dict[str, Any]:
        return {"values": list(self.values)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        return cls(tuple(data["values"]))

    def summary(self) -> str:
        return f"{len(self.values)} answers"


def pushes(count: int, seed: int, steps: int = 120) -> list[Record]:
    generator = np.random.default_rng(seed)
    found: list[Record] = []
    for _ in range(count):
        inputs = np.where(generator.random(steps) < 0.04, generator.choice([-1.0, 1.0], steps), 0.0)
        last, answers = 0.0, []
        for value in inputs:
            last = float(value) or last
            answers.append(last)
        found.append(Pushes(tuple(inputs.tolist()), tuple(answers)))
    return found


class PushParams(Params):
    known: bool = option(False, what="Say that answers are known in use, as those of a series' past are.")


class PushCodec:
    def encode(self, record: Record) -> Encoding:
        assert isinstance(record, Pushes)
        answers = record.answers or (np.nan,) * len(record.inputs)
        return {"inputs": np.array(record.inputs, np.float32), "answers": np.array(answers, np.float32)}

    def length(self, record: Record) -> int:
        return record.size()

    def collate(self, items: Sequence[Encoding]) -> Batch:
        lengths = torch.tensor([len(item["inputs"]) for item in items])
        fields = {}
        for name, fill in (("inputs", 0.0), ("answers", torch.nan)):
            fields[name] = torch.full((len(items), int(lengths.max()), 1), fill)
            for row, item in enumerate(items):
                fields[name][row, : lengths[row], 0] = torch.from_numpy(np.array(item[name]))
        return Batch(fields, lengths, int(lengths.sum()))

    def to_json(self) -> dict[str, Any]:
        return {}


class PushEmbedder(Embedder):
    output_size = 1

    def forward(self, batch: Batch) -> Tensor:
        return batch.fields["inputs"]


class AnswerHead(Head):
    def __init__(self, input_size: int) -> None:
        super().__init__()
        self.linear = nn.Linear(input_size, 1)

    def forward(self, encoded: Encoded, batch: Batch) -> Tensor:
        outputs: Tensor = self.linear(encoded.states)
        return outputs

    def loss(self, outputs: Tensor, encoded: Encoded, batch: Batch) -> LossSum:
        wanted = batch.fields["answers"]
        known = ~wanted.isnan()
        return LossSum((outputs - torch.nan_to_num(wanted)).square()[known].sum(), int(known.sum()))

    def regression_targets(self, batch: Batch) -> Tensor | None:
        return batch.fields["answers"]

    def readout(self) -> nn.Linear:
        return self.linear


class PushTask:
    def __init__(self, params: PushParams) -> None:
        self.params = params

    def check(self, records: Iterable[Record]) -> None:
        assert any(True for _ in records)

    def fit_codec(self, records: Iterable[Record]) -> PushCodec:
        return PushCodec()

    def load_codec(self, data: Mapping[str, Any]) -> PushCodec:
        return PushCodec()

    def embedder(self, codec: PushCodec) -> PushEmbedder:
        return PushEmbedder()

    def head(self, codec: PushCodec, input_size: int) -> AnswerHead:
        return AnswerHead(input_size)

    def answer_size(self, codec: PushCodec) -> int:
        return 1

    def answers_before(self, batch: Batch) -> Tensor | None:
        if not self.params.known:
            return None
        return torch.nan_to_num(torch.cat([batch.fields["answers"][:, :1] * 0, batch.fields["answers"][:, :-1]], 1))

    def decode(
        self,
        outputs: Tensor,
        encoded: Encoded,
        batch: Batch,
        head: Head,
        codec: PushCodec,
        records: Sequence[Record],
        options: DecodeOptions,
    ) -> list[Result]:
        lengths = batch.lengths.tolist()
        return [
            Answers(tuple(row[:length, 0].tolist())) for row, length in zip(outputs, lengths, strict=True)
        ]

    def report(self, split: str, pairs: Iterable[tuple[int, Record, Result, float]]) -> Report:
        metric = Right()
        for _, record, result, _ in pairs:
            metric.update(result, record)
        return Report(split, metric.count, metric.count, metric.compute())

    def steps(self, record: Record) -> tuple[str, ...]:
        assert isinstance(record, Pushes)
        return tuple(f"{value:g}" for value in record.inputs)

    def output_probabilities(self, outputs: Tensor, encoded: Encoded, batch: Batch, head: Head) -> NDArray[np.float32]:
        values: NDArray[np.float32] = outputs.detach().numpy()
        return values

    def output_labels(self, codec: PushCodec) -> tuple[str, ...]:
        return ()


class Right:
    """The share of steps, after the first push, whose answer has the right sign."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.right, self.count = 0, 0

    def update(self, result: Result, record: Record) -> None:
        assert isinstance(result, Answers)
        assert isinstance(record, Pushes)
        for value, wanted in zip(result.values, record.answers, strict=True):
            self.right += int(value * wanted > 0)
            self.count += int(wanted != 0)

    def compute(self) -> dict[str, float]:
        return {"toy_right": self.right / max(1, self.count)}


def task(**more: Any) -> Task:
    """The task, which offers its answers; ``offers=frozenset()`` for one that does not."""
    return Task(
        **{
            "id": "toy",
            "title": "The last push",
            "params": PushParams,
            "record": Pushes.KIND,
            "result": Answers.KIND,
            "shape": IOShape.MANY_TO_MANY_ALIGNED,
            "factory": Ref(f"{__name__}:PushTask"),
            "needs": frozenset({Trait.SEQUENCE}),
            "offers": frozenset({Trait.NUMERIC}),
            "metrics": ("toy_right",),
            **more,
        }
    )


METRIC = Metric(
    id="toy_right", title="Right", result=Answers.KIND, higher_is_better=True, factory=Ref(f"{__name__}:Right")
)
