"""Plays of Shakespeare: the sample behind the card Write."""

from workbench.api import Ref, Sample, hookimpl
from workbench.api.registry import Registrar

requires_api = "1"

SAMPLE = Sample(
    id="shakespeare",
    title="Plays of Shakespeare",
    record="text",
    licence="public domain",
    factory=Ref("workbench_plugins.samples.shakespeare.load:records"),
    summary="Learns to spell, then to write in the manner of plays, character by character.",
    verb="Write",
    task="language_modelling",
    architecture="lstm",
    run={
        "task": {
            "params": {"units": "characters", "embedding_size": 64, "chunk": 64, "tied": False, "input_dropout": 0.0}
        },
        "architecture": {"params": {"hidden_size": 192, "dropout": 0.1}},
        "training": {
            "max_epochs": 12,
            "patience": 0,
            "learning_rate": 0.005,
            "batch_tokens": 1024,
            "schedule": "cosine",
            "warmup_steps": 30,
            "clip_norm": 1.0,
            "validate_every": 100,
        },
    },
    inputs=("ROMEO:", "JULIET:\nO ", "The "),
)


@hookimpl
def register_samples(registry: Registrar) -> None:
    registry.add(SAMPLE)
