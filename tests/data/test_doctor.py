"""The data doctor: what it finds, whom it names, and the one step that mends it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from workbench.api import Cancelled, DoctorCheck, Finding, Ref, TaggedTokens
from workbench.data import DatasetStore, MoveToSplit
from workbench.data.doctor import examine, remedy
from workbench.data.importing import import_records

LAYERS = {"ner": {"kind": "span"}, "chunk": {"kind": "span"}}


def sentence(text: str, ner: str, chunk: str = "") -> TaggedTokens:
    tokens = tuple(text.split())
    return TaggedTokens(tokens, {"ner": tuple(ner.split()), "chunk": tuple((chunk or ner).split())})


@pytest.fixture
def store(tmp_path: Path) -> Iterator[DatasetStore]:
    with DatasetStore.create(tmp_path / "data.sqlite") as made:
        yield made


def fill(store: DatasetStore, *rows: tuple[str, TaggedTokens]) -> int:
    return import_records(store, "d", TaggedTokens.KIND, ((a, "doc", b) for a, b in rows), layers=LAYERS).dataset.id


GOOD = (
    ("train", sentence("Ann lives in Rome .", "B-PER O O B-LOC O")),
    ("validation", sentence("Bob lives in Oslo .", "B-PER O O B-LOC O")),
    ("test", sentence("Eve works in Bern .", "B-PER O O B-LOC O")),
)


def checks(store: DatasetStore, dataset: int) -> dict[str, Finding]:
    return {finding.check: finding for finding in examine(store, dataset)}


def test_good_data_have_no_finding(store: DatasetStore) -> None:
    assert examine(store, fill(store, *GOOD)) == []


def test_the_same_text_in_two_splits_is_named_and_leaves_training(store: DatasetStore) -> None:
    again = sentence("Ann lives in Rome .", "B-PER O O B-LOC O")
    other = sentence("Bob lives in Oslo .", "B-PER O O B-LOC O")
    dataset = fill(store, *GOOD, ("test", again), ("test", other), ("train", again))
    found = checks(store, dataset)
    assert found["leak"].record_ids == (4,)
    assert found["shared"].record_ids == (5,)
    step = remedy(store, dataset, found["leak"])
    assert step is not None
    store.apply(dataset, step.edit)
    assert [one.split for one in store.get([1, 6])] == ["", ""]
    assert "leak" not in checks(store, dataset)
    store.undo(dataset)
    assert "leak" in checks(store, dataset)


def test_broken_labels_of_every_span_layer_are_mended_in_one_step(store: DatasetStore) -> None:
    broken = sentence("Zoe saw Max", "I-PER O B-PER", "B-NP O I-NP")
    dataset = fill(store, *GOOD, ("train", broken))
    finding = checks(store, dataset)["scheme"]
    assert finding.record_ids == (4,)
    step = remedy(store, dataset, finding)
    assert step is not None
    store.apply(dataset, step.edit)
    mended = store.get([4])[0].record
    assert isinstance(mended, TaggedTokens)
    assert mended.layers == {"ner": ("B-PER", "O", "B-PER"), "chunk": ("B-NP", "O", "B-NP")}
    assert "scheme" not in checks(store, dataset)
    store.undo(dataset)
    assert store.get([4])[0].record == broken


def test_labels_that_training_lacks_are_named_with_their_records(store: DatasetStore) -> None:
    new = sentence("Mars is red", "B-PLANET O O", "O O O")
    finding = checks(store, fill(store, *GOOD, ("test", new)))["labels"]
    assert "PLANET" in finding.message
    assert finding.record_ids == (4,)


@pytest.mark.parametrize(("split", "severity"), [("train", "error"), ("validation", "warning"), ("test", "info")])
def test_an_empty_split_is_as_grave_as_what_it_is_for(store: DatasetStore, split: str, severity: str) -> None:
    dataset = fill(store, *GOOD)
    gone = ["train", "validation", "test"].index(split) + 1
    store.apply(dataset, MoveToSplit((gone,), ""))
    found = [finding for finding in examine(store, dataset) if finding.check == "splits"]
    assert (found[0].severity, split in found[0].message) == (severity, True)
    assert found[-1].record_ids == (gone,)
    assert "no split" in found[-1].message


def broken_check(records: object) -> list[Finding]:
    raise ValueError("a plugin's mistake")


def test_a_plugin_s_failing_check_is_reported_and_progress_told(store: DatasetStore) -> None:
    dataset = fill(store, *GOOD)
    bad = DoctorCheck(id="bad", title="my check", record="tagged_tokens", factory=Ref(f"{__name__}:broken_check"))
    other = DoctorCheck(id="text", title="texts", record="text", factory=Ref(f"{__name__}:broken_check"))
    failed: list[str] = []
    told: list[tuple[str, int, int]] = []
    examine(
        store,
        dataset,
        [bad, other],
        on_error=lambda check, error: failed.append(f"{check.id}: {error}"),
        progress=lambda *values: told.append(values),
    )
    assert failed == ["bad: a plugin's mistake"]
    assert told[-1] == ("my check", len(told) - 1, len(told))
    with pytest.raises(Cancelled):
        examine(store, dataset, cancelled=lambda: True)
