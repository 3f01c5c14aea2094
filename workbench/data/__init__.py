"""The dataset store: SQLite, edits with undo, importing, exporting, splits, statistics, packing."""

from workbench.data.edits import (
    Change,
    DeleteRecords,
    Edit,
    InsertRecord,
    MoveToSplit,
    RenameLabel,
    RepairScheme,
    ReplaceRecord,
    ReplaceRecords,
    SetLabel,
    SetSpan,
    SetSplits,
)
from workbench.data.history import HistoryEntry, Outcome
from workbench.data.query import Query
from workbench.data.statistics import DatasetStatistics
from workbench.data.store import DatasetInfo, DatasetStore

__all__ = [
    "Change",
    "DatasetInfo",
    "DatasetStatistics",
    "DatasetStore",
    "DeleteRecords",
    "Edit",
    "HistoryEntry",
    "InsertRecord",
    "MoveToSplit",
    "Outcome",
    "Query",
    "RenameLabel",
    "RepairScheme",
    "ReplaceRecord",
    "ReplaceRecords",
    "SetLabel",
    "SetSpan",
    "SetSplits",
]
