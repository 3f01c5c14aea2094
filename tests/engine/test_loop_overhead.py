"""The loop adds little to the bare torch calls, and measuring it leaves the trainer usable."""

from __future__ import annotations

from conftest import toy_config
from toy import texts

from workbench.engine.bench import measure_loop_overhead
from workbench.engine.checkpoint import CheckpointFolder
from workbench.engine.compose import compose
from workbench.engine.controls import Controls
from workbench.engine.data import ListSource, encode_split
from workbench.engine.evaluate import Metrics
from workbench.engine.loop import Trainer
from workbench.runs.control import ControlReader
from workbench.runs.journal import JournalWriter


def test_both_sides_take_the_same_steps_and_the_loop_is_not_far_behind(tmp_path, catalogue):
    config = toy_config(batch_tokens=512, net_params={"hidden_size": 64, "cell": "lstm"})
    model = compose(config, catalogue, records=texts(300, 1))
    train = encode_split(ListSource({"train": texts(300, 1)}), "train", model.codec)
    with JournalWriter(tmp_path / "journal.jsonl", "r") as journal:
        trainer = Trainer(
            config=config,
            model=model,
            train=train,
            validation=None,
            metrics=Metrics.of(("toy_accuracy",), catalogue),
            journal=journal,
            controls=Controls(ControlReader(tmp_path / "control.json"), journal),
            checkpoints=CheckpointFolder(tmp_path / "checkpoints"),
        )
        found = measure_loop_overhead(trainer, steps=4, rounds=3)
    assert found.steps == 12
    # the model is tiny, so the share is far above that of a real one; the benchmark holds the real bound of 5 %
    assert found.share < 1.0
    assert trainer.state.cursor == 0
