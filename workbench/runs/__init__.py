"""The run folder, its journal and control, and the worker processes. No torch, no Qt."""

from workbench.runs.config import RunConfig, TrainingParams, dump_config, load_config, parse_config
from workbench.runs.control import Command, Control, ControlReader
from workbench.runs.folder import RunFolder, list_runs
from workbench.runs.journal import JournalReader, JournalWriter, read_journal, without_superseded
from workbench.runs.lock import RunLock
from workbench.runs.state import RunState

__all__ = [
    "Command",
    "Control",
    "ControlReader",
    "JournalReader",
    "JournalWriter",
    "RunConfig",
    "RunFolder",
    "RunLock",
    "RunState",
    "TrainingParams",
    "dump_config",
    "list_runs",
    "load_config",
    "parse_config",
    "read_journal",
    "without_superseded",
]
