"""The doctor finds pairs that teach nothing or the wrong thing."""

from __future__ import annotations

from workbench_plugins.tasks.translation.checks import check_pairs

from workbench.api import StoredRecord, TextPair

GOOD = [TextPair(f"ein ganz gewöhnlicher Satz Nummer {i}", f"a quite ordinary sentence number {i}") for i in range(20)]


def _stored(pairs: list[TextPair], split: str = "train", first: int = 1) -> list[StoredRecord]:
    return [StoredRecord(first + i, i, split, "", pair) for i, pair in enumerate(pairs)]


def test_ordinary_pairs_are_let_be() -> None:
    assert list(check_pairs(_stored(GOOD))) == []
    assert list(check_pairs([])) == []


def test_empty_copied_and_odd_pairs_are_named() -> None:
    same = "Berlin bleibt doch Berlin"
    bad = [TextPair("", "x"), TextPair(same, same), TextPair("ja", "y" * 60)]
    found = {finding.check: finding for finding in check_pairs([*_stored(GOOD), *_stored(bad, first=100)])}
    assert found["empty"].record_ids == (100,)
    assert found["copy"].record_ids == (101,)
    assert found["length"].record_ids == (102,)


def test_a_source_of_training_is_not_to_be_tested() -> None:
    held = _stored([TextPair(GOOD[3].source, "another sentence of the same source")], "test", first=50)
    (finding,) = check_pairs([*_stored(GOOD), *held])
    assert (finding.check, finding.record_ids) == ("source-in-training", (50,))
