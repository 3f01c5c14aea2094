"""Packed arrays: what goes in comes out, from the cache too, and a damaged cache is made anew."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from workbench.api import WorkbenchError
from workbench.data.packing import Encoding, pack

RECORDS = [
    {
        "words": np.arange(n, dtype=np.int32),
        "characters": np.full((n, 4), n, np.int16),
        "weight": np.ones(1, np.float32),
    }
    for n in (3, 1, 0, 5)
]


def same(left: Encoding, right: Encoding) -> bool:
    return left.keys() == right.keys() and all(
        np.array_equal(left[name], right[name]) and left[name].dtype == right[name].dtype for name in left
    )


def test_what_goes_in_comes_out(tmp_path: Path) -> None:
    counts: list[int] = []
    packed = pack(RECORDS, tmp_path, "key", counts.append)
    assert len(packed) == 4
    assert all(same(a, b) for a, b in zip(packed, RECORDS, strict=True))
    assert same(packed[-1], RECORDS[3])
    assert packed.lengths("words").tolist() == [3, 1, 0, 5]
    assert counts[-1] == 4
    assert np.shares_memory(packed[3]["words"], packed.values("words"))
    with pytest.raises(IndexError):
        packed[4]


def test_a_second_time_comes_from_the_cache(tmp_path: Path) -> None:
    def never() -> Iterator[Encoding]:
        raise AssertionError("encoded again")
        yield {}

    pack(RECORDS, tmp_path, "content/1 codec:2")
    assert same(pack(never(), tmp_path, "content/1 codec:2")[0], RECORDS[0])
    with pytest.raises(AssertionError):
        pack(never(), tmp_path, "content/2 codec:2")


@pytest.mark.parametrize("damage", ["0.values", "1.offsets", "index.json"])
def test_a_damaged_cache_is_made_anew(tmp_path: Path, damage: str) -> None:
    file = pack(RECORDS, tmp_path, "key").folder / damage
    file.write_bytes(file.read_bytes()[:-3])
    assert same(pack(RECORDS, tmp_path, "key")[3], RECORDS[3])
    assert file.stat().st_size > 0


def test_no_records_make_empty_arrays(tmp_path: Path) -> None:
    assert len(pack([], tmp_path, "none")) == 0


def test_a_codec_that_changes_its_mind_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(WorkbenchError, match="same names"):
        pack([{"a": np.zeros(1)}, {"b": np.zeros(1)}], tmp_path, "key")
    with pytest.raises(WorkbenchError, match="same types"):
        pack([{"a": np.zeros(1)}, {"a": np.zeros(1, np.int8)}], tmp_path, "key")
    assert list(tmp_path.iterdir()) == []
