"""Whether a network is made only to be counted and measured: then what takes long of drawing its weights is left out.

The engine enters :func:`in_haste` where it describes a model that is not trained yet; a network whose making computes
something of its own numbers for minutes asks :func:`hasty` and takes an estimate instead.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_HASTY: ContextVar[bool] = ContextVar("hasty", default=False)


def hasty() -> bool:
    return _HASTY.get()


@contextmanager
def in_haste() -> Iterator[None]:
    """Within it :func:`hasty` is true, in this thread alone."""
    token = _HASTY.set(True)
    try:
        yield
    finally:
        _HASTY.reset(token)
