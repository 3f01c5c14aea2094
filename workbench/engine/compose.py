"""Joins a task and an architecture into one model, without asking which they are."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from workbench.api import Architecture, Catalogue, IOShape, Record, Task, Trait, WorkbenchError, compatibility, validate
from workbench.engine.dry_build import copies_of_weights, hastily_drawn, refuse_unbuildable
from workbench.engine.feedback import connect, fed
from workbench.nn.contract import (
    Batch,
    Codec,
    Embedder,
    Encoded,
    Head,
    LossSum,
    Network,
    PairEmbedder,
    PairInputs,
    Parts,
    State,
    SymbolHead,
    TaskModel,
)
from workbench.nn.protocols import BeginsFromFile, TiesWeights
from workbench.runs.config import RunConfig, TrainingParams


class Model(nn.Module):
    """``batch ──► embedder ──► encoder ──► head``, with the codec and the task that know what it means."""

    def __init__(
        self,
        *,
        task: TaskModel,
        codec: Codec,
        embedder: Embedder,
        encoder: Network,
        head: Head,
        task_spec: Task,
        architecture_spec: Architecture,
    ) -> None:
        super().__init__()
        self.embedder = embedder
        self.encoder = encoder
        self.head = head
        self.task = task
        self.codec = codec
        self.task_spec = task_spec
        self.architecture_spec = architecture_spec

    def forward(self, batch: Batch, state: State = None) -> tuple[Tensor, Encoded]:
        """Outputs of the head and what the network yielded, for a batch on the model's device.

        ``state`` is what the batch before left, of a stream.
        """
        encoded = self.encode(batch, state)
        outputs: Tensor = self.head(encoded, batch)
        return outputs, encoded

    def encode(self, batch: Batch, state: State = None) -> Encoded:
        """What the network yields for ``batch``."""
        inputs = self.embedder(batch)
        if isinstance(inputs, PairInputs):
            inputs.feedback = self._own_symbol
        encoded: Encoded = self.encoder(inputs, batch.lengths, state)
        return encoded

    def _own_symbol(self, states: Tensor) -> Tensor:
        """The embedding (B, E) of the symbol the model itself would write after ``states`` (B, H); no gradient."""
        assert isinstance(self.head, SymbolHead)
        assert isinstance(self.embedder, PairEmbedder)
        with torch.no_grad():
            symbols = self.head.log_probabilities(states).argmax(-1)
        return self.embedder.embed_targets(symbols)

    def start(self, batch: Batch) -> State:
        """What a stream whose first chunk is ``batch`` begins with: the network's zero state, or None without one."""
        zero = getattr(self.encoder, "zero_state", None)
        if zero is None:
            return None
        return zero(torch.zeros(batch.size, 1, self.embedder.output_size, device=self.device))

    @property
    def parts(self) -> Parts:
        return Parts(self.embedder, self.encoder, self.head, self.codec)

    def loss(self, batch: Batch) -> LossSum:
        """The loss summed over the units of ``batch``, in float32."""
        outputs, encoded = self(batch)
        return self.head.loss(outputs, encoded, batch)

    @property
    def device(self) -> torch.device:
        for parameter in self.parameters():
            return parameter.device
        return torch.device("cpu")


def make_task(config: RunConfig, catalogue: Catalogue) -> tuple[Task, TaskModel]:
    """The task of ``config``, its options validated; :class:`WorkbenchError` for an unknown id or a wrong option."""
    spec = catalogue.task(config.task.id)
    params = validate(spec.params, dict(config.task.params), where="task.params")
    model: TaskModel = spec.factory.resolve()(params)
    return spec, model


def compose(
    config: RunConfig,
    catalogue: Catalogue,
    codec: Codec | None = None,
    records: Iterable[Record] | None = None,
    *,
    fresh: bool = True,
    to_train: bool | None = None,
    drawn: bool = True,
) -> Model:
    """The model of ``config``, freshly initialised from its seed; not ``fresh`` where weights are loaded into it next.

    Where it is ``to_train`` (if that is not said: where it is fresh) what training keeps of every weight has to find
    room too, before any is made.

    Where the weights are not to be ``drawn`` well, what takes long of that is left out: enough to count and measure.

    The codec is given (already fitted), or fitted here on ``records``, which must be training records only. The
    process's random state is left as it was. :class:`WorkbenchError` when the pair does not fit or an option is wrong.
    """
    task_spec, task = make_task(config, catalogue)
    architecture = catalogue.architecture(config.architecture.id)
    params = validate(architecture.params, dict(config.architecture.params), where="architecture.params")
    fits = compatibility(task_spec, architecture, params)
    if not fits:
        raise WorkbenchError(
            f"{architecture.title} cannot learn {task_spec.title}.",
            why=fits.reason,
            fix="Choose another architecture for this task."
            if not compatibility(task_spec, architecture)
            else f"Change the options of {architecture.title}, or choose another architecture.",
        )
    if codec is None:
        if records is None:
            raise ValueError("compose needs a codec or the training records to fit one on")
        codec = task.fit_codec(records)
    with torch.random.fork_rng(devices=[]), nullcontext() if drawn else hastily_drawn():
        torch.manual_seed(config.training.seed)
        embedder = own = task.embedder(codec)
        if Trait.NUMERIC in architecture.asked(params):
            embedder = fed(own, task, codec)
        kept = config.training if (fresh if to_train is None else to_train) else None
        refuse_unbuildable(architecture, params, embedder, kept)
        encoder = architecture.factory.resolve()(params, embedder.output_size, **embedder.extra_sizes)
        if task_spec.shape is IOShape.MANY_TO_MANY_ALIGNED and getattr(encoder, "subsampling", 1) > 1:
            raise WorkbenchError(
                f"{architecture.title} gives one state for every {encoder.subsampling} inputs.",
                why=f"{task_spec.title} needs one for each.",
                fix="Set the time subsampling of every layer to 1, or choose another architecture.",
            )
        head = task.head(codec, encoder.output_size)
        if isinstance(head, TiesWeights):
            head.tie(own)
        connect(embedder, encoder, head)
        if fresh and isinstance(own, BeginsFromFile):
            own.begin()
        return Model(
            task=task,
            codec=codec,
            embedder=embedder,
            encoder=encoder,
            head=head,
            task_spec=task_spec,
            architecture_spec=architecture,
        )


@dataclass(frozen=True, slots=True)
class Description:
    """What a model weighs: ``parameters`` in all, ``bytes`` while training (an estimate), and each tensor."""

    parameters: int
    bytes: int
    layers: tuple[dict[str, Any], ...]

    def to_json(self) -> dict[str, Any]:
        return {"parameters": self.parameters, "bytes": self.bytes, "layers": [dict(layer) for layer in self.layers]}


def describe_model(model: Model, training: TrainingParams, *, tokens: int | None = None) -> Description:
    """The parameter table of ``model`` and the memory its training will take with batches of ``tokens`` steps.

    The estimate counts weights, gradients, the optimiser's copies and the averaged weights exactly, and activations
    roughly: per token the input and twelve vectors of the encoder's width (gates, cell and hidden states, kept for
    the backward pass), four bytes each. :mod:`workbench.engine.footprint` measures them where there are records.
    """
    layers = tuple(
        {"name": name, "shape": list(p.shape), "parameters": p.numel()} for name, p in model.named_parameters()
    )
    parameters = sum(p.numel() for p in model.parameters())
    copies = copies_of_weights(training)
    tokens = training.batch_tokens if tokens is None else tokens
    activations = tokens * (model.embedder.output_size + 12 * model.encoder.output_size)
    return Description(parameters, 4 * (parameters * copies + activations), layers)
