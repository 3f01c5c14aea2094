"""Language modelling: what comes next, in words, characters or subwords, learned from one running stream of text."""

from __future__ import annotations

from workbench_plugins.tasks.language_modelling.params import PRESETS, LanguageModellingParams

from workbench.api import (
    DoctorCheck,
    InferenceView,
    IOShape,
    Metric,
    RecordEditor,
    Ref,
    Registrar,
    Task,
    Trait,
    hookimpl,
)

requires_api = "1"

_HERE = "workbench_plugins.tasks.language_modelling"


@hookimpl
def register_tasks(registry: Registrar) -> None:
    registry.add(
        Task(
            id="language_modelling",
            title="Language modelling (write on)",
            params=LanguageModellingParams,
            record="text",
            result="language_model",
            shape=IOShape.MANY_TO_MANY_ALIGNED,
            needs=frozenset({Trait.SEQUENCE, Trait.CAUSAL}),
            factory=Ref(f"{_HERE}.task:LanguageModel"),
            metrics=("perplexity",),
            summary="Foretells the next word or character of a text, writes on, and shows what surprises it.",
            presets=PRESETS,
            parse_input=Ref(f"{_HERE}.text:parse_input"),
            proposals=Ref(f"{_HERE}.proposals:propose"),
        )
    )


@hookimpl
def register_metrics(registry: Registrar) -> None:
    registry.add(
        Metric(
            id="perplexity",
            title="Perplexity",
            result="language_model",
            higher_is_better=False,
            factory=Ref(f"{_HERE}.scoring:Perplexity"),
        )
    )


@hookimpl
def register_doctor_checks(registry: Registrar) -> None:
    registry.add(
        DoctorCheck(
            id="running-text",
            title="Characters, lengths and repeats of running text",
            record="text",
            factory=Ref(f"{_HERE}.doctor:check_texts"),
        )
    )


@hookimpl
def register_record_editors(registry: Registrar) -> None:
    registry.add(RecordEditor(record="text", factory=Ref(f"{_HERE}.gui_editor:TextEditor")))


@hookimpl
def register_inference_views(registry: Registrar) -> None:
    registry.add(InferenceView(result="language_model", factory=Ref(f"{_HERE}.gui:LanguageModelView")))
