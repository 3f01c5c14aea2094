"""The training loop: steps, validations, checkpoints, and what is told of them."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from workbench.api import Record
from workbench.api.events import (
    CheckpointSaved,
    EpochMetrics,
    FinishReason,
    GradientFlow,
    SamplePrediction,
    StepMetrics,
)
from workbench.engine.checkpoint import (
    Checkpoint,
    CheckpointFolder,
    load_weights,
    optimizer_state,
    random_state,
    restore_optimizer,
    restore_random_state,
    with_prefix,
)
from workbench.engine.compose import Model
from workbench.engine.controls import Controls, Ended
from workbench.engine.errors import DivergedError
from workbench.engine.evaluate import Metrics, Validation, autocast, validate_split
from workbench.engine.gradient_flow import FlowProbe
from workbench.engine.optim import (
    AveragedWeights,
    Schedule,
    apply_rate,
    build_optimizer,
    clip_gradients,
    scale_gradients,
)
from workbench.engine.predict import Predictor
from workbench.engine.splits import Plan, Split, StreamSplit, WindowsAhead, WindowSplit
from workbench.engine.streams import Carried
from workbench.engine.telemetry import Telemetry
from workbench.nn.contract import Batch, Codec, DecodeOptions
from workbench.nn.protocols import CutsWindows, Scheduled
from workbench.runs.config import RunConfig
from workbench.runs.journal import JournalWriter

EARLY_SAMPLE_SECONDS = 2.0
"""The first predictions and the gradient's way back are shown this soon, before any validation."""

Service = Callable[[Predictor | None], None]
"""Called between two steps with the model in training (None while data are prepared): a worker answers jobs in it."""


@dataclass(slots=True)
class TrainingState:
    """The counters of a training; with weights, optimiser and random states they are all a resume needs.

    ``cursor`` is the next batch of ``epoch``'s plan (epochs count from 1); ``validated_step`` the step of the last
    validation; ``seconds`` the training time of all parts.
    """

    epoch: int = 1
    cursor: int = 0
    step: int = 0
    seconds: float = 0.0
    validated_step: int = 0
    best_headline: float = -math.inf
    best_loss: float = math.inf
    best_epoch: int = 0
    best_metrics: dict[str, float] = field(default_factory=dict)


