"""Greedy, beam and sampling: against exhaustive search, each other, and themselves in other batches."""

from __future__ import annotations

import itertools
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from workbench.api import WorkbenchError
from workbench.nn.contract import Decoder, Encoded, PairEmbedder, PairInputs, Parts
from workbench.nn.decoders import RecurrentDecoder, RecurrentEncoderDecoder
from workbench.nn.decoding import (
    Begun,
    DecoderStepper,
    Decoding,
    EncoderStepper,
    Symbols,
    beam_search,
    copy_unknowns,
    decode,
    final_score,
    greedy,
    sample,
)
from workbench.nn.decoding.constraints import repeats
from workbench.nn.decoding.single import draw
from workbench.nn.heads import VocabularyHead
from workbench.nn.recurrent import RecurrentEncoder

PAD, UNK, BOS, EOS = 0, 1, 2, 3
SYMBOLS = Symbols(start=BOS, end=EOS, unknown=UNK, never=(PAD,))
E, H, V = 5, 8, 12
LENGTHS = torch.tensor([6, 2, 9, 1, 4, 9, 3, 5])


class Words(PairEmbedder):
    def __init__(self, size=V):
        super().__init__()
        self.output_size = self.target_size = E
        self.table = nn.Embedding(size, E)

    def forward(self, batch):
        return PairInputs(batch.fields["source"])

    def embed_targets(self, tokens):
        return self.table(tokens)


