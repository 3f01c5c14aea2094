"""The one error type a person may meet: what happened, why, and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any


class WorkbenchError(Exception):
    """An expected failure, told in words its reader can act on.

    ``what`` happened (one sentence), the likely ``why``, the ``fix`` to try, and for data the ``file`` and the
    ``line`` (1-based) it came from. ``details`` is for copying into a report (a traceback, a server's answer).
    """

    def __init__(
        self,
        what: str,
        *,
        why: str = "",
        fix: str = "",
        file: str | Path | None = None,
        line: int | None = None,
        details: str = "",
    ) -> None:
        super().__init__(what)
        self.what = what
        self.why = why
        self.fix = fix
        self.file = str(file) if file is not None else None
        self.line = line
        self.details = details

    @property
    def where(self) -> str:
        """``file:line``, ``file`` or an empty string."""
        if self.file is None:
            return f"line {self.line}" if self.line is not None else ""
        return f"{self.file}:{self.line}" if self.line is not None else self.file

    def __str__(self) -> str:
        head = f"{self.where}: {self.what}" if self.where else self.what
        return " ".join(part for part in (head, self.why, self.fix) if part)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for a journal line or a message between processes."""
        return {
            "what": self.what,
            "why": self.why,
            "fix": self.fix,
            "file": self.file,
            "line": self.line,
            "details": self.details,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> WorkbenchError:
        """Rebuild from :meth:`to_dict`; unknown keys are ignored."""
        return cls(
            str(data.get("what", "unknown error")),
            why=str(data.get("why", "")),
            fix=str(data.get("fix", "")),
            file=data.get("file"),
            line=data.get("line"),
            details=str(data.get("details", "")),
        )


class Cancelled(WorkbenchError):
    """The user asked a long job to end before it was done; nothing it had begun remains."""

    def __init__(self, what: str = "Cancelled.") -> None:
        super().__init__(what)
