"""The data doctor: what is wrong or doubtful in a dataset, where, and what to do about it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from workbench.api import Cancelled, DoctorCheck, Finding
from workbench.data.edits import DeleteRecords, Edit, MendRecords, MoveToSplit, RepairScheme
from workbench.data.query import Query
from workbench.data.rows import PROBLEM_EMPTY, PROBLEM_SCHEME
from workbench.data.store import DatasetInfo, DatasetStore

_logger = logging.getLogger(__name__)

MAX_RECORDS = 1000
"""Ids that a finding names at most."""

LONG_STEPS = 1000
SHOWN_LABELS = 10


def examine(
    store: DatasetStore,
    dataset_id: int,
    checks: Iterable[DoctorCheck] = (),
    *,
    draft: tuple[str, Mapping[str, Any]] | None = None,
    on_error: Callable[[DoctorCheck, Exception], None] | None = None,
    progress: Callable[[str, int, int], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> list[Finding]:
    """All findings of our own checks and of those plugins bring, errors first.

    ``draft`` is the task to be trained and its options, for checks that ask for them.
    A plugin's check that fails is passed over and reported to ``on_error``. ``progress(what, done, total)`` is told
    before each check; :class:`Cancelled` when ``cancelled`` says so.
    """
    info = store.dataset(dataset_id)
    others = [check for check in checks if check.record in ("", info.record)]
    total, done = len(_OWN) + len(others), 0

    def begin(what: str) -> None:
        nonlocal done
        if cancelled is not None and cancelled():
            raise Cancelled("The check was cancelled.")
        if progress is not None:
            progress(what, done, total)
        done += 1

    found: list[Finding] = []
    for what, own in _OWN.items():
        begin(what)
        found.extend(own(store, info))
    for check in others:
        begin(check.title)
        try:
            asked = (draft,) if check.with_draft else ()
            found.extend(check.factory.resolve()(store.iterate(dataset_id), *asked))
        except Exception as error:
            _logger.warning("the check %s failed", check.id, exc_info=True)
            if on_error is not None:
                on_error(check, error)
    order = {"error": 0, "warning": 1, "info": 2}
    return sorted(found, key=lambda finding: order.get(finding.severity, 3))


def _problems(store: DatasetStore, info: DatasetInfo) -> list[Finding]:
    words = {
        PROBLEM_SCHEME: (
            ("breaks the span scheme: an I continues nothing", "break the span scheme: an I continues nothing"),
            "Mended, such an I is a B: the spans stay as they are read.",
        ),
        PROBLEM_EMPTY: (("has no text", "have no text"), "Delete them: nothing can be learned from them."),
    }
    found: list[Finding] = []
    for problem, (what, fix) in words.items():
        ids = store.ids(info.id, Query(problem=problem)).tolist()
        if ids:
            found.append(
                Finding(
                    problem, "warning", f"{_many(len(ids))} {what[len(ids) > 1]}.", tuple(ids[:MAX_RECORDS]), fix=fix
                )
            )
    return found


def _duplicates(store: DatasetStore, info: DatasetInfo) -> list[Finding]:
    """The same text twice in one split wastes; in train and in what is held out it makes scores too good."""
    if info.record == "series":
        return []  # two series may bear the same name; their plugin compares the numbers
    with store.connections.reading() as connection:
        leaked = connection.execute(
            "SELECT id FROM records WHERE dataset_id = ? AND split IN ('validation', 'test') AND size > 3 AND search IN"
            " (SELECT search FROM records WHERE dataset_id = ? AND split = 'train') ORDER BY position",
            (info.id, info.id),
        ).fetchall()
        shared = connection.execute(
            "SELECT id FROM records WHERE dataset_id = ? AND split = 'test' AND size > 3 AND search IN"
            " (SELECT search FROM records WHERE dataset_id = ? AND split = 'validation') ORDER BY position",
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
                f"{_many(len(leaked))} of validation and test {_are(len(leaked))} also in the training split.",
                tuple(row[0] for row in leaked[:MAX_RECORDS]),
                fix="Scores on them are too good; delete them from one side, or split by document.",
            )
        )
    if shared:
        found.append(
            Finding(
                "shared",
                "warning",
                f"{_many(len(shared))} of the test split {_are(len(shared))} also in the validation split.",
                tuple(row[0] for row in shared[:MAX_RECORDS]),
                fix="The test then measures in part what the model was chosen by; split by document.",
            )
        )
    if conflicting:
        ids = [int(number) for row in conflicting for number in row[1].split(",")]
        found.append(
            Finding(
                "conflict",
                "warning",
                "1 text occurs several times with different labels."
                if len(conflicting) == 1
                else f"{len(conflicting):,} texts occur several times with different labels.",
                tuple(ids[:MAX_RECORDS]),
                fix="Look at them and make their labels agree.",
            )
        )
    return found


def _splits(store: DatasetStore, info: DatasetInfo) -> list[Finding]:
    counts = store.split_counts(info.id)
    found: list[Finding] = []
    for split, severity, why in (
        ("train", "error", "there is nothing to learn from"),
        ("validation", "warning", "a run cannot tell when to stop"),
        ("test", "info", "there is nothing to measure the final model on"),
    ):
        if not counts.get(split):
            what = f"No record is in the {split} split."
            found.append(Finding("splits", severity, what, fix=f"Divide the dataset: without it {why}."))
    if counts.get("") and len(counts) > 1:
        ids = store.ids(info.id, Query(split="")).tolist()
        what = f"{_many(len(ids))} {_are(len(ids))} in no split."
        found.append(
            Finding(
                "splits", "info", what, tuple(ids[:MAX_RECORDS]), fix="They take no part in a run; move or delete them."
            )
        )
    return found


def _lengths(store: DatasetStore, info: DatasetInfo) -> list[Finding]:
    with store.connections.reading() as connection:
        rows: list[tuple[Any, ...]] = connection.execute(
            "SELECT id FROM records WHERE dataset_id = ? AND size > ? ORDER BY size DESC", (info.id, LONG_STEPS)
        ).fetchall()
    if not rows or info.record in ("text", "series"):  # these are read in pieces
        return []
    what = f"{_many(len(rows))} {_are(len(rows))} longer than {LONG_STEPS:,} steps."
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
                names = ", ".join(unseen[:SHOWN_LABELS]) + (", …" if len(unseen) > SHOWN_LABELS else "")
                what = f"Labels of {layer} occur in {split} but not in train: {names}."
                ids: dict[int, None] = {}
                for label in unseen[:SHOWN_LABELS]:
                    ids |= dict.fromkeys(store.ids(info.id, Query(label=(layer, label), split=split)).tolist())
                fix = "They cannot be learned; divide the data anew."
                found.append(Finding("labels", "warning", what, tuple(sorted(ids))[:MAX_RECORDS], fix=fix))
    return found


_OWN: dict[str, Callable[[DatasetStore, DatasetInfo], list[Finding]]] = {
    "broken labels": _problems,
    "duplicates": _duplicates,
    "splits": _splits,
    "lengths": _lengths,
    "labels by split": _unseen_labels,
}
"""Our own checks, by what the progress says."""


@dataclass(frozen=True, slots=True)
class Remedy:
    """One undoable edit that answers a finding; ``title`` is what its button says."""

    title: str
    edit: Edit


def remedy(store: DatasetStore, dataset_id: int, finding: Finding) -> Remedy | None:
    """What one step can do about ``finding``, or None where only a person can tell.

    It reaches every record concerned, also beyond those that the finding names.
    """
    if finding.mend is not None:
        title = finding.mend_title or "Mend them"
        return Remedy(title, MendRecords(finding.mend, title))
    if finding.check == PROBLEM_SCHEME:
        return Remedy("Mend the labels", RepairScheme(""))
    if finding.check == PROBLEM_EMPTY:
        ids = store.ids(dataset_id, Query(problem=PROBLEM_EMPTY)).tolist()
        return Remedy("Delete them", DeleteRecords(tuple(ids)))
    if finding.check == "leak":
        with store.connections.reading() as connection:
            rows = connection.execute(
                "SELECT id FROM records WHERE dataset_id = ? AND split = 'train' AND size > 3 AND search IN"
                " (SELECT search FROM records WHERE dataset_id = ? AND split IN ('validation', 'test'))",
                (dataset_id, dataset_id),
            ).fetchall()
        return Remedy("Take the copies out of training", MoveToSplit(tuple(row[0] for row in rows), ""))
    return None


def _many(count: int) -> str:
    return "1 record" if count == 1 else f"{count:,} records"


def _are(count: int) -> str:
    return "is" if count == 1 else "are"
