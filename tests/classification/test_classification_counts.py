"""Counts of labels and a readout solved at once: a training text is not told the counts it stands in itself."""

from __future__ import annotations

import random
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parent))

from classification_tools import batch_of, composed, run_values
from workbench_plugins.tasks.classification.embedder import TextEmbedder

from workbench.api import LabelledText
from workbench.engine.predict import load_bundle
from workbench.engine.training import train
from workbench.host import load_plugins
from workbench.nn.contract import Batch
from workbench.nn.protocols import HoldsOut
from workbench.runs import RunFolder
from workbench.runs.config import parse_config


def rare_words(count: int, seed: int) -> list[LabelledText]:
    """One word says the label, mostly; the others are so rare that their counts give single texts away."""
    draw = random.Random(seed)
    texts = []
    for _ in range(count):
        good = draw.random() < 0.5
        words = [f"w{draw.randrange(900)}" for _ in range(6)]
        says = good if draw.random() < 0.85 else not good
        words.insert(draw.randrange(7), "great" if says else "awful")
        texts.append(LabelledText(" ".join(words), "good" if good else "bad"))
    return texts


def solved(folder: Path) -> float:
    """Accuracy on new texts of an echo state network whose readout was solved with the counts."""
    values = run_values("esn", {"label_counts": True, "pooling": "mean"})
    run = RunFolder.create(folder, parse_config(values))
    catalogue = load_plugins().catalogue
    train(run, {"train": rare_words(500, 1), "validation": rare_words(200, 2)}, catalogue)
    report = load_bundle(run.path, catalogue, device="cpu").evaluate(rare_words(400, 3), "test")
    return report.metrics["class_accuracy"]


def test_a_solved_readout_does_not_learn_from_what_a_text_tells_of_itself(tmp_path: Path, monkeypatch: Any) -> None:
    told: list[tuple[bool, bool]] = []
    plain = TextEmbedder.forward

    def watched(self: TextEmbedder, batch: Batch) -> torch.Tensor:
        told.append((self.fitting, self.training))
        return plain(self, batch)

    monkeypatch.setattr(TextEmbedder, "forward", watched)
    held_out = solved(tmp_path / "held_out")
    assert {fitting for fitting, _ in told} == {True, False}  # of training, and of validation and test
    assert not any(training for _, training in told)
    assert not told[-1][0]
    # the fault that was mended: every count, its own among them, while the readout is solved
    monkeypatch.setattr(TextEmbedder, "fitting", property(lambda _self: False, lambda _self, _value: None))
    assert held_out >= solved(tmp_path / "leaking") + 0.05


@pytest.mark.parametrize("fitting", [False, True])
def test_counts_are_those_of_training_mode_while_a_readout_is_solved(fitting: bool) -> None:
    model = composed(label_counts=True, word_dropout=0.0, input_dropout=0.0)
    embedder = model.embedder
    assert isinstance(embedder, TextEmbedder)
    assert isinstance(embedder, HoldsOut)
    batch = batch_of(model, (LabelledText("fine film", "good"), LabelledText("dull", "bad")))
    learning = embedder.train()(batch)
    embedder.eval().fitting = fitting
    assert torch.equal(embedder(batch), learning) == fitting
