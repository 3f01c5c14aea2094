"""A small change of a long record takes little room in the history, and undo and redo are exact."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.api import Series
from workbench.data import DatasetStore, ReplaceRecord
from workbench.data.edits import Change
from workbench.data.history import LONG_BODY, _dump, _load
from workbench.data.importing import import_records


@given(
    st.text(max_size=20), st.text(max_size=20), st.text(max_size=20), st.text("ab", max_size=6), st.booleans()
)
def test_what_is_kept_of_a_change_is_restored_exactly(head: str, tail: str, old: str, new: str, long: bool) -> None:
    filling = "xyz" * LONG_BODY if long else ""
    change = Change(3, {"body": head + filling + old + filling + tail}, {"body": head + filling + new + filling + tail})
    assert _load(_dump([change])) == [change]


def test_changes_without_a_body_are_kept_as_they_are() -> None:
    changes = [Change(1, {"split": "train"}, {"split": "test"}), Change(2, None, {"body": "x" * 9000})]
    changes.append(Change(3, {"body": "x" * 9000}, None))
    assert _load(_dump(changes)) == changes


@pytest.mark.parametrize("step", [0, 1, 999, 19_999])
def test_one_value_of_a_long_series_is_undone_and_redone(tmp_path: Path, step: int) -> None:
    series = Series.of("long", np.random.default_rng(0).normal(size=20_000))
    with DatasetStore.create(tmp_path / "data.sqlite") as store:
        dataset = import_records(store, "s", Series.KIND, [("", "", series)]).dataset
        number = int(store.ids(dataset.id)[0])
        changed = series.with_value(step, 0, 5.0)
        before = _history_bytes(store)
        store.apply(dataset.id, ReplaceRecord(number, changed, "set a value"))
        room = _history_bytes(store) - before
        assert room < 1.1 * len(series.data), "the record is kept once, not twice"
        store.undo(dataset.id)
        assert store.get([number])[0].record == series
        store.redo(dataset.id)
        assert store.get([number])[0].record == changed


def _history_bytes(store: DatasetStore) -> int:
    with store.connections.reading() as connection:
        return int(connection.execute("SELECT coalesce(sum(length(changes)), 0) FROM history").fetchone()[0])
