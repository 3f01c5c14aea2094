"""Speed of our own building blocks beside the known ones, in one run.

Both sides are timed in turns and the ratio is the median of the pairs, so that another busy process slows both.
"""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from workbench.api import WorkbenchError
from workbench.nn.crf import LinearChainCrf
from workbench.nn.recurrent import CellKind, make_layer


def compare(ours: Callable[[], object], theirs: Callable[[], object], seconds: float = 1.0) -> dict[str, float]:
    """Milliseconds of each side (medians) and ``ratio``: how many times faster ``ours`` is (median of pairs).

    Turns go on for about ``seconds`` and at least nine times; which side begins alternates.
    """
    for side in (ours, theirs) * 2:
        side()
    pairs: list[tuple[float, float]] = []
    end = time.perf_counter() + seconds
    while len(pairs) < 9 or time.perf_counter() < end:
        if len(pairs) % 2:
            second, first = _time(theirs), _time(ours)
        else:
            first, second = _time(ours), _time(theirs)
        pairs.append((first, second))
    return {
        "ours_ms": statistics.median(first for first, _ in pairs) * 1e3,
        "theirs_ms": statistics.median(second for _, second in pairs) * 1e3,
        "ratio": statistics.median(second / first for first, second in pairs),
        "turns": float(len(pairs)),
    }


def _time(side: Callable[[], object]) -> float:
    start = time.perf_counter()
    side()
    return time.perf_counter() - start


class _Threads:
    """Torch's thread count within a ``with``."""

    def __init__(self, threads: int) -> None:
        self.threads = threads

    def __enter__(self) -> None:
        self.before = torch.get_num_threads()
        torch.set_num_threads(self.threads)

    def __exit__(self, *_: object) -> None:
        torch.set_num_threads(self.before)


def measure_crf(
    labels: tuple[int, ...] = (9, 17, 50),
    threads: tuple[int, ...] = (1, 2),
    *,
    batch: int = 32,
    steps: int = 30,
    seconds: float = 1.0,
) -> dict[str, Any]:
    """Loss with its gradient, and decoding, beside pytorch-crf: rows of {"what", "labels", "threads", "ratio", …}."""
    try:
        from torchcrf import CRF
    except ImportError as error:
        raise WorkbenchError(
            "pytorch-crf is not installed, so there is nothing to compare with.", fix="pip install pytorch-crf"
        ) from error
    rows: list[dict[str, Any]] = []
    generator = torch.Generator().manual_seed(0)
    for count in threads:
        with _Threads(count):
            for k in labels:
                lengths = torch.randint(steps // 2, steps + 1, (batch,), generator=generator)
                lengths[0] = steps
                mask = torch.arange(steps) < lengths.unsqueeze(1)
                emissions = torch.randn(batch, steps, k, generator=generator).requires_grad_()
                tags = torch.randint(0, k, (batch, steps), generator=generator)
                ours, theirs = LinearChainCrf(k), CRF(k, batch_first=True)
                loss = compare(
                    lambda c=ours, e=emissions, t=tags, n=lengths: c.loss(e, t, n).backward(),  # type: ignore[misc]
                    lambda c=theirs, e=emissions, t=tags, m=mask: (-c(e, t, mask=m)).backward(),  # type: ignore[misc]
                    seconds,
                )
                decode = compare(
                    lambda c=ours, e=emissions, n=lengths: c.decode(e, n),  # type: ignore[misc]
                    lambda c=theirs, e=emissions, m=mask: c.decode(e, mask=m),  # type: ignore[misc]
                    seconds,
                )
                rows.append({"what": "loss and gradient", "labels": k, "threads": count, **loss})
                rows.append({"what": "decode", "labels": k, "threads": count, **decode})
    return {"benchmark": "crf", "against": "pytorch-crf", "batch": batch, "steps": steps, "rows": rows}


def measure_recurrent(
    threads: tuple[int, ...] = (1, 2),
    *,
    batches: tuple[int, ...] = (8, 32),
    hidden_sizes: tuple[int, ...] = (64, 128, 256),
    steps: int = 40,
    seconds: float = 0.7,
) -> dict[str, Any]:
    """A training step (forward and backward) of each layer beside torch's module of the same weights.

    Rows of {"cell", "batch", "hidden_size", "threads", "ratio", …}; the input is as wide as the layer.
    """
    cells: tuple[tuple[CellKind, Any], ...] = (("rnn", nn.RNN), ("gru", nn.GRU), ("lstm", nn.LSTM))
    rows: list[dict[str, Any]] = []
    for count in threads:
        with _Threads(count):
            for (cell, module), batch, size in itertools.product(cells, batches, hidden_sizes):
                torch.manual_seed(0)
                layer = make_layer(cell, size, size)
                theirs = module(size, size, batch_first=True)
                theirs.load_state_dict(layer.core.state_dict())
                x = torch.randn(batch, steps, size, requires_grad=True)
                arriving = torch.randn(batch, steps, size)
                lengths = torch.full((batch,), steps)
                row = compare(
                    lambda m=layer, x=x, n=lengths, g=arriving: m(x, n)[0].backward(g),  # type: ignore[misc]
                    lambda m=theirs, x=x, g=arriving: m(x)[0].backward(g),  # type: ignore[misc]
                    seconds,
                )
                rows.append({"cell": cell, "batch": batch, "hidden_size": size, "threads": count, **row})
    return {"benchmark": "recurrent", "against": "torch.nn", "steps": steps, "rows": rows}
