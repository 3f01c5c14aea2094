"""Translation: a text in, another text out, written word by word or in pieces of words."""

from __future__ import annotations

from workbench_plugins.tasks.translation.params import PRESETS, TranslationParams

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

_HERE = "workbench_plugins.tasks.translation"


@hookimpl
def register_tasks(registry: Registrar) -> None:
    registry.add(
        Task(
            id="translation",
            title="Translation (one text into another)",
            params=TranslationParams,
            record="text_pair",
            result="translation",
            shape=IOShape.MANY_TO_MANY,
            needs=frozenset({Trait.DECODER}),
            factory=Ref(f"{_HERE}.task:TranslationModel"),
            metrics=("bleu", "chrf"),
            summary="Writes a text for a text: another language, another format, another style.",
            presets=PRESETS,
            parse_input=Ref(f"{_HERE}.text:parse_input"),
            proposals=Ref(f"{_HERE}.proposals:propose"),
        )
    )


@hookimpl
def register_metrics(registry: Registrar) -> None:
    for id_, title, name in (("bleu", "BLEU", "Bleu"), ("chrf", "chrF", "ChrF")):
        registry.add(
            Metric(
                id=id_,
                title=title,
                result="translation",
                higher_is_better=True,
                factory=Ref(f"{_HERE}.scoring:{name}"),
            )
        )


@hookimpl
def register_doctor_checks(registry: Registrar) -> None:
    registry.add(
        DoctorCheck(
            id="pairs",
            title="sides of pairs",
            record="text_pair",
            factory=Ref(f"{_HERE}.checks:check_pairs"),
        )
    )


@hookimpl
def register_record_editors(registry: Registrar) -> None:
    registry.add(RecordEditor(record="text_pair", factory=Ref(f"{_HERE}.gui:TextPairEditor")))


@hookimpl
def register_inference_views(registry: Registrar) -> None:
    registry.add(InferenceView(result="translation", factory=Ref(f"{_HERE}.gui:TranslationView")))
