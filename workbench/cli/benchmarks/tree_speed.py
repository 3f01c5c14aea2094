"""How fast recursive networks train: a mini-batch by height, beside recursion node by node in plain torch, in turns."""

from __future__ import annotations

import random
import statistics
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.api import LabelledTree
from workbench.api.trees import parse_bracketed
from workbench.cli.benchmarks.common import data_folder, machine, table

if TYPE_CHECKING:
    from torch import Tensor, nn

TARGET_RATIO, TARGET_NODES = 13.0, 20_000
SST = ("sentiment", "sst_trees", "train.txt")


def measure(
    *,
    data: Path | str | None = None,
    threads: int = 1,
    hidden_size: int = 150,
    batch: int = 25,
    trees: int = 500,
    batches: int = 4,
    turns: int = 7,
    seed: int = 7,
) -> dict[str, Any]:
    """Nodes per second of whole training steps, for the binary and the child-sum Tree-LSTM.

    A step joins the plans of ``batch`` trees, embeds, composes, labels every node, goes back and steps Adam. The peers
    do the same with a recursion over each tree's nodes and cells of the same size: with the modules of public code
    (``ratio``), and as lean as Python allows (``lean_ratio``; see :mod:`~workbench.cli.benchmarks.tree_recursion`).
    Ratios are medians over ``turns`` of ``batches`` steps, the smaller of both cells; the first turn warms all sides.
    """
    import torch

    records, source = _trees(data, trees, seed)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        kinds = ("binary_lstm", "child_sum_lstm")
        rows = [_row(kind, records, hidden_size, batch, batches, turns, seed) for kind in kinds]
    finally:
        torch.set_num_threads(before)
    ratio, rate = min(row["ratio"] for row in rows), min(row["nodes_per_second"] for row in rows)
    return {
        "benchmark": "trees",
        "protocol": (
            f"Training steps of a Tree-LSTM with {hidden_size} units and a label on every node, {batch} trees a step, "
            f"on {source}, Adam, float32, {threads} thread(s), planning and embedding included; {turns} turns of "
            f"{batches} steps, the sides in turns; ratio: to recursion with the modules of public code, median over "
            f"the turns, the smaller of the two cells; lean ratio: to the leanest recursion in Python."
        ),
        "rows": rows,
        "ratio": ratio,
        "lean_ratio": min(row["lean_ratio"] for row in rows),
        "nodes_per_second": rate,
        "target": f"{TARGET_RATIO:g} × and {TARGET_NODES:,} nodes/s",
        "met": ratio >= TARGET_RATIO and rate >= TARGET_NODES,
        "threads": threads,
        "machine": machine(),
        "table": table([list(row.values()) for row in rows], list(rows[0])),
    }


def _trees(data: Path | str | None, count: int, seed: int) -> tuple[list[LabelledTree], str]:
    """The first trees of the sentiment treebank, or generated ones of like size where it is not there."""
    path = data_folder(data).joinpath(*SST)
    if path.is_file():
        with path.open(encoding="utf-8") as file:
            lines = [line for line, _ in zip(file, range(count), strict=False)]
        return [parse_bracketed(line) for line in lines], "the Stanford Sentiment Treebank"
    choose = random.Random(seed)
    return [random_binary_tree(choose, choose.randint(4, 34)) for _ in range(count)], "random binary trees"


def random_binary_tree(choose: random.Random, leaves: int) -> LabelledTree:
    """A binary tree whose shape is drawn leaf by leaf, with words and five labels."""
    words, parents, tags = list[str](), list[int](), list[str]()
    open_nodes: list[int] = []
    read = 0
    while read < leaves or len(open_nodes) > 1:
        join = len(open_nodes) > 1 and (read == leaves or choose.random() < 0.5)
        if join:
            parents[open_nodes.pop()] = parents[open_nodes.pop()] = len(words)
        else:
            read += 1
        open_nodes.append(len(words))
        words.append("" if join else f"w{choose.randint(0, 8000)}")
        parents.append(-1)
        tags.append(str(choose.randint(0, 4)))
    return LabelledTree(tuple(words), tuple(parents), tuple(tags))


class _Data:
    """Encoded trees in batches: for ours arrays planned once, for the peer the nodes of each tree."""

    def __init__(self, records: Sequence[LabelledTree], batch: int) -> None:
        import numpy as np

        from workbench.nn.trees import tree_arrays

        words = {word: i for i, word in enumerate(sorted({w for r in records for w in r.words if w}), 1)}
        labels = {tag: i for i, tag in enumerate(sorted({tag for r in records for tag in r.tags}))}
        self.words, self.labels = len(words) + 1, len(labels)
        encoded = [
            {
                **tree_arrays(record.parents, [bool(word) for word in record.words]),
                "words": np.array([words.get(word, 0) for word in record.words]),
                "labels": np.array([labels[tag] for tag in record.tags]),
            }
            for record in records
        ]
        self.batches = [encoded[i : i + batch] for i in range(0, len(encoded) - batch + 1, batch)]
        starts = range(0, len(records), batch)
        self.children = [[record.children() for record in records[i : i + batch]] for i in starts]

    def nodes(self, number: int) -> int:
        return sum(len(item["parents"]) for item in self.batches[number % len(self.batches)])


