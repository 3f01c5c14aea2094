"""Windows of long records are single examples that never straddle records; a split in time leaks nothing."""

from __future__ import annotations

import json

import numpy as np
import pytest
import toy
import toy_windows
from test_resume import Killed, assert_same_end, killer
from toy_windows import WINDOW, Series

from workbench.api import Record
from workbench.api.events import EpochMetrics
from workbench.engine.data import ListSource, StoreSource, WindowSplit, encode_split, fitted_codec, prepare
from workbench.engine.predict import load_bundle
from workbench.engine.sources import TimeSplitSource, source_for
from workbench.engine.training import train
from workbench.runs.config import DataSection
from workbench.runs.journal import read_journal

SECTION = DataSection(dataset="series")


def counted(count: int, length: int = 60) -> list[Record]:
    """Record r holds 1000 r + t: every value tells where it stood."""
    return [Series(tuple(1000.0 * r + t for t in range(length))) for r in range(count)]


@pytest.fixture
def catalogue():
    return toy_windows.catalogue()


@pytest.fixture
def task():
    return toy_windows.SeriesTask(toy_windows.SeriesParams())


@pytest.fixture
def records():
    return {"train": toy_windows.waves(4), "validation": toy_windows.waves(2), "test": toy_windows.waves(2)}


def windows_of(records, role="train"):
    codec = toy_windows.SeriesCodec(0.0, 0)
    return codec, encode_split(ListSource({"train": records}), "train", codec, role=role)


