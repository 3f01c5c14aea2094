"""What is said of one wrongly answered record of a report, whatever its kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from workbench.api import LabelledText, Record, Series, TaggedTokens, TextPair, WorkbenchError
from workbench.shell.stages.plugin_views import plugin_view

if TYPE_CHECKING:
    from PySide6.QtWidgets import QWidget

    from workbench.shell.session import Session

RecordOf = Callable[[Mapping[str, Any]], Record | None]
"""The gold record of an example; None where its kind is not known."""


def gold_text(record: Record | None, example: Mapping[str, Any]) -> str:
    """What was to be answered, in words; "" where the answer's picture shows it."""
    if isinstance(record, LabelledText):
        return f"{record.text}\n→ {record.label}"
    if isinstance(record, TextPair):
        return f"{record.source}\n→ {record.target}"
    if isinstance(record, Series):
        return ""
    return record.search_text() if record is not None else str(example.get("gold", ""))


def line_text(record: Record | None, example: Mapping[str, Any]) -> str:
    """One line for the list."""
    if isinstance(record, TaggedTokens):
        return " ".join(record.tokens)
    if isinstance(record, Series):
        return f"{record.name or 'series'}, {record.size():,} steps"
    return gold_text(record, example).replace("\n", " ")


def errors_text(example: Mapping[str, Any]) -> str:
    """How wrong: a count of errors, or a measure."""
    errors = example.get("errors")
    if isinstance(errors, float) and not errors.is_integer():
        return f"error {errors:.4g}"
    if errors is None:
        return ""
    return f"{int(errors)} {'error' if int(errors) == 1 else 'errors'}"


def record_reader(session: Session) -> RecordOf:
    """Reads the gold records of the selected run's reports."""

    def read(example: Mapping[str, Any]) -> Record | None:
        gold, run = example.get("gold"), session.run
        if not isinstance(gold, Mapping) or run is None:
            return None
        try:
            kind = session.catalogue.task(run.config.task.id).record
            return session.catalogue.record_type(kind).cls.from_json(gold)
        except (AttributeError, KeyError, TypeError, ValueError, WorkbenchError):
            return None  # another kind than the task has now: its plain values are shown

    return read


def view_maker(session: Session) -> Callable[[], tuple[str, QWidget] | None]:
    """(kind of result, a small view of it) for the selected run's task; None where its plugin has none."""

    def make() -> tuple[str, QWidget] | None:
        run = session.run
        try:
            kind = str(getattr(session.catalogue.task(run.config.task.id), "result", "")) if run is not None else ""
        except WorkbenchError:
            return None
        contribution = session.catalogue.inference_view(kind) if kind else None
        if contribution is None:
            return None
        return kind, plugin_view(session, contribution, {"compact": True, "place": "evaluate"})

    return make
