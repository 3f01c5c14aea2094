"""What a network would weigh, found out without making it: sizes nobody's memory holds are refused at once.

Drawing the weights of a network that is far too large would fill the memory, or keep the processor busy for minutes,
before anything could say so. On torch's meta device tensors have shapes and no numbers.
"""

from __future__ import annotations

import logging

import psutil
import torch

from workbench.api import Architecture, Params, WorkbenchError
from workbench.nn.contract import Embedder
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
