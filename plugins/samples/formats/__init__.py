"""Dates in many styles and in one: the generated sample behind the card Translate."""

from workbench.api import Ref, Sample, hookimpl
from workbench.api.registry import Registrar

requires_api = "1"

SAMPLE = Sample(
    id="date-formats",
    title="Dates in one format (generated)",
    record="text_pair",
    licence="CC0 1.0 (generated)",
    factory=Ref("workbench_plugins.samples.formats.generate:records"),
    summary="Writes 2021-03-03 for “3 March 2021”, “Wed, Mar 3rd, 2021” and the like; its attention shows how.",
    verb="Translate",
    task="translation",
    architecture="encoder_decoder",
    run={
        "task": {
            "params": {
                "vocabulary": "characters",
                "vocabulary_size": 0,
                "joint": True,
                "embedding_size": 48,
                "label_smoothing": 0.0,
                "max_length": 60,
            }
        },
        "architecture": {"params": {"cell": "gru", "hidden_size": 96, "dropout": 0.0, "attention": "additive"}},
        "training": {
            "max_epochs": 12,
            "patience": 4,
            "learning_rate": 0.006,
            "batch_tokens": 1024,
        },
    },
    inputs=("3 March 2021", "Saturday, 12 October 1996", "the 25th of December 2004", "7/11/88"),
)


@hookimpl
def register_samples(registry: Registrar) -> None:
    registry.add(SAMPLE)