def model(seed=0, sharp=3.0, size=V, **options):
    """A random model whose distributions are peaked enough to be worth searching."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        encoder = RecurrentEncoder("lstm", E, H // 2, bidirectional=True)
        chosen = {"attention": "general", "feeding": "input", "coverage": True, "layers": 2, **options}
        network = RecurrentEncoderDecoder(encoder, RecurrentDecoder("gru", E, H, H, **chosen))
        head, embedder = VocabularyHead(H, size), Words(size)
        with torch.no_grad():
            head.output.scores.weight.mul_(sharp)
            embedder.table.weight.mul_(2.0)
    parts = Parts(embedder.double(), network.double(), head.double(), SimpleNamespace())
    for module in (embedder, network, head):
        module.eval()
    return parts


def source(seed=1, lengths=LENGTHS):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(len(lengths), int(lengths.max()), E, dtype=torch.float64, generator=generator)
    for row, length in enumerate(lengths.tolist()):
        x[row, length:] = 0
    return x, lengths


def run(parts, x, lengths, options, **known):
    stepper = DecoderStepper(parts)
    with torch.no_grad():
        begun = stepper.start(parts.network.read(x[:, : int(lengths.max())], lengths), **known)
        return decode(stepper, begun, options, SYMBOLS)


def one_by_one(parts, x, lengths, options, known=None):
    found = []
    for row in range(len(lengths)):
        mine = {name: values[row : row + 1] for name, values in (known or {}).items()}
        found += run(parts, x[row : row + 1], lengths[row : row + 1], options, **mine)
    return found


def model_score(parts, x, length, tokens):
    """Σ log p, teacher forced, the end included."""
    symbols = torch.tensor([[BOS, *tokens]])
    targets = torch.tensor([*tokens, EOS])
    with torch.no_grad():
        pair = PairInputs(x[:, :length], parts.embedder.embed_targets(symbols), torch.tensor([symbols.shape[1]]))
        states = parts.network(pair, torch.tensor([length])).states
        return float(parts.head.log_probabilities(states)[0].gather(1, targets[:, None]).sum())


def same(first, second):
    assert len(first) == len(second)
    for mine, theirs in zip(first, second, strict=True):
        assert [one.tokens for one in mine] == [one.tokens for one in theirs]
        for one, other in zip(mine, theirs, strict=True):
            assert one.score == pytest.approx(other.score, abs=1e-9)
            np.testing.assert_allclose(one.step_log_probabilities, other.step_log_probabilities, atol=1e-9)
            if one.attention is not None:
                np.testing.assert_allclose(one.attention, other.attention, atol=1e-6)


BEAM = Decoding(beam=4, n_best=3, max_length=12)


@pytest.mark.parametrize("penalty", ["none", "average", "gnmt"])
@pytest.mark.parametrize("seed", range(5))
def test_a_beam_of_one_is_greedy(penalty, seed):
    parts = model(seed)
    narrow = run(parts, *source(seed), Decoding(beam=1, max_length=12, length_penalty=penalty, no_repeat=2))
    plain = run(parts, *source(seed), Decoding(method="greedy", max_length=12, length_penalty=penalty, no_repeat=2))
    same(narrow, plain)
    assert [one[0].cut for one in narrow] == [one[0].cut for one in plain]


@pytest.mark.parametrize("method", ["greedy", "beam", "sample"])
@pytest.mark.parametrize(
    "options",
    [
        {"attention": "general"},
        {"attention": "additive", "feeding": "context"},
        {"attention": "none", "feeding": "none", "coverage": False},
        {"attention": "none", "feeding": "context", "coverage": False},
    ],
)
def test_what_is_written_does_not_depend_on_the_batch_or_its_order(method, options):
    parts = model(3, **options)
    x, lengths = source()
    chosen = Decoding(method=method, beam=4, n_best=3, max_length=12, samples=3, seed=4, coverage_penalty=0.1)
    known = {"keys": list(range(100, 108)), "max_lengths": [3, 12, 5, 8, 12, 12, 1, 9]}
    together = run(parts, x, lengths, chosen, **known)
    same(together, one_by_one(parts, x, lengths, chosen, known))
    order = torch.tensor([5, 2, 7, 0, 1, 6, 4, 3])
    moved = {name: [values[i] for i in order.tolist()] for name, values in known.items()}
    shuffled = run(parts, x[order], lengths[order], chosen, **moved)
    same([shuffled[order.tolist().index(i)] for i in range(8)], together)


@pytest.mark.parametrize("penalty", ["none", "average", "gnmt"])
def test_scores_are_the_models_own_and_n_best_are_different_and_in_order(penalty):
    parts, (x, lengths) = model(1), source()
    options = Decoding(beam=5, n_best=5, max_length=8, length_penalty=penalty)
    for row, hypotheses in enumerate(run(parts, x, lengths, options)):
        assert len(hypotheses) == 5
        assert len({one.tokens for one in hypotheses}) == 5
        assert [one.score for one in hypotheses] == sorted((one.score for one in hypotheses), reverse=True)
        for one in hypotheses:
            length = int(lengths[row])
            wanted = model_score(parts, x[row : row + 1], length, one.tokens)
            assert one.log_probability == pytest.approx(wanted, abs=1e-9)
            assert sum(one.step_log_probabilities) == pytest.approx(wanted, abs=1e-9)
            assert len(one.step_log_probabilities) == len(one.tokens) + 1
            assert one.score == pytest.approx(wanted / options.normaliser(len(one.tokens) + 1))
            assert one.attention.shape == (len(one.tokens) + 1, length)
            np.testing.assert_allclose(one.attention.sum(1), 1.0, atol=1e-6)
            assert one.cut == (len(one.tokens) == 8)


@pytest.mark.parametrize("penalty", ["none", "average", "gnmt"])
@pytest.mark.parametrize("beam", [2, 3, 5])
def test_a_beam_is_never_worse_than_greedy(penalty, beam):
    for seed in range(6):
        parts = model(seed, sharp=2.0)
        wide = run(parts, *source(seed), Decoding(beam=beam, max_length=10, length_penalty=penalty))
        plain = run(parts, *source(seed), Decoding(method="greedy", max_length=10, length_penalty=penalty))
        for one, other in zip(wide, plain, strict=True):
            assert one[0].score >= other[0].score - 1e-12


@pytest.mark.parametrize(
    "extra",
    [
        {},
        {"length_penalty": "none"},
        {"length_penalty": "gnmt", "alpha": 1.2},
        {"min_length": 2},
        {"no_repeat": 2},
        {"coverage_penalty": 0.3},
        {"ban_unknown": True},
    ],
)
def test_a_beam_as_wide_as_the_space_finds_what_exhaustive_search_finds(extra):
    size, longest = 6, 4
    parts, (x, lengths) = model(2, size=size, sharp=2.0), source(lengths=torch.tensor([3, 1, 5]))
    options = Decoding(beam=900, n_best=5, max_length=longest, **extra)
    found = run(parts, x, lengths, options)
    writable = [UNK, 4, 5] if not options.ban_unknown else [4, 5]
    for row, hypotheses in enumerate(found):
        scored = []
        for length in range(options.min_length, longest + 1):
            for tokens in itertools.product(writable, repeat=length):
                pairs = list(itertools.pairwise(tokens))
                if options.no_repeat and len(set(pairs)) < len(pairs):
                    continue
                total = model_score(parts, x[row : row + 1], int(lengths[row]), tokens)
                attention = None
                if options.coverage_penalty:
                    forced = Decoding(method="greedy", max_length=longest)
                    mine = slice(row, row + 1)
                    only = run(parts, x[mine], lengths[mine], forced, prefixes=[tokens], max_lengths=[max(1, length)])
                    attention = only[0][0].attention[: length + 1]
                    if only[0][0].tokens != tokens:  # the empty prefix went on
                        continue
                scored.append((final_score(total, length + 1, options, attention), tokens))
        scored.sort(reverse=True)
        if options.coverage_penalty:
            assert scored[0][1] == hypotheses[0].tokens
            continue
        assert [tokens for _, tokens in scored[:5]] == [one.tokens for one in hypotheses]
        np.testing.assert_allclose([score for score, _ in scored[:5]], [one.score for one in hypotheses], atol=1e-9)


def plain_beam(parts, x, length, options):
    """The textbook's beam in plain Python, each hypothesis scored from its first symbol on: (score, symbols)."""
    alive, complete = [(0.0, ())], []
    for step in range(options.max_length + 1):
        candidates = []
        for total, tokens in alive:
            with torch.no_grad():
                given = parts.embedder.embed_targets(torch.tensor([[BOS, *tokens]]))
                pair = PairInputs(x[:, :length], given, torch.tensor([step + 1]))
                states = parts.network(pair, torch.tensor([length])).states
                chances = parts.head.log_probabilities(states)[0, -1].tolist()
            writable = [EOS] if step == options.max_length else [i for i in range(V) if i not in (PAD, BOS)]
            candidates += [(total + chances[symbol], (*tokens, symbol)) for symbol in writable]
        candidates.sort(key=lambda candidate: -candidate[0])
        taken = candidates[: options.beam - len(complete)]
        ended = [(total / options.normaliser(step + 1), tokens[:-1]) for total, tokens in taken if tokens[-1] == EOS]
        alive = [candidate for candidate in taken if candidate[1][-1] != EOS]
        complete += ended
        if not alive:
            break
    return max(complete)


