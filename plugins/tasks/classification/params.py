"""What can be chosen about a text classifier, whatever the network inside."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import model_validator

from workbench.api import Params, Preset, option


class ClassificationParams(Params):
    """How a text is cut, how its steps become one vector, and how the labels are weighed."""

    tokens: Literal["words", "characters", "bpe", "unigram"] = option(
        "words",
        what="What a step is: a word, a character, or a piece of a word learned from the texts.",
        when="Pieces for languages rich in word forms and for misspelt text; characters for very little text.",
        typical="words",
    )
    maximum_symbols: int = option(
        20_000,
        ge=16,
        le=1_000_000,
        unit="symbols",
        what="Most frequent symbols that get a vector of their own.",
        when="Some 4,000 to 8,000 for pieces of words.",
        typical="10,000 to 30,000 words",
    )
    minimum_frequency: int = option(
        1,
        ge=1,
        le=10_000,
        unit="occurrences",
        what="Rarer symbols share the vector for unknown ones.",
        when="Raise it for large data sets.",
        typical="1 to 3",
    )
    lower_case: bool = option(
        True,
        what="Symbols that differ in capitals only are one.",
        when="Switch it off where capitals tell.",
        typical="on",
    )
    maximum_length: int = option(
        400,
        ge=4,
        le=20_000,
        unit="steps",
        what="Steps of a text that are read; of a longer one the beginning and the end.",
        when="Raise it where what decides stands in the middle of long texts.",
        typical="200 to 500 words",
    )
    embedding_size: int = option(
        100,
        ge=1,
        le=4096,
        unit="dimensions",
        what="Length of the vector learned for each symbol; pretrained vectors bring their own.",
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
        when="Raise it to know rarer words; lower it for a smaller model: 50,000 words of 300 dimensions take 60 MB.",
        typical="50000 to all of the file",
    )
    label_counts: bool = option(
        False,
        what="Tell the network of each symbol how much oftener it stands in texts of each label than in others. In "
        "training a text's own fifth of the data is left out of that count, so that it means as much as later.",
        when="For some hundred to some ten thousand texts, without pretrained vectors.",
        typical="on for small data sets",
    )
    pooling: Literal["last", "mean", "max", "mean_max", "attention"] = option(
        "max",
        what="How the states of all steps become one vector: the last state, their mean, their largest values, both, "
        "or a mean weighted by what is learned to matter.",
        when="Mean for few data and for echo state networks; attention to see what it looks at.",
        typical="max",
    )
    class_weights: Literal["none", "balanced"] = option(
        "none",
        what="Whether every label counts as much in the loss, however rare it is.",
        when="Balanced when a rare label is never found.",
        typical="none",
    )
    label_smoothing: float = option(
        0.0,
        ge=0,
        lt=1,
        what="Share of the target's probability given to the other labels in training.",
        when="Raise it when some labels are wrong.",
        typical="0 to 0.1",
        advanced=True,
    )
    word_dropout: float = option(
        0.1,
        ge=0,
        lt=1,
        what="Chance that a symbol is shown as unknown in training.",
        when="Raise it when the training loss falls far below the validation loss.",
        typical="0 to 0.3",
    )
    input_dropout: float = option(
        0.2,
        ge=0,
        lt=1,
        what="Share of input features dropped in training, the same for all steps of a text.",
        typical="0.2 to 0.5",
    )
    output_dropout: float = option(
        0.3, ge=0, lt=1, what="Share of the pooled vector dropped in training.", typical="0.3 to 0.5"
    )
    calibrate: bool = option(
        True,
        what="Divide the scores by one temperature, chosen on the validation split, so that of the answers given with "
        "80 % about 80 % are right. No answer changes.",
        typical="on",
        advanced=True,
    )

    @model_validator(mode="after")
    def _vectors_are_of_words(self) -> Self:
        if self.vectors and self.tokens != "words":
            raise ValueError("pretrained vectors are of words; choose words as tokens, or leave the file out")
        return self


PRESETS: tuple[Preset, ...] = (
    Preset(
        title="small",
        note="Learns in a minute; for a first look and for a few hundred texts.",
        values={"embedding_size": 50, "pooling": "mean", "word_dropout": 0.2, "output_dropout": 0.3},
    ),
    Preset(title="medium", note="Good for some thousand texts and more, with 100 to 200 units.", values={}),
    Preset(
        title="pieces of words",
        note="For languages rich in word forms, and for text with many misspellings.",
        values={"tokens": "unigram", "maximum_symbols": 6000},
    ),
    Preset(
        title="what matters",
        note="Learns how much each step counts, and shows it.",
        values={"pooling": "attention", "embedding_size": 150},
    ),
)
"""Good first choices, shown by the form of the task."""
