"""Tagged sentences ↔ arrays: vocabularies of words, characters and labels, fitted on the training split only.

What a word is in the model: its Unicode form NFC; for its word vector also lower-cased and with digits as 0, as the
options say. The same happens to every input later, so an unknown word is treated in prediction as in validation.
Vocabularies are in sorted order, so that the same data give the same numbers on every machine.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from workbench.api import Record, TaggedTokens, WorkbenchError
from workbench.api.schemes import Scheme, from_iob2, tags_of
from workbench.api.schemes import spans as spans_of
from workbench.nn.contract import Batch, Encoding
from workbench.nn.pretrained import PretrainedWords
from workbench.nn.text.unknown import Unknown

PADDING, UNKNOWN = 0, 1
WORD_START, WORD_END = 2, 3
FIRST_WORD, FIRST_CHARACTER = 2, 4
MAX_CHARACTERS = 30
"""Characters of a word that are read; a longer one keeps its beginning and its end."""
CODEC_VERSION = 1
CASINGS = 9
"""Values of :func:`casing` and the padding's 0."""


def normalise(word: str) -> str:
    """The one Unicode form of ``word`` that vocabularies hold."""
    return word if word.isascii() else unicodedata.normalize("NFC", word)


def casing(word: str) -> int:
    """The shape of ``word``: CAPS 1, a capital 2, lower 3, Capitalised 4, number 5, with digits 6, sign 7, other 8."""
    if word.isupper():
        return 1 if len(word) > 1 else 2
    if word.islower():
        return 3
    if word.istitle() and word[:1].isupper() and word[1:].islower():
        return 4
    if any(character.isdigit() for character in word):
        return 5 if not any(character.isalpha() for character in word) else 6
    return 8 if any(character.isalpha() for character in word) else 7


@dataclass(slots=True)
class TaggedBatch(Batch):
    """A batch that also knows the lengths of its distinct words (U,), on the CPU whatever the device."""

    character_lengths: Tensor = field(default_factory=lambda: torch.zeros(0, dtype=torch.int64))

    def to(self, device: torch.device) -> TaggedBatch:
        if device.type == "cpu":
            return self
        moved = Batch(self.fields, self.lengths, self.units).to(device)
        return TaggedBatch(moved.fields, self.lengths, self.units, self.character_lengths)


