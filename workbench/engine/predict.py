"""Using a model: predict, evaluate and trace, with a finished bundle or with the model still in training."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from workbench.api import Catalogue, Record, Report, Result, Trace, WorkbenchError
from workbench.engine.bundle import read_bundle
from workbench.engine.compose import Model
from workbench.engine.data import ListSource, RecordSource, Split, encode_split, source_for
from workbench.engine.devices import DeviceInfo, choose_device
from workbench.engine.evaluate import Check, evaluate_split, evaluation_mode, never, predicted_batches
from workbench.engine.interrupted import answers_from_checkpoint, read_interrupted
from workbench.engine.tracing import trace_record
from workbench.nn.contract import DecodeOptions
from workbench.nn.protocols import Explains, KnowsOptions
from workbench.runs.config import RunConfig

CHUNK_RECORDS = 4096
"""Records encoded and sorted together when predicting a stream: bounded memory, little padding."""


class Predictor:
    """A model in use. Predictions keep the order of the records; the model's mode and random states are untouched."""

    def __init__(
        self,
        model: Model,
        config: RunConfig,
        *,
        epoch: int = 0,
        manifest: Mapping[str, Any] | None = None,
        notice: str = "",
        weights: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        self.model = model
        self.config = config
        self.epoch = epoch
        self.manifest = dict(manifest or {})
        self.notice = notice
        """What whoever reads the answers should know of the model; "" for a finished one."""
        self.weights = weights

    @property
    def result_kind(self) -> str:
        return self.model.task_spec.result

    def parse(self, text: str) -> list[Record]:
        """Records of a typed or pasted ``text``, tokenised as the training data is."""
        return parse_input(self.model, text)

    def predict(
        self, records: Sequence[Record], options: DecodeOptions | None = None, *, check: Check = never
    ) -> list[Result]:
        """A result for every record, in their order. :class:`WorkbenchError` for a record without a step."""
        if options is not None:
            self.refuse_unknown(options)
        split = encode_split(ListSource({"inputs": records}), "inputs", self.model.codec, role="predict")
        if split.empty:
            raise WorkbenchError("There is nothing to read in one of the inputs.", fix="Leave empty inputs out.")
        answers: list[Result | None] = [None] * len(records)
        budget = self.config.training.batch_tokens
        with self.weights(), evaluation_mode(self.model):
            for part in predicted_batches(
                self.model, split, options or DecodeOptions(), budget=budget, loss=False, check=check
            ):
                for index, result in zip(part.indices.tolist(), part.results, strict=True):
                    answers[index] = result
        return [answer for answer in answers if answer is not None]

    def refuse_unknown(self, options: DecodeOptions) -> None:
        """:class:`WorkbenchError` for an option of the answers that the task does not have, naming those it has."""
        task = self.model.task
        known = [*(task.answer_options if isinstance(task, KnowsOptions) else ())]
        known += ["explain"] if isinstance(task, Explains) else []
        unknown = [name for name in options.extra if name not in known]
        if not unknown:
            return
        near = difflib.get_close_matches(unknown[0], [*known, "alternatives", "n_best"], 2)
        listed = ", ".join(sorted(known)) or "none"
        raise WorkbenchError(
            f"There is no option {unknown[0]!r} for the answers of this model.",
            why=f"The options of {self.model.task_spec.title} are: {listed}; and of any task: alternatives, n_best.",
            fix=f"Did you mean {' or '.join(near)}?" if near else "Leave it out, or name one of those.",
        )

    def predict_stream(
        self, records: Iterator[Record], options: DecodeOptions | None = None, *, check: Check = never
    ) -> Iterator[tuple[Record, Result]]:
        """Each record with its result, in order, in bounded memory."""
        chunk: list[Record] = []
        for record in records:
            chunk.append(record)
            if len(chunk) >= CHUNK_RECORDS:
                yield from zip(chunk, self.predict(chunk, options, check=check), strict=True)
                chunk = []
        if chunk:
            yield from zip(chunk, self.predict(chunk, options, check=check), strict=True)

    def evaluate(
        self,
        records: Sequence[Record] | RecordSource,
        split: str = "test",
        *,
        progress: Callable[[int, int], None] | None = None,
        check: Check = never,
    ) -> Report:
        """The task's report on gold ``records`` (a list, or a source and the name of its ``split``)."""
        source = ListSource({split: records}) if isinstance(records, Sequence) else records
        source = source_for(source, self.model.task, self.config.data)
        encoded: Split = encode_split(
            source, split, self.model.codec, progress=lambda *_: check(), role="evaluate"
        )
        if len(encoded) == 0:
            raise WorkbenchError(
                f"There is nothing to evaluate: the split {split!r} is empty.",
                why="No record of the dataset is in it, or those that are have no step.",
                fix="Choose another split (train, validation or test), or assign records to it.",
            )

        def told(done: int, total: int) -> None:
            check()
            if progress is not None:
                progress(done, total)

        with self.weights():
            return evaluate_split(self.model, encoded, budget=self.config.training.batch_tokens, progress=told)

    def split_to_judge(self, records: RecordSource) -> str:
        """"test", or "validation" where the dataset has nothing for a test, as the task divides it."""
        name = self.config.data.test
        source = source_for(records, self.model.task, self.config.data)
        # of a task that divides by time every record counts in every split, and may yet have no part in it
        return "test" if source.count(name) and next(source.iterate(name), None) is not None else "validation"

    def trace(self, record: Record, gradient: bool = False) -> Trace:
        """What the model does inside while it reads ``record``."""
        with self.weights():
            return trace_record(self.model, record, gradient=gradient)


def parse_input(model: Model, text: str) -> list[Record]:
    """Records of a typed text; :class:`WorkbenchError` for a task that takes no typed input."""
    reference = model.task_spec.parse_input
    if reference is None:
        raise WorkbenchError(
            f"{model.task_spec.title} takes no typed input.", fix="Choose a file or a record of a dataset instead."
        )
    parsed: list[Record] = list(reference.resolve()(text))
    return parsed


def load_bundle(path: Path, catalogue: Catalogue, *, device: str = "auto") -> Predictor:
    """A finished model, from its ``model/`` folder or the run folder around it; no project is needed.

    A run without one answers from its best checkpoint, and the predictor's ``notice`` says so.
    :class:`WorkbenchError` for a missing, damaged or newer bundle, or a plugin that is not there.
    """
    path, notice = Path(path), ""
    if answers_from_checkpoint(path):
        bundle, notice = read_interrupted(path, catalogue)
    else:
        bundle = read_bundle(path, catalogue)
    chosen: DeviceInfo = choose_device(device)
    bundle.model.to(chosen.device).eval()
    epoch = int(bundle.manifest.get("epoch", 0))
    return Predictor(bundle.model, bundle.config, epoch=epoch, manifest=bundle.manifest, notice=notice)
