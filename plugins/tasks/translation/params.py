"""What can be chosen about a translator, whatever the network inside."""

from __future__ import annotations

from typing import Literal

from pydantic import ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from workbench.api import Params, Preset, option


class TranslationParams(Params):
    """How texts are cut into symbols, how the symbols are learned, and how an answer is written."""

    vocabulary: Literal["words", "characters", "bpe", "unigram"] = option(
        "bpe",
        what="How the source is cut: words, characters, or pieces of words that are learned from the data.",
        when="Characters for formats and spelling; words for a few thousand short sentences; pieces else.",
        typical="bpe",
    )
    vocabulary_size: int = option(
        8000,
        ge=0,
        le=1_000_000,
        unit="symbols",
        what="Symbols of the source at most; 0 keeps all (words and characters).",
        when="Raise it with the data: about 8,000 for thirty thousand pairs.",
        typical="4000 to 32000",
    )
    target_vocabulary: Literal["same", "words", "characters", "bpe", "unigram"] = option(
        "same", advanced=True, what="How the target is cut, if otherwise than the source.", typical="same"
    )
    target_vocabulary_size: int = option(
        0,
        ge=0,
        le=1_000_000,
        unit="symbols",
        advanced=True,
        what="Symbols of the target at most; 0 takes as many as for the source.",
        typical="0",
    )
    joint: bool = option(
        False,
        what="One vocabulary and one set of vectors for both sides.",
        when="When both sides share many words or an alphabet, as related languages and formats do.",
        typical="off",
    )
    minimum_frequency: int = option(
        1,
        ge=1,
        le=10_000,
        unit="occurrences",
        advanced=True,
        what="Rarer words (or characters) are unknown; so the vector for unknown ones is learned too.",
        when="2 with a vocabulary of words.",
        typical="1 or 2",
    )
    lowercase: Literal["none", "source", "both"] = option(
        "none",
        what="Which sides are read without regard to capitals.",
        when="source for little data; both only when capitals do not matter in the answer.",
        typical="none",
    )
    embedding_size: int = option(
        256,
        ge=1,
        le=4096,
        unit="dimensions",
        what="Length of the vector learned for each symbol.",
        when="Lower it for a small data set.",
        typical="64 to 512",
    )
    tied: bool = option(
        True,
        what="The vectors that read target symbols are those that write them.",
        when="Switch it off to compare; it saves a third of the weights and usually helps.",
        typical="on",
    )
    word_dropout: float = option(
        0.0,
        ge=0,
        lt=1,
        what="Chance that a symbol is shown as unknown in training, on both sides.",
        when="Raise it to 0.1 when the validation loss rises while the training loss falls.",
        typical="0 to 0.1",
    )
    output_dropout: float = option(
        0.0,
        ge=0,
        lt=1,
        what="Share of the decoder's outputs dropped in training before a symbol is chosen.",
        typical="0 to 0.4",
    )
    label_smoothing: float = option(
        0.1,
        ge=0,
        lt=1,
        what="Share of certainty spread over all symbols in training: better beams, less overconfidence.",
        when="0 for formats, where one answer is right.",
        typical="0 or 0.1",
    )
    max_length: int = option(
        200,
        ge=2,
        le=10_000,
        unit="symbols",
        advanced=True,
        what="Symbols of a text at most; longer ones are cut there in training, and answers end there.",
        when="Raise it for characters.",
        typical="100 to 400",
    )
    beam: int = option(
        5,
        ge=1,
        le=100,
        unit="hypotheses",
        what="Answers followed side by side while one is written; 1 takes the best next symbol each time.",
        typical="5",
    )
    length_penalty: Literal["average", "gnmt", "none"] = option(
        "average",
        advanced=True,
        what="How answers of different length are compared: per symbol, by the formula of Google's system, or not.",
        when="none prefers short answers.",
        typical="average",
    )
    alpha: float = option(
        0.6, ge=0, le=5, advanced=True, what="Strength of the gnmt length penalty.", typical="0.6 to 1.2"
    )
    copy_unknown: bool = option(
        True,
        what="An unknown symbol in an answer is replaced by the source's that was looked at most.",
        when="Needs attention; names and numbers are then carried over.",
        typical="on",
    )

    @field_validator("joint")
    @classmethod
    def _one_kind(cls, value: bool, info: ValidationInfo) -> bool:
        other = info.data.get("target_vocabulary", "same")
        if value and other not in ("same", info.data.get("vocabulary", other)):
            raise PydanticCustomError("combination", "one vocabulary for both sides is of one kind")
        return value

    @field_validator("vocabulary_size", "target_vocabulary_size")
    @classmethod
    def _room(cls, value: int) -> int:
        if 0 < value < 5:
            raise PydanticCustomError("combination", "four symbols are special ones: choose 5 or more")
        return value

    @property
    def target_kind(self) -> Literal["words", "characters", "bpe", "unigram"]:
        return self.vocabulary if self.target_vocabulary == "same" else self.target_vocabulary


PRESETS: tuple[Preset, ...] = (
    Preset(
        title="formats",
        note="Character by character, for dates, numbers, spelling: learns in a minute.",
        values={
            "vocabulary": "characters",
            "vocabulary_size": 0,
            "embedding_size": 48,
            "label_smoothing": 0.0,
            "joint": True,
        },
    ),
    Preset(
        title="small",
        note="Words, for some thousand short sentences.",
        values={
            "vocabulary": "words",
            "vocabulary_size": 8000,
            "minimum_frequency": 2,
            "embedding_size": 128,
            "output_dropout": 0.2,
        },
    ),
    Preset(title="medium", note="Pieces of words, for ten thousand pairs and more.", values={"output_dropout": 0.3}),
    Preset(
        title="large",
        note="For hundreds of thousands of pairs and a GPU.",
        values={"vocabulary_size": 16000, "embedding_size": 512, "output_dropout": 0.3},
    ),
)
"""Good first choices, shown by the form of the task."""
