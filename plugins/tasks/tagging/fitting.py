"""Fitting the codec: which layer to learn, what its labels are, and the vocabularies, in one pass over the records."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice

from workbench_plugins.tasks.tagging.codec import TaggingCodec, as_tagged, normalise, word_key
from workbench_plugins.tasks.tagging.params import TaggingParams

from workbench.api import Record, TaggedTokens, WorkbenchError
from workbench.api.schemes import OUTSIDE, Evidence, Scheme
from workbench.api.schemes import spans as spans_of
from workbench.nn.pretrained import PretrainedWords

CHARACTER_FREQUENCY = 2
"""A character seen once is unknown: so the unknown character's vector is learned too."""
PREFERRED_LAYERS = ("ner", "entities", "entity")


def is_span_scheme(scheme: Scheme) -> bool:
    """Whether tags of ``scheme`` mark spans. Bare labels do not: the application holds spans as IOB2."""
    return scheme not in (Scheme.PLAIN, Scheme.IO)


def choose_layer(schemes: Mapping[str, Scheme]) -> str:
    """The layer to learn when none is named; ``schemes`` in the order of the file."""
    spanned = [name for name, scheme in schemes.items() if is_span_scheme(scheme)]
    for name in spanned:
        if name.lower() in PREFERRED_LAYERS:
            return name
    return spanned[0] if spanned else next(iter(schemes))


def check_records(records: Iterable[Record], layer: str) -> None:
    """Refuse what cannot be learned from, naming the sentence (counted from 1)."""
    chosen = layer
    number = 0
    labels: set[str] = set()
    for number, record in enumerate(records, 1):
        sentence = as_tagged(record)
        if not chosen:
            if not sentence.layers:
                raise _no_layer(number, "any label layer", sentence)
            labels.update(next(iter(sentence.layers.values())))
            continue
        if chosen not in sentence.layers:
            raise _no_layer(number, f"a layer named {chosen!r}", sentence)
        labels.update(sentence.layers[chosen])
    if number == 0:
        raise WorkbenchError(
            "There are no sentences to learn from.",
            why="The split is empty.",
            fix="Choose another split, or import data.",
        )
    if not labels:
        raise WorkbenchError("No sentence has a labelled token.", fix="Label some sentences in stage Data first.")


def _no_layer(number: int, wanted: str, sentence: TaggedTokens) -> WorkbenchError:
    known = ", ".join(sentence.layers) or "none"
    return WorkbenchError(
        f"Sentence {number} ({' '.join(islice(sentence.tokens, 8))} …) does not have {wanted}.",
        why=f"Its layers are: {known}.",
        fix="Name a layer that every training sentence has, or leave out the sentences without labels.",
    )


def fit_codec(records: Iterable[Record], params: TaggingParams) -> TaggingCodec:
    """One pass over the training records; memory grows with the vocabulary, not with the records."""
    words: Counter[str] = Counter()
    characters: Counter[str] = Counter()
    labels: dict[str, Counter[str]] = {}
    evidence: dict[str, Evidence] = {}
    for record in records:
        sentence = as_tagged(record)
        words.update(sentence.tokens)
        wanted = [params.layer] if params.layer else list(sentence.layers)
        for name in wanted:
            tags = sentence.layers.get(name)
            if tags is not None:
                labels.setdefault(name, Counter()).update(tags)
                evidence.setdefault(name, Evidence()).update(tags)
    if not labels:
        raise WorkbenchError(
            f"No training sentence has {'the layer ' + repr(params.layer) if params.layer else 'a label layer'}.",
            fix="Name a layer of the data set, or label some sentences first.",
        )
    keys: Counter[str] = Counter()
    for token, count in words.items():
        word = normalise(token)
        keys[word_key(word, params.lower_case, params.normalise_digits)] += count
        for character in word:
            characters[character] += count
    layer = choose_layer({name: found.scheme() for name, found in evidence.items()})
    if set(labels[layer]) == {OUTSIDE}:
        raise WorkbenchError(
            f"There is nothing to learn: every token of the training split is labelled O in the layer {layer!r}.",
            why="O says that a token belongs to no entity.",
            fix="Label some entities in the Data stage, or name another layer in the task's options.",
        )
    spanned = is_span_scheme(evidence[layer].scheme())
    known = sorted(word for word, count in keys.items() if count >= params.minimum_word_frequency)
    return TaggingCodec(
        layer=layer,
        spans=spanned,
        labels=_span_labels(labels[layer]) if spanned else tuple(sorted(labels[layer])),
        words=tuple(known),
        frequencies=tuple(keys[word] for word in known),
        characters=tuple(sorted(c for c, count in characters.items() if count >= CHARACTER_FREQUENCY)),
        lower_case=params.lower_case,
        normalise_digits=params.normalise_digits,
        read_characters=params.characters != "none",
        pretrained=_pretrained(known, params) if params.vectors else None,
    )


def _pretrained(words: Sequence[str], params: TaggingParams) -> PretrainedWords:
    """Look ``words`` up in the file of vectors; :class:`WorkbenchError` when it has none of them."""

    def key(word: str) -> str:
        return word_key(normalise(word), params.lower_case and params.vector_case == "any", params.normalise_digits)

    fold = params.vector_case == "any"
    return PretrainedWords.look_up(params.vectors, words, key, fold=fold, more=params.vector_words)


def _span_labels(tags: Iterable[str]) -> tuple[str, ...]:
    """O first, then the four IOBES tags of every label that occurs, sorted."""
    kinds = sorted({kind for tag in tags for _, _, kind in spans_of((tag,))})
    return ("O", *(f"{letter}-{kind}" if kind else letter for kind in kinds for letter in "BIES"))
