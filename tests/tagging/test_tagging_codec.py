"""The codec: vocabularies of the training split, and batches that spell each distinct word once."""

from __future__ import annotations

import json
import sys
import unicodedata
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from tagging_tools import SENTENCES
from workbench_plugins.tasks.tagging.codec import UNKNOWN, TaggingCodec, casing
from workbench_plugins.tasks.tagging.fitting import check_records, fit_codec
from workbench_plugins.tasks.tagging.params import TaggingParams

from workbench.api import TaggedTokens, Text, WorkbenchError


def codec_of(**options):
    return fit_codec(iter(SENTENCES), TaggingParams(**options))


def test_vocabularies_are_sorted_and_of_the_training_records_only():
    codec = codec_of()
    assert list(codec.words) == sorted(codec.words)
    assert "paris" in codec.words
    assert not codec.knows("London")
    assert codec.knows("2999")  # digits read as 0
    assert codec.labels[0] == "O"
    assert codec.labels[1:5] == ("B-LOC", "I-LOC", "E-LOC", "S-LOC")


def test_the_same_records_in_another_order_give_the_same_codec():
    assert fit_codec(reversed(SENTENCES), TaggingParams(layer="ner")).to_json() == codec_of(layer="ner").to_json()


def test_it_survives_json():
    codec = codec_of()
    again = TaggingCodec.from_json(json.loads(json.dumps(codec.to_json())))
    assert again == codec
    for record in SENTENCES:
        for name, values in codec.encode(record).items():
            np.testing.assert_array_equal(again.encode(record)[name], values)


def test_a_codec_of_another_version_is_refused():
    with pytest.raises(WorkbenchError, match="version 99"):
        TaggingCodec.from_json({**codec_of().to_json(), "version": 99})


@pytest.mark.parametrize(
    ("layers", "chosen"),
    [
        ({"pos": ("N", "V"), "chunk": ("B-NP", "O"), "ner": ("O", "B-LOC")}, "ner"),
        ({"pos": ("N", "V"), "chunk": ("B-NP", "O")}, "chunk"),
        ({"upos": ("N", "V"), "xpos": ("NN", "VB")}, "upos"),
    ],
)
def test_the_layer_chosen_when_none_is_named(layers, chosen):
    codec = fit_codec([TaggedTokens(("a", "b"), layers)], TaggingParams())
    assert codec.layer == chosen
    assert codec.spans is (chosen not in ("upos", "pos"))


def test_a_word_reads_the_same_in_both_unicode_forms():
    composed, decomposed = "Zürich", unicodedata.normalize("NFD", "Zürich")
    assert composed != decomposed
    codec = fit_codec([TaggedTokens((composed, composed), {"ner": ("B-LOC", "B-LOC")})], TaggingParams())
    a, b = (codec.encode(TaggedTokens((word,))) for word in (composed, decomposed))
    for name in a:
        np.testing.assert_array_equal(a[name], b[name])


def test_every_encoding_has_the_same_names_and_types():
    codec = codec_of()
    labelled, bare = codec.encode(SENTENCES[0]), codec.encode(TaggedTokens(("never", "seen", "日本語")))
    assert {n: a.dtype for n, a in labelled.items()} == {n: a.dtype for n, a in bare.items()}
    assert bare["words"].tolist() == [UNKNOWN] * 3
    assert bare["labels"].tolist() == [0, 0, 0]


def test_span_labels_are_learned_as_iobes():
    codec = codec_of()
    labels = [codec.labels[i] for i in codec.encode(SENTENCES[0])["labels"]]
    assert labels == ["B-PER", "E-PER", "O", "O", "B-LOC", "E-LOC", "O"]
    assert codec.tags(codec.encode(SENTENCES[0])["labels"].tolist()) == SENTENCES[0].layers["ner"]


def test_a_batch_spells_each_distinct_word_once():
    codec = codec_of()
    batch = codec.collate([codec.encode(record) for record in SENTENCES])
    known = set(codec.characters)
    # spelled alike: characters seen once are all unknown
    distinct = {tuple(c if c in known else "?" for c in token) for record in SENTENCES for token in record.tokens}
    assert batch.fields["characters"].shape[0] == len(distinct) == len(batch.character_lengths)
    assert batch.units == sum(len(record.tokens) for record in SENTENCES)
    rows = batch.fields["form_rows"]
    for i, record in enumerate(SENTENCES):
        for j, token in enumerate(record.tokens):
            row = int(rows[i, j])
            spelled = batch.fields["characters"][row][: int(batch.character_lengths[row])].tolist()
            assert len(spelled) == len(token) + 2
            assert all(codec.characters[c - 4] == t for c, t in zip(spelled[1:-1], token, strict=True) if c != UNKNOWN)


def test_padding_is_zero_and_lengths_are_right():
    codec = codec_of()
    batch = codec.collate([codec.encode(record) for record in SENTENCES[:2]])
    assert batch.lengths.tolist() == [7, 4]
    assert batch.fields["words"][1, 4:].tolist() == [0, 0, 0]
    assert batch.fields["labels"].shape == (2, 7)


def test_very_long_words_keep_beginning_and_end():
    codec = codec_of()
    encoding = codec.encode(TaggedTokens(("a" * 500,)))
    assert encoding["character_lengths"].tolist() == [32]


@pytest.mark.parametrize(
    ("word", "shape"),
    [
        ("NATO", 1),
        ("A", 2),
        ("house", 3),
        ("House", 4),
        ("1996", 5),
        ("F16", 1),
        ("mp3", 3),
        ("...", 7),
        ("McDonald", 8),
    ],
)
def test_casing(word, shape):
    assert casing(word) == shape


@pytest.mark.parametrize(
    ("records", "layer", "message"),
    [
        ([], "", "no sentences"),
        ([TaggedTokens(("a",))], "", "Sentence 1"),
        ([SENTENCES[0], TaggedTokens(("a",), {"pos": ("N",)})], "ner", "Sentence 2.*'ner'"),
        ([Text("hello")], "", "not text"),
    ],
)
def test_data_that_cannot_be_learned_from_is_refused(records, layer, message):
    with pytest.raises(WorkbenchError, match=message):
        check_records(records, layer)
