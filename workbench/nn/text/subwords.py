"""Subwords learned from the text: byte-pair encoding and the unigram model, by the ``tokenizers`` library.

A space is written ``▁`` before its word (SentencePiece, Kudo & Richardson 2018), so that joining is exact. Punctuation,
line ends and digits stand by themselves, and no piece goes across a space.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers

from workbench.nn.text.cutting import Piece

SPACE = "▁"
_UNKNOWN = "<unk>"
_LONGEST_PIECE = 24
# each with the space before it: a digit, a mark of punctuation, a run of anything else; then blanks by themselves
_PARTS = r" ?\p{N}| ?\p{P}| ?[^\s\p{N}\p{P}]+|\s"

Kind = Literal["bpe", "unigram"]


class SubwordCutter:
    """A trained model of subwords. ``entries`` are merges (pairs) of "bpe", or (piece, score) of "unigram"."""

    def __init__(self, kind: Kind, vocabulary: Sequence[str], entries: Sequence[Any], lowercase: bool = False) -> None:
        self.kind = kind
        self.vocabulary = tuple(vocabulary)
        self.entries = [tuple(entry) for entry in entries]
        self.lowercase = lowercase
        if kind == "bpe":
            ids = {piece: i for i, piece in enumerate((_UNKNOWN, *self.vocabulary))}
            model: models.Model = models.BPE(ids, self.entries, unk_token=_UNKNOWN)
        else:
            lowest = min((score for _, score in self.entries), default=0.0) - 10.0
            model = models.Unigram([(_UNKNOWN, lowest), *self.entries], 0, False)
        self._tokenizer = Tokenizer(model)
        _prepare(self._tokenizer, lowercase)

    @classmethod
    def fit(cls, kind: Kind, texts: Iterable[str], size: int, *, lowercase: bool, min_count: int) -> SubwordCutter:
        """Learn at most ``size`` pieces."""
        tokenizer = Tokenizer(models.BPE() if kind == "bpe" else models.Unigram())
        _prepare(tokenizer, lowercase)
        trainer: trainers.Trainer
        if kind == "bpe":
            trainer = trainers.BpeTrainer(
                vocab_size=size,
                min_frequency=max(min_count, 2),
                show_progress=False,
                max_token_length=_LONGEST_PIECE,
                special_tokens=[],
            )
        else:
            trainer = trainers.UnigramTrainer(
                vocab_size=size + 1, show_progress=False, unk_token=_UNKNOWN, special_tokens=[_UNKNOWN]
            )
        texts = list(texts)
        tokenizer.train_from_iterator(texts, trainer)
        model = json.loads(tokenizer.to_str())["model"]
        if kind == "bpe":
            vocabulary = sorted(model["vocab"], key=model["vocab"].__getitem__)
            merges = [tuple(m.split(" ", 1)) if isinstance(m, str) else tuple(m) for m in model["merges"]]
            return cls(kind, vocabulary, merges, lowercase)
        scored = score_pieces((piece for piece, _ in model["vocab"] if piece != _UNKNOWN), _words(tokenizer, texts))
        return cls(kind, [piece for piece, _ in scored], scored, lowercase)

    @classmethod
    def from_json(cls, kind: Kind, symbols: Sequence[str], data: Mapping[str, Any], lowercase: bool) -> SubwordCutter:
        if kind == "bpe":
            return cls(kind, symbols, [tuple(pair) for pair in data["merges"]], lowercase)
        return cls(kind, symbols, list(zip(symbols, map(float, data["scores"]), strict=True)), lowercase)

    def to_json(self) -> dict[str, Any]:
        if self.kind == "bpe":
            return {"merges": [list(pair) for pair in self.entries]}
        return {"scores": [score for _, score in self.entries]}

    def cut(self, text: str) -> list[Piece]:
        return _pieces(self._tokenizer.encode(text, add_special_tokens=False), text)

    def cut_many(self, texts: Sequence[str]) -> Iterable[list[Piece]]:
        for start in range(0, len(texts), 1000):
            part = list(texts[start : start + 1000])
            for text, encoding in zip(part, self._tokenizer.encode_batch(part, add_special_tokens=False), strict=True):
                yield _pieces(encoding, text)

    def ids_many(self, texts: Sequence[str], unknown: int, first: int) -> Iterable[NDArray[np.int64]]:
        """The ids of each text, without the pieces; ``first`` is that of the first piece of ``vocabulary``."""
        for start in range(0, len(texts), 1000):
            part = list(texts[start : start + 1000])
            for encoding in self._tokenizer.encode_batch(part, add_special_tokens=False):
                ids = np.array(encoding.ids, dtype=np.int64)  # the library's unknown piece is 0, the first one 1
                yield np.where(ids == 0, unknown, ids + (first - 1))

    def join(self, symbols: Sequence[str]) -> str:
        return "".join(symbols).replace(SPACE, " ").removeprefix(" ")


def _prepare(tokenizer: Tokenizer, lowercase: bool) -> None:
    if lowercase:
        tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_PARTS), "isolated"),
            pre_tokenizers.Metaspace(replacement=SPACE, prepend_scheme="first", split=False),
        ]
    )


def _words(tokenizer: Tokenizer, texts: Iterable[str]) -> Counter[str]:
    """The parts that no piece goes across, and how often each occurs."""
    found: Counter[str] = Counter()
    normalizer, cut = tokenizer.normalizer, tokenizer.pre_tokenizer.pre_tokenize_str
    for text in texts:
        found.update([part for part, _ in cut(normalizer.normalize_str(text) if normalizer else text)])
    return found


def score_pieces(pieces: Iterable[str], words: Mapping[str, int], rounds: int = 4) -> list[tuple[str, float]]:
    """Log-probability of each piece in the best segmentations of ``words``, most probable first.

    Hard EM (Viterbi training) in a fixed order: the library's own scores differ in their last digits from one run to
    the next, as they are summed in the order of a hash table with a random seed.
    """
    known = sorted(set(pieces))
    ordered = sorted(words)
    longest = max(map(len, known), default=1)
    counts = dict.fromkeys(known, 0)
    for word in ordered:
        for start in range(len(word)):
            for end in range(start + 1, min(len(word), start + longest) + 1):
                if (piece := word[start:end]) in counts:
                    counts[piece] += words[word]
    scores: dict[str, float] = {}
    for _ in range(rounds):
        total = math.log(sum(counts.values()) + len(known))
        scores = {piece: math.log(count + 0.5) - total for piece, count in counts.items()}
        counts = dict.fromkeys(known, 0)
        for word in ordered:
            for piece in _segment(word, scores, longest):
                counts[piece] += words[word]
    return sorted(((piece, round(score, 6)) for piece, score in scores.items()), key=lambda pair: (-pair[1], pair[0]))


def _segment(word: str, scores: Mapping[str, float], longest: int) -> list[str]:
    """The pieces of the most probable segmentation; none where a character is in no piece."""
    best = [0.0] + [-math.inf] * len(word)
    before = [0] * (len(word) + 1)
    for end in range(1, len(word) + 1):
        for start in range(max(0, end - longest), end):
            score = scores.get(word[start:end])
            if score is not None and best[start] + score > best[end]:
                best[end], before[end] = best[start] + score, start
    if best[-1] == -math.inf:
        return []
    found, end = [], len(word)
    while end:
        found.append(word[before[end] : end])
        end = before[end]
    return found


def _pieces(encoding: Any, text: str) -> list[Piece]:
    """Pieces with the characters they stand for, the space before a word left out of them."""
    pieces = []
    for symbol, (start, end) in zip(encoding.tokens, encoding.offsets, strict=True):
        shown = start
        if end - start > 1 and text[start] == " ":
            shown += 1
        if symbol == _UNKNOWN:
            symbol = (SPACE if shown > start else "") + text[shown:end]
        elif symbol == SPACE and text[start:end] != " ":
            end = start  # the space that every text is given at its beginning
        pieces.append(Piece(symbol, shown, end))
    return pieces
