"""A tiny task over trees: whether there are more a's than b's below (and at) each node."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
import toy
from numpy.typing import NDArray
from torch import Tensor, nn

from workbench.api import (
    Architecture,
    IOShape,
    LabelledTree,
    LayerTrace,
    Metric,
    Params,
    Record,
    Ref,
    Report,
    Result,
    Task,
    TokenLabels,
    Trait,
)
from workbench.nn.contract import (
    Batch,
    DecodeOptions,
    Embedder,
    Encoded,
    Encoding,
    Head,
    LossSum,
    State,
    TreeEncoder,
    TreeInputs,
)

LABELS = ("few", "many")


class TreeParams(Params):
    pass


def tree(words: Sequence[str], parents: Sequence[int]) -> LabelledTree:
    score = [1 if w == "a" else -1 if w == "b" else 0 for w in words]
    for node, parent in enumerate(parents):
        if parent >= 0:
            score[parent] += score[node]
    return LabelledTree(tuple(words), tuple(parents), tuple(LABELS[s > 0] for s in score))


def trees(count: int, seed: int = 0) -> list[Record]:
    """Random trees: each node becomes the child of a later one that no subtree lies across."""
    generator = np.random.default_rng(seed)
    found: list[Record] = []
    for _ in range(count):
        words: list[str] = []
        parents: list[int] = []
        roots: list[int] = []
        for _ in range(int(generator.integers(2, 6))):
            words.append(str(generator.choice(["a", "b", "c"])))
            parents.append(-1)
            roots.append(len(words) - 1)
            while len(roots) > 1 and generator.random() < 0.5:
                taken = [roots.pop() for _ in range(2)]
                words.append("")
                parents.append(-1)
                for child in taken:
                    parents[child] = len(words) - 1
                roots.append(len(words) - 1)
        words.append("")
        for root in roots:
            parents[root] = len(words) - 1
        parents.append(-1)
        found.append(tree(words, parents))
    return found


class TreeCodec:
    def encode(self, record: Record) -> Encoding:
        assert isinstance(record, LabelledTree)
        return {
            "symbols": np.array([" abc".index(w or " ") for w in record.words], dtype=np.int64),
            "parents": np.array(record.parents, dtype=np.int64),
            "labels": np.array([LABELS.index(t) if t else -1 for t in record.tags], dtype=np.int64),
        }

    def length(self, record: Record) -> int:
        return record.size()

    def collate(self, items: Sequence[Encoding]) -> Batch:
        lengths = torch.tensor([len(item["symbols"]) for item in items])
        fields = {}
        for name, fill in (("symbols", 0), ("labels", -1)):
            fields[name] = torch.full((len(items), int(lengths.max())), fill)
            for row, item in enumerate(items):
                fields[name][row, : lengths[row]] = torch.from_numpy(np.array(item[name]))
        plan = [np.asarray(item["parents"]).tolist() for item in items]
        return Batch(fields, lengths, int(lengths.sum()), extra={"plan": plan})

    def to_json(self) -> dict[str, Any]:
        return {}


class TreeEmbedder(Embedder):
    output_size = 4

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(4, 4, padding_idx=0)

    def forward(self, batch: Batch) -> TreeInputs:
        return TreeInputs(self.table(batch.fields["symbols"]), batch.extra["plan"])


class TreeNet(TreeEncoder):
    def __init__(self, params: toy.ToyNetParams, input_size: int) -> None:
        super().__init__()
        self.output_size = params.hidden_size
        self.word = nn.Linear(input_size, params.hidden_size)
        self.child = nn.Linear(params.hidden_size, params.hidden_size, bias=False)

    def compose(self, children: Sequence[State], token: Tensor | None = None) -> State:
        total = sum((self.child(child) for child in children), torch.zeros(1, self.output_size))
        return torch.tanh(total if token is None else total + self.word(token))

    def forward(self, inputs: TreeInputs, lengths: Tensor, state: State = None) -> Encoded:
        states = torch.zeros(*inputs.x.shape[:2], self.output_size)
        final = []
        for row, parents in enumerate(inputs.plan):
            own: list[Tensor] = []
            for node in range(len(parents)):
                below = [own[child] for child, parent in enumerate(parents) if parent == node]
                x = inputs.x[row, node : node + 1]
                own.append(self.compose(below, x if bool(x.any()) or not below else None))
            states[row, : len(parents)] = torch.cat(own)
            final.append(own[-1])
        return Encoded(states, lengths, torch.cat(final))

    def trace(self, inputs: TreeInputs, length: int) -> tuple[LayerTrace, ...]:
        states = self(inputs, torch.tensor([length])).states[0, :length]
        return (LayerTrace("cell", "upward", states.detach().numpy()),)


class TreeHead(Head):
    def __init__(self, input_size: int) -> None:
        super().__init__()
        self.linear = nn.Linear(input_size, 2)

    def forward(self, encoded: Encoded, batch: Batch) -> Tensor:
        scores: Tensor = self.linear(encoded.states)
        return scores

    def loss(self, outputs: Tensor, encoded: Encoded, batch: Batch) -> LossSum:
        labels = batch.fields["labels"]
        assert len(batch.extra["plan"]) == len(outputs)
        total = nn.functional.cross_entropy(outputs.flatten(0, 1), labels.flatten(), ignore_index=-1, reduction="sum")
        return LossSum(total, int((labels != -1).sum()))


class TreeTask:
    def __init__(self, params: TreeParams) -> None:
        self.params = params

    def check(self, records: Iterable[Record]) -> None:
        assert any(True for _ in records)

    def fit_codec(self, records: Iterable[Record]) -> TreeCodec:
        return TreeCodec()

    def load_codec(self, data: Mapping[str, Any]) -> TreeCodec:
        return TreeCodec()

    def embedder(self, codec: TreeCodec) -> TreeEmbedder:
        return TreeEmbedder()

    def head(self, codec: TreeCodec, input_size: int) -> TreeHead:
        return TreeHead(input_size)

    def decode(
        self,
        outputs: Tensor,
        encoded: Encoded,
        batch: Batch,
        head: Head,
        codec: TreeCodec,
        records: Sequence[Record],
        options: DecodeOptions,
    ) -> list[Result]:
        probabilities, best = outputs.softmax(-1).max(-1)
        return [
            TokenLabels(
                tokens=getattr(record, "words", ()),
                labels=tuple(LABELS[int(i)] for i in best[row, : record.size()]),
                probabilities=tuple(float(p) for p in probabilities[row, : record.size()]),
            )
            for row, record in enumerate(records)
        ]

    def gold(self, record: Record, codec: TreeCodec) -> NDArray[np.int64]:
        return codec.encode(record)["labels"]

    def report(self, split: str, pairs: Iterable[tuple[int, Record, Result, float]]) -> Report:
        metric, examples = NodeAccuracy(), []
        for id_, record, result, loss in pairs:
            metric.update(result, record)
            examples.append({"record_id": id_, "loss": loss})
        return Report(split, len(examples), metric.all, metric.compute(), examples=tuple(examples))

    def steps(self, record: Record) -> tuple[str, ...]:
        assert isinstance(record, LabelledTree)
        return tuple(word or tag for word, tag in zip(record.words, record.tags, strict=True))

    def output_probabilities(self, outputs: Tensor, encoded: Encoded, batch: Batch, head: Head) -> NDArray[np.float32]:
        values: NDArray[np.float32] = outputs.softmax(-1).detach().numpy()
        return values

    def output_labels(self, codec: TreeCodec) -> tuple[str, ...]:
        return LABELS


class NodeAccuracy:
    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.right = self.all = 0

    def update(self, result: Result, record: Record) -> None:
        gold = record.tags  # type: ignore[attr-defined]
        self.right += sum(a == b for a, b in zip(gold, result.labels, strict=True))  # type: ignore[attr-defined]
        self.all += len(gold)

    def compute(self) -> dict[str, float]:
        return {"toy_nodes": self.right / max(1, self.all)}


TASK = Task(
    id="toy",
    title="Nodes",
    params=TreeParams,
    record="labelled_tree",
    result="token_labels",
    shape=IOShape.MANY_TO_MANY_ALIGNED,
    factory=Ref("toy_trees:TreeTask"),
    needs=frozenset({Trait.TREE}),
    metrics=("toy_nodes",),
)
ARCHITECTURE = Architecture(
    id="toynet",
    title="Toy tree network",
    params=toy.ToyNetParams,
    factory=Ref("toy_trees:TreeNet"),
    shapes=frozenset({IOShape.MANY_TO_MANY_ALIGNED}),
    accepts=frozenset({Trait.TREE}),
)
METRIC = Metric(
    id="toy_nodes", title="Nodes", result="token_labels", higher_is_better=True, factory=Ref("toy_trees:NodeAccuracy")
)


def catalogue() -> toy.ToyCatalogue:
    return toy.ToyCatalogue(TASK, ARCHITECTURE, (METRIC,))
