"""The encoder of trees: every node's state from its children's, for a whole batch at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from workbench.api import LayerTrace
from workbench.nn.contract import Encoded, State, TreeEncoder, TreeInputs
from workbench.nn.trees.cells import TreeCell
from workbench.nn.trees.levels import Parts, compose_levels, put_rows, take_rows
from workbench.nn.trees.plan import Level, Structure, TreePlan


class RecursiveEncoder(TreeEncoder):
    """Any tree into node states, with one cell. A cell of two children has further ones folded in from the left.

    ``dropout`` is for the node states that the head reads, ``input_dropout`` for the words; what a node hands to its
    parent is left whole, so that long ways up do not fade.
    """

    def __init__(self, cell: TreeCell, *, dropout: float = 0.0, input_dropout: float = 0.0) -> None:
        super().__init__()
        self.cell = cell
        self.dropout = nn.Dropout(dropout)
        self.input_dropout = nn.Dropout(input_dropout)
        self.output_size = cell.size

    def forward(self, inputs: TreeInputs, lengths: Tensor, state: State = None) -> Encoded:
        """``state`` is nothing to a tree: its leaves begin afresh."""
        structure = self._structure(inputs)
        batch, longest, _ = inputs.x.shape
        # in the bits of the weights, whatever autocast would do: a level's product is small, a tree's sums are long
        with self._whole_precision(inputs.x):
            leaves, pre = self._words(inputs.x, structure)
            rows = self.cell.scan(leaves, pre, structure)
        flat = put_rows(rows, structure.places, batch * longest)
        flat = self.dropout(flat)
        return Encoded(flat.view(batch, longest, -1), lengths, flat.index_select(0, structure.roots))

    @staticmethod
    def _whole_precision(x: Tensor) -> torch.autocast:
        return torch.autocast(x.device.type, enabled=False)

    def _structure(self, inputs: TreeInputs) -> Structure:
        plan = inputs.plan
        if not isinstance(plan, TreePlan):
            raise TypeError("a network over trees needs a TreePlan, made by the codec's collate")
        if inputs.x.shape[:2] != (len(plan.sizes), plan.longest):
            raise ValueError(f"inputs {tuple(inputs.x.shape)} for {len(plan.sizes)} trees of ≤ {plan.longest} nodes")
        return plan.structure(self.cell.binary, inputs.x.device)

    def _words(
        self, x: Tensor, structure: Structure, record: Callable[[dict[str, Tensor]], None] | None = None
    ) -> tuple[Parts, Tensor | None]:
        """The leaves' states, all at once, and what the words of inner nodes add (None where they have none)."""
        flat = self.input_dropout(x.reshape(-1, x.shape[-1]).to(next(self.cell.parameters()).dtype))
        leaves = self.cell.leaf(take_rows(flat, structure.leaf_places), record)
        if not len(structure.word_rows):
            return leaves, None
        words = self.cell.word(take_rows(flat, structure.word_places))
        return leaves, put_rows(words, structure.word_rows, structure.rows - structure.leaves)

    def compose(self, children: Sequence[State], token: Tensor | None = None) -> State:
        """One node for each of B rows; a state is h (B, H), or (h, c) where the cell has one.

        Just what :meth:`forward` computes, in evaluation mode, node by node: what a parser merges with.
        """
        parts = [child if isinstance(child, tuple) else (child,) for child in children]
        if parts:
            found = self.cell.compose(parts, token)
        elif token is not None:
            found = self.cell.leaf(token)
        else:
            raise ValueError("a node without children needs a token")
        return found if len(found) > 1 else found[0]

    @torch.no_grad()
    def trace(self, inputs: TreeInputs, length: int) -> tuple[LayerTrace, ...]:
        """States (N, H) of the nodes of the one tree, with gates. "forget" stands at the child that is kept by it.

        The root has no parent to keep or forget it: its forget gate is given as 0.
        """
        structure = self._structure(inputs)
        size, count = self.cell.size, inputs.x.shape[1]
        gates: dict[str, Tensor] = {}

        def rows_of(name: str) -> Tensor:
            if name not in gates:
                gates[name] = inputs.x.new_zeros(structure.rows + 1, size)
            return gates[name]

        def record(level: Level, values: dict[str, Tensor]) -> None:
            first = structure.leaves + level.start
            for name, part in values.items():
                if name == "forget":
                    rows_of(name)[structure.children[level.first_edge : level.last_edge]] = part
                else:
                    rows_of(name)[first : first + level.width] = part

        def record_leaves(values: dict[str, Tensor]) -> None:
            for name, part in values.items():
                rows_of(name)[: structure.leaves] = part

        with self._whole_precision(inputs.x):
            leaves, pre = self._words(inputs.x, structure, record_leaves)
            found = compose_levels(structure, leaves, self.cell.node(structure, pre, record))

        def nodes(rows: Tensor) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
            placed = put_rows(rows[: structure.rows], structure.places, count)[:length]
            array: np.ndarray[tuple[int, ...], np.dtype[np.float32]] = placed.float().cpu().numpy()
            return array

        return (
            LayerTrace(
                name=self.cell.title,
                direction="upward",
                states=nodes(found[0]),
                gates={name: nodes(rows) for name, rows in gates.items()},
                cell=nodes(found[1]) if len(found) > 1 else None,
            ),
        )
