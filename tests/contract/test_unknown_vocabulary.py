"""Every task on text says what its vocabulary lacks, in one way: in Use, for files and on the command line."""

from __future__ import annotations

import pytest
from workbench_plugins.tasks.tagging.params import TaggingParams
from workbench_plugins.tasks.translation.params import TranslationParams

from workbench.api import LabelledText, TaggedTokens, Text, TextPair
from workbench.engine.unknowns import Unknowns, joined
from workbench.nn.text.unknown import KnowsUnknown

WORDS = ["the cat sat", "a dog ran", "the dog sat", "a cat ran"]
RECORDS = {
    "translation": [TextPair(text, text.upper()) for text in WORDS],
    "classification": [LabelledText(text, "cat" if "cat" in text else "dog") for text in WORDS],
    "language_modelling": [Text(text) for text in WORDS],
    "tagging": [TaggedTokens(tuple(text.split()), {"ner": ("O", "B-X", "O")}) for text in WORDS],
}
STRANGE = {
    "translation": TextPair("кот сидит", ""),
    "classification": LabelledText("кот сидит", ""),
    "language_modelling": Text("кот сидит"),
    "tagging": TaggedTokens(("кот", "сидит"), {}),
}
OPTIONS = {"classification": {"tokens": "words"}, "translation": {"vocabulary": "words"}, "tagging": {"layer": "ner"}}


def codec_of(catalogue, name):
    task = catalogue.task(name)
    known = task.params.model_fields
    options = {key: value for key, value in OPTIONS.get(name, {}).items() if key in known}
    return task.factory.resolve()(task.params(**options)).fit_codec(RECORDS[name])


@pytest.mark.parametrize("name", sorted(RECORDS))
def test_every_task_on_text_tells_what_it_does_not_know(catalogue, name) -> None:
    codec = codec_of(catalogue, name)
    assert isinstance(codec, KnowsUnknown)
    for record in RECORDS[name]:
        assert codec.unknown(record).share == 0
    strange = codec.unknown(STRANGE[name])
    assert strange.share == 1 if strange.kind == "words" else strange.mostly
    watch = Unknowns(codec)
    assert list(watch.watch([RECORDS[name][0], STRANGE[name]])) == [RECORDS[name][0], STRANGE[name]]
    assert (watch.mostly, watch.inputs) == (1, 2)
    assert "“кот" in watch.notice or "“к" in watch.notice


def test_a_name_that_can_be_spelled_is_no_stranger_to_a_tagger(catalogue) -> None:
    task = catalogue.task("tagging")
    records = RECORDS["tagging"]
    params = TaggingParams(layer="ner")
    spelled = task.factory.resolve()(params).fit_codec(records)
    assert spelled.unknown(TaggedTokens(("Cato", "tos"), {})).share == 0
    assert spelled.unknown(TaggedTokens(("кот", "cat"), {})).symbols == ("кот",)


def test_a_translator_is_asked_about_its_source_alone(catalogue) -> None:
    codec = catalogue.task("translation").factory.resolve()(TranslationParams(vocabulary="words")).fit_codec(
        RECORDS["translation"]
    )
    assert codec.unknown(TextPair("the cat", "не знаю")).share == 0


def test_only_the_first_of_very_many_inputs_are_looked_at() -> None:
    class Codec:
        asked = 0

        def unknown(self, record):
            from workbench.nn.text.unknown import Unknown

            self.asked += 1
            return Unknown(("x",), 1)

    codec = Codec()
    watch = Unknowns(codec, most=3)  # type: ignore[arg-type]
    assert len(list(watch.watch([Text("x")] * 10))) == 10
    assert codec.asked == 3


def test_a_codec_that_does_not_tell_is_not_asked() -> None:
    watch = Unknowns(object())  # type: ignore[arg-type]
    watch.add(Text("x"))
    assert watch.notice == ""


def test_notices_stand_one_after_the_other() -> None:
    assert joined("", "One", "Two.") == "One. Two."
    assert joined("", "") == ""
