"""How much of a text a model's vocabulary does not know, and the sentence that says so where it is most of it.

One place for every task on text: a codec that has :class:`KnowsUnknown` is asked before its model answers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from workbench.api import Record

MOSTLY = 0.5
"""The share of unknown symbols from which on an answer is not to be trusted without a word."""
_SHOWN = 4
_LONGEST = 20
_UNITS = {"words": "word", "characters": "character"}


@dataclass(frozen=True, slots=True)
class Unknown:
    """What of one input is not in the vocabulary, as it is written there (``symbols``), of ``total`` symbols.

    ``kind`` is what the symbols are: words, characters, or one of the kinds of subwords.
    """

    symbols: tuple[str, ...]
    total: int
    kind: str = "words"

    @property
    def share(self) -> float:
        """0 to 1; 0 for an empty input."""
        return len(self.symbols) / self.total if self.total else 0.0

    @property
    def mostly(self) -> bool:
        return self.total > 0 and self.share >= MOSTLY


@runtime_checkable
class KnowsUnknown(Protocol):
    """What a codec may have besides: it tells what its vocabulary lacks of a record."""

    def unknown(self, record: Record) -> Unknown: ...


def notice(worst: Unknown | None, mostly: int, inputs: int) -> str:
    """What whoever reads the answers should know; "" where no input is mostly unknown.

    ``mostly`` of ``inputs`` are, and ``worst`` is the one shown.
    """
    if worst is None or not mostly:
        return ""
    unit = _UNITS.get(worst.kind, "piece of a word" if worst.total == 1 else "pieces of words")
    if worst.total != 1 and worst.kind in _UNITS:
        unit += "s"
    count, total = len(worst.symbols), worst.total
    if total == 1:
        lacking = f"the {unit} is not"
    elif count == total:
        lacking = f"none of its {unit} is"
    else:
        lacking = f"{count:,} of its {total:,} {unit} {'is' if count == 1 else 'are'} not"
    shown = _named(worst.symbols)
    if inputs == 1:
        what = f"The model does not know most of this input: {lacking} in its vocabulary ({shown})."
    else:
        what = (
            f"The model does not know most of {mostly:,} of {inputs:,} inputs; "
            f"of one of them {lacking} in its vocabulary ({shown})."
        )
    return (
        f"{what} The vocabulary was made of the training texts; all else looks the same to the model, so such an "
        "answer means little. Ask in the language, script and spelling of the training texts, or train on such texts."
    )


def _named(symbols: Sequence[str]) -> str:
    """The first few, each once, in quotes."""
    different = list(dict.fromkeys(symbols))
    shown = [symbol if len(symbol) <= _LONGEST else symbol[: _LONGEST - 1] + "…" for symbol in different[:_SHOWN]]
    more = ", …" if len(different) > _SHOWN else ""
    return ", ".join(f"“{symbol}”" for symbol in shown) + more
