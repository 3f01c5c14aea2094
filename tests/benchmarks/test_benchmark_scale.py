"""The benchmark of memory at size: it measures each part in a process of its own, and knows what it generates."""

from __future__ import annotations

from pathlib import Path

import pytest

from workbench.api import WorkbenchError
from workbench.cli.benchmarks import scale


def test_an_import_and_a_list_are_measured_above_what_the_program_takes(tmp_path: Path) -> None:
    file = tmp_path / "data.tsv"
    scale.write_labelled(file, 200)
    found = scale.in_own_process("import", "classification", file)
    assert found["base"] > 10
    assert 0 <= found["above"] < scale.ALLOWED
    assert scale.in_own_process("list", "classification", file)["seconds"] > 0


def test_what_is_generated_has_the_size_asked_for(tmp_path: Path) -> None:
    scale.write_running(tmp_path / "text", 5000)
    assert 5000 <= (tmp_path / "text").stat().st_size < 5400
    scale.write_series(tmp_path / "series", 1234)
    assert len((tmp_path / "series").read_text().splitlines()) == 1235
    scale.write_pairs(tmp_path / "pairs", 3)
    one = (tmp_path / "pairs").read_text().splitlines()[1].split("\t")
    assert one[0].split() == one[1].split()[::-1]


def test_an_unknown_task_and_more_threads_are_refused() -> None:
    with pytest.raises(WorkbenchError, match="Nothing is generated for 'cooking'"):
        scale.measure("cooking")
    with pytest.raises(WorkbenchError, match="one thread"):
        scale.measure("tagging", threads=2)


def test_a_part_that_fails_is_told(tmp_path: Path) -> None:
    with pytest.raises(WorkbenchError, match="part list of tagging could not be measured"):
        scale.in_own_process("list", "tagging", tmp_path / "nothing.conll")
