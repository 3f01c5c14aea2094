"""Names in English sentences: the sample behind the card Tag."""

from workbench.api import Ref, Sample, hookimpl
from workbench.api.registry import Registrar

requires_api = "1"

SAMPLE = Sample(
    id="uner-english-ewt",
    title="Names in English sentences",
    record="tagged_tokens",
    licence="CC BY-SA 4.0",
    factory=Ref("workbench_plugins.samples.uner.load:records"),
    summary="Marks persons, places and organisations in sentences from the web (UNER English EWT).",
    verb="Tag",
    task="tagging",
    architecture="birnn",
    run={
        "task": {"params": {"layer": "ner"}},
        "training": {
            "max_epochs": 12,
            "patience": 4,
            "learning_rate": 0.005,
            "batch_tokens": 512,
        },
    },
    inputs=(
        "John lives in London and works for Acme .",
        "Angela Merkel met Barack Obama in Berlin .",
        "The United Nations opened an office in Baghdad .",
    ),
)


@hookimpl
def register_samples(registry: Registrar) -> None:
    registry.add(SAMPLE)
