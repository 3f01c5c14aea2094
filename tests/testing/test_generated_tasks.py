"""The generated tasks: one for each shape and each kind of codec, learned in seconds, and shipped to plugin authors."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from workbench.api import ClassProbabilities, IOShape, LabelledText, Record, Task, Text, Trait, WorkbenchError
from workbench.engine.predict import Predictor, load_bundle
from workbench.engine.training import train
from workbench.host import LoadedPlugins
from workbench.nn.protocols import Streams, Windows
from workbench.runs.config import parse_config
from workbench.runs.folder import RunFolder
from workbench.testing import dataset, labelled_texts, labelled_vectors, short_series
from workbench.testing.options import SeriesParams, StreamParams
from workbench.testing.records import LabelledVector, NextValues, ShortSeries
from workbench.testing.series_task import SeriesCodec, SeriesForecast
from workbench.testing.stream_task import END, NextLetter


def generated(plugins: LoadedPlugins) -> dict[str, Task]:
    return {task.id: task for task in plugins.catalogue.tasks() if plugins.catalogue.owner(task) == "generated"}


def learned(
    plugins: LoadedPlugins, folder: Path, task: str, records: dict[str, list[Record]], **training: object
) -> Predictor:
    values = {"max_epochs": 6, "patience": 0, "learning_rate": 0.02, "batch_tokens": 64, "device": "cpu", "threads": 1}
    config = parse_config(
        {
            "task": {"id": task},
            "architecture": {"id": "gru", "params": {"hidden_size": 16, "dropout": 0.0}},
            "data": {"dataset": "generated"},
            "training": {**values, **training},
        }
    )
    run = RunFolder.create(folder, config)
    finished = train(run, records, plugins.catalogue)
    assert finished.reason == "completed", finished.error
    return load_bundle(run.path, plugins.catalogue, device="cpu")


def test_the_plugin_loads_without_a_problem(generated_plugins: LoadedPlugins) -> None:
    assert [str(one) for one in generated_plugins.problems.problems() if one.plugin == "generated"] == []


def test_there_is_a_task_of_every_shape(generated_plugins: LoadedPlugins) -> None:
    tasks = generated(generated_plugins)
    assert {task.shape for task in tasks.values()} == set(IOShape)
    assert any(Trait.TREE in task.needs for task in tasks.values())
    assert any(Trait.CAUSAL in task.needs for task in tasks.values())


def test_every_one_brings_a_sample(generated_plugins: LoadedPlugins) -> None:
    samples = {sample.task: sample for sample in generated_plugins.catalogue.samples()}
    for task in generated(generated_plugins).values():
        splits = [split for split, _, _ in samples[task.id].factory.resolve()()]
        assert {"train", "validation"} <= set(splits)


@pytest.mark.parametrize("make", [labelled_texts, labelled_vectors, short_series])
def test_records_follow_from_their_seed_and_survive_json(make) -> None:
    assert make(5, seed=3) == make(5, seed=3) != make(5, seed=4)
    for record in make(5):
        assert type(record).from_json(record.to_json()) == record


def test_the_labels_of_points_are_balanced_and_no_line_parts_them() -> None:
    points = labelled_vectors(400)
    inside = [one for one in points if one.label == "inside"]
    assert 0.4 < len(inside) / len(points) < 0.6
    centre = np.mean([one.values for one in inside], axis=0)
    others = np.mean([one.values for one in points if one.label == "outside"], axis=0)
    assert np.abs(centre - others).max() < 0.2, "both classes have the same middle"


def test_one_step_is_a_feed_forward_network_and_it_learns(generated_plugins: LoadedPlugins, tmp_path: Path) -> None:
    predictor = learned(
        generated_plugins,
        tmp_path,
        "generated_vector",
        dataset(LabelledVector.KIND, train=400, validation=40),
        batch_tokens=32,
        max_epochs=12,
        learning_rate=0.05,
    )
    points = labelled_vectors(100, seed=99)
    right = [found.label == one.label for found, one in zip(predictor.predict(points), points, strict=True)]
    assert sum(right) > 80
    encoder = predictor.model.encoder
    x = torch.randn(3, 1, 2)
    encoded = encoder.eval()(x, torch.ones(3, dtype=torch.int64))
    torch.testing.assert_close(encoded.final, encoded.states[:, 0])


def test_the_first_words_of_a_text_are_remembered_to_its_end(generated_plugins: LoadedPlugins, tmp_path: Path) -> None:
    predictor = learned(generated_plugins, tmp_path, "generated_text", dataset(LabelledText.KIND), batch_tokens=100)
    texts = ("Ada liked the river in Lima in Florence .", "the quiet river liked the machine in Florence .")
    results = predictor.predict([LabelledText(text) for text in texts])
    assert [result.label for result in results if isinstance(result, ClassProbabilities)] == ["person", "thing"]
    for result in results:
        assert math.isclose(sum(result.to_json()["probabilities"].values()), 1.0, rel_tol=1e-4)


def test_letters_of_a_stream_are_foretold(generated_plugins: LoadedPlugins, tmp_path: Path) -> None:
    records = dataset(Text.KIND, train=30, validation=6, test=6)
    predictor = learned(generated_plugins, tmp_path, "generated_stream", records, batch_tokens=128)
    (found,) = predictor.predict([Text("the river liked the river .")])
    assert isinstance(found, ClassProbabilities)
    assert found.label == END
    perplexity = predictor.evaluate(records["test"]).metrics["generated_perplexity"]
    assert 1.0 < perplexity < 6.0, "far better than one of about forty letters"


def test_a_series_is_cut_into_windows_and_continued(generated_plugins: LoadedPlugins, tmp_path: Path) -> None:
    records = dataset(ShortSeries.KIND, train=10, validation=3, test=3)
    predictor = learned(generated_plugins, tmp_path, "generated_series", records, batch_tokens=256, max_epochs=8)
    (found,) = predictor.predict(records["test"][:1])
    assert isinstance(found, NextValues)
    assert len(found.values) == 2
    deviation = np.std([value for record in records["test"] for value in getattr(record, "values", ())])
    assert predictor.evaluate(records["test"]).metrics["generated_rmse"] < deviation / 2


def test_windows_stay_within_their_series_and_know_what_follows() -> None:
    params = SeriesParams(window=4, horizon=2, stride=3)
    record = ShortSeries(tuple(float(i) for i in range(12)))
    codec = SeriesCodec.fit([record], params)
    assert isinstance(codec, Windows)
    encoding = codec.encode(record)
    for role in ("train", "evaluate"):
        spans = codec.windows(encoding, role)
        assert len(spans)
        for start, stop in spans.tolist():
            window = codec.window(encoding, start, stop)
            assert len(window["values"]) == 4
            assert len(window["targets"]) == 2
            gold = codec.window_record(record, start, stop)
            assert gold == ShortSeries(record.values[start:stop], record.values[stop : stop + 2])
    ((start, stop),) = codec.windows(encoding, "predict").tolist()
    assert (start, stop) == (8, 12)
    assert len(codec.window(encoding, start, stop)["targets"]) == 0
    again = SeriesForecast(params).load_codec(codec.to_json())
    np.testing.assert_array_equal(again.encode(record)["values"], encoding["values"])


def test_targets_of_a_chunk_are_its_inputs_moved_by_one() -> None:
    task = NextLetter(StreamParams(chunk=4))
    codec = task.fit_codec([Text("abcab"), Text("")])
    assert isinstance(codec, Streams)
    stream = np.concatenate([codec.stream_start()["symbols"], codec.encode(Text("abcab"))["symbols"]])
    batch = codec.collate([{"symbols": stream[:5]}, {"symbols": stream[4:]}])
    assert batch.lengths.tolist() == [4, 2]
    assert [codec.symbols[i] for i in batch.fields["symbols"][0]] == [END, "a", "b", "c"]
    assert [codec.symbols[i] for i in batch.fields["targets"][0]] == ["a", "b", "c", "a"]
    assert batch.fields["targets"][1].tolist()[2:] == [-1, -1]
    assert task.load_codec(codec.to_json()).symbols == codec.symbols


def test_data_nobody_can_learn_from_are_refused_in_words() -> None:
    with pytest.raises(WorkbenchError, match="long enough"):
        SeriesForecast(SeriesParams(window=50)).check(short_series(2)[:1])
    with pytest.raises(WorkbenchError, match="no text"):
        NextLetter(StreamParams()).check([Text("")])
