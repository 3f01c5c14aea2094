"""How gradients fade with distance, as numbers and in words: what the X-rays of Train and Explain share. No Qt."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from workbench.api import Event
from workbench.api.events import GradientFlow, RunStarted, event_from_json
from workbench.api.files import explain_os_error

Values = NDArray[np.float64]
LEAST = 1e-12
ASKED_DISTANCE = 20
"""Steps after which the sentence asks what is left."""


@dataclass(slots=True)
class FlowHistory:
    """The profiles of one run, epoch by epoch. The first norm that is no number ends a profile."""

    title: str = ""
    over: str = "steps"
    """What distance counts, as the event says it."""
    epochs: list[int] = field(default_factory=list)
    profiles: list[Values] = field(default_factory=list)
    _steps: list[int] = field(default_factory=list)

    def add(self, events: Iterable[Event]) -> bool:
        """Take what is of interest; whether there was any. A resumed run forgets what came after its checkpoint."""
        changed = False
        for event in events:
            if isinstance(event, GradientFlow):
                norms = np.asarray(event.norms, dtype=np.float64)
                bad = np.flatnonzero(~np.isfinite(norms))
                norms = norms[: bad[0]] if bad.size else norms
                if norms.size:
                    self.over = event.over
                    self.epochs.append(event.epoch)
                    self._steps.append(event.step)
                    self.profiles.append(norms)
                    changed = True
            elif isinstance(event, RunStarted) and event.resumed_from_step is not None:
                while self._steps and self._steps[-1] > event.resumed_from_step:
                    for column in (self._steps, self.epochs, self.profiles):
                        column.pop()
                    changed = True
        return changed

    def clear(self) -> None:
        self.over = "steps"
        for column in (self._steps, self.epochs, self.profiles):
            column.clear()

    @property
    def newest(self) -> Values | None:
        return self.profiles[-1] if self.profiles else None

    def older(self, count: int) -> list[Values]:
        """At most ``count`` profiles before the newest, spread over the run, oldest first."""
        before = self.profiles[:-1]
        if len(before) <= count:
            return list(before)
        places = np.linspace(0, len(before) - 1, count).round().astype(int)
        return [before[i] for i in places]


def read_flow(journal: Path, title: str = "") -> FlowHistory:
    """The profiles in a run's journal; only their lines are parsed. An absent journal has none."""
    history = FlowHistory(title)
    events: list[Event] = []
    try:
        with journal.open("rb") as file:
            for line in file:
                if b'"gradient_flow"' not in line and b'"run_started"' not in line:
                    continue
                try:
                    event = event_from_json(json.loads(line))
                except (ValueError, TypeError):
                    continue  # a line still being written, or damaged: its neighbours are whole
                if event is not None:
                    events.append(event)
    except FileNotFoundError:
        return history
    except OSError as error:
        raise explain_os_error(error, journal, "cannot be read") from error
    history.add(events)
    return history


def shares(profile: Values) -> Values:
    """``profile`` as parts of its value at distance 0; as it is where that is 0."""
    first = float(profile[0]) if profile.size else 0.0
    return profile / first if first > 0 else profile


def half_life(profile: Values) -> int | None:
    """The first distance at which half of the gradient, or more, is gone; None where it never is."""
    below = np.flatnonzero(shares(profile) <= 0.5)
    return int(below[0]) if below.size else None


def visible(profile: Values) -> Values:
    """``profile`` up to where it is too small for numbers to tell anything: below that there is only rounding."""
    below = np.flatnonzero(profile < LEAST)
    return profile[: max(1, int(below[0]))] if below.size else profile


DISTANCES = {"steps": "steps back", "levels": "levels below the root", "source": "steps before the source's end"}
"""What stands at the axis, by what distance counts."""


def _after(count: int, over: str) -> str:
    """A distance in words, as a sentence begins."""
    if over == "levels":
        return f"{count} level{'' if count == 1 else 's'} below the root"
    if over == "source":
        return f"{count} step{'' if count == 1 else 's'} before the end of the source"
    return f"after {count} step{'' if count == 1 else 's'}"


def lesson(profile: Values | None, whose: str = "", over: str = "steps") -> str:
    """What a profile teaches, in a sentence or two computed from it; "" where there is too little of it.

    With ``whose`` it is one of several, and kept to what they differ in. ``over`` says what distance counts.
    """
    if profile is None or len(profile) < 2 or not float(profile[0]) > 0:
        return ""
    distance = min(ASKED_DISTANCE, len(profile) - 1)
    left = float(shares(profile)[distance])
    after = _after(distance, over)
    after = f"{whose}: {after}" if whose else after[0].upper() + after[1:]
    if left > 2:
        return f"{after} the gradient is {left:,.3g} times as large as at the loss: it explodes on its way back."
    if left > 1.1:
        return f"{after} the gradient has grown to {percent(left)} of what it was: nothing is lost on the way back."
    said = f"{after} {percent(left)} of the gradient is left"
    if whose:
        return said + "."
    half = half_life(profile)
    if half is not None:
        said += f"; half of it is gone {_after(half, over)}"
    if left < 0.001:
        said += ". What happened that far back can hardly be learned from" if over == "steps" else (
            ". What stands that far away can hardly be learned from"
        )
    return said + "."


def percent(share: float) -> str:
    """A share in words: 3 %, 0.04 %, less than 0.001 %."""
    value = 100 * share
    if value >= 10:
        return f"{value:.0f}\u00a0%"
    if value >= 1:
        return f"{value:.1f}".replace(".0", "") + "\u00a0%"
    if value >= 0.001:
        return f"{value:.1g}\u00a0%"
    return "less than 0.001\u00a0%"


def common_title(titles: Sequence[str], names: Sequence[str]) -> list[str]:
    """Titles that tell runs apart: where two have the same, the run's name goes with it."""
    return [
        f"{title} ({name})" if titles.count(title) > 1 and name else title
        for title, name in zip(titles, names, strict=True)
    ]
