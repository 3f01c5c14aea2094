"""What ended a training badly, in words: from torch's and the system's exceptions to reasons and ``WorkbenchError``."""

from __future__ import annotations

import traceback

import torch

from workbench.api import WorkbenchError
from workbench.api.events import FinishReason


class DivergedError(WorkbenchError):
    """The loss or a gradient is no longer a finite number."""

    def __init__(self, step: int) -> None:
        super().__init__(
            f"The training diverged: the loss is no longer a finite number (step {step}).",
            why="The steps were too large for this model and data.",
            fix="Lower the learning rate or clip_norm and resume from the last good checkpoint.",
        )


def is_out_of_memory(error: BaseException) -> bool:
    """Whether ``error`` says that memory, of the machine or of a GPU, ran out."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    text = str(error)
    return isinstance(error, RuntimeError) and (
        "out of memory" in text or "can't allocate memory" in text or "CUBLAS_STATUS_ALLOC_FAILED" in text
    )


def explain(error: BaseException) -> tuple[FinishReason, WorkbenchError]:
    """The reason a run ends with, and what to tell."""
    details = "".join(traceback.format_exception(error))
    if isinstance(error, DivergedError):
        return FinishReason.DIVERGED, error
    if isinstance(error, WorkbenchError):
        return FinishReason.FAILED, error
    if is_out_of_memory(error):
        return FinishReason.OUT_OF_MEMORY, WorkbenchError(
            "Memory ran out.",
            why="A batch with its activations did not fit.",
            fix="Halve batch_tokens (and double accumulate for the same step), or take a smaller model, then resume.",
            details=details,
        )
    text = str(error)
    if "CUDA" in text or isinstance(error, torch.AcceleratorError):
        return FinishReason.FAILED, WorkbenchError(
            "The GPU stopped answering.",
            why=text.splitlines()[0] if text else type(error).__name__,
            fix='Resume the run; if it happens again, set the device to "cpu" or restart the machine.',
            details=details,
        )
    return FinishReason.FAILED, WorkbenchError(
        f"Something went wrong inside the model: {type(error).__name__}: {text}".rstrip(": "),
        why="A plugin or the workbench has a fault.",
        fix="Copy the details into a report to the author of the task or architecture.",
        details=details,
    )
