"""A tagger with pretrained word vectors: what it knows, what it learns, and that its model needs no file."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

sys.path.insert(0, str(Path(__file__).parent))

from tagging_tools import SENTENCES, Tagger
from workbench_plugins.tasks.tagging.codec import TaggingCodec
from workbench_plugins.tasks.tagging.params import TaggingParams
from workbench_plugins.tasks.tagging.task import TaggingModel

from workbench.api import TaggedTokens, WorkbenchError
from workbench.api.events import FinishReason
from workbench.api.files import atomic_path
from workbench.engine.predict import load_bundle
from workbench.engine.training import train
from workbench.host import load_plugins
from workbench.nn.contract import DecodeOptions
from workbench.project import Project
from workbench.runs.config import parse_config

SIZE = 12
CITIES = ("Paris", "York", "London", "Oslo", "Lima")
WORDS = (*CITIES, "in", "left", "met", "2003", "lives")


def vectors_of(words, size=SIZE):
    """Places look alike, all other words are noise."""
    rng = np.random.default_rng(5)
    lines = []
    for word in words:
        vector = rng.normal(size=size) * 0.2
        vector[0] = 2.0 if word in CITIES else -2.0
        lines.append(f"{word} {' '.join(f'{value:.4f}' for value in vector)}")
    return "\n".join(lines) + "\n"


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "vectors.txt"
    path.write_text(vectors_of(WORDS), encoding="utf-8")
    return path


def tagger(file, **options):
    made = Tagger(vectors=str(file), **options)
    made.embedder.begin()
    return made


def of_words(made, *words):
    batch = made.batch([TaggedTokens(words)])
    return made.embedder.words(batch.fields["words"])[0].detach()


def test_words_begin_with_the_vectors_of_the_file(file):
    made = tagger(file)
    assert made.embedder.words.own.weight.shape[1] == SIZE
    rows = np.array([line.split()[1:] for line in file.read_text().splitlines()], dtype=np.float32)
    assert np.allclose(of_words(made, "Paris", "in").numpy(), rows[[0, 5]])
    unseen = of_words(made, "Oslo", "lima", "2026")
    assert np.allclose(unseen.numpy(), rows[[3, 4, 8]])
    assert torch.equal(of_words(made, "Quito"), of_words(made, "Bern"))  # unknown to data and file alike


def test_a_word_that_training_never_had_is_found_by_its_vector(file):
    options = {"characters": "none", "casing_embedding_size": 0, "input_dropout": 0.0, "output_dropout": 0.0}
    unseen = [TaggedTokens(("Mary", "left", "in", "Oslo", "."))]
    with_vectors = tagger(file, freeze_vectors=True, **options)
    with_vectors.train(steps=80)
    assert [span.label for span in with_vectors.predict(unseen, DecodeOptions())[0].spans] == ["PER", "LOC"]


def test_only_as_many_further_words_are_known_as_asked(file):
    assert tagger(file, vector_words=1).codec.pretrained.others == ("london",)
    none = tagger(file, vector_words=0).codec
    assert none.pretrained.others == ()
    assert none.has_vector("Paris")
    assert not none.has_vector("Oslo")


def test_capitals_may_differ_unless_exact(file):
    anyhow = tagger(file, lower_case=False).codec
    assert anyhow.has_vector("LONDON")
    assert anyhow.has_vector("PARIS")
    assert not anyhow.has_vector("SMITH")  # training has Smith, but no vector of the file
    exact = tagger(file, lower_case=False, vector_case="exact").codec
    assert exact.has_vector("London")
    assert not exact.has_vector("LONDON")


def test_frozen_vectors_stay_and_others_are_learned_on(file):
    for freeze in (True, False):
        made = tagger(file, freeze_vectors=freeze)
        before = of_words(made, "Paris", "Oslo", "Smith")
        made.train(steps=3)
        changed = (of_words(made, "Paris", "Oslo", "Smith") != before).any(1).tolist()
        assert changed == [not freeze, False, True]


def test_rare_training_words_may_be_left_to_the_file(file):
    made = tagger(file, minimum_word_frequency=2, word_dropout=0.5)
    assert not made.codec.knows("lives")
    assert made.codec.has_vector("lives")
    assert made.train(steps=3) > 0


def test_words_with_a_vector_are_hidden_by_word_dropout_only(file):
    made = tagger(file, unknown_replacement=1.0, word_dropout=0.25)
    hide = made.embedder.hide
    ids = made.batch([TaggedTokens(("Paris", "Smith", "Oslo"))]).fields["words"][0]
    assert hide[ids].tolist() == pytest.approx([0.25, 1 - 0.75 * 0.5, 0.25])


def test_the_codec_survives_being_written(file):
    codec = tagger(file).codec
    again = TaggingCodec.from_json(json.loads(json.dumps(codec.to_json())))
    assert again == codec
    assert again.vector_rows() == codec.vector_rows()
    assert Tagger().codec.to_json().get("pretrained") is None


def test_the_report_tells_unknown_words_and_what_the_vectors_cover(file):
    made = tagger(file)
    gold = [TaggedTokens(("Ann", "left", "Oslo", "."), {"ner": ("B-PER", "O", "B-LOC", "O")})]
    results = made.predict(gold, DecodeOptions())
    metrics = made.task.report("test", [(1, gold[0], results[0], 0.5)]).metrics
    assert metrics["unknown_word_share"] == 0.5  # Ann, Oslo
    assert metrics["vector_coverage"] == 0.5  # left, Oslo
    assert metrics["unknown_vector_coverage"] == 0.5  # Oslo
    assert 0 <= metrics["unknown_word_accuracy"] <= 1


def test_vectors_of_another_language_are_refused(tmp_path):
    path = tmp_path / "other.txt"
    path.write_text(vectors_of(["огонь", "вода"]), encoding="utf-8")
    with pytest.raises(WorkbenchError, match=r"None of the 1\d training words"):
        Tagger(vectors=str(path))


def test_a_missing_file_is_told_before_anything_is_learned(tmp_path):
    task = TaggingModel(TaggingParams(vectors=str(tmp_path / "none.vec")))
    for call in (task.files_key, lambda: task.fit_codec(SENTENCES)):
        with pytest.raises(WorkbenchError) as caught:
            call()
        assert caught.value.file.endswith("none.vec")


def test_a_file_that_changed_since_the_vocabulary_was_made_is_refused(file):
    made = Tagger(vectors=str(file))
    file.write_text(vectors_of(reversed(WORDS)), encoding="utf-8")
    with pytest.raises(WorkbenchError, match="has changed since"):
        made.embedder.begin()


# --- through the engine


@pytest.fixture
def project(tmp_path):
    made = Project.create(tmp_path / "project", "vectors")
    yield made
    made.close()


def new_run(project, file, **params):
    return project.new_run(
        parse_config(
            {
                "task": {"id": "tagging", "params": {"layer": "ner", "vectors": str(file), **params}},
                "architecture": {"id": "birnn", "params": {"hidden_size": 8}},
                "data": {"dataset": "cities"},
                "training": {"max_epochs": 2, "threads": 1, "batch_tokens": 16},
            }
        )
    )


@pytest.mark.parametrize("freeze", [False, True])
def test_the_finished_model_loads_without_the_file(project, file, freeze):
    catalogue = load_plugins(safe_mode=True).catalogue
    run = new_run(project, file, freeze_vectors=freeze)
    records = {"train": list(SENTENCES), "validation": list(SENTENCES[:2])}
    assert train(run, records, catalogue).reason == FinishReason.COMPLETED.value
    before = load_bundle(run.model_folder, catalogue).predict([TaggedTokens(("Mary", "left", "Oslo"))])
    file.unlink()
    after = load_bundle(run.model_folder, catalogue).predict([TaggedTokens(("Mary", "left", "Oslo"))])
    assert after == before


def test_a_run_whose_file_is_bad_ends_with_its_line(project, file):
    with atomic_path(file) as temporary:
        temporary.write_text(vectors_of(WORDS) + "Rome 1 2 3\n", encoding="utf-8")
    run = new_run(project, file)
    ended = train(run, {"train": list(SENTENCES)}, load_plugins(safe_mode=True).catalogue)
    assert ended.reason == FinishReason.FAILED.value
    assert ended.error["line"] == len(WORDS) + 1
    assert "3 numbers, the ones before it have 12" in ended.error["what"]


# --- losses of sentences


@pytest.mark.parametrize("options", [{"head": "crf"}, {"head": "softmax"}, {"head": "softmax", "layer": "pos"}])
def test_losses_of_sentences_at_once_are_those_of_one_by_one(options):
    made = Tagger(**options)
    made.train(steps=3)
    with torch.no_grad():
        outputs, encoded, batch = made.run(SENTENCES)
        totals, counts = made.head.record_losses(outputs, encoded, batch)
        alone = [made.loss([sentence]) for sentence in SENTENCES]
        together = made.head.loss(outputs, encoded, batch)
    assert totals.tolist() == pytest.approx([float(loss.total) for loss in alone], rel=1e-5)
    assert counts.tolist() == [loss.count for loss in alone]
    assert float(totals.sum()) == pytest.approx(float(together.total), rel=1e-5)