@pytest.mark.parametrize("penalty", ["none", "average", "gnmt"])
@pytest.mark.parametrize("seed", range(3))
def test_the_batched_beam_is_the_textbooks_or_better(seed, penalty):
    parts, (x, lengths) = model(seed, sharp=2.0), source(seed)
    options = Decoding(beam=3, max_length=7, length_penalty=penalty)
    ours = run(parts, x, lengths, options)
    plain = run(parts, x, lengths, Decoding(method="greedy", max_length=7, length_penalty=penalty))
    differ = 0
    for row, length in enumerate(lengths.tolist()):
        score, tokens = plain_beam(parts, x[row : row + 1], length, options)
        if ours[row][0].tokens == tokens:
            assert ours[row][0].score == pytest.approx(score, abs=1e-9)
        else:
            differ += 1
            assert ours[row][0].score > score
            assert ours[row][0].tokens == plain[row][0].tokens, "better only by what greedy decoding found"
    assert differ < len(lengths) / 2


def test_a_search_ends_when_nothing_alive_can_overtake_and_not_before():
    """One symbol is almost certain to the end; a worse but quickly ended hypothesis must not win by being first."""

    class Chain:
        """Ends at once with p = .4; or goes on with .6, then always on with certainty until six symbols are written."""

        steps = 0

        def step(self, tokens, state):
            self.steps += 1
            table = torch.full((len(tokens), V), -30.0)
            for row, (token, written) in enumerate(zip(tokens.tolist(), state[:, 0].tolist(), strict=True)):
                if token == BOS:
                    table[row, EOS], table[row, 4] = float(np.log(0.4)), float(np.log(0.6))
                else:
                    table[row, EOS if written >= 6 else 4] = 0.0
            return table, state + 1, None

        def select(self, state, rows, sentences=None):
            return state[rows]

    stepper = Chain()
    begun = Begun(torch.zeros(1, 1), 1, torch.device("cpu"))
    (found,) = beam_search(stepper, begun, Decoding(beam=2, max_length=50, length_penalty="none"), SYMBOLS)
    assert found[0].tokens == (4,) * 6
    assert stepper.steps == 7, "then nothing alive can overtake, long before the greatest length"


