"""A person's settings: theme, font size, recent projects, window layouts. One TOML file in the user's folder."""

from __future__ import annotations

import base64
import binascii
import contextlib
import logging
import tomllib
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, Self

import platformdirs
import tomli_w
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from workbench.api import WorkbenchError
from workbench.api.files import write_atomic
from workbench.api.params import refusal
from workbench.project.migrations import PROJECT_FILE, Schema

_logger = logging.getLogger(__name__)

FILE_NAME = "settings.toml"
SCHEMA = Schema("settings file", 1)
MAX_RECENT = 12

Theme = Literal["system", "light", "dark", "high_contrast"]


class _Values(BaseModel):
    """What the file holds; unknown keys are kept, so that a newer plugin's choice survives an older one."""

    model_config = ConfigDict(extra="allow", validate_assignment=True)

    schema_version: int = SCHEMA.version
    theme: Theme = "system"
    font_scale: float = Field(default=1.0, ge=0.5, le=3.0)
    recent_projects: list[str] = Field(default_factory=list)
    layouts: dict[str, str] = Field(default_factory=dict)
    disabled_plugins: list[str] = Field(default_factory=list)
    values: dict[str, Any] = Field(default_factory=dict)


class Settings:
    """Read with :meth:`load`; every change is saved at once, atomically. ``notice`` tells of a damaged file, if any.

    That settings cannot be saved (a full disk) is logged, and never stops what the person was doing.
    """

    def __init__(self, path: Path, values: _Values | None = None, notice: str = "") -> None:
        self.path = Path(path)
        self.notice = notice
        self._values = values or _Values()

    @classmethod
    def load(cls, path: Path | None = None) -> Self:
        """The settings at ``path``, or the user's own. A damaged file is moved aside and the defaults are used."""
        path = Path(path) if path is not None else default_path()
        try:
            text = path.read_text(encoding="utf-8-sig")
        except FileNotFoundError:
            return cls(path)
        except (OSError, UnicodeDecodeError) as error:
            return cls(path, notice=_move_aside(path, str(error)))
        try:
            return cls(path, _Values.model_validate(SCHEMA.upgrade(tomllib.loads(text), path)))
        except (tomllib.TOMLDecodeError, ValidationError, WorkbenchError) as error:
            return cls(path, notice=_move_aside(path, str(error).splitlines()[0]))

    # -- looks -----------------------------------------------------------------------------------------------------

    @property
    def theme(self) -> Theme:
        return self._values.theme

    @theme.setter
    def theme(self, theme: Theme) -> None:
        self._set("theme", theme)

    @property
    def font_scale(self) -> float:
        return self._values.font_scale

    @font_scale.setter
    def font_scale(self, scale: float) -> None:
        self._set("font_scale", scale)

    # -- recent projects -------------------------------------------------------------------------------------------

    @property
    def recent_projects(self) -> tuple[Path, ...]:
        """The last projects that still exist, the latest first."""
        return tuple(p for p in map(Path, self._values.recent_projects) if (p / PROJECT_FILE).is_file())

    def add_recent(self, path: Path) -> None:
        """Put a project first among the recent ones."""
        first = str(Path(path).absolute())
        rest = [p for p in self._values.recent_projects if p != first and (Path(p) / PROJECT_FILE).is_file()]
        self._set("recent_projects", [first, *rest][:MAX_RECENT])

    def forget_recent(self, path: Path) -> None:
        """Take a project off the list."""
        gone = str(Path(path).absolute())
        self._set("recent_projects", [p for p in self._values.recent_projects if p != gone])

    # -- window layouts --------------------------------------------------------------------------------------------

    def layout(self, name: str) -> bytes | None:
        """A window's saved layout, or None."""
        try:
            return base64.b64decode(self._values.layouts[name], validate=True)
        except (KeyError, binascii.Error):
            return None

    def set_layout(self, name: str, layout: bytes) -> None:
        encoded = base64.b64encode(layout).decode("ascii")
        if self._values.layouts.get(name) != encoded:
            self._set("layouts", {**self._values.layouts, name: encoded})

    # -- the rest --------------------------------------------------------------------------------------------------

    @property
    def disabled_plugins(self) -> frozenset[str]:
        return frozenset(self._values.disabled_plugins)

    @disabled_plugins.setter
    def disabled_plugins(self, names: frozenset[str]) -> None:
        self._set("disabled_plugins", sorted(names))

    def get(self, key: str, default: Any = None) -> Any:
        """A plain value that a part of the window keeps ("data.columns")."""
        return self._values.values.get(key, default)

    def set(self, key: str, value: Any) -> None:
        """Keep a plain value (text, number, bool, or lists and tables of them); None forgets it."""
        values = {k: v for k, v in self._values.values.items() if k != key}
        self._set("values", values if value is None else {**values, key: value})

    def _set(self, name: str, value: Any) -> None:
        try:
            setattr(self._values, name, value)
        except ValidationError as error:
            what, fix = refusal(_Values, error)
            raise WorkbenchError(what, fix=fix) from error
        self.save()

    def save(self) -> bool:
        """Write the file; False, with the reason in the log, when that was not possible."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            write_atomic(self.path, tomli_w.dumps(_plain(self._values.model_dump(mode="json"))))
        except (WorkbenchError, OSError) as error:
            _logger.warning("settings were not saved: %s", error)
            return False
        return True


def default_path() -> Path:
    """Where this user's settings lie."""
    return Path(platformdirs.user_config_dir("recurra", appauthor=False)) / FILE_NAME


def _move_aside(path: Path, reason: str) -> str:
    """Keep a file that cannot be read under another name; the sentence to show."""
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    aside = path.with_name(f"{path.stem}.damaged-{stamp}{path.suffix}")
    with contextlib.suppress(OSError):
        path.replace(aside)
    _logger.warning("settings could not be read (%s); moved to %s", reason, aside)
    return f"Your settings could not be read and were set back. The old file is {aside.name}."


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}
