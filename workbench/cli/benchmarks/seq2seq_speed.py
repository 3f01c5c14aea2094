"""How fast an encoder-decoder trains and writes, beside plain torch of the usual kind, in turns.

Training: the default decoder (attention over all steps at once) beside a loop with input feeding over ``LSTMCell`` of
the same sizes, and ours with input feeding beside the same loop. Writing is in
:mod:`~workbench.cli.benchmarks.seq2seq_writing`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from workbench.cli.benchmarks.common import machine, table
from workbench.cli.benchmarks.seq2seq_writing import PADDING, START, Pair, build, in_turns, pairs_of, writing

TARGET_TRAINING, TARGET_BEAM = 1.3, 10.0
SMALLER = ((64, 60), (128, 1000))
"""Units and symbols of the other models that write: one of characters, one of few words."""


def measure(
    *,
    threads: int = 0,
    hidden_size: int = 256,
    vocabulary: int = 6000,
    batch: int = 64,
    batches: int = 3,
    turns: int = 7,
    sentences: int = 100,
    beam: int = 5,
    seed: int = 7,
    smaller: Sequence[tuple[int, int]] = SMALLER,
) -> dict[str, Any]:
    """Rows of {"what", "ours", "theirs", "ratio", "unit"}; ``ratio`` is the median over the turns (the first warms up).

    Sentences are of 5 to 25 symbols, as long as those of Multi30k, in batches of like length. Training is measured on
    one thread and writing on two, unless ``threads`` are given.
    """
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(threads or 1)
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            rows = [_training(feeding, hidden_size, vocabulary, batch, batches, turns) for feeding in ("none", "input")]
            torch.set_num_threads(threads or 2)
            for units, symbols in ((hidden_size, vocabulary), *smaller):
                rows += writing(units, symbols, sentences, beam, max(2, turns // 2))
    finally:
        torch.set_num_threads(before)
    training, by_hypothesis = rows[0]["ratio"], rows[2]["ratio"]
    compared = [row for row in rows if "same" in row]
    header = ("what", "ours", "theirs", "ratio", "unit")
    return {
        "benchmark": "seq2seq",
        "protocol": (
            f"LSTMs of {hidden_size} units, bidirectional encoder, general attention, {vocabulary} symbols, {batch} "
            f"pairs a step, Adam, float32, {threads or 1} thread(s); the sides in turns, median of the ratios. Writing "
            f"on {threads or 2} thread(s): beam {beam}, {sentences} sentences, equal weights; of the "
            f"answers {min(row['same'] for row in compared):.0%} or more are the same as the peers', "
            f"{sum(row['worse'] for row in compared)} have a worse score. The target for writing is beside one "
            f"hypothesis at a time, as most tutorials write it, at {hidden_size} units and {vocabulary} symbols; the "
            "better kind, our own search sentence by sentence, and smaller models are shown too. The products alone "
            "are what any exact batched beam in float32 must compute (cells, combination, vocabulary) at these numbers "
            "of rows: a ratio of 1 would be nothing but products."
        ),
        "rows": rows,
        "training_ratio": training,
        "beam_ratio": by_hypothesis,
        "target": f"training {TARGET_TRAINING:g} ×, beam {TARGET_BEAM:g} ×",
        "met": training >= TARGET_TRAINING and by_hypothesis >= TARGET_BEAM,
        "machine": machine(),
        "table": table([[row[name] for name in header] for row in rows], header),
    }


def _training(feeding: str, hidden_size: int, vocabulary: int, batch: int, batches: int, turns: int) -> dict[str, Any]:
    import torch

    from workbench.nn.contract import Batch, PairInputs

    pairs = pairs_of(vocabulary, batch, batches)
    model = build(hidden_size, vocabulary, feeding).train()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    prepared = []
    for source, (target, lengths) in pairs:
        given = torch.cat([torch.full((batch, 1), START), target[:, :-1]], dim=1)
        prepared.append((source, given, lengths, Batch({"gold": target}, lengths, int(lengths.sum()))))

    def ours() -> None:
        for (source, source_lengths), given, lengths, gold in prepared:
            optimizer.zero_grad(set_to_none=True)
            inputs = PairInputs(model["source"](source), model["target"](given), lengths)
            encoded = model["network"](inputs, source_lengths)
            loss = model["head"].loss(encoded.states, encoded, gold)
            (loss.total / loss.count).backward()
            optimizer.step()

    theirs = _plain_training(pairs, hidden_size, vocabulary)
    ratio, first, second = in_turns(ours, theirs, turns)
    symbols = sum(int(lengths.sum()) for _, (_, lengths) in pairs)
    what = "training, all steps at once" if feeding == "none" else "training, with input feeding too"
    return {
        "what": what,
        "ours": symbols / first,
        "theirs": symbols / second,
        "ratio": ratio,
        "unit": "target symbols/s",
    }


def _plain_training(pairs: Sequence[tuple[Pair, Pair]], hidden_size: int, vocabulary: int) -> Callable[[], None]:
    """A well-made loop: packed bidirectional encoder, keys made once, input feeding over an ``LSTMCell``."""
    import torch
    from torch import nn
    from torch.nn import functional
    from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

    size = hidden_size
    parts = nn.ModuleDict(
        {
            "source": nn.Embedding(vocabulary, size, padding_idx=PADDING),
            "target": nn.Embedding(vocabulary, size, padding_idx=PADDING),
            "encoder": nn.LSTM(size, size // 2, batch_first=True, bidirectional=True),
            "bridge": nn.Linear(size, 2 * size),
            "compare": nn.Linear(size, size, bias=False),
            "cell": nn.LSTMCell(2 * size, size),
            "combine": nn.Linear(2 * size, size, bias=False),
            "output": nn.Linear(size, vocabulary),
        }
    )
    optimizer = torch.optim.Adam(parts.parameters(), lr=1e-3)

    def step() -> None:
        for (source, source_lengths), (target, _) in pairs:
            optimizer.zero_grad(set_to_none=True)
            packed = pack_padded_sequence(parts["source"](source), source_lengths, True, enforce_sorted=False)
            states, (final, _) = parts["encoder"](packed)
            memory, _ = pad_packed_sequence(states, batch_first=True)
            hidden, cell = parts["bridge"](torch.cat([final[0], final[1]], 1)).tanh().chunk(2, 1)
            keys = parts["compare"](memory)
            hide = torch.arange(source.shape[1]) >= source_lengths.unsqueeze(1)
            given = parts["target"](torch.cat([torch.full((len(target), 1), START), target[:, :-1]], dim=1))
            feed = torch.zeros_like(hidden)
            outputs = []
            for t in range(target.shape[1]):
                hidden, cell = parts["cell"](torch.cat([given[:, t], feed], 1), (hidden, cell))
                scores = torch.bmm(keys, hidden.unsqueeze(2)).squeeze(2).masked_fill(hide, float("-inf"))
                context = torch.bmm(scores.softmax(1).unsqueeze(1), memory).squeeze(1)
                feed = parts["combine"](torch.cat([context, hidden], 1)).tanh()
                outputs.append(feed)
            logits = parts["output"](torch.stack(outputs, 1))
            functional.cross_entropy(logits.flatten(0, 1), target.flatten(), ignore_index=PADDING).backward()
            optimizer.step()

    return step