# --- rules


@pytest.mark.parametrize("method", ["greedy", "beam", "sample"])
def test_lengths_are_kept_to_and_the_end_is_forbidden_before_the_least(method):
    parts, (x, lengths) = model(4), source()
    options = Decoding(method=method, beam=3, min_length=3, max_length=5)
    for hypotheses in run(parts, x, lengths, options):
        assert all(3 <= len(one.tokens) <= 5 for one in hypotheses)
    found = run(parts, x, lengths, Decoding(method=method, beam=3, max_length=20), max_lengths=[1, 2, 3, 4, 5, 6, 7, 8])
    for row, hypotheses in enumerate(found):
        assert all(len(one.tokens) <= row + 1 for one in hypotheses)
        assert all(one.cut == (len(one.tokens) == row + 1) for one in hypotheses)


@pytest.mark.parametrize("method", ["greedy", "beam", "sample"])
@pytest.mark.parametrize("size", [1, 2, 3])
def test_no_sequence_of_symbols_is_written_twice(method, size):
    parts, (x, lengths) = model(5, sharp=9.0), source()
    free = Decoding(method=method, beam=3, max_length=9, min_length=9)
    ruled = Decoding(method=method, beam=3, max_length=9, min_length=5, no_repeat=size)

    def repeated(hypotheses):
        grams = [one.tokens[i : i + size] for one in hypotheses[:1] for i in range(len(one.tokens) - size + 1)]
        return len(grams) - len(set(grams))

    assert sum(repeated(one) for one in run(parts, x, lengths, free)) > 0
    assert all(repeated(one) == 0 for one in run(parts, x, lengths, ruled))


@pytest.mark.parametrize("method", ["greedy", "beam", "sample"])
def test_forced_prefixes_begin_what_is_written_and_forbidden_symbols_never_are(method):
    parts, (x, lengths) = model(6), source()
    prefixes = [[4, 5], [], [UNK], [7, 7, 7], [], [5], [6], [11]]
    options = Decoding(method=method, beam=3, max_length=6, ban_unknown=True, no_repeat=1)
    for prefix, hypotheses in zip(prefixes, run(parts, x, lengths, options, prefixes=prefixes), strict=True):
        for one in hypotheses:
            assert list(one.tokens[: len(prefix)]) == prefix
            assert not {PAD, BOS, UNK} & set(one.tokens[len(prefix) :])
            assert np.isfinite(one.step_log_probabilities).all()


def test_a_hypothesis_that_may_write_nothing_more_ends_as_it_is():
    parts, (x, lengths) = model(7, size=5), source()
    options = Decoding(beam=2, min_length=6, max_length=6, no_repeat=1, ban_unknown=True)
    for hypotheses in run(parts, x, lengths, options):
        assert hypotheses[0].tokens == (4,)
        assert hypotheses[0].cut


