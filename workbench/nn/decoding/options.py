"""How to write: the method, how long, what is forbidden, and how hypotheses of different lengths are compared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal

from workbench.api import WorkbenchError

Method = Literal["greedy", "beam", "sample"]
LengthPenalty = Literal["none", "average", "gnmt"]


@dataclass(frozen=True, slots=True)
class Symbols:
    """Which symbols of a vocabulary mean something to a decoder; ``unknown`` is None where there is none.

    ``never`` are symbols that are read but not written (padding); the start symbol is one by itself.
    """

    start: int
    end: int
    unknown: int | None = None
    never: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Decoding:
    """``max_length`` and ``min_length`` count symbols without the end.

    A hypothesis that reaches ``max_length`` is ended there, at the probability the model gives the end.
    ``length_penalty`` divides the log-probability by the number of symbols, the end included (*average*), or by
    ((5 + n) / 6)^``alpha`` (*gnmt*; Wu et al., 2016, "Google's neural machine translation system", equation 14);
    ``coverage_penalty`` β adds β Σₛ log min(Σₜ aₜₛ, 1), for source positions that were hardly looked at (the same).
    ``no_repeat`` n forbids writing the same n symbols in a row a second time.

    Sampling draws each row from a generator of its own made of ``seed``, the row's key and the sample's number, so that
    a text does not depend on what it shared a batch with.
    """

    method: Method = "beam"
    beam: int = 5
    n_best: int = 1
    max_length: int = 100
    min_length: int = 0
    length_penalty: LengthPenalty = "average"
    alpha: float = 0.6
    coverage_penalty: float = 0.0
    no_repeat: int = 0
    ban_unknown: bool = False
    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    samples: int = 1
    seed: int = 0

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """The options that :meth:`of` reads, for a task to declare; how many answers is asked for by itself."""
        return tuple(field.name for field in fields(cls) if field.name != "n_best")

    def __post_init__(self) -> None:
        checks = (
            (self.method in ("greedy", "beam", "sample"), "method is greedy, beam or sample"),
            (self.length_penalty in ("none", "average", "gnmt"), "length_penalty is none, average or gnmt"),
            (1 <= self.beam <= 1000, "beam is 1 to 1000"),
            (1 <= self.n_best <= self.beam or self.method != "beam", "n_best is 1 to the width of the beam"),
            (self.max_length >= 1, "max_length is 1 or more"),
            (0 <= self.min_length <= self.max_length, "min_length is 0 to max_length"),
            (self.alpha >= 0 and self.coverage_penalty >= 0, "alpha and coverage_penalty are 0 or more"),
            (self.no_repeat >= 0, "no_repeat is 0 (off) or more"),
            (self.temperature > 0, "temperature is above 0 (greedy decoding is its limit)"),
            (self.top_k >= 0 and 0 < self.top_p <= 1, "top_k is 0 (off) or more, top_p above 0 and at most 1"),
            (self.samples >= 1, "samples is 1 or more"),
        )
        for holds, rule in checks:
            if not holds:
                raise WorkbenchError("These options of decoding cannot be used.", why=f"{rule[0].upper()}{rule[1:]}.")

    @classmethod
    def of(cls, values: Mapping[str, Any], **defaults: Any) -> Decoding:
        """From plain values (``DecodeOptions.extra``, a form), over ``defaults``; what is not of decoding is left out.

        A beam given without a method means beam search, or greedy where it is 1; a temperature, top_k, top_p or samples
        mean sampling.
        """
        names = {field.name for field in fields(cls)}
        given = {name: _read(name, value) for name, value in values.items() if name in names and value is not None}
        if "method" not in given:
            if given.keys() & {"temperature", "top_k", "top_p", "samples"}:
                given["method"] = "sample"
            elif "beam" in given:
                given["method"] = "greedy" if int(given["beam"]) == 1 else "beam"
        merged = {**defaults, **given}
        if int(merged.get("n_best", 1)) > int(merged.get("beam", 5)):
            merged["beam"] = int(merged["n_best"])
        return cls(**merged)

    def normaliser(self, symbols: int) -> float:
        """What the log-probability of ``symbols`` symbols, the end included, is divided by."""
        if self.length_penalty == "average":
            return float(max(1, symbols))
        if self.length_penalty == "gnmt":
            return float(((5.0 + symbols) / 6.0) ** self.alpha)
        return 1.0


def _read(name: str, value: Any) -> Any:
    """``value`` (a text or a number, from a command line or a form) as what the option ``name`` is."""
    kind = type(getattr(Decoding(), name))
    if kind is str:
        return str(value)
    if kind is bool:
        return value if isinstance(value, bool) else str(value).lower() not in ("", "0", "no", "off", "false")
    try:
        number = float(value)
        if kind is float or number == int(number):
            return kind(number)
    except (TypeError, ValueError, OverflowError):
        pass
    raise WorkbenchError(
        f"{name} cannot be {value!r}.", why=f"It is a {'whole number' if kind is int else 'number'}.",
        fix=f"Give {name} another value, or leave it out.",
    )  # fmt: skip
