"""What plugin authors import does what it says."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from workbench.api import Architecture, IOShape, Params, Ref, Trait, WorkbenchError, hookimpl
from workbench.api.events import StepMetrics
from workbench.project import Project
from workbench.runs.folder import RunFolder
from workbench.runs.journal import JournalReader, JournalWriter
from workbench.testing import FakeRegistrar, FakeWorker, contributions_of, dataset, tagged_sentences, texts
from workbench.testing.datasets import GENERATORS

TINY = Architecture(
    id="tiny",
    title="Tiny",
    params=Params,
    factory=Ref("somewhere:Tiny"),
    shapes=frozenset({IOShape.MANY_TO_ONE}),
    accepts=frozenset({Trait.SEQUENCE}),
)


def test_generated_sentences_follow_from_their_seed() -> None:
    assert tagged_sentences(20, seed=3) == tagged_sentences(20, seed=3)
    assert tagged_sentences(20, seed=3) != tagged_sentences(20, seed=4)
    assert len(texts(5)) == 5


def test_generated_tags_are_well_formed_and_need_context() -> None:
    sentences = tagged_sentences(300)
    tags: dict[str, set[str]] = {}
    for sentence in sentences:
        before = "O"
        for token, tag in zip(sentence.tokens, sentence.layers["ner"], strict=True):
            assert not tag.startswith("I-") or before[2:] == tag[2:]
            tags.setdefault(token, set()).add(tag)
            before = tag
    assert tags["Jordan"] == {"B-PER", "B-LOC"}
    assert len({len(sentence.tokens) for sentence in sentences}) > 4


@pytest.mark.parametrize("kind", sorted(GENERATORS))
def test_every_record_type_of_the_api_has_a_data_set(kind: str) -> None:
    splits = dataset(kind, train=6, validation=2, test=3)
    assert {name: len(records) for name, records in splits.items()} == {"train": 6, "validation": 2, "test": 3}
    for record in splits["train"]:
        assert type(record).from_json(record.to_json()) == record
        assert record.size() > 0


def test_a_record_type_of_a_plugin_asks_for_its_own_sample() -> None:
    with pytest.raises(WorkbenchError, match="Register a Sample"):
        dataset("melodies")


def test_the_fake_registrar_checks_as_the_host_does(registrar: FakeRegistrar) -> None:
    registrar.add(TINY)
    with pytest.raises(WorkbenchError, match="A contribution is one of"):
        registrar.add("nothing")  # type: ignore[arg-type]
    assert registrar.contributions == [TINY]


def test_contributions_of_a_plugin_are_listed_without_a_host() -> None:
    class Plugin:
        @hookimpl
        def register_architectures(self, registry: Any) -> None:
            registry.add(TINY)

    class Unmarked:
        def register_architectures(self, registry: Any) -> None: ...

    assert contributions_of(Plugin()) == (TINY,)
    with pytest.raises(WorkbenchError, match="@hookimpl"):
        contributions_of(Unmarked())


def test_a_fake_worker_answers_in_the_language_of_jobs(fake_worker: FakeWorker) -> None:
    def counting(job: dict[str, Any]) -> Iterator[dict[str, int]]:
        yield {"done": 1, "total": 2}
        return {"records": job["count"]}

    def refusing(job: dict[str, Any]) -> None:
        raise WorkbenchError("No.", fix="Ask again.")

    fake_worker.answers |= {"evaluate": counting, "predict": refusing, "devices": ["cpu"]}
    heard: list[Any] = []
    assert fake_worker.submit({"job": "evaluate", "count": 3}, heard.append).wait() == {"records": 3}
    assert [message["kind"] for message in heard] == ["accepted", "progress", "result"]
    assert fake_worker.submit({"job": "devices"}).wait() == ["cpu"]
    with pytest.raises(WorkbenchError, match="Ask again"):
        fake_worker.submit({"job": "predict"}).wait()


def test_a_fake_worker_holds_a_job_until_the_test_answers(fake_worker: FakeWorker) -> None:
    heard: list[Any] = []
    handle = fake_worker.submit({"job": "train"}, heard.append)
    assert not handle.ended
    with pytest.raises(TimeoutError):
        handle.wait()
    fake_worker.progress(handle.id, done=1)
    fake_worker.answer(handle.id, {"reason": "completed"})
    assert handle.wait() == {"reason": "completed"}
    assert [message["kind"] for message in heard] == ["accepted", "progress", "result"]


def test_a_fake_worker_cancels_and_dies(fake_worker: FakeWorker) -> None:
    cancelled, killed = fake_worker.submit({"job": "train"}), fake_worker.submit({"job": "train"})
    assert fake_worker.submit({"job": "cancel", "target": cancelled.id}).wait() == {"cancelled": True}
    fake_worker.die()
    assert killed.last is not None
    assert killed.last["worker_died"]
    with pytest.raises(WorkbenchError, match="cancelled"):
        cancelled.wait()
    with pytest.raises(WorkbenchError, match="not running"):
        fake_worker.submit({"job": "ping"})


def test_a_project_is_there_and_empty(tmp_project: Project) -> None:
    assert tmp_project.name == "Test project"
    assert list(tmp_project.store.datasets()) == []
    assert tmp_project.runs() == []


def test_a_journal_is_written_and_read(journal: JournalWriter, run_folder: RunFolder) -> None:
    journal.write(StepMetrics, 1, epoch=1, loss=0.5, learning_rate=0.1, gradient_norm=1.0, tokens_per_second=10.0)
    (event,) = JournalReader(run_folder.journal_path).poll()
    assert isinstance(event, StepMetrics)
    assert event.loss == 0.5
