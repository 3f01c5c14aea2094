"""Fitting without gradient steps: the readout of a network with fixed weights is solved by ridge regression.

Takes the place of the gradient trainer where the network offers it (:class:`SolvesReadout`) and the head has a linear
readout with regression targets. One fit is one epoch of the journal; where the architecture searches, every trial is
one, with its validation score, and the best is kept as the best checkpoint is. Controls are obeyed between batches.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor

from workbench.api import Params, WorkbenchError
from workbench.api.events import FinishReason, Phase, StepMetrics
from workbench.api.events import Warning as WarningEvent
from workbench.engine.batching import evaluation_plan
from workbench.engine.checkpoint import Checkpoint
from workbench.engine.compose import Model
from workbench.engine.controls import Ended
from workbench.engine.errors import DivergedError
from workbench.engine.feedback import connect, hears_itself, taught
from workbench.engine.loop import Trainer
from workbench.engine.splits import Split, StreamSplit
from workbench.engine.streams import Carried
from workbench.nn.contract import Batch, Head, Network
from workbench.nn.masks import sequence_mask
from workbench.nn.protocols import FeedsBack, HoldsOut, SolvesReadout
from workbench.nn.reservoir.ridge import Readout, RidgeSums, RidgeSystem
from workbench.runs.config import RunConfig, TrainingParams

PHASE_SECONDS = 0.1
LOSS_BATCHES = 16
"""Training batches the training loss is measured on: a pass over all would cost as much as the fit."""
SCALES = np.geomspace(1.0, 100.0, 25)
"""Sharpness of a softmax over regression outputs, tried on a few batches."""


@runtime_checkable
class Examines(Protocol):
    """A network that says what is wrong with it under inputs (B, T, D), "" where nothing is."""

    def examine(self, x: Tensor, lengths: Tensor) -> str: ...


def solves(model: Model, train: Split, options: TrainingParams) -> bool:
    """Whether ``model`` is fitted in closed form: its network offers it and its head has what it takes."""
    network, head = model.encoder, model.head
    if not isinstance(network, SolvesReadout) or not network.solve or head.readout() is None:
        return False
    plan = train.batches(options.batch_tokens, options.seed).epoch(1)
    batch = train.batch(model.codec, plan[0]).to(model.device)
    return head.regression_targets(batch) is not None


class ClosedFormTrainer(Trainer):
    """Solves the readout, once or once for every trial of a search; otherwise a :class:`Trainer` like any other."""

    unit = "trial"
    tried: list[tuple[dict[str, Any], float]]

    def __init__(self, *, config: RunConfig, **parts: Any) -> None:
        super().__init__(config=config, **parts)
        self.config = config
        self.tried = []
        self._kept: dict[str, Any] = dict(config.architecture.params)
        self.steps_per_epoch = 1
        self._told = 0.0
        architecture = self.model.architecture_spec
        self._params: Params = architecture.params.model_validate(dict(config.architecture.params))
        self._propose = architecture.search.resolve() if architecture.search is not None else _only_once
        # what a search is to try is an option named so by convention: the engine only counts with it
        self.max_epochs = 1 + (int(getattr(self._params, "search_trials", 0)) if architecture.search is not None else 0)

    # -- the run ---------------------------------------------------------------------------------------------------

    def run(self) -> FinishReason:
        self._started = self._saved_at = time.monotonic()
        self.model.eval()
        try:
            while (params := self._next()) is not None:
                self._trial(params)
                if self.seconds >= self.options.time_limit > 0:
                    break
        except Ended as ended:
            if ended.reason is FinishReason.STOPPED and self.state.step:
                self.save_last()
            return ended.reason
        self._phase(f"the readout was solved; ready after {self.seconds:.1f} s", 1, 1, now=True)
        return FinishReason.COMPLETED

    def _next(self) -> Params | None:
        kind = type(self._params)
        tried = [(kind.model_validate(values), score) for values, score in self.tried]
        found: Params | None = self._propose(self._params, tried, self.options.seed)
        return found

    def _trial(self, params: Params) -> None:
        """Fit with ``params``, validate, keep the best: an epoch of the journal."""
        state = self.state
        state.epoch = self.live.epoch = len(self.tried) + 1
        if self.max_epochs > 1:  # all trials from the same draw, the first too
            self._renew(params)
        self.telemetry.start_epoch()
        self._fit()
        state.step += 1
        self._training_loss()
        before = state.best_epoch
        headline = self._validate().headline
        self._listen()
        if state.best_epoch != before:
            self._kept = params.model_dump(mode="json")
            self._examine()
        self.tried.append((params.model_dump(mode="json"), headline if math.isfinite(headline) else -math.inf))
        self._extra["closed_form"] = {"tried": self.tried, "kept": self._kept}
        self.save_last()
        self._serve()
        self.controls.obey(state.step, serve=self._serve, on_pause=self.save_last)

    def _listen(self) -> None:
        """Tell of answers that were fed back and left all reason while the split was validated."""
        network = self.model.encoder
        if isinstance(network, FeedsBack) and (what := network.alarm()):
            self.journal.write(WarningEvent, self.state.step, what=what)

    def _examine(self) -> None:
        """Tell what is wrong with the network under the task's own inputs, if it can be asked."""
        network = self.model.encoder
        if isinstance(network, Examines):
            plan = self.train.batches(self.options.batch_tokens, self.options.seed).epoch(1)
            batch = self.train.batch(self.model.codec, plan[0]).to(self.device)
            with _reading(self.model, False), taught(self.model.embedder):
                inputs = self.model.embedder(batch)
            what = network.examine(inputs, batch.lengths) if isinstance(inputs, Tensor) else ""
            if what:
                self.journal.write(WarningEvent, self.state.step, what=what)

    def _renew(self, params: Params) -> None:
        """A network of other options in the place of the present one, drawn from the same seed."""
        model = self.model
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.options.seed)
            network: Network = model.architecture_spec.factory.resolve()(
                params, model.embedder.output_size, **model.embedder.extra_sizes
            )
        if network.output_size != model.encoder.output_size:
            raise WorkbenchError(
                "A search may not change the size of what the readout reads.",
                why=f"It was {model.encoder.output_size} and became {network.output_size}.",
                fix="This is a fault of the architecture's plugin: report it to its author.",
            )
        model.encoder = network.to(self.device).eval()
        connect(model.embedder, model.encoder, model.head)

    # -- fitting ---------------------------------------------------------------------------------------------------

    def _fit(self) -> None:
        network, head = self.model.encoder, self.model.head
        assert isinstance(network, SolvesReadout)
        linear = head.readout()
        assert linear is not None
        trial = f" (trial {self.state.epoch})" if self.tried else ""
        training = self._sums(self.train, f"collecting states{trial}", linear, network, fitting=True)
        sharp = self._one_hot
        several = len(network.ridges) > 1
        judged = None
        itself = several and self._hears_itself()
        if several and self.validation is not None and not itself:
            judged = self._sums(self.validation, f"choosing the ridge{trial}", linear, network)
        self._phase(f"solving the readout{trial}", 0, 1, now=True)
        found: list[Readout] = []
        spans = network.blocks
        if sum(stop - start for start, stop in spans) != linear.in_features:
            spans = ((0, linear.in_features),)  # the head reads something made of the states: one readout for all
        for start, stop in () if itself else spans:
            part = training.part(start, stop)
            if judged is not None:
                found.append(min(part.solve_all(network.ridges), key=judged.part(start, stop).squared_error))
            elif several:
                found.append(part.by_generalised_cross_validation(network.ridges))
            else:
                found.append(part.solve(network.ridges[0]))
        if itself:
            parts = [training.part(start, stop).solve_all(network.ridges) for start, stop in spans]
            found = self._best_by_own_answers(linear, list(zip(*parts, strict=True)))
        _write(linear, found)
        if sharp:
            self._sharpen(linear)

    def _hears_itself(self) -> bool:
        """Whether the validation split is answered by a network that hears its own answers."""
        network = self.model.encoder
        if self.validation is None or not isinstance(network, FeedsBack) or not network.feedback_size:
            return False
        plan = self.validation.batches(self.options.batch_tokens, self.options.seed).epoch(1)
        return hears_itself(self.model.embedder, self.validation.batch(self.model.codec, plan[0]))

    def _best_by_own_answers(self, linear: torch.nn.Linear, ridges: list[tuple[Readout, ...]]) -> list[Readout]:
        """The readouts, of all reservoirs with one ridge, whose own answers heard again do best on a few batches.

        What does best while the true answers are heard may be the first to leave them when it hears itself.
        """
        assert self.validation is not None
        losses = []
        for found in ridges:
            _write(linear, found)
            with torch.no_grad():
                losses.append(_loss(self.model.head, list(self._encoded(self.validation))))
        if isinstance(self.model.encoder, FeedsBack):
            self.model.encoder.alarm()  # that others diverged is why they were not chosen
        return list(ridges[int(np.argmin(np.nan_to_num(losses, nan=np.inf)))])

    def _sums(
        self, split: Split, doing: str, linear: torch.nn.Linear, network: SolvesReadout, *, fitting: bool = False
    ) -> RidgeSystem:
        """The normal equations of a split, streamed batch by batch."""
        sums: RidgeSums | None = None
        self._one_hot = True
        for batch, rows in self._read(split, doing, noisy=fitting):
            wanted = self.model.head.regression_targets(batch)
            assert wanted is not None
            x, y = _rows(rows, wanted, batch, network.washout)
            features = linear.in_features
            if (x.shape[1], y.shape[1]) != (features, linear.out_features):
                raise WorkbenchError(
                    "The readout cannot be solved: its sizes are not those of its features and targets.",
                    why=f"It maps {features} to {linear.out_features} values; the task hands it {x.shape[1]} and "
                    f"{y.shape[1]}.",
                    fix="Train it by gradient steps: set the readout to gradient.",
                )
            if sums is None:
                sums = RidgeSums(features, y.shape[1])
            labelled = y[~torch.isnan(y).any(dim=1)]
            self._one_hot = self._one_hot and _is_one_hot(labelled)
            sums.add(x.float().cpu().numpy(), y.float().cpu().numpy())
        if sums is None:
            raise WorkbenchError(f"There is nothing in the split {split.name!r} to fit the readout on.")
        return sums.system()

    def _read(self, split: Split, doing: str, *, noisy: bool = False) -> Iterator[tuple[Batch, Tensor]]:
        """Batches with what the readout reads of them. ``noisy`` puts the network alone into training mode."""
        stream = isinstance(split, StreamSplit)
        plan = (
            split.batches(self.options.batch_tokens, self.options.seed).epoch(1)
            if stream
            else evaluation_plan(split.lengths, self.options.batch_tokens)
        )
        carried = Carried() if stream else None
        total = len(plan)
        with _reading(self.model, noisy), taught(self.model.embedder), _held_out(self.model, split is self.train):
            for number in range(total):
                self._phase(doing, number, total)
                batch = split.batch(self.model.codec, plan[number]).to(self.device)
                if carried is None:
                    encoded = self.model.encode(batch)
                else:
                    encoded = self.model.encode(batch, carried.state if number else self.model.start(batch))
                    carried.keep(encoded)
                yield batch, self.model.head.features(encoded, batch)
                self._serve()
                self.controls.obey(self.state.step, serve=self._serve, on_pause=self._pause)
        self._phase(doing, total, total, now=True)

    def _pause(self) -> None:
        if self.state.step:
            self.save_last()

    def _sharpen(self, linear: torch.nn.Linear) -> None:
        """Scale the readout of a classifier by what makes its probabilities right.

        Regression towards 0 and 1 finds the right label, but a softmax over such numbers is nearly even. One factor,
        chosen by the head's own loss on a few validation batches, changes no answer that takes the largest.
        """
        seen = list(self._encoded(self.validation if self.validation is not None else self.train))
        solved = [part.detach().clone() for part in linear.parameters()]

        @torch.no_grad()
        def loss_at(factor: float) -> float:
            for part, values in zip(linear.parameters(), solved, strict=True):
                part.copy_(values * factor)
            return _loss(self.model.head, seen)

        losses = [loss_at(float(factor)) for factor in SCALES]
        loss_at(float(SCALES[int(np.argmin(losses))]))

    def _encoded(self, split: Split) -> Iterator[tuple[Batch, Any]]:
        """A few batches of ``split``, those of middling length, encoded."""
        plan = split.batches(self.options.batch_tokens, self.options.seed).epoch(1)
        carried = Carried() if isinstance(split, StreamSplit) else None
        with _reading(self.model, False), _held_out(self.model, split is self.train):
            for number in range(min(LOSS_BATCHES, len(plan))):
                batch = split.batch(self.model.codec, plan[number]).to(self.device)
                if carried is None:
                    yield batch, self.model.encode(batch)
                    continue
                encoded = self.model.encode(batch, carried.state if number else self.model.start(batch))
                carried.keep(encoded)
                yield batch, encoded

    def _training_loss(self) -> None:
        """The head's own loss on some training batches, so that it compares with the validation's."""
        zero = torch.zeros((), device=self.device)
        with torch.no_grad():
            for batch, encoded in self._encoded(self.train):
                loss = self.model.head.loss(self.model.head(encoded, batch).float(), encoded, batch)
                self.telemetry.add(loss.total, loss.count, batch.units, zero)
        reading = self.telemetry.read()
        done, seconds = self.state.epoch / self.max_epochs, self.seconds
        self.journal.write(
            StepMetrics,
            self.state.step,
            epoch=self.state.epoch,
            loss=reading.loss,
            learning_rate=0.0,
            gradient_norm=0.0,
            tokens_per_second=reading.units_per_second,
            eta=seconds * (1.0 - done) / done if seconds > 1.0 else -1.0,
        )
        if not math.isfinite(reading.loss):
            raise DivergedError(self.state.step)

    # -- telling and keeping ---------------------------------------------------------------------------------------

    def _phase(self, name: str, done: int, total: int, *, now: bool = False) -> None:
        clock = time.monotonic()
        if now or clock - self._told >= PHASE_SECONDS:
            self._told = clock
            self.journal.write(Phase, self.state.step, name=name, done=done, total=total)

    def final_config(self, config: RunConfig) -> RunConfig:
        """``config`` with the options that the search found best."""
        architecture = config.architecture.model_copy(update={"params": {**config.architecture.params, **self._kept}})
        return config.model_copy(update={"architecture": architecture})

    def restore(self, checkpoint: Checkpoint) -> None:
        """Go on after the last trial that was finished."""
        found: Mapping[str, Any] = checkpoint.values.get("closed_form") or {"tried": [], "kept": {}}
        self.tried = [(dict(values), float(score)) for values, score in found["tried"]]
        self._kept = dict(found["kept"])
        self._extra["closed_form"] = dict(found)
        super().restore(checkpoint)


