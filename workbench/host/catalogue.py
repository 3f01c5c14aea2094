"""The committed contributions of all plugins, looked up by id."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any, TypeVar

from workbench.api import (
    Architecture,
    Command,
    Contribution,
    DoctorCheck,
    Exporter,
    Importer,
    InferenceView,
    Metric,
    Panel,
    RecordEditor,
    RecordType,
    Runner,
    Sample,
    Task,
    WorkbenchError,
)
from workbench.api.records import BUILT_IN_RECORD_TYPES
from workbench.host.staging import describe, key_of

T = TypeVar("T", bound=Contribution)


class LoadedCatalogue:
    """Implements :class:`workbench.api.Catalogue`; contributions keep the order in which they were committed."""

    def __init__(self) -> None:
        self._by_key: dict[tuple[type[Any], str], Contribution] = {}
        self._owners: dict[tuple[type[Any], str], str] = {}
        self._record_types: dict[str, tuple[RecordType, str]] = {
            record_type.kind: (record_type, "recurra") for record_type in BUILT_IN_RECORD_TYPES
        }

    def commit(self, plugin: str, contributions: Iterable[Contribution]) -> None:
        """Take all ``contributions`` of ``plugin``, or none: :class:`WorkbenchError` when another plugin owns an id."""
        staged = tuple(contributions)
        record_types: dict[str, RecordType] = {}
        for contribution in staged:
            owner = self._owners.get(key_of(contribution))
            if owner is not None:
                raise WorkbenchError(
                    f"The {describe(contribution)} already belongs to the plugin {owner}.",
                    why="The first plugin to register an id keeps it; nothing of this plugin was taken.",
                    fix=f"Give it another id, or switch {owner} off.",
                )
            for record_type in getattr(contribution, "record_types", ()):
                self._check_record_type(record_type, record_types)
                record_types[record_type.kind] = record_type
        for contribution in staged:
            self._by_key[key_of(contribution)] = contribution
            self._owners[key_of(contribution)] = plugin
        for kind, record_type in record_types.items():
            self._record_types.setdefault(kind, (record_type, plugin))

    def _check_record_type(self, record_type: RecordType, staged: dict[str, RecordType]) -> None:
        known, owner = self._record_types.get(record_type.kind, (staged.get(record_type.kind), "this plugin"))
        if known is not None and known.cls is not record_type.cls:
            raise WorkbenchError(
                f"The record type {record_type.kind!r} already belongs to {owner}.",
                why="Stored records of one kind are read by one class; nothing of this plugin was taken.",
                fix="Give the record type another KIND.",
            )

    # ------------------------------------------------------------------ look-ups

    def _one(self, cls: type[T], id: str) -> T:
        found = self._by_key.get((cls, id))
        if not isinstance(found, cls):
            raise unknown(cls.__name__.lower(), id, [contribution.id for contribution in self._all(cls)])
        return found

    def _all(self, cls: type[T]) -> tuple[T, ...]:
        return tuple(contribution for contribution in self._by_key.values() if isinstance(contribution, cls))

    def _maybe(self, cls: type[T], id: str) -> T | None:
        found = self._by_key.get((cls, id))
        return found if isinstance(found, cls) else None

    def architecture(self, id: str) -> Architecture:
        return self._one(Architecture, id)

    def architectures(self) -> tuple[Architecture, ...]:
        return self._all(Architecture)

    def task(self, id: str) -> Task:
        return self._one(Task, id)

    def tasks(self) -> tuple[Task, ...]:
        return self._all(Task)

    def importer(self, id: str) -> Importer:
        return self._one(Importer, id)

    def importers(self) -> tuple[Importer, ...]:
        return self._all(Importer)

    def exporter(self, id: str) -> Exporter:
        return self._one(Exporter, id)

    def exporters(self) -> tuple[Exporter, ...]:
        return self._all(Exporter)

    def sample(self, id: str) -> Sample:
        return self._one(Sample, id)

    def samples(self) -> tuple[Sample, ...]:
        return self._all(Sample)

    def metric(self, id: str) -> Metric:
        return self._one(Metric, id)

    def metrics(self) -> tuple[Metric, ...]:
        return self._all(Metric)

    def doctor_checks(self) -> tuple[DoctorCheck, ...]:
        return self._all(DoctorCheck)

    def runner(self, id: str) -> Runner:
        return self._one(Runner, id)

    def runners(self) -> tuple[Runner, ...]:
        return self._all(Runner)

    def commands(self) -> tuple[Command, ...]:
        return self._all(Command)

    def record_editor(self, record: str) -> RecordEditor | None:
        return self._maybe(RecordEditor, record)

    def inference_view(self, result: str) -> InferenceView | None:
        return self._maybe(InferenceView, result)

    def panels(self) -> tuple[Panel, ...]:
        return self._all(Panel)

    def record_type(self, kind: str) -> RecordType:
        if kind not in self._record_types:
            raise unknown("record type", kind, self._record_types)
        return self._record_types[kind][0]

    def contributions(self) -> tuple[Contribution, ...]:
        """Everything of every plugin, in the order of commitment."""
        return tuple(self._by_key.values())

    def owner(self, contribution: Contribution) -> str:
        """The name of the plugin that registered it; :class:`WorkbenchError` when none did."""
        owner = self._owners.get(key_of(contribution))
        if owner is None:
            raise WorkbenchError(f"No plugin registered the {describe(contribution)}.")
        return owner


def unknown(kind: str, id: str, known: Iterable[str]) -> WorkbenchError:
    """The error for an id nobody registered: names what is near and what there is."""
    ids = sorted(known)
    near = difflib.get_close_matches(id, ids, n=3)
    listed = ", ".join(ids) if ids else "none"
    return WorkbenchError(
        f"There is no {kind} {id!r}.",
        why="It belongs to a plugin that is not installed or failed to load, or it is misspelt.",
        fix=f"Did you mean {' or '.join(near)}? Known: {listed}." if near else f"Known: {listed}.",
    )
