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
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from workbench.api import WorkbenchError
from workbench.nn.crf import LinearChainCrf
from workbench.nn.recurrent import CellKind, RecurrentEncoder, RecurrentLayer, make_layer
from workbench.nn.recurrent.layers import TorchLayer


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


OWN_CELLS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("gru before", "gru", {"reset": "before"}),
    ("lstm peepholes", "lstm", {"peepholes": True}),
    ("mogrifier", "mogrifier", {}),
    ("ind_rnn", "ind_rnn", {}),
    ("min_gru", "min_gru", {}),
    ("min_lstm", "min_lstm", {}),
)
"""Cells that torch has no module for: shown name, cell and options."""


def measure_recurrent(
    threads: tuple[int, ...] = (1, 2),
    *,
    batches: tuple[int, ...] = (8, 32),
    hidden_sizes: tuple[int, ...] = (64, 128, 256),
    steps: int = 40,
    seconds: float = 0.7,
) -> dict[str, Any]:
    """A training step (forward and backward) of each layer, beside torch's module of the same weights where it has one.

    Other cells stand beside what one writes without a scan of one's own: a loop over the same layer's steps that
    autograd records ("loop"). Rows of {"cell", "against", "batch", "hidden_size", "threads", "ratio", …}; the input is
    as wide as the layer.
    """
    rows: list[dict[str, Any]] = []
    for count in threads:
        with _Threads(count):
            for (shown, cell, options), batch, size in itertools.product(
                (("rnn", "rnn", {}), ("gru", "gru", {}), ("lstm", "lstm", {}), *OWN_CELLS), batches, hidden_sizes
            ):
                torch.manual_seed(0)
                layer = make_layer(cell, size, size, **options)
                theirs, against = _rival(layer)
                x = torch.randn(batch, steps, size, requires_grad=True)
                arriving = torch.randn(batch, steps, size)
                lengths = torch.full((batch,), steps)
                row = compare(
                    lambda m=layer, x=x, n=lengths, g=arriving: m(x, n)[0].backward(g),  # type: ignore[misc]
                    lambda m=theirs, x=x, g=arriving: m(x).backward(g),  # type: ignore[misc]
                    seconds,
                )
                sizes = {"batch": batch, "hidden_size": size, "threads": count}
                rows.append({"cell": shown, "against": against, **sizes, **row})
    return {
        "benchmark": "recurrent",
        "against": "torch.nn, or a loop that autograd records",
        "steps": steps,
        "rows": rows,
    }


def _rival(layer: RecurrentLayer) -> tuple[Callable[[torch.Tensor], torch.Tensor], str]:
    """What computes the same states from (B, T, D), and its name."""
    if isinstance(layer, TorchLayer):
        family: Any = type(layer.core)
        module = family(layer.core.input_size, layer.hidden_size, batch_first=True)
        module.load_state_dict(layer.core.state_dict())
        return lambda x: module(x)[0], f"torch.nn.{type(module).__name__}"

    def loop(x: torch.Tensor) -> torch.Tensor:
        state, states = layer.zero_state(x), []
        for step in x.unbind(1):
            hidden, state = layer.step(step, state)
            states.append(hidden)
        return torch.stack(states, dim=1)

    return loop, "loop"


FRESH = 500
"""Turns until lengths come again: more than there are in a measurement."""


def measure_bidirectional(
    threads: tuple[int, ...] = (1, 2),
    *,
    cells: tuple[CellKind, ...] = ("lstm", "gru", "rnn"),
    hidden_sizes: tuple[int, ...] = (64, 128, 256),
    batch: int = 32,
    longest: int = 50,
    batches: int = 4,
    seconds: float = 1.0,
) -> dict[str, Any]:
    """A training step over shuffled batches of mixed lengths, beside torch's module over packed sequences.

    Lengths are even from a third of ``longest`` to all of it (16 to 50, 33 on average), and other ones at each turn:
    what is worked out once for a number of rows must not look as if it cost nothing. Both sides get the same padded
    batches and give padded states back; torch's are packed and unpacked (``enforce_sorted=False``), since its backward
    direction must not start in the padding. Rows as in :func:`measure_recurrent`.
    """
    modules = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}
    rows: list[dict[str, Any]] = []
    generator = torch.Generator().manual_seed(0)
    lengths = torch.randint(longest // 3, longest + 1, (FRESH, batches, batch), generator=generator)
    lengths[:, :, 0] = longest
    for count in threads:
        with _Threads(count):
            for cell, size in itertools.product(cells, hidden_sizes):
                torch.manual_seed(0)
                ours = RecurrentEncoder(cell, size, size, bidirectional=True)
                theirs = modules[cell](size, size, batch_first=True, bidirectional=True)
                x = torch.randn(batch, longest, size, requires_grad=True)
                arriving = torch.randn(batch, longest, 2 * size)
                first, second = itertools.cycle(lengths), itertools.cycle(lengths)
                row = compare(
                    lambda m=ours, x=x, g=arriving, f=first: [m(x, n).states.backward(g) for n in next(f)],  # type: ignore[misc]
                    lambda m=theirs, x=x, g=arriving, f=second: [_packed(m, x, n).backward(g) for n in next(f)],  # type: ignore[misc, no-untyped-call]
                    seconds,
                )
                rows.append({"cell": cell, "batch": batch, "hidden_size": size, "threads": count, **row})
    mean = float(lengths.float().mean())
    return {"benchmark": "bidirectional", "against": "torch.nn, packed", "mean_length": mean, "rows": rows}


def _packed(module: nn.RNNBase, x: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
    packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
    states: torch.Tensor = pad_packed_sequence(module(packed)[0], batch_first=True, total_length=x.shape[1])[0]
    return states
