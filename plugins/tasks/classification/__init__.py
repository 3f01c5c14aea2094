"""Text classification: one label for a whole text, as in sentiment, topics, intents and spam."""

from __future__ import annotations

from workbench_plugins.tasks.classification.params import PRESETS, ClassificationParams

from workbench.api import (
    DoctorCheck,
    InferenceView,
    IOShape,
    Metric,
    Panel,
    RecordEditor,
    Ref,
    Registrar,
    Task,
    Trait,
    hookimpl,
)

requires_api = "1"

_HERE = "workbench_plugins.tasks.classification"


@hookimpl
def register_tasks(registry: Registrar) -> None:
    registry.add(
        Task(
            id="classification",
            title="Sentiment and text classification",
            params=ClassificationParams,
            record="labelled_text",
            result="class_probabilities",
            shape=IOShape.MANY_TO_ONE,
            needs=frozenset({Trait.SEQUENCE}),
            factory=Ref(f"{_HERE}.task:ClassificationModel"),
            metrics=("class_accuracy", "macro_f1"),
            summary="Gives a text one of several labels: good or bad, what it is about, what its writer wants.",
            presets=PRESETS,
            parse_input=Ref(f"{_HERE}.text:parse_input"),
            proposals=Ref(f"{_HERE}.proposals:propose"),
        )
    )


@hookimpl
def register_metrics(registry: Registrar) -> None:
    registry.add(
        Metric(
            id="class_accuracy",
            title="Accuracy",
            result="class_probabilities",
            higher_is_better=True,
            factory=Ref(f"{_HERE}.scoring:ClassAccuracy"),
        )
    )
    registry.add(
        Metric(
            id="macro_f1",
            title="Macro F1",
            result="class_probabilities",
            higher_is_better=True,
            factory=Ref(f"{_HERE}.scoring:MacroF1"),
        )
    )


@hookimpl
def register_doctor_checks(registry: Registrar) -> None:
    registry.add(
        DoctorCheck(
            id="class-balance",
            title="balance of labels",
            record="labelled_text",
            factory=Ref(f"{_HERE}.checks:check_labels"),
        )
    )


@hookimpl
def register_record_editors(registry: Registrar) -> None:
    registry.add(RecordEditor(record="labelled_text", factory=Ref(f"{_HERE}.gui:LabelledTextEditor")))


@hookimpl
def register_inference_views(registry: Registrar) -> None:
    registry.add(InferenceView(result="class_probabilities", factory=Ref(f"{_HERE}.gui:ClassProbabilitiesView")))


@hookimpl
def register_panels(registry: Registrar) -> None:
    registry.add(
        Panel(
            id="classification-saliency",
            title="Words that decided",
            area="explain",
            factory=Ref(f"{_HERE}.gui:SaliencyPanel"),
            for_task="classification",
        )
    )
    registry.add(
        Panel(
            id="classification-reliability",
            title="How sure, and how right",
            area="evaluate",
            factory=Ref(f"{_HERE}.gui_reliability:ReliabilityPanel"),
            for_task="classification",
        )
    )
