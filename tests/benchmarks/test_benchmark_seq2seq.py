"""The benchmark of encoder-decoders measures both sides on the same work."""

from __future__ import annotations

from workbench.cli import benchmarks
from workbench.cli.benchmarks.seq2seq_writing import writing


def test_training_and_writing_are_measured_beside_plain_loops():
    assert "seq2seq" in benchmarks.available("speed")
    sizes = {"hidden_size": 8, "vocabulary": 40, "batch": 4, "batches": 1, "turns": 1, "sentences": 6, "beam": 3}
    found = benchmarks.run("speed", "seq2seq", threads=1, smaller=[(4, 30)], **sizes)
    training, written = found["rows"][:2], found["rows"][2:]
    assert [row["unit"] for row in training] == ["target symbols/s"] * 2
    assert {row["unit"] for row in written} == {"sentences/s"}
    assert all(row["ours"] > 0 and row["theirs"] > 0 and row["ratio"] > 0 for row in found["rows"])
    compared = [row for row in written if "same" in row]
    assert len(compared) == 6, "three peers for each model"
    for row in compared:
        assert row["worse"] == 0, "the same search, or a better answer"
        assert row["same"] >= 0.5
    assert found["beam_ratio"] == written[0]["ratio"], "the target is judged at the named size"
    assert (written[0]["hidden_size"], written[0]["vocabulary"]) == (8, 40)
    assert "one hypothesis at a time" in written[0]["what"]
    assert found["met"] == (found["training_ratio"] >= 1.3 and found["beam_ratio"] >= 10)
    for expected in ("our own, one sentence at a time", "the products alone", "4 × 30"):
        assert expected in found["table"]


def test_our_own_search_answers_alike_for_one_sentence_and_for_many():
    rows = writing(16, 50, sentences=8, beam=4, turns=1)
    (own,) = [row for row in rows if "our own" in row["what"]]
    assert own["same"] == 1.0
    assert own["worse"] == 0