def test_repeats_are_found_row_by_row():
    history = np.array([[4, 5, 4, 6, 4], [7, 7, 7, 7, 7], [4, 5, 6, 7, 8]])
    rows, tokens = repeats(history, 2)
    assert sorted(set(zip(rows.tolist(), tokens.tolist(), strict=True))) == [(0, 5), (0, 6), (1, 7)]
    assert len(repeats(history, 6)[0]) == 0


@pytest.mark.parametrize(
    "wrong",
    [
        {"beam": 0},
        {"n_best": 6},
        {"min_length": 3, "max_length": 2},
        {"temperature": 0.0},
        {"top_p": 0.0},
        {"method": "magic"},
        {"length_penalty": "x"},
    ],
)
def test_impossible_options_are_refused(wrong):
    with pytest.raises(WorkbenchError, match="cannot be used"):
        Decoding(**wrong)


def test_options_come_from_plain_values():
    assert Decoding.of({"beam": 1}).method == "greedy"
    assert Decoding.of({"beam": 7, "colour": "red"}).beam == 7
    assert Decoding.of({"temperature": 0.5}, max_length=9) == Decoding(method="sample", temperature=0.5, max_length=9)
    assert Decoding.of({"n_best": 10}).beam == 10
    assert Decoding.of({"beam": "3", "ban_unknown": "yes", "alpha": 1}) == Decoding(beam=3, ban_unknown=True, alpha=1.0)
    for name, value in (("beam", "wide"), ("beam", 2.5), ("temperature", "hot"), ("seed", "inf")):
        with pytest.raises(WorkbenchError, match=f"{name} cannot be"):
            Decoding.of({name: value})


# --- sampling


def test_a_seed_decides_a_sample_and_samples_differ_among_themselves():
    parts, (x, lengths) = model(8, sharp=1.0), source()
    options = Decoding(method="sample", samples=4, seed=1, max_length=8)
    first, again = run(parts, x, lengths, options), run(parts, x, lengths, options)
    other = run(parts, x, lengths, Decoding(method="sample", samples=4, seed=2, max_length=8))
    same(first, again)
    assert [one.tokens for group in first for one in group] != [one.tokens for group in other for one in group]
    assert all(len({one.tokens for one in group}) > 1 for group in first)
    state = torch.random.get_rng_state()
    run(parts, x, lengths, options)
    assert torch.equal(state, torch.random.get_rng_state()), "nobody else's chance is touched"


def test_samples_follow_the_distribution():
    probabilities = torch.tensor([[0.5, 0.3, 0.15, 0.05]]).double().expand(40_000, -1)
    chances = np.random.default_rng(0).random(40_000)

    def shares(**options):
        drawn = draw(probabilities.log(), chances, Decoding(method="sample", **options))
        return np.bincount(drawn.numpy(), minlength=4) / 40_000

    np.testing.assert_allclose(shares(), [0.5, 0.3, 0.15, 0.05], atol=0.01)
    np.testing.assert_allclose(shares(top_k=2), [0.625, 0.375, 0, 0], atol=0.01)
    np.testing.assert_allclose(shares(top_p=0.79), [0.625, 0.375, 0, 0], atol=0.01)
    np.testing.assert_allclose(shares(top_p=0.81), np.array([0.5, 0.3, 0.15, 0]) / 0.95, atol=0.01)
    squared = np.array([0.5, 0.3, 0.15, 0.05]) ** 2
    np.testing.assert_allclose(shares(temperature=0.5), squared / squared.sum(), atol=0.01)
    np.testing.assert_allclose(shares(top_k=1), [1, 0, 0, 0])


def test_a_forbidden_symbol_is_never_drawn():
    log_probabilities = torch.tensor([[0.0, float("-inf"), -50.0]]).expand(3, -1)
    drawn = draw(log_probabilities, np.array([0.0, 0.5, 1.0 - 1e-16]), Decoding(method="sample"))
    assert not (drawn == 1).any()


# --- steppers


