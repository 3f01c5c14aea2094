"""What a language model makes of a text: how it surprised, what may come next, and how it might go on."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True)
class Continuation:
    """``text`` the model wrote, its ``tokens`` with the log-probability of each; ``ended``: by the model itself."""

    text: str
    tokens: tuple[str, ...]
    log_probabilities: tuple[float, ...]
    ended: bool = False


@dataclass(frozen=True, slots=True)
class LanguageModelResult:
    """``text`` is ``prefix`` and the first of ``continuations`` together.

    ``tokens`` are those of the prefix with their place (start, end) in it, ``log_probabilities`` the model's of each
    after what stood before it, ``ranks`` how many symbols were more probable, plus one, and ``expected`` the symbols it
    thought likeliest there; ``next`` are the likeliest after the prefix. ``unknown`` are words of the prefix that the
    vocabulary does not have. ``notice`` says what a reader must know (the beginning was left out).
    """

    KIND: ClassVar[str] = "language_model"

    text: str
    prefix: str
    tokens: tuple[str, ...] = ()
    offsets: tuple[tuple[int, int], ...] = ()
    log_probabilities: tuple[float, ...] = ()
    ranks: tuple[int, ...] = ()
    expected: tuple[tuple[tuple[str, float], ...], ...] = ()
    next: tuple[tuple[str, float], ...] = ()
    continuations: tuple[Continuation, ...] = ()
    unknown: tuple[str, ...] = ()
    units: str = "words"
    settings: Mapping[str, Any] | None = None
    notice: str = ""

    def to_json(self) -> dict[str, Any]:
        values = {name: getattr(self, name) for name in self.__dataclass_fields__}
        values["continuations"] = [asdict(one) for one in self.continuations]
        values["settings"] = dict(self.settings or {})
        return values

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> LanguageModelResult:
        return cls(
            text=str(data["text"]),
            prefix=str(data["prefix"]),
            tokens=tuple(data.get("tokens", ())),
            offsets=tuple((int(a), int(b)) for a, b in data.get("offsets", ())),
            log_probabilities=tuple(float(p) for p in data.get("log_probabilities", ())),
            ranks=tuple(int(rank) for rank in data.get("ranks", ())),
            expected=tuple(_pairs(one) for one in data.get("expected", ())),
            next=_pairs(data.get("next", ())),
            continuations=tuple(
                Continuation(
                    str(one["text"]),
                    tuple(one["tokens"]),
                    tuple(float(p) for p in one["log_probabilities"]),
                    bool(one.get("ended", False)),
                )
                for one in data.get("continuations", ())
            ),
            unknown=tuple(data.get("unknown", ())),
            units=str(data.get("units", "words")),
            settings=dict(data.get("settings") or {}),
            notice=str(data.get("notice", "")),
        )

    @property
    def perplexity(self) -> float:
        """Of the prefix; NaN for an empty one."""
        if not self.log_probabilities:
            return math.nan
        return math.exp(min(700.0, -sum(self.log_probabilities) / len(self.log_probabilities)))

    def summary(self) -> str:
        """The text in one line, what may come next, and what is to be known."""
        lines = " ⏎ ".join(self.text.splitlines()) or "(nothing)"
        following = ", ".join(f"{symbol} {p:.0%}" for symbol, p in self.next[:3])
        parts = [lines, f"next: {following}" if following else "", self.notice]
        return " · ".join(part for part in parts if part)


def _pairs(values: Any) -> tuple[tuple[str, float], ...]:
    return tuple((str(symbol), float(p)) for symbol, p in values)
