"""How fast an encoder-decoder trains and writes, beside plain torch of the usual kind, in turns.

Training: the default decoder (attention over all steps at once) beside a loop with input feeding over ``LSTMCell`` of
the same sizes, and ours with input feeding beside the same loop. Writing: a beam over many sentences at once beside the
beam search of the tutorials, which takes one sentence at a time, at equal weights: either hypothesis after hypothesis,
or, the better kind, with the hypotheses of the sentence as a batch.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from workbench.cli.benchmarks.common import machine, table

if TYPE_CHECKING:
    from torch import Tensor

TARGET_TRAINING, TARGET_BEAM = 1.3, 10.0
PADDING, UNKNOWN, START, END = range(4)
Pair = tuple["Tensor", "Tensor"]
Answer = tuple[float, tuple[int, ...]]
"""Mean log-probability, symbols."""


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
            rows += _writing(hidden_size, vocabulary, sentences, beam, max(2, turns // 2))
    finally:
        torch.set_num_threads(before)
    training, writing = rows[0]["ratio"], rows[2]["ratio"]
    header = ("what", "ours", "theirs", "ratio", "unit")
    return {
        "benchmark": "seq2seq",
        "protocol": (
            f"LSTMs of {hidden_size} units, bidirectional encoder, general attention, {vocabulary} symbols, {batch} "
            f"pairs a step, Adam, float32, {threads or 1} thread(s); the sides in turns, median of the ratios. Writing "
            f"on {threads or 2} thread(s): beam {beam}, {sentences} sentences, equal weights; {rows[2]['same']:.0%} of "
            f"the answers are the same, {rows[2]['worse']} have a worse score than the peer's. The target for writing "
            "is beside one hypothesis at a time, as most tutorials write it; the better kind is shown too."
        ),
        "rows": rows,
        "training_ratio": training,
        "beam_ratio": writing,
        "target": f"training {TARGET_TRAINING:g} ×, beam {TARGET_BEAM:g} ×",
        "met": training >= TARGET_TRAINING and writing >= TARGET_BEAM,
        "machine": machine(),
        "table": table([[row[name] for name in header] for row in rows], header),
    }


def _pairs(vocabulary: int, batch: int, batches: int) -> list[tuple[Pair, Pair]]:
    """Batches ((source, lengths), (target, lengths)) of like length, a little uneven."""
    import torch

    found = []
    for number in range(batches):
        longest = 10 + 15 * number // max(1, batches - 1)
        sides = []
        for _ in range(2):
            lengths = torch.randint(longest - 2, longest + 1, (batch,))
            lengths[0] = longest
            symbols = torch.randint(END + 1, vocabulary, (batch, longest))
            symbols[torch.arange(longest) >= lengths.unsqueeze(1)] = PADDING
            sides.append((symbols, lengths))
        found.append((sides[0], sides[1]))
    return found


def _build(hidden_size: int, vocabulary: int, feeding: str) -> Any:
    from torch import nn

    from workbench.nn.decoders import RecurrentDecoder, RecurrentEncoderDecoder
    from workbench.nn.heads import VocabularyHead
    from workbench.nn.recurrent import RecurrentEncoder

    encoder = RecurrentEncoder("lstm", hidden_size, hidden_size // 2, bidirectional=True)
    decoder = RecurrentDecoder(
        "lstm", hidden_size, hidden_size, hidden_size, feeding="input" if feeding == "input" else "none"
    )
    return nn.ModuleDict(
        {
            "source": nn.Embedding(vocabulary, hidden_size, padding_idx=PADDING),
            "target": nn.Embedding(vocabulary, hidden_size, padding_idx=PADDING),
            "network": RecurrentEncoderDecoder(encoder, decoder),
            "head": VocabularyHead(hidden_size, vocabulary, targets="gold"),
        }
    )


def _training(feeding: str, hidden_size: int, vocabulary: int, batch: int, batches: int, turns: int) -> dict[str, Any]:
    import torch

    from workbench.nn.contract import Batch, PairInputs

    pairs = _pairs(vocabulary, batch, batches)
    model = _build(hidden_size, vocabulary, feeding).train()
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
    ratio, first, second = _in_turns(ours, theirs, turns)
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


def _writing(hidden_size: int, vocabulary: int, sentences: int, beam: int, turns: int) -> list[dict[str, Any]]:
    import torch

    from workbench.nn.decoding import DecoderStepper, Decoding, Symbols, beam_search

    model = _build(hidden_size, vocabulary, "input").eval()
    with torch.no_grad():
        # an untrained model is sure of nothing and never ends: each answer is as long as its source instead
        model["head"].output.scores.weight.mul_(20.0)
        model["head"].output.scores.bias[END] = -20.0
    lengths = torch.randint(5, 26, (sentences,))
    source = torch.randint(END + 1, vocabulary, (sentences, int(lengths.max())))
    source[torch.arange(source.shape[1]) >= lengths.unsqueeze(1)] = PADDING
    options = Decoding(beam=beam, max_length=25)
    found: dict[str, list[Answer]] = {}

    @torch.no_grad()
    def ours() -> None:
        stepper = DecoderStepper(_parts(model))
        memory = model["network"].read(model["source"](source), lengths)
        begun = stepper.start(memory, max_lengths=lengths.tolist())
        best = beam_search(stepper, begun, options, Symbols(START, END, UNKNOWN, never=(PADDING,)))
        found["ours"] = [(one[0].score, one[0].tokens) for one in best]

    rows = []
    for what, search in (("one hypothesis at a time", _by_hypothesis), ("one sentence at a time", _by_sentence)):

        @torch.no_grad()
        def theirs(search: Callable[[Any, Tensor, int], Answer] = search) -> None:
            found["theirs"] = [
                search(model, source[row : row + 1, : int(lengths[row])], beam) for row in range(sentences)
            ]

        ratio, first, second = _in_turns(ours, theirs, turns)
        pairs = list(zip(found["ours"], found["theirs"], strict=True))
        rows.append(
            {
                "what": f"beam {beam} beside {what}",
                "ours": sentences / first,
                "theirs": sentences / second,
                "ratio": ratio,
                "unit": "sentences/s",
                "same": statistics.fmean(a[1] == b[1] for a, b in pairs),
                "worse": sum(a[0] < b[0] - 1e-4 for a, b in pairs),
            }
        )
    return rows


def _parts(model: Any) -> Any:
    from types import SimpleNamespace

    embedder = SimpleNamespace(embed_targets=model["target"])
    return SimpleNamespace(embedder=embedder, network=model["network"], head=model["head"], codec=None)


def _begin(model: Any, source: Tensor) -> tuple[Any, Any, Any]:
    import torch

    network: Any = model["network"]
    memory = network.read(model["source"](source), torch.tensor([source.shape[1]]))
    return network.decoder, memory, network.decoder.start(memory)


def _next(model: Any, output: Tensor, last: bool) -> Tensor:
    """Log-probabilities of what may follow: neither padding nor the start, and at the last step the end alone."""
    log_probabilities: Tensor = model["head"].log_probabilities(output)
    log_probabilities[:, PADDING] = log_probabilities[:, START] = float("-inf")
    if last:
        end = log_probabilities[:, END].clone()
        log_probabilities.fill_(float("-inf"))
        log_probabilities[:, END] = end
    return log_probabilities


def _by_sentence(model: Any, source: Tensor, beam: int) -> Answer:
    """The hypotheses of the sentence as the batch; what has ended gives up its place; the best mean log-probability."""
    import torch

    decoder, memory, state = _begin(model, source)
    longest, places = source.shape[1], beam
    sequences, scores = torch.full((1, 1), START), torch.zeros(1, 1)
    complete: list[Answer] = []
    for step in range(longest + 1):
        output, state, _ = decoder.step(model["target"](sequences[:, -1]), state, memory)
        log_probabilities = _next(model, output, step == longest)
        best, where = (scores + log_probabilities).view(-1).topk(places)
        rows, symbols = where // log_probabilities.shape[1], where % log_probabilities.shape[1]
        sequences = torch.cat([sequences[rows], symbols.unsqueeze(1)], dim=1)
        ended = symbols == END
        for score, sequence in zip(best[ended].tolist(), sequences[ended].tolist(), strict=True):
            complete.append((score / (step + 1), tuple(sequence[1:-1])))
        going = (~ended).nonzero().squeeze(1)
        places = len(going)
        if not places or step == longest:
            break
        sequences, scores = sequences[going], best[going].unsqueeze(1)
        state = decoder.select(state, rows[going])
    return max(complete)


def _by_hypothesis(model: Any, source: Tensor, beam: int) -> Answer:
    """Each hypothesis with a state of its own, one after the other; the same rules."""
    import torch

    decoder, memory, begun = _begin(model, source)
    longest = source.shape[1]
    alive: list[tuple[float, tuple[int, ...], Any]] = [(0.0, (START,), begun)]
    complete: list[Answer] = []
    for step in range(longest + 1):
        candidates: list[tuple[float, tuple[int, ...], Any]] = []
        for score, sequence, state in alive:
            output, after, _ = decoder.step(model["target"](torch.tensor([sequence[-1]])), state, memory)
            best, symbols = _next(model, output, step == longest)[0].topk(beam)
            for chance, symbol in zip(best.tolist(), symbols.tolist(), strict=True):
                candidates.append((score + chance, (*sequence, symbol), after))
        candidates.sort(key=lambda candidate: -candidate[0])
        alive = []
        for score, sequence, state in candidates[: beam - len(complete)]:
            if sequence[-1] == END and score > float("-inf"):
                complete.append((score / (step + 1), sequence[1:-1]))
            elif score > float("-inf"):
                alive.append((score, sequence, state))
        if not alive:
            break
    return max(complete)


def _in_turns(ours: Callable[[], None], theirs: Callable[[], None], turns: int) -> tuple[float, float, float]:
    """Median ratio, and the median seconds of each side; the first turn warms both."""
    pairs: list[tuple[float, float]] = []
    for turn in range(turns + 1):
        seconds: dict[str, float] = {}
        sides = [("ours", ours), ("theirs", theirs)]
        for name, side in sides if turn % 2 else reversed(sides):
            start = time.perf_counter()
            side()
            seconds[name] = time.perf_counter() - start
        if turn:
            pairs.append((seconds["ours"], seconds["theirs"]))
    first, second = (statistics.median(pair[i] for pair in pairs) for i in (0, 1))
    return statistics.median(b / a for a, b in pairs), first, second
