"""Benchmarks of quality and speed that anyone can run again: ``recurra benchmark quality|speed NAME``.

Nothing heavy is imported before a benchmark runs.
"""

from __future__ import annotations

import importlib
import inspect
import tomllib
from collections.abc import Callable, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from workbench.api import WorkbenchError

RESOURCES = "workbench_resources.benchmarks"

SPEED: Mapping[str, tuple[str, str]] = {
    "tagger": ("workbench.cli.benchmarks.tagger_speed:measure", "training of a tagger beside flair's SequenceTagger"),
    "crf": ("workbench.cli.benchmarks.speed:crf", "CRF loss and decoding beside pytorch-crf"),
    "recurrent": ("workbench.cli.benchmarks.speed:recurrent", "recurrent layers beside torch's own"),
    "bidirectional": (
        "workbench.cli.benchmarks.speed:bidirectional",
        "bidirectional layers at mixed lengths beside torch's over packed sequences",
    ),
    "trees": ("workbench.cli.benchmarks.tree_speed:measure", "recursive networks beside recursion node by node"),
    "loop": ("workbench.cli.benchmarks.tagger_speed:loop", "the training loop over the bare torch calls"),
    "store": ("workbench.cli.benchmarks.speed:store", "the dataset store with 100,000 sentences"),
    "scale": ("workbench.cli.benchmarks.scale:measure", "memory of every task at a million records, in own processes"),
    "startup": ("workbench.cli.benchmarks.speed:startup", "from the command to the first paint of the window"),
    "kills": (
        "workbench.cli.benchmarks.speed:kills",
        "20 kills of worker and shell: what is lost, and is resume exact",
    ),
    "esn": ("workbench.cli.benchmarks.esn_speed:measure", "reservoirs beside reservoirpy's, at equal weights"),
    "seq2seq": (
        "workbench.cli.benchmarks.seq2seq_speed:measure",
        "encoder-decoders beside plain loops: training, and a beam over many sentences",
    ),
    "language_model": (
        "workbench.cli.benchmarks.lm_speed:measure",
        "training of a language model beside a plain PyTorch script; adaptive beside full softmax",
    ),
    "translation": (
        "workbench.cli.benchmarks.translation_speed:measure",
        "training of a translator beside a plain PyTorch script of the same model",
    ),
    "forecasting": (
        "workbench.cli.benchmarks.forecast_speed:measure",
        "fitting and backtesting beside darts' RNNModel and neuralforecast's LSTM",
    ),
    "lateness": ("workbench.cli.benchmarks.speed:lateness", "a 10 ms timer in the window while training"),
}
"""Name → (function, what is measured)."""

_RESERVOIRS = "workbench.cli.benchmarks.esn_quality:measure"
GENERATED: Mapping[str, tuple[str, str]] = {
    "mackey_glass": (_RESERVOIRS, "Mackey-Glass by an echo state network (generated)"),
    "narma10": (_RESERVOIRS, "NARMA10 by an echo state network (generated)"),
    "intervals": ("workbench.cli.benchmarks.interval_quality:measure", "90 % intervals of forecasts (generated)"),
    "lorenz": (_RESERVOIRS, "the Lorenz system by an echo state network (generated)"),
}
"""Quality benchmarks that need no data: name → (function, which is given the name, and the title)."""
_FORECASTS = "workbench.cli.benchmarks.forecast_quality:measure"
OWN: Mapping[str, str] = dict.fromkeys(("etth1", "m4_hourly", "airline", "conformal"), _FORECASTS)
"""Quality benchmarks on public data that are measured by a function of their own, which is given the name."""


@cache
def specification(name: str) -> dict[str, Any]:
    """The TOML file that describes quality benchmark ``name``."""
    return tomllib.loads(files(RESOURCES).joinpath(f"{name}.toml").read_text(encoding="utf-8"))


def available(kind: str) -> dict[str, str]:
    """Name → what is measured, of ``kind`` "quality" or "speed"."""
    if kind == "speed":
        return {name: summary for name, (_, summary) in SPEED.items()}
    titles = {name: str(specification(name)["title"]) for name in described()}
    return titles | {name: title for name, (_, title) in GENERATED.items()}


def described() -> list[str]:
    """The quality benchmarks on public data, each described by a TOML file."""
    return sorted(p.name.removesuffix(".toml") for p in files(RESOURCES).iterdir() if p.name.endswith(".toml"))


def run(kind: str, name: str, **options: Any) -> dict[str, Any]:
    """Measure; the result is a JSON object with a readable ``table``. ``options`` are those of the benchmark."""
    known = available(kind)
    if name not in known:
        raise WorkbenchError(
            f"There is no {kind} benchmark named {name!r}.", fix=f"The {kind} benchmarks are: {', '.join(known)}."
        )
    if kind == "quality" and name in {*GENERATED, *OWN}:
        module, _, function = (OWN[name] if name in OWN else GENERATED[name][0]).partition(":")
        row: dict[str, Any] = getattr(importlib.import_module(module), function)(name, **options)
        return row
    if kind == "quality":
        from workbench.cli.benchmarks.quality import run_quality

        return run_quality(name, **options)
    module, _, function = SPEED[name][0].partition(":")
    measure = getattr(importlib.import_module(module), function)
    check_options(name, measure, options)
    found: dict[str, Any] = measure(**options)
    return found


def check_options(name: str, measure: Callable[..., Any], options: Mapping[str, Any]) -> None:
    """:class:`WorkbenchError` for an option that the function ``measure`` does not take."""
    taken = inspect.signature(measure).parameters
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in taken.values()):
        return
    for option in options:
        if option not in taken:
            listed = ", ".join(taken) or "none"
            raise WorkbenchError(f"The benchmark {name} has no option {option!r}.", fix=f"Its options are: {listed}.")


QUALITY = available("quality")
"""Name → title of the quality benchmarks."""
