"""Edits: small frozen values that say what is to change. The store makes each one a transaction with its inverse."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from workbench.api import SPLITS, Record, Ref, StoredRecord, TaggedTokens, WorkbenchError
from workbench.api.schemes import OUTSIDE, overwrite_span, parse_tag, repair
from workbench.data.query import Query
from workbench.data.rows import Layers, encode_body, is_span_layer


@dataclass(frozen=True, slots=True)
class Change:
    """What an edit does to one record: the columns it had and gets. None is "not there": inserted or deleted."""

    record_id: int
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None

    def inverse(self) -> Change:
        return Change(self.record_id, self.after, self.before)


class EditContext(Protocol):
    """What an edit may ask of the store while it works out its changes."""

    @property
    def layers(self) -> Layers: ...

    def records(self, ids: Sequence[int]) -> list[StoredRecord]:
        """Those records; :class:`WorkbenchError` when one is not in the dataset."""
        ...

    def select(self, query: Query) -> list[int]: ...

    def rows(self, ids: Sequence[int]) -> list[tuple[int, dict[str, Any]]]:
        """All columns that are needed to bring a deleted record back."""
        ...

    def new_record(self, record: Record, after: int | None) -> tuple[int, dict[str, Any]]:
        """An unused id, and the columns of ``record`` placed after the record ``after`` (None: at the end)."""
        ...


@runtime_checkable
class Edit(Protocol):
    """``name`` is what undo shows ("Label LOC"); ``changes`` says what to do, without doing it."""

    @property
    def name(self) -> str: ...

    def changes(self, context: EditContext) -> list[Change]: ...


@dataclass(frozen=True, slots=True)
class SetSpan:
    """Label tokens ``start`` to ``end`` (exclusive) as one span of a span layer; ``label`` None takes labels away."""

    record_id: int
    layer: str
    start: int
    end: int
    label: str | None

    @property
    def name(self) -> str:
        return f"Label {self.label}" if self.label else "Remove label"

    def changes(self, context: EditContext) -> list[Change]:
        def change(record: Record) -> Record:
            tagged = _tagged(record)
            tags = tagged.layers.get(self.layer, (OUTSIDE,) * len(tagged.tokens))
            try:
                return tagged.with_layer(self.layer, overwrite_span(tags, self.start, self.end, self.label))
            except ValueError as error:
                raise WorkbenchError(f"The span cannot be set: {error}.") from error

        return _rewrite(context, [self.record_id], change)


@dataclass(frozen=True, slots=True)
class SetLabel:
    """Give the token at ``index`` of a plain layer (parts of speech) another label."""

    record_id: int
    layer: str
    index: int
    label: str

    @property
    def name(self) -> str:
        return f"Label {self.label}"

    def changes(self, context: EditContext) -> list[Change]:
        def change(record: Record) -> Record:
            tagged = _tagged(record)
            tags = list(tagged.layers.get(self.layer, ("_",) * len(tagged.tokens)))
            if not 0 <= self.index < len(tags):
                raise WorkbenchError(f"There is no token {self.index} in this sentence of {len(tags)}.")
            tags[self.index] = self.label
            return tagged.with_layer(self.layer, tags)

        return _rewrite(context, [self.record_id], change)


@dataclass(frozen=True, slots=True)
class ReplaceRecord:
    """Put another record in its place: an edit of the text itself."""

    record_id: int
    record: Record
    name: str = "Edit text"

    def changes(self, context: EditContext) -> list[Change]:
        return _rewrite(context, [self.record_id], lambda _: self.record)


@dataclass(frozen=True, slots=True)
class ReplaceRecords:
    """Put other records in place of several, as one step (accepted predictions, a search and replace)."""

    records: Mapping[int, Record]
    name: str = "Edit records"

    def changes(self, context: EditContext) -> list[Change]:
        stored = context.records(list(self.records))
        return _bodies((one, self.records[one.id]) for one in stored)


@dataclass(frozen=True, slots=True)
class MendRecords:
    """Put what ``mend`` (``(record) -> record``) makes of each record in its place, as one step."""

    mend: Ref
    name: str = "Mend records"

    def changes(self, context: EditContext) -> list[Change]:
        change: Callable[[Record], Record] = self.mend.resolve()
        return _rewrite(context, context.select(Query()), change)


@dataclass(frozen=True, slots=True)
class InsertRecord:
    """Add a record after the record ``after`` (None: at the end)."""

    record: Record
    after: int | None = None
    split: str = ""
    document: str = ""
    name: str = "Insert record"

    def changes(self, context: EditContext) -> list[Change]:
        _known_split(self.split)
        number, columns = context.new_record(self.record, self.after)
        return [Change(number, None, {**columns, "split": self.split, "document": self.document})]


@dataclass(frozen=True, slots=True)
class DeleteRecords:
    """Take records out of the dataset."""

    record_ids: tuple[int, ...]

    @property
    def name(self) -> str:
        return _count("Delete", len(self.record_ids))

    def changes(self, context: EditContext) -> list[Change]:
        return [Change(number, columns, None) for number, columns in context.rows(self.record_ids)]


@dataclass(frozen=True, slots=True)
class MoveToSplit:
    """Put records into a split ("" for none)."""

    record_ids: tuple[int, ...]
    split: str

    @property
    def name(self) -> str:
        return _count("Move", len(self.record_ids)) + f" to {self.split or 'no split'}"

    def changes(self, context: EditContext) -> list[Change]:
        return SetSplits(dict.fromkeys(self.record_ids, self.split)).changes(context)


@dataclass(frozen=True, slots=True)
class SetSplits:
    """Put each record into the split named for its id."""

    splits: Mapping[int, str]
    name: str = "Assign splits"

    def changes(self, context: EditContext) -> list[Change]:
        for split in set(self.splits.values()):
            _known_split(split)
        return [
            Change(number, {"split": columns["split"]}, {"split": self.splits[number]})
            for number, columns in context.rows(tuple(self.splits))
            if columns["split"] != self.splits[number]
        ]


@dataclass(frozen=True, slots=True)
class RenameLabel:
    """Call a label by another name in the whole dataset; for span layers an entity type, whatever its B and I."""

    layer: str
    old: str
    new: str

    @property
    def name(self) -> str:
        return f"Rename {self.old} to {self.new}"

    def changes(self, context: EditContext) -> list[Change]:
        if not self.new:
            raise WorkbenchError("A label needs a name.")
        spans = is_span_layer(context.layers, self.layer)

        def rename(tag: str) -> str:
            if not spans:
                return self.new if tag == self.old else tag
            letter, label = parse_tag(tag)
            return f"{letter}-{self.new}" if letter != "O" and label == self.old else tag

        def change(record: Record) -> Record:
            tagged = _tagged(record)
            return tagged.with_layer(self.layer, [rename(tag) for tag in tagged.layers[self.layer]])

        return _rewrite(context, context.select(Query(label=(self.layer, self.old))), change)


@dataclass(frozen=True, slots=True)
class RepairScheme:
    """Mend broken tags to legal ones with the same spans.

    ``layer`` "" means every span layer, ``record_ids`` None every record that is broken.
    """

    layer: str
    record_ids: tuple[int, ...] | None = None
    name: str = field(default="Mend labels", kw_only=True)

    def changes(self, context: EditContext) -> list[Change]:
        known = context.layers
        layers = [self.layer] if self.layer else [name for name in known if is_span_layer(known, name)]

        def change(record: Record) -> Record:
            tagged = _tagged(record)
            for layer in layers:
                if layer in tagged.layers:
                    tagged = tagged.with_layer(layer, repair(tagged.layers[layer]))
            return tagged

        ids = self.record_ids if self.record_ids is not None else context.select(Query(problem="scheme"))
        return _rewrite(context, ids, change)


def _rewrite(context: EditContext, ids: Sequence[int], change: Callable[[Record], Record]) -> list[Change]:
    return _bodies((stored, change(stored.record)) for stored in context.records(ids))


def _bodies(pairs: Iterable[tuple[StoredRecord, Record]]) -> list[Change]:
    """Changes of the records' contents, leaving out those that change nothing."""
    found: list[Change] = []
    for stored, record in pairs:
        if record.KIND != stored.record.KIND:
            raise WorkbenchError(f"A {stored.record.KIND} record cannot be replaced by a {record.KIND} record.")
        before, after = encode_body(stored.record), encode_body(record)
        if before != after:
            found.append(Change(stored.id, {"body": before}, {"body": after}))
    return found


def _tagged(record: Record) -> TaggedTokens:
    if not isinstance(record, TaggedTokens):
        raise WorkbenchError("Only tagged sentences have token labels.", why=f"This is a {record.KIND} record.")
    return record


def _known_split(split: str) -> None:
    if split and split not in SPLITS:
        raise WorkbenchError(f"There is no split {split!r}.", fix=f"Use one of {', '.join(SPLITS)}.")


def _count(verb: str, number: int) -> str:
    return f"{verb} record" if number == 1 else f"{verb} {number:,} records"
