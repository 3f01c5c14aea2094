"""``run.toml``: the complete frozen configuration of a run; the command line takes the file the window writes."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import tomli_w
from pydantic import BaseModel, ConfigDict, Field

from workbench.api import Params, WorkbenchError, option, validate
from workbench.api.files import explain_os_error

SCHEMA_VERSION = 1


class TrainingParams(Params):
    """How to train, whatever the model."""

    max_epochs: int = option(
        30,
        ge=1,
        le=100_000,
        unit="epochs",
        what="Passes over the training split at most.",
        when="Raise it when the validation metric still improves at the end.",
        typical="20 to 50",
    )
    patience: int = option(
        5,
        ge=0,
        le=10_000,
        unit="epochs",
        what="Stop after this many epochs without a better validation metric; 0 never stops early.",
        when="Raise it when the curve is noisy.",
        typical="3 to 10",
    )
    learning_rate: float = option(
        0.002,
        gt=0,
        le=100,
        what="Size of an optimiser step at its largest.",
        when="Lower it when the loss jumps or diverges.",
        typical="0.001 to 0.01 for Adam",
    )
    batch_tokens: int = option(
        1024,
        ge=1,
        le=10_000_000,
        unit="tokens",
        what="Length budget of a batch: records of like length share it.",
        when="Raise it on a GPU; lower it when memory runs out.",
        typical="512 to 4096",
    )
    optimizer: Literal["adam", "adamw", "sgd", "rmsprop"] = option(
        "adam",
        what="The rule that turns gradients into steps.",
        when="SGD with momentum for a last bit of quality.",
        typical="adam",
    )
    schedule: Literal["constant", "cosine", "linear", "plateau", "inverse"] = option(
        "constant",
        what="How the learning rate changes over training.",
        when="Cosine or linear when the number of epochs is fixed.",
        typical="cosine",
    )
    warmup_steps: int = option(
        0,
        ge=0,
        le=1_000_000,
        unit="steps",
        advanced=True,
        what="Steps over which the learning rate rises from 0.",
        typical="0 to 1000",
    )
    momentum: float = option(0.9, ge=0, lt=1, advanced=True, what="Momentum of SGD; ignored by the others.")
    weight_decay: float = option(
        0.0, ge=0, le=10, advanced=True, what="Pull of weight matrices towards 0; biases and embeddings are left out."
    )
    clip_norm: float = option(
        5.0,
        ge=0,
        le=1e6,
        advanced=True,
        what="Gradients longer than this are scaled down to it; 0 switches clipping off.",
        when="Lower it when the gradient norm explodes.",
        typical="1 to 5",
    )
    accumulate: int = option(
        1, ge=1, le=1024, unit="batches", advanced=True, what="Batches whose gradients are added before a step."
    )
    average_weights: float = option(
        0.0,
        ge=0,
        lt=1,
        advanced=True,
        what="Decay of an exponential moving average used for validation and the final model; 0 switches it off.",
        typical="0.99 to 0.999",
    )
    seed: int = option(7, ge=0, le=2**31 - 1, what="Start of every random choice: same seed and threads, same result.")
    device: str = option("auto", what="auto, cpu, cuda, cuda:1 or mps.", advanced=True)
    precision: Literal["float32", "bfloat16"] = option(
        "float32", what="bfloat16 computes matrix products in half the bits, on GPUs that have it.", advanced=True
    )
    threads: int = option(
        0,
        ge=0,
        le=1024,
        advanced=True,
        what="CPU threads; 0 measures one against several for a moment and keeps the faster.",
    )
    time_limit: float = option(
        0.0,
        ge=0,
        unit="seconds",
        advanced=True,
        what="Stop and keep the best after this much training time; 0 is no limit.",
    )
    validate_every: int = option(
        0, ge=0, unit="steps", advanced=True, what="Validate every so many steps; 0 once an epoch."
    )
    checkpoint_every: float = option(
        60.0,
        ge=0,
        unit="seconds",
        advanced=True,
        what="Save the last checkpoint at least this often, besides every validation.",
    )


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Contribution(_Section):
    """A task or an architecture by id, with its options as plain values (validated against its own ``Params``)."""

    id: str
    params: dict[str, Any] = Field(default_factory=dict)


class DataSection(_Section):
    """Which dataset and which of its splits. ``project`` is a path; empty means the project the run stands in."""

    dataset: str
    project: str = ""
    train: str = "train"
    validation: str = "validation"
    test: str = "test"
    limit: int = Field(0, ge=0)
    """Use only the first so many training records; 0 uses all."""


class RunConfig(_Section):
    """Everything needed to train the same model again."""

    schema_version: int = SCHEMA_VERSION
    name: str = ""
    task: Contribution
    architecture: Contribution
    data: DataSection
    training: TrainingParams = TrainingParams()
    inputs: tuple[str, ...] = ()
    """Pinned inputs, answered after every validation (at most five are shown)."""


def parse_config(values: Mapping[str, Any], file: str | None = None) -> RunConfig:
    """Build a configuration from plain values; :class:`WorkbenchError` naming what is wrong."""
    version = values.get("schema_version", SCHEMA_VERSION)
    if isinstance(version, int) and version > SCHEMA_VERSION:
        raise WorkbenchError(
            f"This run was written by a newer version (schema {version}; this one reads up to {SCHEMA_VERSION}).",
            fix="Update Recurra to open it.",
            file=file,
        )
    return validate(RunConfig, dict(values), file=file)


def load_config(path: Path) -> RunConfig:
    """Read ``run.toml``; :class:`WorkbenchError` with file and line for TOML that does not parse."""
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError as error:
        raise WorkbenchError("There is no such run file.", file=path, fix="Check the path.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        line = re.search(r"at line (\d+)", str(error))
        raise WorkbenchError(
            f"Not valid TOML: {error}.", file=path, fix="Mend the line named.", line=int(line[1]) if line else None
        ) from error
    except OSError as error:
        raise explain_os_error(error, path, "cannot be read") from error
    return parse_config(values, str(path))


def line_of_option(path: Path, dotted: str) -> int | None:
    """The line of a run file on which the option ``dotted`` stands, if any.

    ``training.seed``, ``task.layer``; ``architecture.stack.2.cell`` is of the second row, whether rows are tables of
    their own (``[[…stack]]``) or written in line, and without such a row the line of the option itself.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError):
        return None
    section, _, rest = dotted.partition(".")
    rest = rest.removeprefix("params.")
    name, _, inner = rest.partition(".")
    row, _, of_row = inner.partition(".")
    wanted = {section, f"{section}.params"}
    rows = {f"{table}.{name}" for table in wanted}
    present, counted, found = "", 0, None
    for number, line in enumerate(lines, start=1):
        if header := re.match(r"\s*\[+\s*([\w.]+)\s*\]+\s*(#|$)", line):
            present = header[1]
            counted += present in rows
            if present in rows and row == str(counted):
                found = number
        elif present in rows and row == str(counted) and re.match(rf"\s*\"?{re.escape(of_row)}\"?\s*=", line):
            return number
        elif present in wanted and re.match(rf"\s*\"?{re.escape(name)}\"?\s*=", line):
            return _line_of_row(lines, number, int(row)) if row.isdigit() else number
    return found


def _line_of_row(lines: list[str], number: int, row: int) -> int:
    """The line of the ``row``-th table of a list that begins on line ``number`` and has a table a line."""
    for at, line in enumerate(lines[number - 1 :], start=number):
        row -= line.count("{")
        if row <= 0:
            return at
        if line.strip().startswith("]"):
            break
    return number


def dump_config(config: RunConfig) -> str:
    """TOML text of ``config`` (every option written out)."""
    return tomli_w.dumps(_without_none(config.model_dump(mode="json")))


def _without_none(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_none(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_without_none(item) for item in value]
    return value