class Trainer:
    """Trains ``model`` on ``train``; :meth:`run` returns why it ended or raises what stopped it."""

    unit = "epoch"
    """What an epoch of the journal is called."""

    def __init__(
        self,
        *,
        config: RunConfig,
        model: Model,
        train: Split,
        validation: Split | None,
        metrics: Metrics,
        journal: JournalWriter,
        controls: Controls,
        checkpoints: CheckpointFolder,
        service: Service | None = None,
        pinned: list[Record] | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        self.options = config.training
        self.max_epochs = self.options.max_epochs
        self.model = model
        self.train = train
        self.validation = validation
        self.metrics = metrics
        self.collate: Callable[[Codec, NDArray[np.int64]], Batch] = train.batch
        self._ahead: WindowsAhead | None = None
        if isinstance(train, WindowSplit) and isinstance(model.codec, CutsWindows):
            self._ahead = WindowsAhead(train, model.codec)
        self.journal = journal
        self.controls = controls
        self.checkpoints = checkpoints
        self.pinned = pinned or []
        self.device = model.device
        self.batches = train.batches(self.options.batch_tokens, self.options.seed)
        steps = math.ceil(len(self.batches.epoch(1)) / self.options.accumulate)
        self.steps_per_epoch = self.options.validate_every or steps
        self.parameters = [p for p in model.parameters() if p.requires_grad]
        self.optimizer = build_optimizer(model, self.options)
        self.schedule = Schedule(self.options, steps)
        self.averaged = AveragedWeights(model, self.options.average_weights) if self.options.average_weights else None
        self.telemetry = Telemetry(self.device)
        self.state = TrainingState()
        self.carried = Carried() if isinstance(train, StreamSplit) else None
        self._scheduled = [module for module in model.modules() if isinstance(module, Scheduled)]
        self.live = Predictor(model, config, weights=self.averaged.applied if self.averaged else nullcontext)
        self._service = service
        self._extra = dict(extra or {})
        self._started = time.monotonic()
        self._seconds_before = 0.0
        self._saved_at = self._started
        self._flow = FlowProbe(model, validation if validation is not None else train)
        self._early = False

    # -- the run ---------------------------------------------------------------------------------------------------

    def run(self) -> FinishReason:
        """Train to the end. Raises what a control, a plugin or the machine stops it with."""
        self._started = self._saved_at = time.monotonic()
        self.model.train()
        self._tell_step()
        try:
            while self.state.epoch <= self.options.max_epochs and not self._stale():
                self._epoch(self.batches.epoch(self.state.epoch))
                if self.seconds >= self.options.time_limit > 0:
                    break
        except Ended as ended:
            if ended.reason is FinishReason.STOPPED:
                self.save_last()
            return ended.reason
        return FinishReason.COMPLETED

    @property
    def seconds(self) -> float:
        """Training time of all parts, without the pauses."""
        return self._seconds_before + time.monotonic() - self._started - self.controls.paused_seconds

    def _stale(self) -> bool:
        patience, state = self.options.patience, self.state
        return patience > 0 and state.validated_step > 0 and self._epochs_since_best(state.epoch - 1) >= patience

    def _epochs_since_best(self, epoch: int) -> int:
        return epoch - self.state.best_epoch

    def _epoch(self, plan: Plan) -> None:
        state, every = self.state, self.options.validate_every
        self.live.epoch = state.epoch
        over_time = False
        while True:
            if every and state.step and state.step % every == 0 and state.validated_step != state.step:
                self._validate()
                self.save_last()
            if state.cursor >= len(plan) or over_time:
                break
            self.step(plan)
            self.between_steps(plan)
            over_time = 0 < self.options.time_limit <= self.seconds
        if self.telemetry.pending:
            self._tell(plan)
        last = over_time or state.epoch >= self.options.max_epochs
        if state.step and state.validated_step != state.step and (not every or last):
            self._validate()
        if not over_time:
            state.epoch, state.cursor = state.epoch + 1, 0
            self.telemetry.start_epoch()
        self.save_last()

    def step(self, plan: Plan) -> None:
        """One optimiser step over ``accumulate`` batches: the gradient of the mean loss over all their units."""
        state, carried = self.state, self.carried
        first, last = state.cursor, min(state.cursor + self.options.accumulate, len(plan))
        state.cursor = last
        if self._scheduled:
            self._tell_step()
        total: Tensor | None = None
        count = units = 0
        for index in range(first, last):
            batch = self._batch(plan, index).to(self.device)
            with autocast(self.device, self.options.precision):
                if carried is None:
                    outputs, encoded = self.model(batch)
                else:
                    outputs, encoded = self.model(batch, carried.state if index else self.model.start(batch))
                    carried.keep(encoded)
            loss = self.model.head.loss(outputs.float(), encoded, batch)
            if loss.count == 0:
                continue
            value = loss.total if encoded.penalty is None else loss.total + encoded.penalty
            if last - first == 1:
                value = value / loss.count
            value.backward()
            total = loss.total.detach() if total is None else total + loss.total.detach()
            count += loss.count
            units += batch.units
        if total is None:
            return
        if last - first > 1:
            scale_gradients(self.parameters, 1.0 / count)
        norm = clip_gradients(self.parameters, self.options.clip_norm)
        if self.device.type == "cpu" and not math.isfinite(float(norm)):
            raise DivergedError(state.step)  # before the step: the weights are still good
        apply_rate(self.optimizer, self.schedule.rate(state.step))
        self.optimizer.step()
        for parameter in self.parameters:
            parameter.grad = None
        if self.averaged is not None:
            self.averaged.update()
        state.step += 1
        self.telemetry.add(total, count, units, norm)

    def _batch(self, plan: Plan, index: int) -> Batch:
        if self._ahead is not None and self.collate == self.train.batch:
            return self._ahead.batch(plan, index)
        return self.collate(self.model.codec, plan[index])

    def _tell_step(self) -> None:
        """Modules that change as training goes on learn how far it is."""
        for module in self._scheduled:
            module.at_step(self.state.step, self.schedule.total)

    # -- between steps ---------------------------------------------------------------------------------------------

    def between_steps(self, plan: Plan) -> None:
        if self.telemetry.due:
            self._tell(plan)
        self._serve()
        self.controls.obey(self.state.step, serve=self._serve, on_pause=self.save_last)
        if self.controls.rate is not None:
            self.schedule.base, self.controls.rate = self.controls.rate, None
        now = time.monotonic()
        if not self._early and now - self._started >= EARLY_SAMPLE_SECONDS:
            self._look()
        if 0 < self.options.checkpoint_every <= now - self._saved_at:
            self.save_last()

    def _check(self) -> None:
        """Between two batches of a validation."""
        self._serve()
        self.controls.obey(self.state.step, serve=self._serve, on_pause=lambda: None)

    def _serve(self) -> None:
        if self._service is not None:
            self._service(self.live)

    def _tell(self, plan: Plan) -> None:
        state = self.state
        reading = self.telemetry.read()
        done = (state.epoch - 1 + state.cursor / max(1, len(plan))) / self.options.max_epochs
        seconds = self.seconds
        self.journal.write(
            StepMetrics,
            state.step,
            epoch=state.epoch,
            loss=reading.loss,
            learning_rate=self.schedule.rate(state.step - 1),
            gradient_norm=reading.gradient_norm,
            tokens_per_second=reading.units_per_second,
            eta=seconds * (1.0 - done) / done if seconds > 1.0 else -1.0,
        )
        if not reading.finite or not math.isfinite(reading.loss):
            raise DivergedError(state.step)

    def _validate(self) -> Validation:
        state = self.state
        if not self.telemetry.finite:
            raise DivergedError(state.step)
        train_loss = self.telemetry.epoch_mean
        if self.validation is not None:
            with self.live.weights():
                result = validate_split(
                    self.model,
                    self.validation,
                    self.metrics,
                    budget=self.options.batch_tokens,
                    precision=self.options.precision,
                    check=self._check,
                )
        else:
            result = Validation(math.nan, {}, -train_loss)
        # of equal metrics (an F1 that is still 0) the smaller loss is better: learning has begun, patience must not end
        rank, best = (result.headline, -result.loss), (state.best_headline, -state.best_loss)
        improved = rank > best
        if improved:
            state.best_headline, state.best_loss, state.best_epoch = result.headline, result.loss, state.epoch
            state.best_metrics = dict(result.metrics)
        state.validated_step = state.step
        self.schedule.validated(improved)
        self.journal.write(
            EpochMetrics,
            state.step,
            epoch=state.epoch,
            train_loss=train_loss,
            validation_loss=result.loss,
            metrics=result.metrics,
            best=improved,
            epochs_since_best=self._epochs_since_best(state.epoch) if state.best_epoch else 0,
            patience=self.options.patience,
            seconds=self.seconds,
        )
        if improved:
            self._save_best()
        self._look()
        self.telemetry.restart()
        return result

    def _look(self) -> None:
        """What the model is like now, for people to see; random states and modes stay as they are."""
        self._early = True
        if self.pinned:
            self._sample()
        norms = self._flow.measure()
        if norms:
            self.journal.write(
                GradientFlow, self.state.step, epoch=self.state.epoch, norms=norms, over=self._flow.over
            )

    def _sample(self) -> None:
        """The model's present answers to the pinned inputs."""
        results = self.live.predict(self.pinned, DecodeOptions())
        self.journal.write(
            SamplePrediction,
            self.state.step,
            epoch=self.state.epoch,
            result_kind=self.live.result_kind,
            results=tuple(result.to_json() for result in results),
        )

    # -- checkpoints -----------------------------------------------------------------------------------------------

    def best_weights(self) -> dict[str, Tensor]:
        """The weights validation judges: the averaged ones where they are kept, else the present ones."""
        with self.live.weights():
            return {name: tensor.detach().clone() for name, tensor in self.model.state_dict().items()}

    def _save_best(self) -> None:
        values = {"epoch": self.state.epoch, "step": self.state.step, "metrics": self.state.best_metrics}
        self.checkpoints.save("best", values, with_prefix("model", self.best_weights()))
        self.journal.write(CheckpointSaved, self.state.step, name="best", epoch=self.state.epoch)

    def save_last(self) -> None:
        """Save everything a resume needs; a state that is not finite is never saved over a good one."""
        if not self.telemetry.finite:
            raise DivergedError(self.state.step)
        optimizer_values, optimizer_tensors = optimizer_state(self.optimizer)
        random_values, random_tensors = random_state(self.device)
        self.state.seconds = self.seconds
        tensors = {
            **with_prefix("model", self.model.state_dict()),
            **with_prefix("optimizer", optimizer_tensors),
            **with_prefix("random", random_tensors),
        }
        if self.averaged is not None:
            tensors |= {f"averaged.{i}": shadow for i, shadow in enumerate(self.averaged.shadow)}
        carried, carried_tensors = self.carried.save() if self.carried is not None else (None, {})
        values = {
            **self._extra,
            "state": asdict(self.state),
            "carried": carried,
            "optimizer": optimizer_values,
            "schedule": self.schedule.state(),
            "random": random_values,
            "averaged_updates": self.averaged.updates if self.averaged else 0,
            "epoch_loss": self.telemetry.epoch_state(),
        }
        self.checkpoints.save("last", values, tensors | with_prefix("carried", carried_tensors))
        self._saved_at = time.monotonic()
        self.journal.write(CheckpointSaved, self.state.step, name="last", epoch=self.state.epoch)

    def final_config(self, config: RunConfig) -> RunConfig:
        """What the finished model is described by: ``config``, unless fitting itself chose some of its options."""
        return config

    def restore(self, checkpoint: Checkpoint) -> None:
        """Go on from ``checkpoint``, bit for bit where device and thread count are the same."""
        values = checkpoint.values
        load_weights(self.model, checkpoint.group("model"))
        restore_optimizer(self.optimizer, values["optimizer"], checkpoint.group("optimizer"))
        self.schedule.restore(values["schedule"])
        if self.averaged is not None:
            shadows = checkpoint.group("averaged")
            self.averaged.updates = int(values["averaged_updates"])
            with torch.no_grad():
                for i, shadow in enumerate(self.averaged.shadow):
                    shadow.copy_(shadows[str(i)])
        self.state = TrainingState(**values["state"])
        self._seconds_before = self.state.seconds
        loss, count = values["epoch_loss"]
        self.telemetry.start_epoch(float(loss), int(count))
        if self.carried is not None and values.get("carried") is not None:
            self.carried.restore(values["carried"], checkpoint.group("carried"), self.device)
        self._tell_step()
        restore_random_state(self.device, values["random"], checkpoint.group("random"))
