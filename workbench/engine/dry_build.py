"""What a network would weigh, found out without making it: sizes nobody's memory holds are refused at once.

Drawing the weights of a network that is far too large would fill the memory, or keep the processor busy for minutes,
before anything could say so. On torch's meta device tensors have shapes and no numbers.
"""

from __future__ import annotations

import logging
from typing import Any, Self

import psutil
import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from workbench.api import Architecture, Params, WorkbenchError
from workbench.nn.contract import Embedder
from workbench.nn.haste import in_haste
from workbench.runs.config import TrainingParams

logger = logging.getLogger(__name__)

COPIES = {"adam": 2, "adamw": 2, "sgd": 1, "rmsprop": 1}
"""What an optimiser keeps for every weight."""
BYTES = 4


def count_weights(architecture: Architecture, params: Params, embedder: Embedder) -> int | None:
    """The weights of the network the options describe; None where only making it would tell."""
    try:
        with torch.random.fork_rng(devices=[]), torch.device("meta"):
            network = architecture.factory.resolve()(params, embedder.output_size, **embedder.extra_sizes)
            return int(sum(parameter.numel() for parameter in network.parameters()))
    except Exception as error:  # it looks at its numbers while it is made, or refuses: the real making will tell
        logger.debug("%s cannot be made without numbers: %s", architecture.id, error)
        return None


class hastily_drawn(TorchFunctionMode):  # noqa: N801 - used as a context, like torch.no_grad
    """Within it matrices are made orthogonal by name only: a weight has its shape and size, and was not worked on.

    A QR decomposition is nearly all the time that drawing a large network takes, and its count and the memory of its
    training do not depend on it. What else a network computes of its own numbers while it is made (the spectral
    radius of a large reservoir) it estimates, as :mod:`workbench.nn.haste` asks it to.
    """

    def __enter__(self) -> Self:
        self._haste = in_haste()
        self._haste.__enter__()
        super().__enter__()  # type: ignore[no-untyped-call]
        return self

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        super().__exit__(kind, error, trace)  # type: ignore[no-untyped-call]
        self._haste.__exit__(kind, error, trace)

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is torch.linalg.qr and not kwargs and len(args) == 1 and args[0].ndim == 2:
            matrix: Tensor = args[0]
            rows, columns = matrix.shape
            least = min(rows, columns)
            return matrix[:, :least] / max(1, rows) ** 0.5, matrix.new_ones(1, 1).expand(least, columns)
        return func(*args, **(kwargs or {}))


def copies_of_weights(training: TrainingParams) -> int:
    """How often each weight is held in training: itself, its gradient, the optimiser's, and its average."""
    return 2 + COPIES[training.optimizer] + (1 if training.average_weights else 0)


def refuse_unbuildable(
    architecture: Architecture, params: Params, embedder: Embedder, training: TrainingParams | None
) -> None:
    """:class:`WorkbenchError`, with the estimate, for a network whose weights this machine could never hold.

    With ``training`` what that keeps of each weight is counted; without, the network is only to be used.
    """
    weights = count_weights(architecture, params, embedder)
    copies = 1 if training is None else copies_of_weights(training)
    room = psutil.virtual_memory().total
    if weights is None or (needed := BYTES * copies * weights) <= room:
        return
    raise WorkbenchError(
        f"{architecture.title} with {weights:,} weights would take {needed / 2**30:,.0f} GiB of memory.",
        why=f"This machine has {room / 2**30:,.0f} GiB."
        + (" In training there are gradients and the optimiser's copies beside the weights." if training else ""),
        fix="Choose fewer units or layers.",
    )
