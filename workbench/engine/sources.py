"""Where records come from: a dataset of a store, lists in memory, or the parts of each that a split in time gives."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

from workbench.api import Record
from workbench.nn.contract import TaskModel
from workbench.nn.protocols import SplitsInTime
from workbench.runs.config import DataSection


class RecordSource(Protocol):
    """Where records come from: a dataset of a store, or lists in memory."""

    def splits(self) -> tuple[str, ...]:
        """The names of the splits that hold records, "" for records in none."""
        ...

    def count(self, split: str) -> int: ...

    def iterate(self, split: str) -> Iterator[tuple[int, Record]]: ...

    def get(self, ids: Sequence[int]) -> list[Record]: ...

    def content_hash(self, split: str) -> str:
        """Changes with any record of the split; "" where it cannot be told (nothing is then cached)."""
        ...


class Stored(Protocol):
    """What the engine reads of ``workbench.data.DatasetStore``."""

    def dataset(self, name_or_id: Any) -> Any: ...

    def iterate(self, dataset_id: int, split: str | None = None) -> Iterator[Any]: ...

    def get(self, ids: Any) -> list[Any]: ...

    def split_counts(self, dataset_id: int) -> Mapping[str, int]: ...

    def content_hash(self, dataset_id: int, split: str) -> str: ...


class StoreSource:
    """A dataset of a store, by its name or id."""

    def __init__(self, store: Stored, dataset: str) -> None:
        self._store = store
        self._id = int(store.dataset(dataset).id)

    def splits(self) -> tuple[str, ...]:
        return tuple(self._store.split_counts(self._id))

    def count(self, split: str) -> int:
        return int(self._store.split_counts(self._id).get(split, 0))

    def iterate(self, split: str) -> Iterator[tuple[int, Record]]:
        for stored in self._store.iterate(self._id, split):
            yield int(stored.id), stored.record

    def get(self, ids: Sequence[int]) -> list[Record]:
        return [stored.record for stored in self._store.get([int(id_) for id_ in ids])]

    def content_hash(self, split: str) -> str:
        return self._store.content_hash(self._id, split)


class ListSource:
    """Records in memory by split, for notebooks and tests; a record's id is its place over all splits."""

    def __init__(self, splits: Mapping[str, Sequence[Record]]) -> None:
        self._all = [record for records in splits.values() for record in records]
        self._spans: dict[str, range] = {}
        start = 0
        for name, records in splits.items():
            self._spans[name] = range(start, start + len(records))
            start += len(records)

    def splits(self) -> tuple[str, ...]:
        return tuple(self._spans)

    def count(self, split: str) -> int:
        return len(self._spans.get(split, ()))

    def iterate(self, split: str) -> Iterator[tuple[int, Record]]:
        for i in self._spans.get(split, ()):
            yield i, self._all[i]

    def get(self, ids: Sequence[int]) -> list[Record]:
        return [self._all[int(i)] for i in ids]

    def content_hash(self, split: str) -> str:
        return ""


class TimeSplitSource:
    """Every record of a dataset in every split, each as the part of it that lies in that split's time."""

    def __init__(self, source: RecordSource, task: SplitsInTime, roles: Mapping[str, str]) -> None:
        """``roles`` maps the names that a run gives its splits to "train", "validation" and "test"."""
        self._source, self._task, self._roles = source, task, dict(roles)

    def splits(self) -> tuple[str, ...]:
        return tuple(self._roles)

    def count(self, split: str) -> int:
        """How many records there are: an upper bound, since a short one may have no part in ``split``."""
        return sum(self._source.count(name) for name in self._source.splits()) if split in self._roles else 0

    def iterate(self, split: str) -> Iterator[tuple[int, Record]]:
        role = self._roles.get(split)
        if role is None:
            return
        for name in self._source.splits():
            for id_, record in self._source.iterate(name):
                part = self._task.part(record, role)
                if part is not None:
                    yield id_, part

    def get(self, ids: Sequence[int]) -> list[Record]:
        """Whole records: ask :meth:`only` for those of one split."""
        return self._source.get(ids)

    def content_hash(self, split: str) -> str:
        """Of every record of the dataset, whichever split it is assigned to: each of them has a part in ``split``."""
        names = self._source.splits()
        hashes = [self._source.content_hash(name) for name in names]
        if split not in self._roles or not all(hashes):
            return ""
        told = "\n".join([self._roles[split], *(f"{a} {b}" for a, b in zip(names, hashes, strict=True))])
        return hashlib.sha256(told.encode()).hexdigest()

    def only(self, split: str) -> RecordSource:
        """This source, whose :meth:`get` gives the parts that are in ``split``."""
        return _OneSplit(self._source, self._task, self._roles, split)


class _OneSplit(TimeSplitSource):
    def __init__(self, source: RecordSource, task: SplitsInTime, roles: Mapping[str, str], split: str) -> None:
        super().__init__(source, task, roles)
        self._role = roles[split]

    def get(self, ids: Sequence[int]) -> list[Record]:
        parts = [self._task.part(record, self._role) for record in super().get(ids)]
        return [part for part in parts if part is not None]


def as_source(source: Any, dataset: str) -> RecordSource:
    """A source of records from a store, a mapping of splits to records, or a source itself."""
    if isinstance(source, Mapping):
        return ListSource(source)
    if hasattr(source, "split_counts"):
        return StoreSource(source, dataset)
    found: RecordSource = source
    return found


def source_for(source: RecordSource, task: TaskModel, section: DataSection) -> RecordSource:
    """``source`` as ``task`` sees it: cut by time where the task splits in time, else as it is."""
    if isinstance(source, TimeSplitSource) or not isinstance(task, SplitsInTime) or not task.splits_in_time:
        return source
    roles = {name: name for name in ("train", "validation", "test")}
    roles |= {section.test: "test", section.validation: "validation", section.train: "train"}
    return TimeSplitSource(source, task, roles)
