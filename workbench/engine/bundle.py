"""The finished model: a folder that loads without its project, nothing pickled, every file with its checksum."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from workbench.api import Catalogue, WorkbenchError
from workbench.api.files import explain_os_error, sync_folder
from workbench.engine.checkpoint import load_weights
from workbench.engine.compose import Model, compose, make_task
from workbench.runs.config import RunConfig, dump_config, load_config
from workbench.runs.outcome import no_model

SCHEMA_VERSION = 1
MANIFEST = "manifest.json"
WEIGHTS = "model.safetensors"
CODEC = "codec.json"
CONFIG = "run.toml"
METRICS = "metrics.json"


@dataclass(frozen=True, slots=True)
class Bundle:
    """A model that was read back, ready for use."""

    model: Model
    config: RunConfig
    metrics: dict[str, float]
    manifest: dict[str, Any]


def write_bundle(
    folder: Path,
    config: RunConfig,
    model: Model,
    weights: Mapping[str, Tensor],
    metrics: Mapping[str, float],
    epoch: int,
) -> None:
    """Write the bundle of ``model`` with ``weights`` (its best, not necessarily its present ones) to ``folder``.

    The folder appears whole: it is made beside its place and renamed. :class:`WorkbenchError` when it cannot be.
    """
    plain = {name: tensor.detach().to("cpu", copy=True).contiguous() for name, tensor in weights.items()}
    files = {
        WEIGHTS: save(plain),
        CODEC: json.dumps({"schema_version": SCHEMA_VERSION, "codec": model.codec.to_json()}).encode(),
        CONFIG: dump_config(config).encode(),
        METRICS: json.dumps({"schema_version": SCHEMA_VERSION, "metrics": dict(metrics)}).encode(),
    }
    manifest = {
        "schema_version": SCHEMA_VERSION,
        "task": config.task.id,
        "architecture": config.architecture.id,
        "result": model.task_spec.result,
        "record": model.task_spec.record,
        "parameters": sum(p.numel() for p in model.parameters()),
        "epoch": epoch,
        "torch": torch.__version__,
        "python": platform.python_version(),
        "sha256": {name: hashlib.sha256(data).hexdigest() for name, data in files.items()},
    }
    files[MANIFEST] = json.dumps(manifest, indent=2).encode()
    fresh = folder.with_name(f".{folder.name}-{os.getpid()}.tmp")
    old = folder.with_name(f".{folder.name}-{os.getpid()}.old")
    try:
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(parents=True)
        for name, data in files.items():
            with (fresh / name).open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        if folder.exists():
            folder.rename(old)
        fresh.rename(folder)
        sync_folder(folder.parent)
    except OSError as error:
        shutil.rmtree(fresh, ignore_errors=True)
        raise explain_os_error(error, folder) from error
    shutil.rmtree(old, ignore_errors=True)


def read_bundle(path: Path, catalogue: Catalogue) -> Bundle:
    """Read the bundle in ``path`` (or in its ``model/``) and compose its model on the CPU."""
    folder = path if (path / MANIFEST).is_file() else path / "model"
    if not (folder / MANIFEST).is_file():
        raise no_model(path)
    manifest = _json(folder / MANIFEST)
    version = manifest.get("schema_version")
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise _damaged(folder / MANIFEST, "it does not state its schema_version")
    if version > SCHEMA_VERSION:
        raise WorkbenchError(
            f"This model was written by a newer version (schema {version}; this one reads up to {SCHEMA_VERSION}).",
            fix="Update Recurra to use it.",
            file=folder,
        )
    digests = manifest["sha256"]
    for name in (WEIGHTS, CODEC, CONFIG, METRICS):
        if name not in digests:
            raise _damaged(folder / MANIFEST, f"it does not name {name}")
    # only the names known here are opened: a manifest from elsewhere may name any path
    blobs = {name: _checked(folder / name, str(digests[name])) for name in (WEIGHTS, CODEC, CONFIG, METRICS)}
    config = load_config(folder / CONFIG)
    _, task = make_task(config, catalogue)
    try:
        codec = task.load_codec(json.loads(blobs[CODEC])["codec"])
        metrics = dict(json.loads(blobs[METRICS])["metrics"])
    except (ValueError, KeyError, TypeError) as error:  # whole, as its checksum says, but not what is expected
        raise _damaged(folder / CODEC, f"it cannot be read ({error})") from error
    model = compose(config, catalogue, codec, fresh=False)
    try:
        weights = load(blobs[WEIGHTS])
    except SafetensorError as error:
        raise _damaged(folder / WEIGHTS, str(error)) from error
    load_weights(model, weights, folder / WEIGHTS)
    return Bundle(model.eval(), config, metrics, manifest)


def _checked(path: Path, digest: str) -> bytes:
    try:
        blob = path.read_bytes()
    except FileNotFoundError as error:
        raise _damaged(path, "it is missing") from error
    except OSError as error:
        raise _damaged(path, str(error)) from error
    if hashlib.sha256(blob).hexdigest() != digest:
        raise _damaged(path, "its checksum does not match")
    return blob


def _json(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise _damaged(path, str(error)) from error
    if not isinstance(data, dict) or not isinstance(data.get("sha256"), dict):
        raise _damaged(path, "it is not a manifest")
    return data


def _damaged(path: Path, why: str) -> WorkbenchError:
    return WorkbenchError(
        "This model is damaged.",
        why=f"{path.name}: {why}.",
        fix="Resume its run to write it again, or copy the folder once more from where it came.",
        file=path,
    )
