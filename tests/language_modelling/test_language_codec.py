"""Texts as one stream: exact, one symbol ahead, with the vocabulary of the training texts alone."""

from __future__ import annotations

import numpy as np
import pytest
from workbench_plugins.tasks.language_modelling.codec import LanguageCodec, check_records, fit_codec, unknown_words
from workbench_plugins.tasks.language_modelling.params import LanguageModellingParams

from workbench.api import Text, WorkbenchError
from workbench.nn.protocols import Streams
from workbench.nn.text import END, UNKNOWN


def fitted(records: list[str], **params: object) -> LanguageCodec:
    return fit_codec([Text(text) for text in records], LanguageModellingParams.model_validate(params))


def stream(codec: LanguageCodec, records: list[str]) -> str:
    ids = np.concatenate([codec.encode(Text(text))["symbols"] for text in records])
    return "".join(codec.tokeniser.symbols[i] for i in ids.tolist())


def test_the_stream_of_speeches_is_the_file_itself():
    file = "First:\nBefore we go.\n\nAll:\nSpeak, speak.\n\nFirst:\n  You are!\n\n"
    records = file.removesuffix("\n\n").split("\n\n")
    codec = fitted(records, units="characters")
    assert stream(codec, records) == file


def test_the_stream_of_lines_is_the_file_itself():
    file = "one line\nand another\nthe last\n"
    codec = fitted(file.splitlines(), units="characters")
    assert stream(codec, file.splitlines()) == file


@pytest.mark.parametrize("units", ["words", "characters", "bpe", "unigram"])
def test_a_codec_comes_back_from_json_the_same(units):
    records = ["the cat sat on the mat", "the dog sat on the log", "a bird"] * 10
    codec = fitted(records, units=units, vocabulary_size=100)
    again = LanguageCodec.from_json(codec.to_json())
    assert isinstance(codec, Streams)
    assert again.to_json() == codec.to_json()
    for text in records:
        assert (again.encode(Text(text))["symbols"] == codec.encode(Text(text))["symbols"]).all()


def test_targets_are_the_inputs_one_on_and_pieces_may_be_ragged():
    codec = fitted(["a b c d e f"], units="words")
    ids = codec.encode(Text("a b c d e f"))["symbols"]
    batch = codec.collate([{"symbols": ids}, {"symbols": ids[:3]}])
    assert batch.lengths.tolist() == [6, 2]
    assert batch.units == 8
    for row, length in enumerate(batch.lengths.tolist()):
        symbols, targets = batch.fields["symbols"][row, :length], batch.fields["targets"][row, :length]
        assert symbols[1:].tolist() == targets[:-1].tolist()
    assert batch.fields["targets"][0, -1] == END


def test_words_of_tokenised_text_end_at_spaces_alone():
    codec = fitted(["the <unk> company 's u.s. unit"], units="words", word_boundaries="spaces")
    assert codec.encode(Text("the <unk> u.s."))["symbols"].tolist()[1] == UNKNOWN
    assert set(codec.tokeniser.symbols[4:]) == {"the", "company", "'s", "u.s.", "unit"}


def test_a_word_that_training_has_not_seen_is_named_as_it_is_written():
    codec = fitted(["the cat sat on the mat"], units="words")
    assert unknown_words(codec, "the Zyzzyva sat, the Zyzzyva") == ("Zyzzyva", ",")


def test_blank_and_foreign_records_are_refused_in_words():
    with pytest.raises(WorkbenchError, match="no text to learn from"):
        check_records([Text("  "), Text("\n")])
    check_records([Text(" "), Text("x")])


def test_an_adaptive_softmax_over_characters_is_refused():
    with pytest.raises(ValueError, match="characters are too few"):
        LanguageModellingParams(units="characters", softmax="adaptive")
