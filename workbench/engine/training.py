"""One run from its folder to its end: prepare, compose, train or resume, keep the best, always say how it ended."""

from __future__ import annotations

import json
import logging
import os
import platform
import random
import time
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import torch

from workbench.api import Catalogue, Record, WorkbenchError
from workbench.api.events import FinishReason, Phase, RunFinished, RunStarted
from workbench.api.events import Warning as WarningEvent
from workbench.api.files import write_atomic
from workbench.engine.bundle import write_bundle
from workbench.engine.checkpoint import Checkpoint, CheckpointFolder
from workbench.engine.closed_form import ClosedFormTrainer, solves
from workbench.engine.compose import Model, compose, make_task
from workbench.engine.controls import Controls, Ended
from workbench.engine.data import Prepared, RecordSource, as_source, key_of_codec, prepare, source_for
from workbench.engine.devices import DeviceInfo, bfloat16_offered, choose_device, cpu_title
from workbench.engine.errors import explain
from workbench.engine.evaluate import Metrics
from workbench.engine.footprint import refuse_too_large
from workbench.engine.interrupted import START, digest, read_start
from workbench.engine.loop import Service, Trainer
from workbench.engine.modes import spare_collections
from workbench.engine.notes import BY_STEPS, NO_WASHOUT, ONE_STEP, by_steps, one_step, washout_in_vain
from workbench.engine.predict import parse_input
from workbench.engine.threads import ThreadChoice, calibrate_threads
from workbench.nn.contract import Batch
from workbench.nn.protocols import Forewarns
from workbench.runs.config import RunConfig
from workbench.runs.control import ControlReader
from workbench.runs.folder import RunFolder
from workbench.runs.journal import JournalWriter

logger = logging.getLogger(__name__)
SHOWN_INPUTS = 5
CALIBRATION_TOKENS = 1024
START_SCHEMA = 1


def train(
    run: RunFolder,
    source: Any,
    catalogue: Catalogue,
    *,
    service: Service | None = None,
    resume: bool = False,
    cache: Path | None = None,
) -> RunFinished:
    """Train ``run`` to its end and return how it ended; everything on the way is told in its journal.

    ``source`` is a dataset store, or ``{split: records}``. With ``resume`` it goes on from the last checkpoint, bit
    for bit on the CPU. ``cache`` is where encoded arrays may be kept (by default ``cache/`` of the project around the
    run). Expected failures are told in the result; :class:`WorkbenchError` only when the run cannot even begin (it is
    being trained elsewhere, its folder cannot be written). An interrupt (Ctrl-C) leaves the run interrupted, resumable.
    """
    config = run.config
    spare_collections()
    threads_before = torch.get_num_threads()
    with run.lock(), JournalWriter(run.journal_path, run.id) as journal:
        session = _Session(run, config, catalogue, journal, service, cache or _project_cache(run))
        try:
            return session.train(as_source(source, config.data.dataset) if source is not None else None, resume)
        finally:
            torch.set_num_threads(threads_before)


def _project_cache(run: RunFolder) -> Path | None:
    project = run.path.parent.parent
    return project / "cache" if (project / "project.toml").is_file() else None


@dataclass(slots=True)
class _Start:
    """What a run decided when it first began, kept so that a resume decides the same."""

    codec: dict[str, Any]
    threads: int
    device: str
    content: str


