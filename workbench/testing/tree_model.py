"""The model of the generated task over trees: the smallest codec, embedder and head of a label on every node.

An example for tasks over trees. The codec packs :func:`~workbench.nn.trees.tree_arrays` with each record and joins
them in ``collate`` to the plan that a :class:`~workbench.nn.contract.TreeEncoder` follows. Needs torch.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from workbench.api import LabelledTree, Record, Report, Result, TokenLabels, WorkbenchError
from workbench.api.trees import check_parents
from workbench.nn.contract import (
    Batch,
    Codec,
    DecodeOptions,
    Embedder,
    Encoded,
    Encoding,
    Head,
    LossSum,
    TreeInputs,
)
from workbench.nn.trees import TreePlan, tree_arrays
from workbench.testing.options import GeneratedParams
from workbench.testing.tree_task import METRIC

NO_WORD, UNKNOWN = 0, 1
NO_LABEL = -1


class TreeCodec:
    """Words and labels of nodes ↔ numbers; ``parents`` and what else a plan is made of are packed with them."""

    def __init__(self, words: Sequence[str], labels: Sequence[str]) -> None:
        self.words, self.labels = tuple(words), tuple(labels)
        self._word_ids = {"": NO_WORD, **{word: i for i, word in enumerate(words, UNKNOWN + 1)}}
        self._label_ids = {label: i for i, label in enumerate(labels)}

    def encode(self, record: Record) -> Encoding:
        tree = as_tree(record)
        return {
            "words": np.array([self._word_ids.get(word, UNKNOWN) for word in tree.words], np.int64),
            "labels": self.label_ids(tree),
            **tree_arrays(tree.parents, [bool(word) for word in tree.words]),
        }

    def label_ids(self, tree: LabelledTree) -> NDArray[np.int64]:
        return np.array([self._label_ids.get(tag, NO_LABEL) for tag in tree.tags], np.int64)

    def length(self, record: Record) -> int:
        return as_tree(record).size()

    def collate(self, items: Sequence[Encoding]) -> Batch:
        plan = TreePlan.merge(items)
        places = plan.places()

        def padded(name: str, filler: int) -> Tensor:
            whole = np.full(len(items) * plan.longest, filler, dtype=np.int64)
            whole[places] = np.concatenate([item[name] for item in items])
            return torch.from_numpy(whole.reshape(len(items), plan.longest))

        fields = {"words": padded("words", NO_WORD), "labels": padded("labels", NO_LABEL)}
        return Batch(fields, torch.from_numpy(plan.sizes), plan.nodes, extra={"plan": plan})

    def to_json(self) -> dict[str, Any]:
        return {"words": list(self.words), "labels": list(self.labels)}


class TreeWords(Embedder):
    """A vector for each node's word, zeros where it has none."""

    def __init__(self, words: int, size: int) -> None:
        super().__init__()
        self.output_size = size
        self.table = nn.Embedding(words + 2, size, padding_idx=NO_WORD)

    def forward(self, batch: Batch) -> TreeInputs:
        return TreeInputs(self.table(batch.fields["words"]), batch.extra["plan"])


class NodeHead(Head):
    """Scores of each label at every node."""

    def __init__(self, input_size: int, labels: int) -> None:
        super().__init__()
        self.scores = nn.Linear(input_size, labels)

    def forward(self, encoded: Encoded, batch: Batch) -> Tensor:
        scores: Tensor = self.scores(encoded.states)
        return scores

    def loss(self, outputs: Tensor, encoded: Encoded, batch: Batch) -> LossSum:
        labels = batch.fields["labels"]
        total = nn.functional.cross_entropy(
            outputs.float().flatten(0, 1), labels.flatten(), ignore_index=NO_LABEL, reduction="sum"
        )
        return LossSum(total, int((labels != NO_LABEL).sum()))

    def regression_targets(self, batch: Batch) -> Tensor | None:
        labels = batch.fields["labels"]
        targets = nn.functional.one_hot(labels.clamp(min=0), self.scores.out_features).float()
        return targets.masked_fill((labels == NO_LABEL).unsqueeze(-1), torch.nan)

    def readout(self) -> nn.Linear | None:
        return self.scores