class Copied(Decoder):
    """Somebody else's decoder, that knows nothing of sharing a memory."""

    def __init__(self, inner):
        super().__init__()
        self.inner, self.output_size = inner, inner.output_size

    def prepare(self, memory):
        return self.inner.prepare(memory)

    def start(self, memory):
        return self.inner.start(memory)

    def step(self, y_t, state, memory):
        assert len(memory.states) == len(y_t), "a row of memory for each row"
        return self.inner.step(y_t, state, memory)

    def forward(self, targets, lengths, memory, feedback=None):
        return self.inner(targets, lengths, memory, feedback)

    def select_memory(self, memory, rows):
        return self.inner.select_memory(memory, rows)


@pytest.mark.parametrize("method", ["beam", "sample"])
def test_a_decoder_that_cannot_share_its_memory_writes_the_same(method):
    parts, (x, lengths) = model(9), source()
    options = Decoding(method=method, beam=3, n_best=3, samples=3, max_length=9)
    shared = run(parts, x, lengths, options)
    parts.network.decoder = Copied(parts.network.decoder)
    same(run(parts, x, lengths, options), shared)


def test_a_causal_encoder_writes_as_a_language_model():
    torch.manual_seed(1)
    encoder, embedder, head = RecurrentEncoder("lstm", E, H, layers=2), Words(), VocabularyHead(H, V)
    with torch.no_grad():
        head.output.scores.weight.mul_(4.0)
    for module in (encoder, embedder, head):
        module.double().eval()
    stepper = EncoderStepper(Parts(embedder, encoder, head, SimpleNamespace()))
    begun = stepper.start(3, torch.device("cpu"), prefixes=[[4], [5, 6], []])
    options = Decoding(method="sample", samples=2, max_length=7, seed=3)
    with torch.no_grad():
        groups = sample(stepper, begun, options, SYMBOLS)
        best = beam_search(stepper, begun, Decoding(beam=4, max_length=7), SYMBOLS)
        plain = greedy(stepper, begun, Decoding(method="greedy", max_length=7), SYMBOLS)
        prompt: Encoded = encoder(embedder.embed_targets(torch.tensor([[BOS, 4, 7]])), torch.tensor([3]))
        after = stepper.start(1, torch.device("cpu"), state=prompt.state)
        symbols = Symbols(start=9, end=EOS, never=(PAD, BOS))
        continued = greedy(stepper, after, Decoding(method="greedy", max_length=3), symbols)
        whole = greedy(stepper, stepper.start(1, torch.device("cpu"), prefixes=[[4, 7, 9]]),
                       Decoding(method="greedy", max_length=6), Symbols(BOS, EOS, never=(PAD,)))
    assert [group[0].tokens[:1] for group in groups[:2]] == [(4,), (5,)]
    assert groups[0][0].attention is None
    for wide, narrow in zip(best, plain, strict=True):
        assert wide[0].score >= narrow.score - 1e-12
        total = 0.0
        with torch.no_grad():
            tokens = torch.tensor([[BOS, *narrow.tokens]])
            states = encoder(embedder.embed_targets(tokens), torch.tensor([tokens.shape[1]])).states
            chances = head.log_probabilities(states)[0]
            total = float(chances.gather(1, torch.tensor([*narrow.tokens, EOS])[:, None]).sum())
        assert narrow.log_probability == pytest.approx(total, abs=1e-9)
    assert whole[0].tokens[3:] == continued[0].tokens[: len(whole[0].tokens) - 3]


def test_a_model_without_a_vocabulary_cannot_write():
    parts = model()
    parts.head = nn.Linear(H, V)
    with pytest.raises(WorkbenchError, match="cannot write"):
        DecoderStepper(parts)


def test_an_unknown_word_is_copied_from_where_the_model_looked():
    attention = np.array([[0.1, 0.8, 0.1], [0.9, 0.05, 0.05], [0.3, 0.3, 0.4]], dtype=np.float32)
    words = copy_unknowns(("the", "<unk>"), "<unk>", attention, ("Zürich", "die", "Stadt"))
    assert words == ("the", "Zürich")
    assert copy_unknowns(("<unk>",), "<unk>", None, ("a",)) == ("<unk>",)
