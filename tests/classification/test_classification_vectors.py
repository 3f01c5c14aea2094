"""Classification with pretrained word vectors: what is known, what is learned, and that the model needs no file."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

sys.path.insert(0, str(Path(__file__).parent))

from classification_tools import TEXTS, composed, drawn, fitted, learned, run_values
from workbench_plugins.tasks.classification.codec import ClassificationCodec
from workbench_plugins.tasks.classification.params import ClassificationParams
from workbench_plugins.tasks.classification.task import ClassificationModel

from workbench.api import LabelledText, WorkbenchError, validate
from workbench.api.events import FinishReason
from workbench.api.files import atomic_path
from workbench.engine.predict import load_bundle
from workbench.engine.training import train
from workbench.host import load_plugins
from workbench.nn.text import UNKNOWN
from workbench.runs import RunFolder
from workbench.runs.config import parse_config

SIZE = 6
GOOD, BAD = ("great", "lovely", "superb", "fine"), ("awful", "boring", "dreadful", "dull")
WORDS = (*GOOD, *BAD, "the", "film", "was", "seen", "Oscar", ",", "it")


def vectors_of(words: Any, size: int = SIZE) -> str:
    """Praise and blame lie far apart, all other words are noise."""
    rng = np.random.default_rng(5)
    lines = []
    for word in words:
        vector = rng.normal(size=size) * 0.2
        vector[0] = 2.0 * (word in GOOD) - 2.0 * (word in BAD)
        lines.append(f"{word} {' '.join(f'{value:.4f}' for value in vector)}")
    return "\n".join(lines) + "\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "vectors.txt"
    path.write_text(vectors_of(WORDS), encoding="utf-8")
    return path


def of_file(*words: str) -> np.ndarray:
    rows = dict(line.split(" ", 1) for line in vectors_of(WORDS).splitlines())
    return np.array([rows[word].split() for word in words], dtype=np.float32)


def vectors(model: Any, text: str) -> torch.Tensor:
    """(T, D) of the symbols of ``text``, as the embedder holds them."""
    found: torch.Tensor = model.embedder.symbols(torch.from_numpy(model.codec.ids(text))).detach()
    return found


def test_words_begin_with_the_vectors_of_the_file(file: Path) -> None:
    model = composed(vectors=str(file))
    model.embedder.begin()
    assert model.embedder.output_size == SIZE
    # training has fine and dull; superb and Oscar only the file has; the comma touches its word in training
    wanted = of_file("fine", "superb", "Oscar", ",", "dull")
    assert np.allclose(vectors(model, "fine superb oscar, dull").numpy(), wanted)
    assert model.codec.ids("zebra").tolist() == [UNKNOWN]


def test_capitals_may_differ_unless_exact(file: Path) -> None:
    _, anyhow = fitted(vectors=str(file), lower_case=False)
    assert (anyhow.ids("SUPERB Film oscar") != UNKNOWN).tolist() == [True, True, True]
    _, exact = fitted(vectors=str(file), lower_case=False, vector_case="exact")
    assert (exact.ids("SUPERB superb Oscar") != UNKNOWN).tolist() == [False, True, True]


def test_only_as_many_further_words_are_known_as_asked(file: Path) -> None:
    assert fitted(vectors=str(file), vector_words=2)[1].pretrained.others == ("great", "lovely")
    assert fitted(vectors=str(file), vector_words=0)[1].pretrained.others == ()


@pytest.mark.parametrize("freeze", [False, True])
def test_frozen_vectors_stay_and_words_without_one_are_learned(file: Path, freeze: bool) -> None:
    model = composed(vectors=str(file), freeze_vectors=freeze, word_dropout=0.0, pooling="mean")
    model.embedder.begin()
    text = "fine superb tea"
    before = vectors(model, text)
    optimiser = torch.optim.SGD(model.parameters(), lr=0.5)
    own = [LabelledText(text, "good"), *TEXTS]
    batch = model.codec.collate([model.codec.encode(one) for one in own])
    model.train()
    outputs, encoded = model(batch)
    model.head.loss(outputs, encoded, batch).total.backward()
    optimiser.step()
    assert (vectors(model, text) != before).any(1).tolist() == [not freeze, False, True]


def test_the_counts_of_labels_go_with_vectors(file: Path) -> None:
    model = composed(vectors=str(file), label_counts=True)
    model.embedder.begin()
    batch = model.codec.collate([model.codec.encode(LabelledText("fine superb"))])
    x = model.eval().embedder(batch)[0]
    assert x.shape == (2, SIZE + 2)
    assert x[0, SIZE:].abs().sum() > 0
    assert x[1, SIZE:].tolist() == [0.0, 0.0]  # nothing was counted of a word that only the file has


def test_the_codec_survives_being_written(file: Path) -> None:
    _, codec = fitted(vectors=str(file), label_counts=True)
    again = ClassificationCodec.from_json(json.loads(json.dumps(codec.to_json())))
    assert again.pretrained == codec.pretrained
    assert again.ids("superb film, zebra").tolist() == codec.ids("superb film, zebra").tolist()
    assert "pretrained" not in fitted()[1].to_json()


def test_what_is_unknown_is_told_by_vocabulary_and_vectors(file: Path) -> None:
    _, codec = fitted(vectors=str(file))
    assert codec.unknown(LabelledText("superb zebra film fine")).symbols == ("zebra",)
    # film is known to training; superb to the file; zebra to none
    assert codec.coverage(LabelledText("superb zebra film fine")) == (4, 2, 3, 1)
    assert fitted()[1].coverage(LabelledText("superb zebra film fine")) == (4, 2, 0, 0)


def test_other_symbols_than_words_have_no_vectors(file: Path) -> None:
    with pytest.raises(WorkbenchError, match="pretrained vectors are of words"):
        validate(ClassificationParams, {"vectors": str(file), "tokens": "bpe"})


def test_vectors_of_another_language_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.txt"
    path.write_text(vectors_of(["огонь", "вода"]), encoding="utf-8")
    with pytest.raises(WorkbenchError, match=r"None of the \d+ training words"):
        fitted(vectors=str(path))


def test_a_missing_file_is_told_before_anything_is_learned(tmp_path: Path) -> None:
    task = ClassificationModel(ClassificationParams(vectors=str(tmp_path / "none.vec")))
    for call in (task.files_key, lambda: task.fit_codec(TEXTS)):
        with pytest.raises(WorkbenchError) as caught:
            call()
        assert caught.value.file is not None
        assert caught.value.file.endswith("none.vec")


def test_a_file_that_changed_since_the_vocabulary_was_made_is_refused(file: Path) -> None:
    model = composed(vectors=str(file))
    file.write_text(vectors_of(reversed(WORDS)), encoding="utf-8")
    with pytest.raises(WorkbenchError, match="has changed since"):
        model.embedder.begin()


BROKEN = {
    "another width": ("Rome 1 2 3\n", "3 numbers, the ones before it have 6"),
    "no number": ("Rome 1 2 x 4 5 6\n", "not a finite number"),
    "not UTF-8": (b"R\xf6m 1 2 3 4 5 6\n", "not UTF-8"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_run_whose_file_is_broken_ends_with_its_line(case: str, file: Path, tmp_path: Path) -> None:
    line, what = BROKEN[case]
    with atomic_path(file) as temporary:
        temporary.write_bytes(vectors_of(WORDS).encode() + (line if isinstance(line, bytes) else line.encode()))
    run = RunFolder.create(tmp_path / "runs", parse_config(run_values(task={"vectors": str(file)})))
    ended = train(run, {"train": list(TEXTS)}, load_plugins().catalogue)
    assert ended.reason == FinishReason.FAILED.value
    assert ended.error is not None
    assert ended.error["line"] == len(WORDS) + 1
    assert what in ended.error["what"]


@pytest.mark.parametrize("architecture", ["lstm", "esn"])
def test_a_word_that_training_never_had_is_judged_by_its_vector_without_the_file(
    architecture: str, file: Path, tmp_path: Path
) -> None:
    predictor = learned(
        tmp_path / "runs", architecture, vectors=str(file), freeze_vectors=True, pooling="mean", input_dropout=0.0
    )
    asked = [LabelledText("the film was superb"), LabelledText("the film was dreadful")]
    answers = predictor.predict(asked)
    assert [answer.label for answer in answers] == ["good", "bad"]
    report = predictor.evaluate(drawn(20, 5), "test")
    assert report.metrics["unknown_word_share"] == 0.0
    assert 0.2 < report.metrics["vector_coverage"] < 0.9
    assert "unknown_vector_coverage" not in report.metrics
    again = predictor.evaluate([LabelledText("superb zebra", "good"), LabelledText("boring film", "bad")], "test")
    assert again.metrics["unknown_word_share"] == 0.5
    assert again.metrics["unknown_vector_coverage"] == 0.5
    file.unlink()
    (run,) = (tmp_path / "runs").iterdir()
    assert load_bundle(run, load_plugins().catalogue, device="cpu").predict(asked) == answers
