"""What a plugin's view of answers may ask of the Use stage and gets: options, a page of its own, captions, files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from PySide6.QtCore import Signal
from PySide6.QtWidgets import QLabel, QWidget

from workbench.api import ImportedRecord, InferenceView, Ref, Text, WorkbenchError
from workbench.api.io import Sniff
from workbench.host import ProblemList
from workbench.shell.sdk import PanelContext
from workbench.shell.session import Session
from workbench.shell.stages.plugin_views import read_file
from workbench.shell.stages.use import UseStage
from workbench.shell.stages.use.result_list import MOST_SHOWN
from workbench.testing.fakes import FakeWorker

HERE = __name__


class Wishful(QWidget):
    """A view with a wish for options, that does not show what was asked."""

    options_changed = Signal()
    placeholder = "Say something"
    shows_input = False

    def __init__(self, context: PanelContext) -> None:
        super().__init__()
        self.context = context
        self.beam = 1
        self.shown: Any = None

    def options(self) -> dict[str, int]:
        return {"beam": self.beam, "explain": True}

    def show_result(self, result: Any) -> None:
        self.shown = result


class OwnInput(QWidget):
    """A view that asks by itself."""

    asks_itself = True

    def __init__(self, context: PanelContext) -> None:
        super().__init__()
        self.context, self.asked, self.answers = context, 0, list[Any]()

    def ask(self) -> None:
        self.asked += 1
        self.context.predict(self.answers.append, lambda _error: None, inputs=[{"text": "a"}], options={"seed": 3})

    def show_result(self, result: Any) -> None: ...


class Failing(OwnInput):
    def ask(self) -> None:
        raise RuntimeError("a plugin's mistake")


VIEWS = {"wishful": "Wishful", "own": "OwnInput", "failing": "Failing"}


class Catalogue:
    """Tasks named by the kind of their results."""

    def __init__(self) -> None:
        self._views = {kind: InferenceView(result=kind, factory=Ref(f"{HERE}:{name}")) for kind, name in VIEWS.items()}

    def task(self, id: str) -> Any:
        return SimpleNamespace(record="text", result=id, metrics=())

    def inference_view(self, kind: str) -> InferenceView | None:
        return self._views.get(kind)

    def architecture(self, id: str) -> Any:
        raise WorkbenchError("none")

    def record_type(self, kind: str) -> Any:
        return SimpleNamespace(title=kind)

    def importers(self) -> tuple[Any, ...]:
        return ()

    def owner(self, _contribution: Any) -> str:
        return "test"


@pytest.fixture
def worker() -> FakeWorker:
    made = FakeWorker()
    made.answers["predict"] = lambda job: {
        "result_kind": "wishful",
        "results": [{"text": f"{one} with {job['options'].get('beam')}"} for one in job.get("texts", ["own"])],
        "epoch": 1,
    }
    return made


@pytest.fixture
def session(qtbot: Any, worker: FakeWorker) -> Iterator[Session]:
    catalogue: Any = Catalogue()
    made = Session(catalogue=catalogue, problems=ProblemList(), start_worker=lambda _notice: worker)
    yield made
    made.close()


@pytest.fixture
def choose(tmp_path: Path, session: Session) -> Callable[[str], None]:
    """``choose("wishful")`` selects a finished run of a task whose results are of that kind."""

    def run_of(kind: str) -> None:
        folder = tmp_path / kind
        (folder / "model").mkdir(parents=True, exist_ok=True)
        task, data = SimpleNamespace(id=kind), SimpleNamespace(dataset="d")
        config = SimpleNamespace(task=task, data=data, inputs=("one",), name="")
        run: Any = SimpleNamespace(path=folder, id=kind, config=config)
        session.run = run
        session.run_changed.emit()

    return run_of


@pytest.fixture
def stage(qtbot: Any, session: Session) -> UseStage:
    made = UseStage(session)
    qtbot.addWidget(made)
    made.resize(800, 690)
    made.show()
    return made


def test_a_view_is_there_before_an_answer_and_says_what_to_type(stage: UseStage, choose: Callable[[str], None]) -> None:
    choose("wishful")
    assert isinstance(stage.results.views[0], Wishful)
    assert stage.input.placeholderText() == "Say something"
    assert not stage.readings.isVisible(), "it has no use for several readings"


def test_its_options_are_sent_and_a_change_asks_anew(
    qtbot: Any, stage: UseStage, choose: Callable[[str], None], worker: FakeWorker
) -> None:
    choose("wishful")
    view = stage.results.views[0]
    qtbot.waitUntil(lambda: view.shown is not None)
    assert view.shown["text"] == "one with 1"
    view.beam = 5
    view.options_changed.emit()
    qtbot.waitUntil(lambda: view.shown["text"] == "one with 5")
    assert worker.jobs[-1]["options"]["alternatives"] == 5


def test_a_paste_of_more_lines_than_are_shown_is_answered_without_reasons(
    qtbot: Any, stage: UseStage, choose: Callable[[str], None], worker: FakeWorker
) -> None:
    choose("wishful")
    stage.input.setPlainText("a line\n" * MOST_SHOWN)
    qtbot.waitUntil(lambda: len(stage.results.results) == MOST_SHOWN)
    assert worker.jobs[-1]["options"]["explain"] is True
    stage.input.setPlainText("a line\n" * (MOST_SHOWN + 1))
    qtbot.waitUntil(lambda: len(stage.results.results) == MOST_SHOWN + 1)
    assert "explain" not in worker.jobs[-1]["options"]
    assert worker.jobs[-1]["options"]["beam"] == 1


def test_several_answers_carry_what_was_asked(qtbot: Any, stage: UseStage, choose: Callable[[str], None]) -> None:
    choose("wishful")
    stage.input.setPlainText("red\ngreen")
    qtbot.waitUntil(lambda: len(stage.results.results) == 2)
    captions = [label.text() for label in stage.results.findChildren(QLabel) if label.isVisible()]
    assert captions == ["red", "green"]
    stage.input.setPlainText("blue")
    qtbot.waitUntil(lambda: len(stage.results.results) == 1)
    assert [label.text() for label in stage.results.findChildren(QLabel) if label.isVisible()] == []


def test_a_view_with_its_own_input_fills_the_page_and_asks_itself(
    qtbot: Any, stage: UseStage, choose: Callable[[str], None], worker: FakeWorker
) -> None:
    choose("own")
    view = stage.own_page.view
    assert isinstance(view, OwnInput)
    assert stage.pages.currentWidget() is stage.own_page
    assert not stage.input.isVisible()
    qtbot.waitUntil(lambda: bool(view.answers))
    job = worker.jobs[-1]
    assert (job["inputs"], job["options"], job["live"]) == ([{"text": "a"}], {"seed": 3}, False)
    before = view.asked
    stage.activated()
    assert view.asked == before + 1
    choose("wishful")
    assert stage.pages.currentWidget() is not stage.own_page
    assert stage.input.isVisible()


def test_a_view_that_fails_while_asking_is_named_and_contained(
    qtbot: Any, stage: UseStage, choose: Callable[[str], None], session: Session
) -> None:
    choose("failing")
    qtbot.waitUntil(lambda: bool(session.problems.problems()))
    assert "a plugin's mistake" in session.problems.problems()[0].what


def test_without_a_model_nothing_is_asked(session: Session) -> None:
    from workbench.shell.stages.model_state import ask_model

    assert ask_model(session, lambda _v: None, lambda _e: None, texts=["a"]) is None


def read_text(path: Path, _options: Any) -> Any:
    return [ImportedRecord(Text(line), i + 1) for i, line in enumerate(path.read_text().splitlines())]


def sniff_text(_head: bytes, path: Path) -> Sniff | None:
    return Sniff(0.9, "lines") if path.suffix == ".txt" else None


def test_a_view_reads_a_file_through_the_importers(
    qtbot: Any, session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from workbench.api import Importer, Params

    importer = Importer(
        id="lines",
        title="Lines",
        extensions=("txt",),
        record="text",
        params=Params,
        sniff=Ref(f"{HERE}:sniff_text"),
        factory=Ref(f"{HERE}:read_text"),
    )
    monkeypatch.setattr(session.catalogue, "importers", lambda: (importer,))
    (tmp_path / "a.txt").write_text("one\ntwo\n")
    (tmp_path / "b.bin").write_bytes(b"\0\1\2" * 100)
    got: list[Any] = []
    errors: list[WorkbenchError] = []
    read_file(session, tmp_path / "a.txt", "text", got.append, errors.append)
    qtbot.waitUntil(lambda: bool(got))
    assert got[0] == [Text("one"), Text("two")]
    read_file(session, tmp_path / "b.bin", "text", got.append, errors.append)
    qtbot.waitUntil(lambda: bool(errors))
    assert errors[0].what == "This is not a text file."
    (tmp_path / "c.csv").write_text("a,b\n1,2\n")
    read_file(session, tmp_path / "c.csv", "text", got.append, errors.append)
    qtbot.waitUntil(lambda: len(errors) == 2)
    assert errors[1].what == "No text was found in this file."
