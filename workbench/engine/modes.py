"""How a model is run: without dropout and gradients to measure it, in half precision where that was asked for."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch

from workbench.engine.compose import Model
from workbench.engine.threads import preserved_random_state

Check = Callable[[], None]
"""Called between two batches; it may raise to cancel."""


def never() -> None:
    """For callers who never cancel."""


@contextmanager
def evaluation_mode(model: Model) -> Iterator[None]:
    """No dropout, no gradients; afterwards every module's mode and every random state are what they were."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        with torch.no_grad(), preserved_random_state():
            yield
    finally:
        for module, training in modes:
            module.training = training


def spare_collections() -> None:
    """Has the garbage collector leave out, once in a process, what is there before the first training.

    That is some hundred thousand objects of imported libraries, in which there is nothing to collect; going through
    them, as the collector does now and then, takes as long as a hundred steps of a small network. What trainings make
    is collected as ever.
    """
    if not gc.get_freeze_count():
        gc.collect()
        gc.freeze()


def autocast(device: torch.device, precision: str) -> AbstractContextManager[object]:
    """bfloat16 products where the run asked for them and the device has them."""
    if precision == "bfloat16" and device.type == "cuda":
        return torch.autocast(device.type, dtype=torch.bfloat16)
    return nullcontext()
