"""What a described model has to be told of: sentences that teach, from the training data and the model they meet."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from workbench.api import Record, WorkbenchError
from workbench.api.files import write_atomic
from workbench.engine.closed_form import solves
from workbench.engine.compose import Model
from workbench.engine.data import ListSource, RecordSource, codec_hash, encode_split, source_for
from workbench.engine.footprint import Load, available_bytes, gibibytes, load_of, measure_costs, training_bytes
from workbench.engine.splits import Split, StreamSplit
from workbench.nn.contract import Codec, Encoder, EncoderDecoder
from workbench.nn.protocols import Forewarns, KnowsTargetLength, SolvesReadout, Windows
from workbench.runs.config import DataSection, TrainingParams

ONE_STEP = (
    "Every record is one step long, so this network works as a feed-forward network: "
    "its recurrent weights are never used."
)
BY_STEPS = (
    "This task's head has no closed form, so the readout is not solved at once: it is trained by gradient steps on the "
    "fixed reservoir. The washout, the ridges and the search then do nothing."
)
NO_WASHOUT = (
    "The washout does nothing here: each record gives one answer, read after its steps, so that there is no first "
    "answer to leave out of the fit."
)
SAMPLE_RECORDS = 200
"""Records that are encoded to describe a model: enough to measure on, few enough to wait for."""


def one_step(model: Model, split: Split) -> bool:
    """Whether nothing in ``split`` is ever carried from one step to the next."""
    if not isinstance(model.encoder, Encoder) or isinstance(split, StreamSplit):
        return False
    return bool(len(split)) and int(split.lengths.max()) == 1


def by_steps(model: Model, closed_form: bool) -> bool:
    """Whether a readout that was to be solved is trained step by step instead."""
    return isinstance(model.encoder, SolvesReadout) and model.encoder.solve and not closed_form


def washout_in_vain(model: Model, split: Split) -> bool:
    """Whether a washout was asked for where each record gives one row to the fit, and none can be left out."""
    network = model.encoder
    if not isinstance(network, SolvesReadout) or not network.solve or not network.washout or not len(split):
        return False
    chosen = np.array([int(np.argmin(split.lengths))], dtype=np.int64)
    wanted = model.head.regression_targets(split.batch(model.codec, chosen).to(model.device))
    return wanted is not None and wanted.dim() == 2 and not isinstance(split, StreamSplit)


@dataclass(frozen=True, slots=True)
class Lengths:
    """Of the training records: the longest one's steps, and the steps of all."""

    longest: int
    total: int


def lengths_of(
    source: RecordSource, section: DataSection, codec: Codec, cache: Path | None = None
) -> Lengths:
    """The lengths of the training records; they are read once and then remembered by content and codec."""
    content = source.content_hash(section.train) if cache is not None else ""
    path = None
    if cache is not None and content:
        key = hashlib.sha256(f"{content}\n{section.limit}\n{codec_hash(codec)}".encode()).hexdigest()[:32]
        path = cache / f"lengths-{key}.json"
        try:
            return Lengths(**json.loads(path.read_bytes()))
        except (OSError, ValueError, TypeError):
            pass
    lengths = [codec.length(record) for record in _training(source, section, section.limit)]
    found = Lengths(max(lengths, default=0), sum(lengths))
    if path is not None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomic(path, json.dumps(asdict(found)))
        except (OSError, WorkbenchError):  # a project that cannot be written to can still be described
            return found
    return found


def _training(source: RecordSource, section: DataSection, limit: int) -> Iterator[Record]:
    records = (record for _, record in source.iterate(section.train))
    return islice(records, limit) if limit else records


def foresee(
    model: Model, source: RecordSource, section: DataSection, training: TrainingParams, cache: Path | None = None
) -> tuple[int, list[str]]:
    """Bytes a training on these records would take (an estimate), and what is worth saying of it."""
    source = source_for(source, model.task, section)
    codec = model.codec
    count = min(SAMPLE_RECORDS, section.limit) if section.limit else SAMPLE_RECORDS
    sample = encode_split(ListSource({"sample": list(_training(source, section, count))}), "sample", codec)
    if not len(sample):
        return training_bytes(model, training, None, [Load(1, training.batch_tokens)]), []
    lengths = lengths_of(source, section, codec, cache)
    longest = int(sample.lengths.max()) if isinstance(codec, Windows) else lengths.longest
    load = _heaviest(model, sample, longest, lengths.total, training.batch_tokens)
    needed = training_bytes(model, training, measure_costs(model, sample), [load])
    notes: list[str] = []
    if isinstance(model.encoder, Encoder) and not isinstance(sample, StreamSplit) and longest == 1:
        notes.append(ONE_STEP)
    if by_steps(model, solves(model, sample, training)):
        notes.append(BY_STEPS)
    elif washout_in_vain(model, sample):
        notes.append(NO_WASHOUT)
    if isinstance(model.encoder, Forewarns) and (told := model.encoder.forewarn(lengths.total)):
        notes.append(told)
    free = available_bytes(model.device)
    if needed > free:
        notes.append(
            f"Training it would take about {gibibytes(needed)} of memory, and {gibibytes(free)} are free: "
            "lower batch_tokens, choose a smaller network, or cut the longest records."
        )
    return needed, notes


def _heaviest(model: Model, sample: Split, longest: int, total: int, budget: int) -> Load:
    if isinstance(sample, StreamSplit):
        chunk = max(1, sample.chunk)
        return Load(max(1, min(budget // chunk, total // chunk)), min(chunk, max(1, total)))
    if not isinstance(model.encoder, EncoderDecoder):
        return Load(1, max(longest, min(budget, total)))
    # as much is written for each step read as in the most talkative record of the sample
    seen = load_of(model, sample.batch(model.codec, np.array([int(np.argmax(sample.lengths))], dtype=np.int64)))
    written = max(1, round(longest * seen.written / max(1, seen.steps)))
    bounded = max(longest, written) if isinstance(model.codec, KnowsTargetLength) else longest
    return Load(max(1, budget // bounded), longest, written)
