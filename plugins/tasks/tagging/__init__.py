"""Tagging: a label for every token, or named spans of tokens, as in named-entity recognition and parts of speech."""

from __future__ import annotations

from workbench_plugins.tasks.tagging.params import PRESETS, TaggingParams

from workbench.api import InferenceView, IOShape, Metric, RecordEditor, Ref, Registrar, Task, Trait, hookimpl

requires_api = "1"

_HERE = "workbench_plugins.tasks.tagging"


@hookimpl
def register_tasks(registry: Registrar) -> None:
    registry.add(
        Task(
            id="tagging",
            title="Tagging (entities, parts of speech)",
            params=TaggingParams,
            record="tagged_tokens",
            result="token_labels",
            shape=IOShape.MANY_TO_MANY_ALIGNED,
            needs=frozenset({Trait.SEQUENCE}),
            factory=Ref(f"{_HERE}.task:TaggingModel"),
            metrics=("entity_f1", "accuracy"),
            summary="Finds names in sentences, or gives every word its part of speech.",
            presets=PRESETS,
            parse_input=Ref(f"{_HERE}.text:parse_input"),
            proposals=Ref(f"{_HERE}.proposals:propose"),
        )
    )


@hookimpl
def register_metrics(registry: Registrar) -> None:
    registry.add(
        Metric(
            id="entity_f1",
            title="Entity F1",
            result="token_labels",
            higher_is_better=True,
            factory=Ref(f"{_HERE}.scoring:EntityF1"),
        )
    )
    registry.add(
        Metric(
            id="accuracy",
            title="Token accuracy",
            result="token_labels",
            higher_is_better=True,
            factory=Ref(f"{_HERE}.scoring:TokenAccuracy"),
        )
    )


@hookimpl
def register_record_editors(registry: Registrar) -> None:
    registry.add(RecordEditor(record="tagged_tokens", factory=Ref(f"{_HERE}.gui:TaggedTokensEditor")))


@hookimpl
def register_inference_views(registry: Registrar) -> None:
    registry.add(InferenceView(result="token_labels", factory=Ref(f"{_HERE}.gui:TokenLabelsView")))
