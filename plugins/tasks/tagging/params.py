"""What can be chosen about a tagger, whatever the network inside."""

from __future__ import annotations

from typing import Literal

from workbench.api import Params, Preset, option


class TaggingParams(Params):
    """Which labels to learn, what the network sees of a word, and how it decides."""

    layer: str = option(
        "",
        what="The label layer to learn. Empty chooses one: a layer named ner, else the first of spans, else the first.",
        when="The file has several layers (part of speech, chunks, entities).",
        typical="ner, upos",
    )
    head: Literal["crf", "softmax"] = option(
        "crf",
        what="crf chooses the best whole label sequence; softmax decides each token by itself.",
        when="Softmax when neighbouring labels tell little of each other, as parts of speech do; it is faster.",
        typical="crf for entities, softmax for parts of speech",
    )
    constrain_softmax: bool = option(
        True,
        advanced=True,
        what="With softmax: take the best label sequence that the span scheme allows, not each token's own best.",
        when="Switch it off to compare with published softmax taggers, which decide token by token.",
        typical="on",
    )
    word_embedding_size: int = option(
        100,
        ge=1,
        le=4096,
        unit="dimensions",
        what="Length of the vector learned for each word; pretrained vectors bring their own.",
        when="Lower it for a small data set.",
        typical="50 to 300",
    )
    vectors: str = option(
        "",
        what="Path of a file of pretrained word vectors as text (GloVe, word2vec, fastText .vec); empty uses none.",
        when="For the best quality: vectors learned from much text know words that the training split does not have.",
        typical="glove.6B.100d.txt",
    )
    freeze_vectors: bool = option(
        False,
        what="Leave the pretrained vectors as they are, instead of learning on from them.",
        when="Switch it on for a small data set.",
        typical="off",
    )
    vector_case: Literal["any", "exact"] = option(
        "any",
        advanced=True,
        what="A word that the file does not have may take the vector of one that differs in capitals only, or may not.",
        when="Exact where capitals tell words apart, as German nouns.",
        typical="any",
    )
    vector_words: int = option(
        50_000,
        ge=0,
        le=10_000_000,
        unit="words",
        advanced=True,
        what="Words of the file that training does not have and the model knows besides, the file's first ones.",
        when="Raise it to know rarer names; lower it for a smaller model: 50,000 words of 300 dimensions take 60 MB.",
        typical="50000 to all of the file",
    )
    characters: Literal["none", "cnn", "lstm"] = option(
        "cnn",
        what="How the spelling of a word is read: not at all, by convolutions, or by a small two-way LSTM.",
        when="The LSTM for morphology over long words; none when speed is everything.",
        typical="cnn",
    )
    character_embedding_size: int = option(
        30,
        ge=1,
        le=1024,
        unit="dimensions",
        what="Length of the vector learned for each character.",
        typical="25 to 50",
    )
    character_features: int = option(
        64,
        ge=2,
        le=4096,
        unit="features",
        what="Length of the vector that tells a word's spelling.",
        when="Raise it for languages rich in word forms.",
        typical="30 to 100",
    )
    character_width: int = option(
        3,
        ge=1,
        le=15,
        unit="characters",
        advanced=True,
        what="Characters seen at once by the convolutions; odd.",
        typical="3",
    )
    casing_embedding_size: int = option(
        8,
        ge=0,
        le=256,
        unit="dimensions",
        what="Length of the vector for the shape of a word (Capitalised, ALL CAPS, with digits …); 0 leaves it out.",
        typical="5 to 10",
    )
    lower_case: bool = option(
        True,
        what="Words that differ in capitals only share a vector; spelling and casing still see them.",
        when="Switch it off for German nouns with much training data.",
        typical="on",
    )
    normalise_digits: bool = option(
        True,
        what="Every digit of a word reads as 0 in its word vector, so that 1996 and 2003 share one.",
        typical="on",
    )
    minimum_word_frequency: int = option(
        1,
        ge=1,
        le=10_000,
        unit="occurrences",
        what="Rarer words share the vector for unknown words.",
        when="Raise it for a very large vocabulary.",
        typical="1 to 3",
    )
    unknown_replacement: float = option(
        1.0,
        ge=0,
        le=1000,
        what="A word seen n times is shown as unknown with chance a / (a + n) in training: so it is learned too.",
        when="Raise it when new names are tagged badly.",
        typical="0.25 to 1; at 1 a word seen once is hidden half of the time",
    )
    word_dropout: float = option(
        0.05,
        ge=0,
        lt=1,
        what="Chance that any word is shown as unknown in training: the network learns to use the context.",
        when="Raise it when unknown names are tagged badly.",
        typical="0 to 0.1",
    )
    input_dropout: float = option(
        0.3,
        ge=0,
        lt=1,
        what="Share of input features dropped in training, the same for all words of a sentence.",
        when="Raise it when the validation loss rises while the training loss falls.",
        typical="0.2 to 0.5",
    )
    output_dropout: float = option(
        0.3,
        ge=0,
        lt=1,
        what="Share of the network's outputs dropped in training, the same for all words of a sentence.",
        typical="0.2 to 0.5",
    )


PRESETS: tuple[Preset, ...] = (
    Preset(
        title="small",
        note="Learns in a minute; for a first look and for small data sets.",
        values={
            "word_embedding_size": 50,
            "character_embedding_size": 16,
            "character_features": 32,
            "casing_embedding_size": 5,
            "word_dropout": 0.1,
        },
    ),
    Preset(
        title="medium",
        note="Good for most corpora of 5,000 sentences and more, with a bidirectional LSTM of 200 units.",
        values={},
    ),
    Preset(
        title="large",
        note="More of everything, for large corpora and a GPU.",
        values={
            "word_embedding_size": 300,
            "character_embedding_size": 50,
            "character_features": 150,
            "input_dropout": 0.4,
            "output_dropout": 0.5,
        },
    ),
    Preset(
        title="as published (Lample 2016)",
        note=(
            "Lample et al. (2016) without their pre-trained vectors: characters by an LSTM of 25 units each way, no "
            "casing features, dropout 0.5 at the input. They trained a bidirectional LSTM of 100 units by SGD at 0.01."
        ),
        values={
            "head": "crf",
            "word_embedding_size": 100,
            "characters": "lstm",
            "character_embedding_size": 25,
            "character_features": 50,
            "casing_embedding_size": 0,
            "normalise_digits": True,
            "unknown_replacement": 1.0,
            "word_dropout": 0.0,
            "input_dropout": 0.5,
            "output_dropout": 0.0,
        },
    ),
    Preset(
        title="parts of speech",
        note="Each token decides by itself; quick, and as good as a CRF here.",
        values={"head": "softmax"},
    ),
)
"""Good first choices, shown by the form of the task."""
