"""The dataset store: edits, history, queries, durability, and what it says when something is wrong."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings

from workbench.api import TaggedTokens, Text, WorkbenchError
from workbench.data import (
    DatasetStore,
    DeleteRecords,
    Edit,
    InsertRecord,
    MoveToSplit,
    Query,
    RenameLabel,
    RepairScheme,
    ReplaceRecord,
    SetLabel,
    SetSpan,
)
from workbench.data.backup import restore
from workbench.data.connection import backup_path, explain
from workbench.data.doctor import examine
from workbench.data.importing import import_records


def sentence(words: str, ner: str, pos: str = "") -> TaggedTokens:
    tokens = words.split()
    return TaggedTokens(tokens, {"ner": ner.split(), "pos": pos.split() or ["X"] * len(tokens)})


SENTENCES = [
    ("train", "one", sentence("Ann lives in New York .", "B-PER O O B-LOC I-LOC O")),
    ("train", "one", sentence("Bob works for Acme .", "B-PER O O B-ORG O")),
    ("train", "two", sentence("Nothing here .", "O O O", "NN RB PUNCT")),
    ("validation", "three", sentence("Straße in Köln", "O O B-LOC")),
    ("test", "four", sentence("Broken tags here", "O I-PER I-LOC")),
]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[DatasetStore]:
    store = DatasetStore.create(tmp_path / "data.sqlite")
    layers = {"ner": {"kind": "span", "source_scheme": "iob2"}, "pos": {"kind": "label"}}
    import_records(store, "news", "tagged_tokens", SENTENCES, layers=layers)
    yield store
    store.close()


def contents(store: DatasetStore, dataset: int = 1) -> list[tuple[object, ...]]:
    return [(s.id, s.split, s.document, s.record, s.raw, s.edited) for s in store.iterate(dataset)]


def test_a_span_is_set_undone_and_redone(store: DatasetStore) -> None:
    before = contents(store)
    outcome = store.apply(1, SetSpan(3, "ner", 0, 2, "ORG"))
    assert outcome.record_ids == (3,)
    assert not outcome.structural
    after = contents(store)
    assert store.get([3])[0].record.layers["ner"] == ("B-ORG", "I-ORG", "O")
    assert store.get([3])[0].edited
    assert store.can_undo(1) == "Label ORG"
    assert store.undo(1) is not None
    assert contents(store) == before
    assert store.can_redo(1) == "Label ORG"
    assert store.redo(1) is not None
    assert contents(store) == after


def test_history_outlives_the_program_and_a_new_edit_ends_redo(store: DatasetStore) -> None:
    store.apply(1, SetLabel(3, "pos", 0, "NOUN"))
    store.apply(1, SetSpan(3, "ner", 0, 1, "PER"))
    store.undo(1)
    store.close()
    with DatasetStore.open(store.path) as again:
        assert [(entry.name, entry.undone) for entry in again.history(1)] == [
            ("Label NOUN", False),
            ("Label PER", True),
        ]
        again.apply(1, DeleteRecords((1,)))
        assert again.can_redo(1) == ""
        assert again.redo(1) is None
        again.undo(1)
        again.undo(1)
        assert again.undo(1) is None
        assert not any(stored.edited for stored in again.iterate(1))


EDITS = st.one_of(
    st.builds(
        lambda record, start, length, label: SetSpan(record, "ner", start, start + length, label),
        st.integers(1, 5),
        st.integers(0, 2),
        st.just(1),
        st.sampled_from([None, "PER", "LOC"]),
    ),
    st.builds(SetLabel, st.integers(1, 5), st.just("pos"), st.integers(0, 2), st.sampled_from(["NN", "VB"])),
    st.builds(ReplaceRecord, st.integers(1, 5), st.just(sentence("Quite another text", "O O B-MISC"))),
    st.builds(
        InsertRecord,
        st.just(sentence("A new one", "O O O")),
        st.one_of(st.none(), st.integers(1, 5)),
        st.sampled_from(["", "train"]),
    ),
    st.builds(DeleteRecords, st.sets(st.integers(1, 5), min_size=1, max_size=3).map(tuple)),
    st.builds(MoveToSplit, st.sets(st.integers(1, 5), min_size=1).map(tuple), st.sampled_from(["train", "test", ""])),
    st.builds(RenameLabel, st.just("ner"), st.sampled_from(["PER", "LOC"]), st.sampled_from(["PER", "THING"])),
    st.builds(RepairScheme, st.just("ner")),
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(edits=st.lists(EDITS, min_size=1, max_size=8))
def test_undoing_and_redoing_everything_is_exact(edits: list[Edit], tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("undo") / "data.sqlite"
    with DatasetStore.create(path) as store:
        layers = {"ner": {"kind": "span"}, "pos": {"kind": "label"}}
        import_records(store, "news", "tagged_tokens", SENTENCES, layers=layers)
        states = [(contents(store), store.content_hash(1, "train"))]
        for edit in edits:
            steps = len(store.history(1))
            try:
                store.apply(1, edit)
            except WorkbenchError:
                assert contents(store) == states[-1][0]  # a refused edit changes nothing
                continue
            if len(store.history(1)) > steps:
                states.append((contents(store), store.content_hash(1, "train")))
        for state in reversed(states[:-1]):
            assert store.undo(1) is not None
            assert (contents(store), store.content_hash(1, "train")) == state
        for state in states[1:]:
            assert store.redo(1) is not None
            assert (contents(store), store.content_hash(1, "train")) == state
        assert store.dataset(1).count == len(states[-1][0])


def test_queries_find_by_text_label_split_problem_and_edit(store: DatasetStore) -> None:
    def found(**conditions: object) -> list[int]:
        return store.ids(1, Query(**conditions)).tolist()  # type: ignore[arg-type]

    assert found() == [1, 2, 3, 4, 5]
    assert found(text="STRASSE") == [4]
    assert found(text="köln") == [4]
    assert found(label=("ner", "LOC")) == [1, 4, 5]
    assert found(label=("ner", "B-LOC")) == [1, 4]
    assert found(label=("pos", "RB")) == [3]
    assert found(label=("ner", "NONE")) == []
    assert found(split="train", text="ann") == [1]
    assert found(problem=True) == [5]
    assert found(problem="scheme") == [5]
    store.apply(1, RepairScheme("ner"))
    assert found(problem=True) == []
    assert found(edited=True) == [5]
    assert store.labels(1, "ner") == ["LOC", "ORG", "PER"]


def test_a_record_is_inserted_in_its_place_and_keeps_its_neighbours(store: DatasetStore) -> None:
    outcome = store.apply(1, InsertRecord(sentence("In between", "O O"), after=1))
    assert outcome.structural
    assert store.ids(1).tolist() == [1, *outcome.record_ids, 2, 3, 4, 5]
    store.undo(1)
    assert store.ids(1).tolist() == [1, 2, 3, 4, 5]


def test_renaming_a_label_changes_every_record_that_has_it(store: DatasetStore) -> None:
    outcome = store.apply(1, RenameLabel("ner", "LOC", "PLACE"))
    assert outcome.record_ids == (1, 4, 5)
    assert store.get([1])[0].record.layers["ner"] == ("B-PER", "O", "O", "B-PLACE", "I-PLACE", "O")


def test_edits_that_do_not_fit_are_refused(store: DatasetStore) -> None:
    with pytest.raises(WorkbenchError, match="not a range"):
        store.apply(1, SetSpan(3, "ner", 2, 9, "PER"))
    with pytest.raises(WorkbenchError, match="not in this dataset"):
        store.apply(1, SetSpan(99, "ner", 0, 1, "PER"))
    with pytest.raises(WorkbenchError, match="cannot be replaced"):
        store.apply(1, ReplaceRecord(1, Text("another kind")))
    with pytest.raises(WorkbenchError, match="no split"):
        store.apply(1, MoveToSplit((1,), "training"))
    assert store.history(1) == []


def test_splits_are_dealt_by_seed_and_by_document(store: DatasetStore) -> None:
    store.assign_splits(1, "random", (0.6, 0.2, 0.2), seed=1)
    assert store.split_counts(1) == {"train": 3, "validation": 1, "test": 1}
    first = contents(store)
    store.assign_splits(1, "random", (0.6, 0.2, 0.2), seed=2)
    store.assign_splits(1, "random", (0.6, 0.2, 0.2), seed=1)
    assert contents(store) == first
    store.assign_splits(1, "document", (0.5, 0.25, 0.25))
    documents: dict[str, set[str]] = {}
    for stored in store.iterate(1):
        documents.setdefault(stored.document, set()).add(stored.split)
    assert all(len(splits) == 1 for splits in documents.values())
    with pytest.raises(WorkbenchError, match="do not add up"):
        store.assign_splits(1, "random", (0.9, 0.9, 0.9))


def test_statistics_count_entities_and_unknown_tokens(store: DatasetStore) -> None:
    statistics = store.statistics(1)
    assert statistics.records == 5
    assert statistics.labels["ner"]["train"] == {"LOC": 1, "ORG": 1, "PER": 2}
    assert statistics.unknown_rate["validation"] == pytest.approx(2 / 3)
    assert statistics.problems == {"scheme": 1}
    assert store.statistics(1) == statistics  # the kept one


def test_the_content_hash_follows_the_contents(store: DatasetStore) -> None:
    before = store.content_hash(1, "train")
    test = store.content_hash(1, "test")
    store.apply(1, SetSpan(1, "ner", 0, 1, "ORG"))
    assert store.content_hash(1, "train") != before
    assert store.content_hash(1, "test") == test
    store.undo(1)
    assert store.content_hash(1, "train") == before


def test_another_process_is_noticed(store: DatasetStore) -> None:
    before = store.data_version()
    script = (
        "import sys; from pathlib import Path; from workbench.data import DatasetStore, SetSpan\n"
        "with DatasetStore.open(Path(sys.argv[1])) as store: store.apply(1, SetSpan(3, 'ner', 0, 1, 'PER'))"
    )
    subprocess.run([sys.executable, "-c", script, str(store.path)], check=True, timeout=60)
    assert store.data_version() > before
    assert store.get([3])[0].record.layers["ner"][0] == "B-PER"
    assert store.dataset(1).revision == 2


def test_several_threads_read_and_write(store: DatasetStore) -> None:
    failures: list[BaseException] = []

    def work(record: int) -> None:
        try:
            for label in ("PER", "LOC") * 5:
                store.apply(1, SetSpan(record, "ner", 0, 1, label))
                assert len(store.get(store.ids(1))) == 5
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(record,)) for record in (1, 2, 3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(store.history(1)) == 28  # two of the thirty edits changed nothing


def test_a_killed_process_loses_no_edit(store: DatasetStore) -> None:
    script = (
        "import os, signal, sys; from pathlib import Path; from workbench.data import DatasetStore, SetSpan\n"
        "store = DatasetStore.open(Path(sys.argv[1]))\n"
        "for i in range(20):\n"
        "    store.apply(1, SetSpan(3, 'ner', 0, 1, f'L{i}'))\n"
        "    sys.stdout.write(f'{i}\\n'); sys.stdout.flush()\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", script, str(store.path)], capture_output=True, text=True, timeout=60)
    last = int(done.stdout.split()[-1])
    with DatasetStore.open(store.path) as again:
        assert again.get([3])[0].record.layers["ner"][0] == f"B-L{last}"
        assert len(again.history(1)) == last + 1


def test_a_read_only_store_answers_and_refuses(store: DatasetStore) -> None:
    store.close()
    with DatasetStore.open(store.path, read_only=True) as again:
        assert again.ids(1).tolist() == [1, 2, 3, 4, 5]
        assert again.statistics(1).records == 5
        with pytest.raises(WorkbenchError, match="reading only"):
            again.apply(1, SetSpan(1, "ner", 0, 1, "PER"))


def test_a_newer_store_is_not_opened(store: DatasetStore) -> None:
    store.close()
    with sqlite3.connect(store.path) as connection:
        connection.execute("UPDATE meta SET value = '99' WHERE key = 'schema_version'")
    connection.close()
    with pytest.raises(WorkbenchError, match="newer version"):
        DatasetStore.open(store.path)


@pytest.mark.parametrize("damage", ["header", "middle", "truncated"])
def test_a_damaged_store_offers_its_backup(store: DatasetStore, damage: str) -> None:
    before = contents(store)
    store.close()
    assert backup_path(store.path).exists()
    size = store.path.stat().st_size
    with store.path.open("r+b") as file:
        if damage == "truncated":
            file.truncate(size // 2)
        else:
            file.seek(0 if damage == "header" else 8192)
            file.write(os.urandom(size - 8192 if damage == "middle" else 4096))
    with pytest.raises(WorkbenchError) as caught:
        DatasetStore.open(store.path)
    assert "data.sqlite.backup" in caught.value.fix
    aside = restore(store.path)
    assert aside.exists()
    with DatasetStore.open(store.path) as again:
        assert contents(again) == before


def test_a_full_disk_is_told_and_changes_nothing(store: DatasetStore) -> None:
    with store.connections.reading() as connection:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages}")
    long = sentence("word " * 20_000, "O " * 20_000)
    with pytest.raises(WorkbenchError, match="not saved") as caught:
        store.apply(1, InsertRecord(long))
    assert "full" in caught.value.why
    assert store.ids(1).tolist() == [1, 2, 3, 4, 5]
    assert store.history(1) == []


def test_a_busy_database_is_told() -> None:
    assert "busy" in explain(sqlite3.OperationalError("database is locked"), Path("data.sqlite")).what


def test_datasets_are_renamed_deleted_and_restored(store: DatasetStore) -> None:
    store.create_dataset("other", "text")
    with pytest.raises(WorkbenchError, match="already"):
        store.rename_dataset(1, "other")
    store.rename_dataset(1, "old news")
    assert store.dataset("old news").id == 1
    store.delete_dataset(1)
    assert [info.name for info in store.datasets()] == ["other"]
    with pytest.raises(WorkbenchError, match="no dataset"):
        store.dataset("old news")
    assert store.restore_dataset(1).count == 5
    store.delete_dataset(1)
    assert store.purge() == 1
    assert store.get([1]) == []


def test_the_doctor_names_what_is_wrong(store: DatasetStore) -> None:
    store.apply(1, InsertRecord(sentence("Ann lives in New York .", "O O O O O O"), split="test"))
    checks = {finding.check: finding for finding in examine(store, 1)}
    assert checks["scheme"].record_ids == (5,)
    assert checks["leak"].record_ids == (6,)
    assert set(checks["conflict"].record_ids) == {1, 6}