@dataclass(slots=True)
class TaggingCodec:
    """Vocabularies and label set of one layer.

    ``words`` and ``characters`` are the known ones in sorted order; ``frequencies`` say how often each word was seen.
    Words that only the ``pretrained`` vectors know are numbered after them.
    ``labels`` are what the network tells apart: IOBES tags where ``spans``, else the layer's own labels.
    """

    layer: str
    spans: bool
    labels: tuple[str, ...]
    words: tuple[str, ...]
    frequencies: tuple[int, ...]
    characters: tuple[str, ...]
    lower_case: bool
    normalise_digits: bool
    read_characters: bool = True
    pretrained: PretrainedWords | None = None
    _word_ids: dict[str, int] = field(init=False, repr=False, compare=False)
    _character_ids: dict[str, int] = field(init=False, repr=False, compare=False)
    _label_ids: dict[str, int] = field(init=False, repr=False, compare=False)
    _cache: dict[str, tuple[int, int, int, NDArray[np.int32]]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        others = self.pretrained.others if self.pretrained is not None else ()
        self._word_ids = {word: i for i, word in enumerate((*self.words, *others), FIRST_WORD)}
        self._character_ids = {character: i for i, character in enumerate(self.characters, FIRST_CHARACTER)}
        self._label_ids = {label: i for i, label in enumerate(self.labels)}
        self._cache = {}

    # --- what a word is

    @property
    def n_words(self) -> int:
        """Word vectors of the training split, with those for padding and unknown words."""
        return len(self.words) + FIRST_WORD

    def vector_rows(self) -> tuple[int, ...]:
        """The row in the vector file of every word id, -1 for none."""
        return (-1,) * FIRST_WORD + (self.pretrained.rows if self.pretrained is not None else (-1,) * len(self.words))

    @property
    def n_characters(self) -> int:
        return len(self.characters) + FIRST_CHARACTER

    def key(self, word: str) -> str:
        """What stands for ``word`` (NFC) in the vocabulary."""
        return word_key(word, self.lower_case, self.normalise_digits)

    def knows(self, word: str) -> bool:
        """Whether training had ``word``."""
        return UNKNOWN < self._word_ids.get(self.key(normalise(word)), UNKNOWN) < self.n_words

    def has_vector(self, word: str) -> bool:
        """Whether ``word`` has a pretrained vector."""
        id_ = self._word_id(self.key(normalise(word)))
        return self.pretrained is not None and id_ != UNKNOWN and self.pretrained.rows[id_ - FIRST_WORD] >= 0

    def unknown(self, record: Record) -> Unknown:
        """Words without a vector of their own that cannot be read by their characters either."""
        tokens = as_tagged(record).tokens
        return Unknown(tuple(token for token in tokens if self._is_strange(token)), len(tokens))

    def _is_strange(self, token: str) -> bool:
        id_, _, _, spelling = self._read(token)
        if id_ != UNKNOWN:
            return False
        return not self.read_characters or 2 * int((spelling == UNKNOWN).sum()) >= len(spelling) - 2

    def _word_id(self, key: str) -> int:
        found = self._word_ids.get(key)
        if found is not None:
            return found
        if self.pretrained is not None and self.pretrained.fold:
            for form in (key.lower(), key.capitalize(), key.upper()):
                other = self._word_ids.get(form)
                if other is not None and self.pretrained.rows[other - FIRST_WORD] >= 0:
                    return other
        return UNKNOWN

    def _read(self, token: str) -> tuple[int, int, int, NDArray[np.int32]]:
        """(word id, casing, form hash, character ids) of a token, remembered."""
        known = self._cache.get(token)
        if known is not None:
            return known
        word = normalise(token)
        if len(word) > MAX_CHARACTERS:
            word_seen = word[: MAX_CHARACTERS // 2] + word[-(MAX_CHARACTERS // 2) :]
        else:
            word_seen = word
        ids = [self._character_ids.get(character, UNKNOWN) for character in word_seen]
        spelling = np.array([WORD_START, *ids, WORD_END], dtype=np.int32)
        form = int.from_bytes(hashlib.blake2b(spelling.tobytes(), digest_size=8).digest(), "little", signed=True)
        entry = (self._word_id(self.key(word)), casing(word), form, spelling)
        if len(self._cache) < 200_000:  # bounded: an endless stream of new words must not fill memory
            self._cache[token] = entry
        return entry

    # --- records to arrays

    def encode(self, record: Record) -> Encoding:
        """``words, casing, forms, labels, character_lengths`` (T,) and ``characters`` (all words end to end)."""
        sentence = as_tagged(record)
        read = [self._read(token) for token in sentence.tokens]
        tags = sentence.layers.get(self.layer)
        encoding: dict[str, NDArray[Any]] = {
            "words": np.array([entry[0] for entry in read], dtype=np.int32),
            "casing": np.array([entry[1] for entry in read], dtype=np.uint8),
            "labels": self._encode_labels(tags, len(read)),
        }
        if self.read_characters:
            encoding["forms"] = np.array([entry[2] for entry in read], dtype=np.int64)
            encoding["character_lengths"] = np.array([len(entry[3]) for entry in read], dtype=np.int32)
            encoding["characters"] = (
                np.concatenate([entry[3] for entry in read]) if read else np.zeros(0, dtype=np.int32)
            )
        return encoding

    def _encode_labels(self, tags: Sequence[str] | None, length: int) -> NDArray[np.int16]:
        """Label ids; a label never seen in training (or none at all) is label 0, so that a loss can be computed."""
        if tags is None:
            return np.zeros(length, dtype=np.int16)
        written = from_iob2(tags, Scheme.IOBES) if self.spans else tags
        return np.array([self._label_ids.get(tag, 0) for tag in written], dtype=np.int16)

    def label_ids(self, tags: Sequence[str]) -> NDArray[np.int64]:
        """Label ids of IOB2 tags, or of a plain layer's labels; -1 for what was never seen in training."""
        written = from_iob2(tags, Scheme.IOBES) if self.spans else tags
        return np.array([self._label_ids.get(tag, -1) for tag in written], dtype=np.int64)

    def length(self, record: Record) -> int:
        return len(as_tagged(record).tokens)

    def collate(self, items: Sequence[Encoding]) -> TaggedBatch:
        """Padded tensors; the characters of every distinct word once, and each token's row among them.

        ``words, casing, labels, form_rows`` (B, T) and ``characters`` (U, W).
        """
        sizes = np.array([len(item["words"]) for item in items], dtype=np.int64)
        total, longest = int(sizes.sum()), int(sizes.max())
        starts = np.cumsum(sizes) - sizes
        rows = np.repeat(np.arange(len(items)), sizes)
        places = rows * longest + (np.arange(total) - np.repeat(starts, sizes))
        fields: dict[str, Tensor] = {}

        def pad(name: str, flat: NDArray[Any]) -> None:
            padded = np.zeros(len(items) * longest, dtype=np.int64)
            padded[places] = flat
            fields[name] = torch.from_numpy(padded.reshape(len(items), longest))

        for name in ("words", "casing", "labels"):
            pad(name, np.concatenate([item[name] for item in items]))
        lengths = torch.from_numpy(sizes)
        if not self.read_characters:
            return TaggedBatch(fields, lengths, total)
        forms = np.concatenate([item["forms"] for item in items])
        _, first, inverse = np.unique(forms, return_index=True, return_inverse=True)
        pad("form_rows", inverse.reshape(-1))
        characters = np.concatenate([item["characters"] for item in items])
        widths = np.concatenate([item["character_lengths"] for item in items]).astype(np.int64)
        offsets = (np.cumsum(widths) - widths)[first]
        widths = widths[first]
        steps = np.arange(int(widths.max()))
        inside = steps < widths[:, None]
        spelled = np.where(inside, characters[np.where(inside, offsets[:, None] + steps, 0)], PADDING)
        fields["characters"] = torch.from_numpy(spelled.astype(np.int64))
        return TaggedBatch(fields, lengths, total, torch.from_numpy(widths))

    # --- labels

    def tags(self, ids: Sequence[int]) -> tuple[str, ...]:
        """Label ids as the application holds labels: legal IOB2 where the layer has spans."""
        written = [self.labels[i] for i in ids]
        return tags_of(spans_of(written), len(written)) if self.spans else tuple(written)

    @property
    def scheme(self) -> Scheme:
        return Scheme.IOBES if self.spans else Scheme.PLAIN

    # --- on disk

    def to_json(self) -> dict[str, Any]:
        return {
            "version": CODEC_VERSION,
            "layer": self.layer,
            "spans": self.spans,
            "labels": list(self.labels),
            "words": list(self.words),
            "frequencies": list(self.frequencies),
            "characters": list(self.characters),
            "lower_case": self.lower_case,
            "normalise_digits": self.normalise_digits,
            "read_characters": self.read_characters,
            **({} if self.pretrained is None else {"pretrained": self.pretrained.to_json()}),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> TaggingCodec:
        version = data.get("version")
        if version != CODEC_VERSION:
            raise WorkbenchError(
                f"The vocabulary of this model has version {version}; this program reads version {CODEC_VERSION}.",
                fix="Update the program, or train the model again.",
            )
        return cls(
            layer=str(data["layer"]),
            spans=bool(data["spans"]),
            labels=tuple(data["labels"]),
            words=tuple(data["words"]),
            frequencies=tuple(data["frequencies"]),
            characters=tuple(data["characters"]),
            lower_case=bool(data["lower_case"]),
            normalise_digits=bool(data["normalise_digits"]),
            read_characters=bool(data["read_characters"]),
            pretrained=PretrainedWords.from_json(data["pretrained"]) if data.get("pretrained") else None,
        )


def word_key(word: str, lower_case: bool, normalise_digits: bool) -> str:
    if lower_case:
        word = word.lower()
    if normalise_digits and any(character.isdigit() for character in word):
        word = "".join("0" if character.isdigit() else character for character in word)
    return word


def as_tagged(record: Record) -> TaggedTokens:
    if isinstance(record, TaggedTokens):
        return record
    raise WorkbenchError(
        f"Tagging reads tagged sentences, not {record.KIND}.", fix="Choose a data set of tagged sentences."
    )
