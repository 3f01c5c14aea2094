"""Encoded splits are cached by content and codec; what comes from the cache trains the same."""

from __future__ import annotations

import shutil

import pytest
import toy

from workbench.api import Cancelled
from workbench.engine.data import StoreSource, encode_split
from workbench.engine.training import train
from workbench.runs.config import DataSection


@pytest.fixture
def task():
    return toy.ToyTask(toy.ToyParams())


def prepared(store, task, tmp_path, **options):
    from workbench.engine.data import prepare

    source = StoreSource(store, "letters")
    return prepare(source, DataSection(dataset="letters"), task, codec_key="toy", cache=tmp_path / "cache", **options)


def test_a_second_preparation_reads_no_record(records, task, tmp_path):
    first_store, second_store = toy.ToyStore(records, "one"), toy.ToyStore(records, "one")
    first = prepared(first_store, task, tmp_path)
    second = prepared(second_store, task, tmp_path)
    assert first_store.reads > 0
    assert second_store.reads == 0
    assert second.codec == first.codec
    assert second.train.lengths.tolist() == [record.size() for record in records["train"]]
    assert [e["symbols"].tolist() for e in second.train.encodings] == [
        first.codec.encode(record)["symbols"].tolist() for record in records["train"]
    ]


def test_other_content_is_encoded_again(records, task, tmp_path):
    prepared(toy.ToyStore(records, "one"), task, tmp_path)
    changed = toy.ToyStore({**records, "train": records["train"][:10]}, "two")
    assert len(prepared(changed, task, tmp_path).train) == 10


def test_the_cache_may_vanish_and_changes_no_result(make_run, records, catalogue, tmp_path):
    store, cache = toy.ToyStore(records, "one"), tmp_path / "cache"
    results = [train(make_run(), store, catalogue, cache=cache).metrics for _ in range(2)]
    shutil.rmtree(cache)
    results.append(train(make_run(), store, catalogue, cache=cache).metrics)
    results.append(train(make_run(), records, catalogue).metrics)
    assert all(metrics == results[0] for metrics in results)


def test_preparing_tells_what_it_does_and_can_be_cancelled(records, task, tmp_path):
    told = []
    prepared(toy.ToyStore(records, "one"), task, tmp_path, progress=lambda *values: told.append(values))
    assert ("building vocabulary", 120, 120) in told
    assert ("encoding the train split", 120, 120) in told

    def cancel(name, done, total):
        if name.startswith("building"):
            raise Cancelled

    with pytest.raises(Cancelled):
        prepared(toy.ToyStore(records, "two"), task, tmp_path, progress=cancel)


def test_a_limit_takes_the_first_records_only(records, task):
    source = StoreSource(toy.ToyStore(records), "letters")
    codec = task.fit_codec(records["train"])
    split = encode_split(source, "train", codec, limit=7)
    assert split.ids.tolist() == list(range(7))
