"""``control.json``: what people ask of a live run. Numbered commands; the run answers each of them once."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from workbench.api import WorkbenchError
from workbench.runs.files import exclusive, read_json, write_json

SCHEMA_VERSION = 1
Verb = Literal["pause", "resume", "stop", "discard", "set_learning_rate"]
VERBS: tuple[Verb, ...] = get_args(Verb)


@dataclass(frozen=True, slots=True)
class Command:
    """One wish: ``seq`` rises by 1 from 1; ``value`` is the new learning rate of ``set_learning_rate``."""

    verb: Verb
    seq: int = 0
    value: float | None = None
    time: float = 0.0


class Control:
    """The side that asks: the window, the command line, a second window."""

    def __init__(self, path: Path) -> None:
        self._path = Path(path)

    def write(self, command: Verb | Command, value: float | None = None) -> Command:
        """Append a command and return it with its number; :class:`WorkbenchError` for an unknown verb or bad value."""
        verb, value = (command.verb, command.value) if isinstance(command, Command) else (command, value)
        if verb not in VERBS:
            raise WorkbenchError(f"A run does not know the command {verb!r}.", fix=f"Use one of: {', '.join(VERBS)}.")
        if (verb == "set_learning_rate") != (value is not None) or (value is not None and not 0 < value < 1e6):
            raise WorkbenchError("A learning rate is a number above 0.", why=f"{verb} was given {value!r}.")
        with exclusive(self._path):
            commands = list(read_commands(self._path))
            last = max(commands[-1].seq if commands else 0, _answered(self._path))
            written = Command(verb, last + 1, value, time.time())
            write_json(
                self._path,
                {"schema_version": SCHEMA_VERSION, "commands": [_to_json(item) for item in [*commands, written]]},
            )
        return written

    def clear(self) -> None:
        """Count everything asked so far as answered: a resumed run must not obey the stop that ended it."""
        with exclusive(self._path):
            commands = read_commands(self._path)
            if commands:
                _set_answered(self._path, commands[-1].seq)


class ControlReader:
    """The run's side. What was answered is kept in a file, so a restarted worker does not obey a command twice."""

    def __init__(self, path: Path) -> None:
        self._path = Path(path)
        self._answered = _answered(self._path)
        self._seen: tuple[int, int] | None = None

    def poll(self) -> list[Command]:
        """Commands not answered yet, in order. Costs one ``stat`` when nothing was written since the last call."""
        try:
            status = self._path.stat()
        except OSError:
            return []
        signature = (status.st_mtime_ns, status.st_ino)
        if signature == self._seen:
            return []
        commands = [command for command in read_commands(self._path) if command.seq > self._answered]
        if commands:
            self._answered = commands[-1].seq
            _set_answered(self._path, self._answered)
        self._seen = signature
        return commands


def read_commands(path: Path) -> tuple[Command, ...]:
    """Every command of the file, in order; commands of a newer version that are not known here are left out."""
    data = read_json(path)
    items = data.get("commands", []) if isinstance(data, Mapping) else []
    commands = [command for command in map(_from_json, items) if command is not None]
    return tuple(sorted(commands, key=lambda command: command.seq))


def _to_json(command: Command) -> dict[str, Any]:
    values: dict[str, Any] = {"seq": command.seq, "command": command.verb, "time": command.time}
    if command.value is not None:
        values["value"] = command.value
    return values


def _from_json(item: Any) -> Command | None:
    try:
        verb, seq, value = item["command"], int(item["seq"]), item.get("value")
        if verb not in VERBS:
            return None
        return Command(verb, seq, None if value is None else float(value), float(item.get("time", 0.0)))
    except (AttributeError, KeyError, TypeError, ValueError):
        return None


def _answered_path(path: Path) -> Path:
    return path.with_name(f"{path.stem}-answered.json")


def _answered(path: Path) -> int:
    data = read_json(_answered_path(path))
    return int(data["seq"]) if isinstance(data, Mapping) and isinstance(data.get("seq"), int) else 0


def _set_answered(path: Path, seq: int) -> None:
    write_json(_answered_path(path), {"schema_version": SCHEMA_VERSION, "seq": seq})
