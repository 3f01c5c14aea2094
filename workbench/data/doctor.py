"""The data doctor: what is wrong or doubtful in a dataset, where, and what to do about it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Any

from workbench.api import DoctorCheck, Finding
from workbench.data.query import Query
from workbench.data.rows import PROBLEM_EMPTY, PROBLEM_SCHEME
from workbench.data.store import DatasetInfo, DatasetStore

_logger = logging.getLogger(__name__)

MAX_RECORDS = 1000
"""Ids that a finding names at most."""

LONG_STEPS = 1000

Run = Callable[[DoctorCheck, Callable[[], list[Finding]]], list[Finding]]


def examine(
    store: DatasetStore,
    dataset_id: int,
    checks: Iterable[DoctorCheck] = (),
    *,
    on_error: Callable[[DoctorCheck, Exception], None] | None = None,
) -> list[Finding]:
    """All findings of our own checks and of those plugins bring, errors first.

    A plugin's check that fails is passed over and reported to ``on_error``.
    """
    info = store.dataset(dataset_id)
    found = [
        *_problems(store, info),
        *_duplicates(store, info),
        *_splits(store, info),
        *_lengths(store, info),
        *_unseen_labels(store, info),
    ]
    for check in checks:
        if check.record not in ("", info.record):
            continue
        try:
            found.extend(check.factory.resolve()(store.iterate(dataset_id)))
        except Exception as error:
            _logger.warning("the check %s failed", check.id, exc_info=True)
            if on_error is not None:
                on_error(check, error)
    order = {"error": 0, "warning": 1, "info": 2}
    return sorted(found, key=lambda finding: order.get(finding.severity, 3))


def _problems(store: DatasetStore, info: DatasetInfo) -> list[Finding]:
    words = {
        PROBLEM_SCHEME: ("have labels that break the span scheme (an I that continues nothing)", "Mend labels."),
        PROBLEM_EMPTY: ("are empty", "Delete them: nothing can be learned from them."),
    }
    found: list[Finding] = []
    for problem, (what, fix) in words.items():
        ids = store.ids(info.id, Query(problem=problem)).tolist()
        if ids:
            found.append(Finding(problem, "warning", f"{_many(len(ids))} {what}.", tuple(ids[:MAX_RECORDS]), fix=fix))
    return found


def _duplicates(store: DatasetStore, info: DatasetInfo) -> list[Finding]:
    """The same text twice in one split wastes; in train and in what is held out it makes scores too good."""
    with store.connections.reading() as connection:
        leaked = connection.execute(
            "SELECT id FROM records WHERE dataset_id = ? AND split IN ('validation', 'test') AND size > 3 AND search IN"
            " (SELECT search FROM records WHERE dataset_id = ? AND split = 'train') ORDER BY position",
            (info.id, info.id),
        ).fetchall()
        conflicting = connection.execute(
            "SELECT search, group_concat(id) FROM records WHERE dataset_id = ? AND size > 3 GROUP BY search"
            " HAVING count(DISTINCT digest) > 1 AND count(*) > 1",
            (info.id,),
        ).fetchall()
    found: list[Finding] = []
    if leaked:
        found.append(
            Finding(
                "leak",
                "warning",
                f"{_many(len(leaked))} of validation and test are also in the training split.",
                tuple(row[0] for row in leaked[:MAX_RECORDS]),
                fix="Scores on them are too good; delete them from one side, or split by document.",
            )
        )
    if conflicting:
        ids = [int(number) for row in conflicting for number in row[1].split(",")]
        found.append(
            Finding(
                "conflict",
                "warning",
                f"{len(conflicting):,} texts occur several times with different labels.",
                tuple(ids[:MAX_RECORDS]),
                fix="Look at them and make their labels agree.",
            )
        )
    return found


def _splits(store: DatasetStore, info: DatasetInfo) -> list[Finding]:
    counts = store.split_counts(info.id)
    if not counts.get("train"):
        return [Finding("splits", "error", "No record is in the training split.", fix="Divide the dataset.")]
    if not counts.get("validation"):
        fix = "Divide the dataset: without validation a run cannot tell when to stop."
        return [Finding("splits", "warning", "No record is in the validation split.", fix=fix)]
    return []


def _lengths(store: DatasetStore, info: DatasetInfo) -> list[Finding]:
    with store.connections.reading() as connection:
        rows: list[tuple[Any, ...]] = connection.execute(
            "SELECT id FROM records WHERE dataset_id = ? AND size > ? ORDER BY size DESC", (info.id, LONG_STEPS)
        ).fetchall()
    if not rows or info.record == "text":
        return []
    what = f"{_many(len(rows))} are longer than {LONG_STEPS:,} steps."
    fix = "Cut them: they take much memory, and often a blank line between sentences is missing."
    return [Finding("length", "warning", what, tuple(row[0] for row in rows[:MAX_RECORDS]), fix=fix)]


def _unseen_labels(store: DatasetStore, info: DatasetInfo) -> list[Finding]:
    found: list[Finding] = []
    for layer, by_split in store.statistics(info.id).labels.items():
        if "train" not in by_split:
            continue
        for split in ("validation", "test"):
            unseen = sorted(set(by_split.get(split, {})) - set(by_split["train"]))
            if unseen:
                what = f"Labels of {layer} occur in {split} but not in train: {', '.join(unseen[:10])}."
                found.append(Finding("labels", "warning", what, fix="They cannot be learned; divide the data anew."))
    return found


def _many(count: int) -> str:
    return "1 record" if count == 1 else f"{count:,} records"
