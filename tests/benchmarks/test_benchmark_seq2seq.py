"""The benchmark of encoder-decoders measures both sides on the same work."""

from __future__ import annotations

from workbench.cli import benchmarks


def test_training_and_writing_are_measured_beside_plain_loops():
    assert "seq2seq" in benchmarks.available("speed")
    sizes = {"hidden_size": 8, "vocabulary": 40, "batch": 4, "batches": 1, "turns": 1, "sentences": 6, "beam": 3}
    found = benchmarks.run("speed", "seq2seq", threads=1, **sizes)
    assert [row["unit"] for row in found["rows"]] == ["target symbols/s"] * 2 + ["sentences/s"] * 2
    assert all(row["ours"] > 0 and row["theirs"] > 0 and row["ratio"] > 0 for row in found["rows"])
    for row in found["rows"][2:]:
        assert row["worse"] == 0, "the same search, or a better answer"
        assert row["same"] >= 0.5
    assert found["met"] in (True, False)
    assert "one hypothesis at a time" in found["table"]
