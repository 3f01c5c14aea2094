"""Watching what is asked of a model for inputs that its vocabulary mostly does not know."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from workbench.api import Record
from workbench.nn.contract import Codec
from workbench.nn.text.unknown import KnowsUnknown, Unknown, notice

MOST_LOOKED_AT = 2000
"""Inputs looked at, at most: whether a file is in another language shows in its first ones."""


class Unknowns:
    """Counts the inputs that ``codec`` mostly does not know; a codec without :class:`KnowsUnknown` knows them all."""

    def __init__(self, codec: Codec, most: int = MOST_LOOKED_AT) -> None:
        self._codec = codec if isinstance(codec, KnowsUnknown) else None
        self._most = most
        self._worst: Unknown | None = None
        self.inputs = 0
        self.mostly = 0

    def add(self, record: Record) -> None:
        if self._codec is None or self.inputs >= self._most:
            return
        self.inputs += 1
        found = self._codec.unknown(record)
        if found.mostly:
            self.mostly += 1
            if self._worst is None or found.share > self._worst.share:
                self._worst = found

    def watch(self, records: Iterable[Record]) -> Iterator[Record]:
        """``records`` as they are, each looked at as it passes."""
        for record in records:
            self.add(record)
            yield record

    @property
    def notice(self) -> str:
        """What, why and what to do, in a few sentences; "" where most of every input is known."""
        return notice(self._worst, self.mostly, self.inputs)


def joined(*notices: str) -> str:
    """Several notices as one text."""
    return " ".join(text if text.endswith((".", "!", "?", "…")) else f"{text}." for text in notices if text)
