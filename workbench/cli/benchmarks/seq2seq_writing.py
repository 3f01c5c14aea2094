"""How fast a beam writes many sentences at once, beside the beam searches of the tutorials and beside what is possible.

The peers take one sentence at a time, at equal weights: hypothesis after hypothesis, or, the better kind, with the
hypotheses of the sentence as a batch; and our own search is given one sentence at a time too. What is possible: the
seconds of the matrix products alone, at the numbers of rows a search over all sentences has.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

PADDING, UNKNOWN, START, END = range(4)
LONGEST = 25
Answer = tuple[float, tuple[int, ...]]
"""Mean log-probability, symbols."""
Pair = tuple["Tensor", "Tensor"]


def pairs_of(vocabulary: int, batch: int, batches: int) -> list[tuple[Pair, Pair]]:
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


def build(hidden_size: int, vocabulary: int, feeding: str) -> Any:
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


def writing(hidden_size: int, vocabulary: int, sentences: int, beam: int, turns: int) -> list[dict[str, Any]]:
    """Rows of the benchmark for one model: the two peers, our own search sentence by sentence, the products alone."""
    import torch

    from workbench.nn.decoding import DecoderStepper, Decoding, Symbols, beam_search
    from workbench.nn.decoding.products import available

    model = build(hidden_size, vocabulary, "input").eval()
    with torch.no_grad():
        # an untrained model is sure of nothing and never ends: each answer is as long as its source instead
        model["head"].output.scores.weight.mul_(20.0)
        model["head"].output.scores.bias[END] = -20.0
    lengths = torch.randint(5, LONGEST + 1, (sentences,))
    source = torch.randint(END + 1, vocabulary, (sentences, int(lengths.max())))
    source[torch.arange(source.shape[1]) >= lengths.unsqueeze(1)] = PADDING
    options, symbols = Decoding(beam=beam, max_length=LONGEST), Symbols(START, END, UNKNOWN, never=(PADDING,))

    @torch.no_grad()
    def search(given: Tensor, known: Tensor) -> list[Answer]:
        stepper = DecoderStepper(_parts(model))
        begun = stepper.start(model["network"].read(model["source"](given), known), max_lengths=known.tolist())
        return [(one[0].score, one[0].tokens) for one in beam_search(stepper, begun, options, symbols)]

    @torch.no_grad()
    def each(find: Callable[[Tensor, Tensor], Answer]) -> list[Answer]:
        parts = [(source[row : row + 1, : int(lengths[row])], lengths[row : row + 1]) for row in range(sentences)]
        return [find(*part) for part in parts]

    found: dict[str, list[Answer]] = {}

    def ours() -> None:
        found["ours"] = search(source, lengths)

    def row(what: str, theirs: Callable[[], None]) -> dict[str, Any]:
        ratio, first, second = in_turns(ours, theirs, turns)
        return {
            "what": f"{hidden_size} × {vocabulary}: beam {beam} beside {what}",
            "ours": sentences / first,
            "theirs": sentences / second,
            "ratio": ratio,
            "unit": "sentences/s",
            "hidden_size": hidden_size,
            "vocabulary": vocabulary,
        }

    rows = []
    peers: dict[str, Callable[[Tensor, Tensor], Answer]] = {
        "one hypothesis at a time": lambda given, _: _by_hypothesis(model, given, beam),
        "one sentence at a time": lambda given, _: _by_sentence(model, given, beam),
        "our own, one sentence at a time": lambda given, known: search(given, known)[0],
    }
    for what, find in peers.items():

        def theirs(find: Callable[[Tensor, Tensor], Answer] = find) -> None:
            found["theirs"] = each(find)

        rows.append(row(what, theirs))
        pairs = list(zip(found["ours"], found["theirs"], strict=True))
        rows[-1]["same"] = statistics.fmean(a[1] == b[1] for a, b in pairs)
        rows[-1]["worse"] = sum(a[0] < b[0] - 1e-4 for a, b in pairs)
    kernels = {"torch's": False, "oneDNN's": True} if available() else {"torch's": False}
    for kernel, fast in kernels.items():
        rows.append(row(f"the products alone, {kernel}", _products(model, lengths, beam, fast)))
    return rows


def _products(model: Any, lengths: Tensor, beam: int, fast: bool) -> Callable[[], None]:
    """The products of the cell, of the combination and of the vocabulary, at the rows of every step and no others.

    The first step has a row for each sentence, the others ``beam`` for each that is still written; a sentence of n
    symbols is written in n + 1 steps.
    """
    import torch
    from torch.nn import functional

    from workbench.nn.decoding.products import StepProducts

    decoder, output = model["network"].decoder, model["head"].output.scores
    weight_x, weight_h, bias_x, bias_h = decoder.layers[0].weights
    used = ((weight_x, bias_x), (weight_h, bias_h), (decoder.combine.weight, None), (output.weight, output.bias))
    counts = [int((lengths >= step).sum()) * (beam if step else 1) for step in range(int(lengths.max()) + 1)]
    given = {weight.shape[1]: torch.randn(max(counts), weight.shape[1]) for weight, _ in used}
    mode = StepProducts() if fast else nullcontext()

    @torch.no_grad()
    def run() -> None:
        with mode:
            for count in counts:
                for weight, bias in used:
                    functional.linear(given[weight.shape[1]][:count], weight, bias)

    return run


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


def in_turns(ours: Callable[[], None], theirs: Callable[[], None], turns: int) -> tuple[float, float, float]:
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
