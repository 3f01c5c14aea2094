"""Checkpoints: everything a training needs to go on as if it had never stopped, in safetensors and JSON.

A checkpoint is a folder ``NAME/`` with ``state.safetensors`` (weights, optimiser, averaged weights, random states)
and ``state.json`` (counters, and the checksum of the other). It is written beside the present one, synced, then the
folders change places; the one before stays as ``NAME-previous/`` for the day the disk damages the present one.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

from workbench.api import WorkbenchError
from workbench.api.files import explain_os_error, sync_folder

SCHEMA_VERSION = 1
STATE = "state.json"
TENSORS = "state.safetensors"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """``values`` are plain; ``fell_back`` says what was damaged when this is the one before."""

    values: dict[str, Any]
    tensors: dict[str, Tensor]
    fell_back: str = ""

    def group(self, prefix: str) -> dict[str, Tensor]:
        """The tensors saved under ``prefix.``, by their own names."""
        start = len(prefix) + 1
        return {name[start:]: tensor for name, tensor in self.tensors.items() if name.startswith(prefix + ".")}


class CheckpointFolder:
    """``checkpoints/`` of a run: named checkpoints, each whole or not there."""

    def __init__(self, path: Path) -> None:
        self.path = Path(path)

    def exists(self, name: str) -> bool:
        return (self.path / name).is_dir() or (self.path / f"{name}-previous").is_dir()

    def save(self, name: str, values: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
        """Write checkpoint ``name``; :class:`WorkbenchError` when it cannot be, and the one there stays."""
        final, previous = self.path / name, self.path / f"{name}-previous"
        fresh = self.path / f".{name}-{os.getpid()}.tmp"
        # clones: safetensors refuses tensors that share memory (tied weights), and wants them on the CPU, contiguous
        plain = {key: tensor.detach().to("cpu", copy=True).contiguous() for key, tensor in tensors.items()}
        blob = save(plain)
        head = {
            "schema_version": SCHEMA_VERSION,
            "sha256": hashlib.sha256(blob).hexdigest(),
            "values_sha256": _digest(values),
            "values": dict(values),
        }
        try:
            shutil.rmtree(fresh, ignore_errors=True)
            fresh.mkdir(parents=True)
            _write_synced(fresh / TENSORS, blob)
            _write_synced(fresh / STATE, json.dumps(head, allow_nan=True).encode())
            sync_folder(fresh)
            if final.exists():
                shutil.rmtree(previous, ignore_errors=True)
                final.rename(previous)
            fresh.rename(final)
            sync_folder(self.path)
        except OSError as error:
            shutil.rmtree(fresh, ignore_errors=True)
            raise explain_os_error(error, final) from error

    def load(self, name: str) -> Checkpoint | None:
        """Checkpoint ``name``, or the one before where it is damaged, or None where there is none.

        :class:`WorkbenchError` when both are damaged or it was written by a newer version.
        """
        damage = ""
        for folder in (self.path / name, self.path / f"{name}-previous"):
            if not folder.is_dir():
                continue
            try:
                values, tensors = _read(folder)
            except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
                damage = damage or f"{folder.name} is damaged ({error})"
                continue
            return Checkpoint(values, tensors, damage)
        if damage:
            raise WorkbenchError(
                f"The checkpoint {damage}.",
                why="It was cut short or changed on disk, and no earlier one is whole.",
                fix="Start the run again; its journal and its finished model, if any, are untouched.",
                file=self.path / name,
            )
        return None

    def remove(self) -> None:
        """Delete every checkpoint (the answer to "discard")."""
        shutil.rmtree(self.path, ignore_errors=True)


def _read(folder: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    head = json.loads((folder / STATE).read_bytes())
    if int(head["schema_version"]) > SCHEMA_VERSION:
        raise WorkbenchError(
            "This checkpoint was written by a newer version.", fix="Update Recurra to resume it.", file=folder
        )
    blob = (folder / TENSORS).read_bytes()
    if hashlib.sha256(blob).hexdigest() != head["sha256"]:
        raise ValueError("its checksum does not match")
    values = dict(head["values"])
    if head.get("values_sha256", _digest(values)) != _digest(values):
        raise ValueError("the checksum of its values does not match")
    return values, load(blob)


def _digest(values: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def _write_synced(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def with_prefix(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {f"{prefix}.{name}": tensor for name, tensor in tensors.items()}


def optimizer_state(optimizer: torch.optim.Optimizer) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """An optimiser's state as plain values and named tensors."""
    values: dict[str, Any] = {}
    tensors: dict[str, Tensor] = {}
    for index, slots in optimizer.state_dict()["state"].items():
        for name, value in slots.items():
            if isinstance(value, Tensor):
                tensors[f"{index}.{name}"] = value
            else:
                values[f"{index}.{name}"] = value
    return values, tensors


def restore_optimizer(
    optimizer: torch.optim.Optimizer, values: Mapping[str, Any], tensors: Mapping[str, Tensor]
) -> None:
    """The inverse of :func:`optimizer_state`; groups and rates are those of ``optimizer``."""
    state: dict[int, dict[str, Any]] = {}
    for key, value in [*values.items(), *tensors.items()]:
        index, _, name = key.partition(".")
        state.setdefault(int(index), {})[name] = value
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})


def random_state(device: torch.device) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """The states of Python's, NumPy's, torch's and, on a GPU, CUDA's generators."""
    version, internal, gauss = random.getstate()
    kind, keys, position, has_gauss, cached = np.random.get_state()  # noqa: NPY002 - plugins may use it
    values: dict[str, Any] = {
        "python": [version, list(internal), gauss],
        "numpy": [str(kind), np.asarray(keys).tolist(), int(position), int(has_gauss), float(cached)],
    }
    tensors = {"torch": torch.get_rng_state()}
    if device.type == "cuda":
        tensors["cuda"] = torch.cuda.get_rng_state(device)
    return values, tensors


def restore_random_state(device: torch.device, values: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
    version, internal, gauss = values["python"]
    random.setstate((version, tuple(internal), gauss))
    kind, keys, position, has_gauss, cached = values["numpy"]
    np.random.set_state((kind, np.array(keys, dtype=np.uint32), position, has_gauss, cached))  # noqa: NPY002
    torch.set_rng_state(tensors["torch"])
    if device.type == "cuda" and "cuda" in tensors:
        torch.cuda.set_rng_state(tensors["cuda"], device)


def load_weights(model: nn.Module, tensors: Mapping[str, Tensor], file: Path | None = None) -> None:
    """Put ``tensors`` into ``model``; :class:`WorkbenchError` naming what does not fit."""
    try:
        model.load_state_dict(dict(tensors))
    except RuntimeError as error:
        raise WorkbenchError(
            "These weights do not fit this model.",
            why="They were saved with other options, or by another version of a plugin.",
            fix="Use the plugin version the run was trained with.",
            file=file,
            details=str(error),
        ) from error
