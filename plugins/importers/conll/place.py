"""Where the reading of a column file is, between two sentences."""

from __future__ import annotations

from dataclasses import dataclass

from workbench_plugins.importers.conll.columns import DOCUMENT_START

MAY_BE_BETWEEN = frozenset(("", "#", DOCUMENT_START[0], "\r", "\n"))
"""How a block begins that may not be a sentence from its first line on."""


@dataclass(slots=True)
class Place:
    """Where the reading of a file is: the number of the next line, and what it has to remember."""

    line: int = 1
    before: str = ""
    """Text since the last sentence, which belongs to the next one."""
    document: str = ""
    documents: int = 0

    def begin_document(self, name: str = "") -> None:
        self.documents += 1
        self.document = name or f"document {self.documents}"