def _row(
    kind: str, records: Sequence[LabelledTree], size: int, batch: int, batches: int, turns: int, seed: int
) -> dict[str, Any]:
    import torch

    from workbench.cli.benchmarks.tree_recursion import Lean, PublishedBinary, PublishedChildSum
    from workbench.nn.trees import CELLS, RecursiveEncoder

    data = _Data(records, batch)
    torch.manual_seed(seed)
    encoder = RecursiveEncoder(CELLS[kind](size, size, 1.0))
    published = (PublishedBinary if kind == "binary_lstm" else PublishedChildSum)(size, size)
    lean = Lean(CELLS[kind](size, size, 1.0))
    sides = {
        "ours": _side(encoder, data, size, _by_height(encoder, data)),
        "published": _side(published, data, size, _node_by_node(published, data)),
        "lean": _side(lean, data, size, _node_by_node(lean, data)),
    }
    rates: dict[str, list[float]] = {name: [] for name in sides}
    for turn in range(turns + 1):
        numbers = range(turn * batches, (turn + 1) * batches)
        nodes = sum(data.nodes(number) for number in numbers)
        for name, side in list(sides.items())[:: 1 if turn % 2 else -1]:
            rate = nodes / _timed(side, numbers)
            if turn:
                rates[name].append(rate)

    def ratio(other: str) -> float:
        return round(statistics.median(a / b for a, b in zip(rates["ours"], rates[other], strict=True)), 1)

    return {
        "cell": encoder.cell.title,
        "nodes_per_second": round(statistics.median(rates["ours"])),
        "recursion_nodes_per_second": round(statistics.median(rates["published"])),
        "ratio": ratio("published"),
        "lean_recursion_nodes_per_second": round(statistics.median(rates["lean"])),
        "lean_ratio": ratio("lean"),
    }


def _timed(side: Callable[[int], None], numbers: Sequence[int]) -> float:
    import time

    start = time.perf_counter()
    for number in numbers:
        side(number)
    return time.perf_counter() - start


Forward = Callable[[int, "nn.Embedding"], "tuple[Tensor, Tensor]"]
"""(states of all nodes of a batch, their labels)."""


def _side(encoder: nn.Module, data: _Data, size: int, forward: Forward) -> Callable[[int], None]:
    """One training step on batch ``number``, with an embedding, a head and an optimiser of its own."""
    import torch
    from torch.nn import functional

    embedding = torch.nn.Embedding(data.words, size, padding_idx=0)
    head = torch.nn.Linear(size, data.labels)
    parameters = [*embedding.parameters(), *encoder.parameters(), *head.parameters()]
    optimizer = torch.optim.Adam(parameters, lr=1e-3, fused=True)  # as the engine does

    def step(number: int) -> None:
        optimizer.zero_grad()
        states, labels = forward(number % len(data.batches), embedding)
        functional.cross_entropy(head(states), labels).backward()
        optimizer.step()

    return step


def _by_height(encoder: Any, data: _Data) -> Forward:
    import numpy as np
    import torch

    from workbench.nn.contract import TreeInputs
    from workbench.nn.trees import TreePlan

    def forward(number: int, embedding: nn.Embedding) -> tuple[Tensor, Tensor]:
        items = data.batches[number]
        plan = TreePlan.merge(items)
        places = plan.places()
        words = np.zeros(len(items) * plan.longest, dtype=np.int64)
        words[places] = np.concatenate([item["words"] for item in items])
        labels = torch.from_numpy(np.concatenate([item["labels"] for item in items]))
        x = embedding(torch.from_numpy(words.reshape(len(items), plan.longest)))
        states = encoder(TreeInputs(x, plan), torch.from_numpy(plan.sizes)).states
        return states.flatten(0, 1).index_select(0, torch.from_numpy(places)), labels

    return forward


def _node_by_node(peer: Any, data: _Data) -> Forward:
    import torch

    from workbench.cli.benchmarks.tree_recursion import recurse

    def forward(number: int, embedding: nn.Embedding) -> tuple[Tensor, Tensor]:
        states: list[Tensor] = []
        labels: list[Tensor] = []
        for item, children in zip(data.batches[number], data.children[number], strict=False):
            vectors = embedding(torch.from_numpy(item["words"]))
            states += recurse(children, vectors, peer.leaf, peer.inner)
            labels.append(torch.from_numpy(item["labels"]))
        return torch.stack(states), torch.cat(labels)

    return forward
