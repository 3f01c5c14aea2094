"""Dividing a dataset into train, validation and test: as imported, at random by seed, or by document."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from workbench.api import SPLITS, WorkbenchError
from workbench.data.edits import SetSplits

if TYPE_CHECKING:
    from workbench.data.store import DatasetStore

METHODS = ("imported", "random", "document")


def divide(store: DatasetStore, dataset_id: int, method: str, fractions: Sequence[float], seed: int) -> SetSplits:
    """The edit that divides a dataset.

    ``imported`` gives every record the split its file was imported as. ``random`` shuffles with ``seed``.
    ``document`` shuffles whole documents, so that sentences of one text never stand on both sides. ``fractions`` are
    for train, validation and test and add up to 1 at most; what is left over is in no split.
    """
    if method not in METHODS:
        raise WorkbenchError(f"There is no way to split called {method!r}.", fix=f"Use one of {', '.join(METHODS)}.")
    with store.connections.reading() as connection:
        rows: list[tuple[int, str, int]] = connection.execute(
            "SELECT id, document, source FROM records WHERE dataset_id = ? ORDER BY position", (dataset_id,)
        ).fetchall()
    if method == "imported":
        sources = store.dataset(dataset_id).format.get("sources", [])
        splits = {i: str(source.get("split", "")) for i, source in enumerate(sources)}
        return SetSplits({row[0]: splits.get(row[2], "") for row in rows}, name="Split as imported")
    _check(fractions)
    random = np.random.default_rng(seed)
    if method == "random":
        groups = [[row[0]] for row in rows]
    else:
        groups = [[row[0] for row in group] for _, group in itertools.groupby(rows, key=lambda row: (row[2], row[1]))]
        if len(groups) < 2:
            raise WorkbenchError(
                "This dataset cannot be split by document.",
                why="It has no document boundaries (-DOCSTART- lines or newdoc comments).",
                fix="Split at random instead.",
            )
    return SetSplits(
        dict(_deal(groups, random.permutation(len(groups)).tolist(), fractions, len(rows))),
        name=f"Split by {method}" if method == "document" else "Split at random",
    )


def _deal(
    groups: Sequence[Sequence[int]], order: Sequence[int], fractions: Sequence[float], total: int
) -> itertools.chain[tuple[int, str]]:
    """Hand out shuffled groups, split after split, each until its share of the records is reached."""
    bounds = [round(total * share) for share in itertools.accumulate(fractions)]
    dealt: list[list[tuple[int, str]]] = []
    given = 0
    for index in order:
        split = next((SPLITS[i] for i, bound in enumerate(bounds) if given < bound), "")
        dealt.append([(number, split) for number in groups[index]])
        given += len(groups[index])
    return itertools.chain.from_iterable(dealt)


def _check(fractions: Sequence[float]) -> None:
    if len(fractions) != len(SPLITS) or any(f < 0 for f in fractions) or not 0 < sum(fractions) <= 1 + 1e-9:
        raise WorkbenchError(
            "The shares of the splits do not add up.",
            fix="Give three shares (train, validation, test) of 0 or more that add up to 1 at most.",
        )
