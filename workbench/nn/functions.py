"""Helpers around torch's own machinery: a typed ``apply``, and a stretch of work on one thread."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.autograd import Function


def apply(function: type[Function], *arguments: Any) -> Any:
    """``function.apply(*arguments)``, which torch leaves untyped."""
    return function.apply(*arguments)  # type: ignore[no-untyped-call]


SMALL = 1 << 18
"""Multiplications of a step below which a second thread costs more than it does."""


@contextmanager
def one_thread(work: int) -> Iterator[None]:
    """Run on one thread if each step is as small as ``work`` multiplications; else as it is.

    A scan of small steps wakes the other threads at every step; on a busy machine each waking waits for its turn, and
    a batch of 32 sentences took seventy times as long on two threads as on one. Setting the count costs 0.1 µs.
    """
    before = torch.get_num_threads()
    if before == 1 or work > SMALL:
        yield
        return
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