@contextmanager
def _reading(model: Model, noisy: bool) -> Iterator[None]:
    """No gradient, no dropout; ``noisy`` leaves the network the noise it fits with. Then the model is as it was."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    model.encoder.train(noisy)
    try:
        with torch.no_grad():
            yield
    finally:
        for module, training in modes:
            module.training = training


@contextmanager
def _held_out(model: Model, training: bool) -> Iterator[None]:
    """Records of the training split are shown without what is known of themselves (:class:`HoldsOut`)."""
    told = [module for module in model.embedder.modules() if isinstance(module, HoldsOut)] if training else []
    for module in told:
        module.fitting = True
    try:
        yield
    finally:
        for module in told:
            module.fitting = False


def _write(linear: torch.nn.Linear, found: Sequence[Readout]) -> None:
    """The mean of the answers of several readouts, each of its own features, as one map."""
    weight = np.concatenate([one.weight for one in found]) / len(found)
    bias = np.mean([one.bias for one in found], axis=0)
    with torch.no_grad():
        linear.weight.copy_(torch.from_numpy(weight.T))
        if linear.bias is not None:
            linear.bias.copy_(torch.from_numpy(bias))


def _rows(features: Tensor, wanted: Tensor, batch: Batch, washout: int) -> tuple[Tensor, Tensor]:
    """(R, F) and (R, K): real steps after the washout, or one row for each record."""
    if features.dim() == 2:
        return features, wanted
    steps = min(features.shape[1], wanted.shape[1])
    mask = sequence_mask(batch.lengths, steps, features.device)
    mask = mask & (torch.arange(steps, device=features.device) >= washout)
    return features[:, :steps][mask], wanted[:, :steps][mask]


def _is_one_hot(wanted: Tensor) -> bool:
    return wanted.shape[1] > 1 and bool(((wanted == 0) | (wanted == 1)).all() and (wanted.sum(dim=1) == 1).all())


def _loss(head: Head, seen: list[tuple[Batch, Any]]) -> float:
    total, count = 0.0, 0
    for batch, encoded in seen:
        loss = head.loss(head(encoded, batch).float(), encoded, batch)
        total, count = total + float(loss.total), count + loss.count
    return total / max(1, count)


def _only_once(params: Params, tried: list[tuple[Params, float]], seed: int) -> Params | None:
    return None if tried else params