class ExpressionValues:
    """The task as the engine meets it."""

    def __init__(self, params: GeneratedParams) -> None:
        self.params = params

    def check(self, records: Iterable[Record]) -> None:
        number = 0
        for number, record in enumerate(records, start=1):
            check_tree(record, number)
        if not number:
            raise WorkbenchError("There is no tree to learn from.", fix="Import some, or choose another split.")

    def fit_codec(self, records: Iterable[Record]) -> TreeCodec:
        words: set[str] = set()
        labels: set[str] = set()
        for record in records:
            words.update(as_tree(record).words)
            labels.update(as_tree(record).tags)
        return TreeCodec(sorted(words - {""}), sorted(labels - {""}))

    def load_codec(self, data: Mapping[str, Any]) -> TreeCodec:
        return TreeCodec(data["words"], data["labels"])

    def embedder(self, codec: Codec) -> Embedder:
        return TreeWords(len(_own(codec).words), self.params.embedding_size)

    def head(self, codec: Codec, input_size: int) -> Head:
        return NodeHead(input_size, len(_own(codec).labels))

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
        """A :class:`TokenLabels` whose tokens are the nodes, in post-order."""
        labels = self.output_labels(codec)
        found: list[Result] = []
        for row, record in zip(self.output_probabilities(outputs, encoded, batch, head), records, strict=True):
            of_nodes = row[: record.size()]
            best = of_nodes.argmax(-1)
            order = np.argsort(-of_nodes, axis=-1)[:, : options.alternatives]
            found.append(
                TokenLabels(
                    tokens=as_tree(record).names(),
                    labels=tuple(labels[i] for i in best),
                    probabilities=tuple(of_nodes.max(-1).tolist()),
                    alternatives=tuple(
                        tuple((labels[i], float(node[i])) for i in chosen)
                        for node, chosen in zip(of_nodes, order, strict=True)
                    ),
                    layer="node",
                )
            )
        return found

    def report(self, split: str, pairs: Iterable[tuple[int, Record, Result, float]]) -> Report:
        roots, seen, nodes, right = RootAccuracy(), 0, 0, 0
        confusion: Counter[tuple[str, str]] = Counter()
        for _id, record, result, _loss in pairs:
            roots.update(result, record)
            assert isinstance(result, TokenLabels)
            labelled = [(g, f) for g, f in zip(as_tree(record).tags, result.labels, strict=True) if g]
            confusion.update(labelled)
            seen, nodes = seen + 1, nodes + len(labelled)
            right += sum(gold == label for gold, label in labelled)
        names = tuple(sorted({name for pair in confusion for name in pair}))
        return Report(
            split=split,
            n_records=seen,
            n_tokens=nodes,
            metrics={**roots.compute(), "node_accuracy": right / nodes if nodes else 0.0},
            confusion_labels=names,
            confusion=tuple(tuple(confusion[gold, label] for label in names) for gold in names),
        )

    def steps(self, record: Record) -> tuple[str, ...]:
        return as_tree(record).names()

    def output_probabilities(self, outputs: Tensor, encoded: Encoded, batch: Batch, head: Head) -> NDArray[np.float32]:
        found: NDArray[np.float32] = outputs.float().softmax(-1).detach().cpu().numpy()
        return found

    def output_labels(self, codec: Codec) -> tuple[str, ...]:
        return _own(codec).labels

    def gold(self, record: Record, codec: Codec) -> NDArray[np.int64] | None:
        tree = as_tree(record)
        return _own(codec).label_ids(tree) if any(tree.tags) else None


class RootAccuracy:
    """The share of trees whose root has its own label."""

    def __init__(self) -> None:
        self.reset()

    def update(self, result: Result, record: Record) -> None:
        assert isinstance(result, TokenLabels)
        if gold := as_tree(record).tags[-1]:
            self.right += result.labels[-1] == gold
            self.seen += 1

    def compute(self) -> dict[str, float]:
        return {METRIC: self.right / self.seen if self.seen else 0.0}

    def reset(self) -> None:
        self.right, self.seen = 0, 0


def check_tree(record: Record, number: int) -> None:
    """Refuse a record that is no tree, or a tree without any label; ``number`` is its place, from 1."""
    tree = as_tree(record)
    try:
        check_parents(tree.parents)
    except ValueError as error:
        raise WorkbenchError(
            f"Record {number} is not a tree: {error}.", fix="Correct it or delete it in the Data stage."
        ) from error
    if not any(tree.tags):
        raise WorkbenchError(
            f"Record {number} ({tree.search_text()[:40]}) has no label on any of its nodes.",
            why="A network over trees learns from the labels of nodes.",
            fix="Label its root at least, or delete it.",
        )


def as_tree(record: Record) -> LabelledTree:
    if isinstance(record, LabelledTree):
        return record
    raise WorkbenchError(f"This task reads labelled trees, not {record.KIND}.", fix="Choose a data set of trees.")


def _own(codec: Codec) -> TreeCodec:
    assert isinstance(codec, TreeCodec)
    return codec