def test_every_window_is_one_example_within_its_record():
    codec, split = windows_of(counted(3, 20))
    assert isinstance(split, WindowSplit)
    assert len(split) == 3 * (20 - WINDOW)
    assert split.lengths.tolist() == [WINDOW] * len(split)
    batch = split.batch(codec, np.arange(len(split)))
    read, target = batch.fields["values"][:, :, 0].numpy(), batch.fields["targets"].numpy()
    assert (np.diff(read, axis=1) == 1).all(), "a window of two records would jump"
    assert (target == read[:, -1] + 1).all()
    assert split.ids.tolist() == (read[:, 0] // 1000).astype(int).tolist()


def test_windows_are_views_and_gold_records_are_their_own():
    codec, split = windows_of(counted(3, 20))
    whole = split.encodings[1]["values"]
    assert codec.window(split.encodings[1], 3, 9)["values"].base is not None
    assert np.shares_memory(codec.window(split.encodings[1], 3, 9)["values"], whole)
    chosen = np.array([20, 0, 41])
    batch = split.batch(codec, chosen)
    for row, record in enumerate(split.records(chosen)):
        assert record.values[:WINDOW] == tuple(batch.fields["values"][row, :, 0].tolist())
        assert record.values[WINDOW] == float(batch.fields["targets"][row])


def test_records_too_short_for_a_window_are_left_out_and_counted():
    _, split = windows_of([*counted(1, 20), Series((1.0, 2.0))])
    assert split.empty == 1
    assert set(split.ids.tolist()) == {0}


def test_to_predict_there_is_one_window_at_the_end_of_each_record():
    codec, split = windows_of(counted(4, 15), role="predict")
    assert split.ids.tolist() == [0, 1, 2, 3]
    batch = split.batch(codec, np.array([2]))
    assert batch.fields["values"][0, :, 0].tolist() == [2009.0 + t for t in range(WINDOW)]


def test_cached_windows_are_the_same_windows(tmp_path, task):
    splits = {"train": counted(3, 40), "validation": counted(1, 40)}
    found = []
    for _ in range(2):
        store = toy.ToyStore(splits, "one")
        prepared = prepare(StoreSource(store, "x"), SECTION, task, codec_key="k", cache=tmp_path)
        batch = prepared.train.batch(prepared.codec, np.arange(len(prepared.train)))
        found.append((batch.fields["values"], prepared.train.ids.tolist(), store.reads))
    assert found[0][2] > 0 == found[1][2]
    assert found[0][1] == found[1][1]
    assert (found[0][0] == found[1][0]).all()


def test_a_split_in_time_gives_every_record_to_every_split_without_an_overlap(task):
    source = source_for(ListSource({"train": counted(2), "validation": counted(1), "": counted(1)}), task, SECTION)
    assert isinstance(source, TimeSplitSource)
    seen: dict[str, set[tuple[int, float]]] = {}
    for split in ("train", "validation", "test"):
        pairs = list(source.iterate(split))
        assert [id_ for id_, _ in pairs] == [0, 1, 2, 3]
        seen[split] = {(id_, value) for id_, record in pairs for value in record.values}
        again = source.only(split).get([id_ for id_, _ in pairs])
        assert [record.values for record in again] == [record.values for _, record in pairs]
    assert not seen["train"] & seen["validation"]
    assert not seen["train"] & seen["test"]
    assert not seen["validation"] & seen["test"]
    for id_ in range(4):
        last = {split: max(value for i, value in values if i == id_) for split, values in seen.items()}
        assert last["train"] < last["validation"] < last["test"]


def test_only_the_past_is_fitted_on(task):
    jump = [Series((0.0,) * 40 + (1e6,) * 20)]
    source = ListSource({"train": jump})
    assert prepare(source, SECTION, task).codec.mean == 0.0
    assert fitted_codec(source, SECTION, task).mean == 0.0


def test_windows_do_not_reach_over_the_border_in_time(task):
    source = ListSource({"train": counted(2)})
    prepared = prepare(source, SECTION, task, codec=toy_windows.SeriesCodec(0.0, 0))
    assert prepared.validation is not None
    for split, last in ((prepared.train, 39), (prepared.validation, 48)):
        batch = split.batch(prepared.codec, np.arange(len(split)))
        assert float((batch.fields["targets"] % 1000).max()) == last
    assert float((batch.fields["values"] % 1000).min()) == 40


def test_the_content_of_a_time_split_covers_every_record(task):
    def hashes(name):
        splits = {"train": counted(1), "test": counted(1)}
        source = toy.HashedSource(splits, name)
        return [source_for(source, task, SECTION).content_hash(split) for split in ("train", "validation")]

    assert hashes("one") == hashes("one")
    assert len({*hashes("one"), *hashes("two")}) == 4
    assert source_for(ListSource({"train": counted(1)}), task, SECTION).content_hash("train") == ""


def test_a_task_that_declines_keeps_the_assigned_splits():
    source = ListSource({"train": counted(1)})
    task = toy_windows.SeriesTask(toy_windows.SeriesParams(in_time=False))
    assert source_for(source, task, SECTION) is source


@pytest.mark.parametrize("in_time", [True, False])
def test_a_forecast_is_learned_evaluated_and_comes_back(make_run, records, catalogue, in_time):
    run = make_run(max_epochs=6, learning_rate=0.03, task_params={"in_time": in_time}, net_params={"dropout": 0.0})
    finished = train(run, records, catalogue)
    assert finished.reason == "completed", finished.error
    epochs = [e for e in read_journal(run.journal_path) if isinstance(e, EpochMetrics)]
    assert epochs[-1].metrics["toy_error"] < epochs[0].metrics["toy_error"]
    predictor = load_bundle(run.path, catalogue)
    report = predictor.evaluate(ListSource(records), "validation")
    assert report.metrics["toy_error"] == pytest.approx(finished.metrics["toy_error"], rel=1e-3)
    assert {example["record_id"] for example in report.examples} == (set(range(8)) if in_time else {4, 5})
    train_only, short = ListSource({"train": records["train"]}), ListSource({"train": toy_windows.waves(2, 20)})
    assert predictor.split_to_judge(ListSource(records)) == "test"
    assert predictor.split_to_judge(train_only) == ("test" if in_time else "validation")
    assert predictor.split_to_judge(short) == "validation", "no series is long enough for a part in the test"
    wave = toy_windows.waves(9)[8]
    (result,) = predictor.predict([wave])
    json.dumps(result.to_json())
    assert abs(result.value - np.sin(0.4 * 60 + 8)) < 0.7


def test_a_killed_forecast_ends_bit_equal(make_run, records, catalogue):
    reference, run = make_run(max_epochs=2), make_run(max_epochs=2, checkpoint_every=1e-9)
    train(reference, records, catalogue)
    with pytest.raises(Killed):
        train(run, records, catalogue, service=killer(6))
    train(run, records, catalogue, resume=True)
    assert_same_end(run, reference)