class _Session:
    def __init__(
        self,
        run: RunFolder,
        config: RunConfig,
        catalogue: Catalogue,
        journal: JournalWriter,
        service: Service | None,
        cache: Path | None,
    ) -> None:
        self.run, self.config, self.catalogue, self.journal = run, config, catalogue, journal
        self.service, self.cache = service, cache
        self.checkpoints = CheckpointFolder(run.checkpoints)
        self.controls = Controls(ControlReader(run.control_path), journal)
        self.trainer: Trainer | None = None
        self.started = time.monotonic()

    def train(self, source: RecordSource | None, resume: bool) -> RunFinished:
        error: WorkbenchError | None = None
        try:
            if source is None:
                raise WorkbenchError("There are no records to train on.", fix="Open the project this run belongs to.")
            trainer = self._begin(source, resume)
            reason = trainer.run()
        except Ended as ended:  # stopped while the data were still being prepared
            reason = ended.reason
        except Exception as caught:
            reason, error = explain(caught)
            logger.info("run %s ended: %s", self.run.id, error, exc_info=caught)  # the journal tells it to people
        try:
            self._keep(reason)
        except Exception as caught:  # the end is told even when the model could not be written
            logger.info("run %s: its model was not written", self.run.id, exc_info=caught)
            if error is None:
                reason, error = explain(caught)
        trainer_state = self.trainer.state if self.trainer is not None else None
        return self.journal.write(
            RunFinished,
            trainer_state.step if trainer_state else 0,
            reason=reason.value,
            seconds=self.trainer.seconds if self.trainer is not None else time.monotonic() - self.started,
            metrics=dict(trainer_state.best_metrics) if trainer_state else {},
            best_epoch=trainer_state.best_epoch if trainer_state else 0,
            error=error.to_dict() if error is not None else None,
        )

    # -- beginning -------------------------------------------------------------------------------------------------

    def _begin(self, source: RecordSource, resume: bool) -> Trainer:
        config = self.config
        spec, task = make_task(config, self.catalogue)
        checkpoint = self.checkpoints.load("last") if resume else None
        start = self._read_start() if resume else None
        if not resume:
            self.checkpoints.remove()
        if checkpoint is not None and checkpoint.fell_back:
            self._warn(
                f"{checkpoint.fell_back}; going on from the one before, of step {checkpoint.values['state']['step']}.",
                "Check the disk if this happens again.",
            )
        source = source_for(source, task, config.data)
        content = source.content_hash(config.data.train)
        if start is not None and content != start.content:
            self._warn(
                "The training records changed since this run began: it goes on with them as they are now.",
                "Start a new run for a model of the new records alone.",
            )
        prepared = prepare(
            source,
            config.data,
            task,
            codec=task.load_codec(start.codec) if start is not None else None,
            codec_key=key_of_codec(config),
            cache=self.cache,
            progress=self._phase,
        )
        self._warn_about(prepared)
        self._phase("building the model", 0, 0)
        device = self._device(start)
        model = compose(config, self.catalogue, prepared.codec, fresh=checkpoint is None).to(device.device)
        self._look_ahead(model, prepared)
        threads = self._threads(model, prepared, device, start)
        if device.device.type == "cpu":
            device = replace(device, title=cpu_title(threads.threads))
        if start is None:
            self._write_start(_Start(prepared.codec.to_json(), threads.threads, device.id, content))
        _seed(config.training.seed)
        training = self._effective(device)
        closed_form = solves(model, prepared.train, config.training)
        self.trainer = trainer = (ClosedFormTrainer if closed_form else Trainer)(
            config=training,
            model=model,
            train=prepared.train,
            validation=prepared.validation,
            metrics=Metrics.of(spec.metrics, self.catalogue),
            journal=self.journal,
            controls=self.controls,
            checkpoints=self.checkpoints,
            service=self.service,
            pinned=self._pinned(model),
        )
        if checkpoint is not None:
            self._restore(trainer, checkpoint, content, start)
        self.journal.write(
            RunStarted,
            trainer.state.step,
            pid=os.getpid(),
            device=device.title,
            device_reason=device.reason,
            threads=threads.threads,
            parameters=sum(p.numel() for p in model.parameters()),
            steps_per_epoch=trainer.steps_per_epoch,
            max_epochs=trainer.max_epochs,
            resumed_from_step=trainer.state.step if checkpoint is not None else (0 if resume else None),
            unit=trainer.unit,
            environment=_environment(threads),
        )
        return trainer

    def _restore(self, trainer: Trainer, checkpoint: Checkpoint, content: str, start: _Start | None) -> None:
        trainer.restore(checkpoint)
        if start is not None and content != start.content:
            # another set of records has another plan: begin the epoch anew rather than at a place without meaning
            trainer.state.cursor = 0
            trainer.telemetry.start_epoch()

    def _device(self, start: _Start | None) -> DeviceInfo:
        wanted = self.config.training.device
        if start is not None and wanted == "auto" and start.device == "cpu":
            return choose_device("cpu")
        device = choose_device(wanted)
        if start is not None and torch.device(start.device).type != device.device.type:
            self._warn(
                f"This run began on {start.device} and goes on on {device.id}: {device.reason}.",
                "Results will not be equal to the last digit.",
            )
        return device

    def _effective(self, device: DeviceInfo) -> RunConfig:
        """The configuration with float32 where bfloat16 was asked for and does not work, and that told."""
        training = self.config.training
        if training.precision == "bfloat16":
            offered, why = bfloat16_offered(device.device)
            if not offered:
                self._warn(f"Going on in float32. {why}", 'Set the precision to "float32".')
                training = training.model_copy(update={"precision": "float32"})
        return self.config.model_copy(update={"training": training})

    def _threads(self, model: Model, prepared: Prepared, device: DeviceInfo, start: _Start | None) -> ThreadChoice:
        wanted = self.config.training.threads or (start.threads if start is not None else 0)
        if wanted:
            torch.set_num_threads(wanted)
            return ThreadChoice(wanted, "asked for" if self.config.training.threads else "as the run began", {})
        if device.device.type != "cpu":
            return ThreadChoice(torch.get_num_threads(), "the GPU does the work", {})
        return calibrate_threads(model, self._trial_batches(prepared))

    def _trial_batches(self, prepared: Prepared) -> list[Batch]:
        """A few batches of middling length, no larger than the trial has time for."""
        train = prepared.train
        tokens = min(self.config.training.batch_tokens, CALIBRATION_TOKENS)
        return [train.batch(prepared.codec, train.trial(tokens))]

    def _look_ahead(self, model: Model, prepared: Prepared) -> None:
        """Refuse what memory cannot hold; say what the data make of the network."""
        closed_form = solves(model, prepared.train, self.config.training)
        if not closed_form:
            refuse_too_large(model, prepared.train, self.config.training)
        if by_steps(model, closed_form):
            self._warn(BY_STEPS, "Choose another head where the task offers one, or set readout = gradient.")
        elif washout_in_vain(model, prepared.train):
            self._warn(NO_WASHOUT, "Set washout = 0.")
        if isinstance(model.encoder, Forewarns):
            told = model.encoder.forewarn(int(prepared.train.lengths.sum()))
            if told:
                self._warn(told, "Stop the run if that is too long.")
        if one_step(model, prepared.train):
            self._warn(ONE_STEP, "Choose data with more steps, if the order of things is to matter.")

    def _pinned(self, model: Model) -> list[Record]:
        records: list[Record] = []
        for text in self.config.inputs[:SHOWN_INPUTS]:
            records += [record for record in parse_input(model, text) if model.codec.length(record) > 0]
        return records[:SHOWN_INPUTS]

    # -- telling ---------------------------------------------------------------------------------------------------

    def _phase(self, name: str, done: int, total: int) -> None:
        self.journal.write(Phase, 0, name=name, done=done, total=total)
        if self.service is not None:
            self.service(None)
        self.controls.obey(0, serve=lambda: None)

    def _warn(self, what: str, fix: str = "") -> None:
        step = self.trainer.state.step if self.trainer is not None else 0
        self.journal.write(WarningEvent, step, what=what, fix=fix)

    def _warn_about(self, prepared: Prepared) -> None:
        if prepared.train.empty:
            self._warn(f"{prepared.train.empty} empty training records are left out.", "Delete them in the Data stage.")
        if prepared.validation is None:
            self._warn(
                "There is no validation split: the best epoch is chosen by the training loss.",
                "Assign a validation split in the Data stage.",
            )

    # -- ending ----------------------------------------------------------------------------------------------------

    def _keep(self, reason: FinishReason) -> None:
        """The finished bundle, of the best checkpoint; after "discard" nothing is kept."""
        if reason is FinishReason.DISCARDED:
            self.checkpoints.remove()
            return
        if self.trainer is None:
            self._salvage()
            return
        model, state = self.trainer.model, self.trainer.state
        try:
            best = self.checkpoints.load("best")
        except WorkbenchError as damaged:
            self._warn(f"{damaged.what} The model is that of the last step instead.", damaged.fix)
            best = None
        if best is not None:
            weights, epoch = best.group("model"), int(best.values["epoch"])
        elif reason in (FinishReason.COMPLETED, FinishReason.STOPPED) and state.step:
            weights, epoch = self.trainer.best_weights(), state.epoch
        else:
            return
        config = self.trainer.final_config(self.config)
        write_bundle(self.run.model_folder, config, model, weights, state.best_metrics, epoch)

    def _salvage(self) -> None:
        """The best model of a run that could not go on (its last checkpoint is damaged), where it has none yet."""
        if self.run.model_folder.exists():
            return
        start, best = self._read_start(), self.checkpoints.load("best")
        if start is None or best is None:
            return
        _, task = make_task(self.config, self.catalogue)
        model = compose(self.config, self.catalogue, task.load_codec(start.codec), fresh=False)
        metrics = dict(best.values.get("metrics", {}))
        write_bundle(
            self.run.model_folder, self.config, model, best.group("model"), metrics, int(best.values["epoch"])
        )
        self._warn(
            f"The run cannot go on; its best model, of epoch {best.values['epoch']}, was kept.", "Start a new run."
        )

    @property
    def _start_path(self) -> Path:
        return self.run.checkpoints / START

    def _write_start(self, start: _Start) -> None:
        self._start_path.parent.mkdir(parents=True, exist_ok=True)
        values = {
            "schema_version": START_SCHEMA,
            "codec": start.codec,
            "threads": start.threads,
            "device": start.device,
            "content": start.content,
        }
        text = json.dumps(values, ensure_ascii=False)
        write_atomic(self._start_path, json.dumps({"sha256": digest(text), "start": text}))

    def _read_start(self) -> _Start | None:
        try:
            values = read_start(self._start_path)
            return _Start(values["codec"], int(values["threads"]), str(values["device"]), str(values["content"]))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            if self.checkpoints.exists("last"):
                raise WorkbenchError(
                    "This run cannot be resumed: what it began with is damaged.",
                    why=f"{self._start_path.name}: {error}.",
                    fix="Train it again from the beginning.",
                    file=self._start_path,
                ) from error
            return None


def _seed(seed: int) -> None:
    """Every generator a plugin may draw from."""
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - plugins may use the global one
    torch.manual_seed(seed)


def _environment(threads: ThreadChoice) -> dict[str, str]:
    try:
        version = metadata.version("recurra")
    except metadata.PackageNotFoundError:
        version = "?"
    return {
        "recurra": version,
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "platform": platform.platform(),
        "threads": threads.reason,
    }
