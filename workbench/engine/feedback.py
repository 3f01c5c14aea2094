"""Output feedback: the answer of each step is read by the network with the next input.

What the network reads is widened by it: the embedder is wrapped, and everything behind it (training, prediction,
traces, gradients) meets one tensor as before. While a readout is fitted the true answers stand there (teacher
forcing); in use those that are known, or NaN, for which the network puts its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from workbench.api import WorkbenchError
from workbench.nn.contract import Batch, Codec, Embedder, Head, Network, TaskModel
from workbench.nn.protocols import AnswersInNumbers, FeedsBack


class FedEmbedder(Embedder):
    """``inner``'s inputs (B, T, D), and behind them the answers (B, T, K) of the steps before.

    ``taught``, or in training, these are the true ones, 0 before the first step and where none is known.
    """

    def __init__(self, inner: Embedder, task: AnswersInNumbers, codec: Codec) -> None:
        super().__init__()
        self.inner = inner
        self.task = task
        self.size = task.answer_size(codec)
        self.output_size = inner.output_size + self.size
        self.extra_sizes = {**inner.extra_sizes, "feedback_size": self.size}
        self.taught = False
        self._head: list[Head] = []  # not a module of this one: it is saved where it belongs

    def forward(self, batch: Batch) -> Tensor:
        x = self.inner(batch)
        assert isinstance(x, Tensor)
        before = self.task.answers_before(batch)
        if before is None:
            before = self._true(batch, x) if self.training or self.taught else x.new_full((), torch.nan)
        return torch.cat([x, before.to(x.dtype).expand(*x.shape[:2], self.size)], dim=2)

    def _true(self, batch: Batch, x: Tensor) -> Tensor:
        wanted = self._head[0].regression_targets(batch) if self._head else None
        if wanted is None:
            raise _without_answers()
        before = torch.zeros(*x.shape[:2], self.size, dtype=x.dtype, device=x.device)
        steps = min(x.shape[1], wanted.shape[1] + 1)
        before[:, 1:steps] = torch.nan_to_num(wanted[:, : steps - 1].to(x.dtype))
        return before


def fed(embedder: Embedder, task: TaskModel, codec: Codec) -> FedEmbedder:
    """``embedder`` for a network that asks for feedback; :class:`WorkbenchError` for a task without such answers."""
    if not isinstance(task, AnswersInNumbers):
        raise _without_answers()
    return FedEmbedder(embedder, task, codec)


def connect(embedder: Embedder, network: Network, head: Head) -> None:
    """Tell the embedder and the network of the head that is behind them, where answers are fed back."""
    if not isinstance(embedder, FedEmbedder):
        return
    readout: nn.Linear | None = head.readout()
    if readout is None or readout.out_features != embedder.size or not isinstance(network, FeedsBack):
        raise _without_answers()
    embedder._head[:] = [head]
    network.hear(readout)


def hears_itself(embedder: Embedder, batch: Batch) -> bool:
    """Whether in use the answers of ``batch`` are known to nobody but the network that gives them."""
    return isinstance(embedder, FedEmbedder) and embedder.task.answers_before(batch) is None


@contextmanager
def taught(embedder: Embedder) -> Iterator[None]:
    """The true answers are fed back, as while a readout is fitted; nothing changes without feedback."""
    if not isinstance(embedder, FedEmbedder):
        yield
        return
    before, embedder.taught = embedder.taught, True
    try:
        yield
    finally:
        embedder.taught = before


def _without_answers() -> WorkbenchError:
    return WorkbenchError(
        "Output feedback needs numeric answers at every step, and this task gives none.",
        fix="Set the feedback to 0.",
    )
