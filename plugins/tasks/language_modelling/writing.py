"""Writing on: greedy or sampled continuations of texts that were read, reproducible by seed."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from workbench_plugins.tasks.language_modelling.codec import NEVER, LanguageCodec
from workbench_plugins.tasks.language_modelling.result import Continuation

from workbench.api import WorkbenchError
from workbench.nn.contract import Parts, State
from workbench.nn.decoding import Begun, Decoding, EncoderStepper, Hypothesis, Symbols, decode
from workbench.nn.text import END, START, UNKNOWN

LENGTHS = {"characters": 200, "words": 30}
"""Symbols written where nothing else is asked for; of pieces 50."""
LONGEST = 5_000
TEMPERATURE = 0.8
"""A little surer than the model itself, as samples for people mostly are."""


@dataclass(frozen=True, slots=True)
class Writing:
    """How to go on: ``length`` symbols at most (0: not at all); ``stop`` ends with the sentence or line."""

    length: int
    temperature: float = TEMPERATURE
    top_k: int = 0
    top_p: float = 1.0
    seed: int = 0
    stop: bool = True
    count: int = 1

    @classmethod
    def of(cls, values: Mapping[str, Any], units: str, count: int = 1) -> Writing:
        """From plain values; :class:`WorkbenchError` naming the one that cannot be."""
        length = _number(values, "length", LENGTHS.get(units, 50), 0, LONGEST, whole=True)
        greedy = values.get("method") == "greedy"
        return cls(
            length=int(length),
            temperature=0.0 if greedy else _number(values, "temperature", TEMPERATURE, 0, 100),
            top_k=int(_number(values, "top_k", 0, 0, 1_000_000, whole=True)),
            top_p=_number(values, "top_p", 1.0, 0.001, 1),
            seed=int(_number(values, "seed", 0, 0, 2**31 - 1, whole=True)),
            stop=_switch(values.get("stop", units != "characters")) and units != "characters",
            count=max(1, min(count, 20)),
        )

    def to_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__dataclass_fields__}

    def decoding(self) -> Decoding:
        if self.temperature <= 0:
            return Decoding(method="greedy", max_length=self.length, ban_unknown=True)
        return Decoding(
            method="sample",
            max_length=self.length,
            temperature=self.temperature,
            top_k=self.top_k,
            top_p=self.top_p,
            seed=self.seed,
            samples=self.count,
            ban_unknown=True,
        )


def _number(
    values: Mapping[str, Any], name: str, default: float, low: float, high: float, *, whole: bool = False
) -> float:
    given = values.get(name)
    if given is None or given == "":
        return default
    try:
        number = float(given)
    except (TypeError, ValueError):
        number = float("nan")
    if not low <= number <= high or (whole and number != int(number)):
        kind = "a whole number" if whole else "a number"
        raise WorkbenchError(
            f"{name} cannot be {given!r}.", why=f"It is {kind} from {low:g} to {high:g}.", fix=f"Choose {default:g}."
        )
    return number


def _switch(value: Any) -> bool:
    return value.strip().lower() not in ("", "0", "no", "off", "false") if isinstance(value, str) else bool(value)


class _Primed:
    """A stepper that begins with log-probabilities that are known already, those after a prefix.

    ``endless`` adds one symbol that never comes and is the end to the search: so the ends of lines are symbols like
    any other, and the text goes on beyond them.
    """

    def __init__(self, inner: EncoderStepper, endless: bool) -> None:
        self.inner = inner
        self.endless = endless

    def step(self, tokens: Tensor, state: State) -> tuple[Tensor, State, Tensor | None]:
        following, after = state["following"], state["network"]
        if following is None:
            following, after, _ = self.inner.step(tokens, after)
        if self.endless:
            none = following.new_full((len(following), 1), float("-inf"))
            following = torch.cat([following, none], dim=1)
        else:
            following = following.clone()
        return following, {"following": None, "network": after}, None

    def select(self, state: State, rows: Tensor, sentences: Tensor | None = None) -> State:
        return self.inner.select(state, rows)


@torch.no_grad()
def write(
    parts: Parts,
    codec: LanguageCodec,
    prefixes: Sequence[NDArray[np.int64]],
    states: Sequence[State],
    following: Sequence[Tensor],
    options: Writing,
) -> list[tuple[Continuation, ...]]:
    """Continuations of texts, each from the ``states`` and log-probabilities ``following`` (1, V) its reading left."""
    if not options.length or not prefixes:
        return [() for _ in prefixes]
    scores = torch.cat(list(following))
    endless = not options.stop
    stepper = _Primed(EncoderStepper(parts), endless)
    begun = Begun(
        {"following": scores, "network": _joined(states)},
        len(prefixes),
        scores.device,
        keys=[zlib.crc32(prefix.astype("<i8").tobytes()) for prefix in prefixes],
    )
    never = {*NEVER} | ({END} if codec.by_character else set())
    symbols = Symbols(
        start=START, end=scores.shape[1] if endless else END, unknown=UNKNOWN, never=tuple(sorted(never - {START}))
    )
    found = decode(stepper, begun, options.decoding(), symbols)
    return [
        tuple(_continuation(codec, prefix, one) for one in group) for prefix, group in zip(prefixes, found, strict=True)
    ]


def _continuation(codec: LanguageCodec, prefix: NDArray[np.int64], written: Hypothesis) -> Continuation:
    return Continuation(
        text_after(codec, prefix.tolist(), written.tokens),
        tuple(codec.shown(symbol) for symbol in written.tokens),
        tuple(max(-1e4, value) for value in written.step_log_probabilities[: len(written.tokens)]),
        ended=not written.cut,
    )


def text_after(codec: LanguageCodec, before: Sequence[int], written: Sequence[int]) -> str:
    """The text of ``written`` as it stands after ``before``: with the space that joins them, ends as line ends."""
    tokeniser = codec.tokeniser
    context = [tokeniser.symbols[symbol] for symbol in before[-20:] if symbol != END]
    lines: list[list[str]] = [[]]
    for symbol in written:
        if symbol == END:
            lines.append([])
        else:
            lines[-1].append(tokeniser.symbols[symbol])
    first = tokeniser.join([*context, *lines[0]])[len(tokeniser.join(context)) :]
    return "\n".join([first, *(tokeniser.join(line) for line in lines[1:])])


def _joined(states: Sequence[State]) -> State:
    """States of one row each as one state of as many rows."""
    first = states[0]
    if isinstance(first, Tensor):
        return torch.cat(list(states), dim=0)
    if isinstance(first, tuple | list):
        return type(first)(_joined(parts) for parts in zip(*states, strict=True))
    if isinstance(first, dict):
        return {name: _joined([state[name] for state in states]) for name in first}
    return first
