"""Audio and images of a project, stored under the hash of their contents: ``media/ab/cdef….wav``."""

from __future__ import annotations

import re
from pathlib import Path

from workbench.api import WorkbenchError
from workbench.api.files import explain_os_error, sha256_file, write_atomic

_NAME = re.compile(r"[0-9a-f]{2}/[0-9a-f]{62}(?:\.[a-z0-9]{1,8})?")


class Media:
    """The ``media`` folder. Equal files are stored once; a name can never lead out of the folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)

    def add(self, path: Path) -> str:
        """Copy a file in and return its name."""
        try:
            digest = sha256_file(path)
            suffix = path.suffix.lower() if re.fullmatch(r"\.[A-Za-z0-9]{1,8}", path.suffix) else ""
            name = f"{digest[:2]}/{digest[2:]}{suffix}"
            target = self.path(name)
            if not target.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                write_atomic(target, path.read_bytes())
        except OSError as error:
            raise explain_os_error(error, path, "cannot be copied into the project") from error
        return name

    def path(self, name: str) -> Path:
        """Where the file ``name`` lies; :class:`WorkbenchError` for a name that :meth:`add` never gave."""
        if not _NAME.fullmatch(name):
            raise WorkbenchError(
                f"{name!r} is not a media file of this project.",
                why="Media are named by the hash of their contents.",
                fix="Import the file again.",
            )
        return self.folder / name

    def verify(self, name: str) -> bool:
        """Whether the file is there and still has the contents it is named after."""
        path = self.path(name)
        return path.is_file() and sha256_file(path) == name[:2] + name[3:65]
