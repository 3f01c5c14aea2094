"""The reservoir's own view: what it asks of the worker, and what it shows while waiting, after, and when it fails."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from workbench_plugins.architectures.esn import ESN, register_panels
from workbench_plugins.architectures.esn.gui import ReservoirPanel, summary, trial_scores

from workbench.api import Cancelled, Panel, WorkbenchError
from workbench.api.events import EpochMetrics, RunFinished, RunStarted
from workbench.runs.journal import JournalReader, JournalWriter
from workbench.shell.audit import clipped, nameless
from workbench.shell.sdk import EventFeed, PanelContext
from workbench.shell.theme import Theme


def examined(**changes: Any) -> dict[str, Any]:
    """What the worker answers for a small reservoir."""
    turn = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    return {
        "kind": "reservoir",
        "units": 40,
        "reservoirs": 1,
        "leak": 0.5,
        "echo": {
            "distances": [float(0.8**step) for step in range(100)],
            "tolerance": 1e-4,
            "converged": True,
            "steps": 42,
            "sentence": "The state forgets where it began: two starts agree after 43 steps.",
            "inputs": "task",
        },
        "memory": {"by_delay": [1.0, 0.9, 0.6, 0.2] + [0.001] * 36, "total": 2.74, "span": 3},
        "eigenvalues": {
            "real": (0.9 * np.cos(turn)).tolist(),
            "imaginary": (0.9 * np.sin(turn)).tolist(),
            "radius": 0.9,
            "of": 40,
        },
        "epoch": 3,
        "notice": "",
        "without": "",
        **changes,
    }


class Handle:
    cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class Scene:
    """A panel with a run, and the questions it has put to the worker."""

    def __init__(self) -> None:
        self.run: Any = None
        self.asked: list[tuple[Mapping[str, Any], Callable[..., Any], Callable[..., Any], Callable[..., Any]]] = []
        self.handles: list[Handle] = []
        self.feed = EventFeed()
        self.theme = Theme("light")
        self.context = PanelContext(
            theme=self.theme,
            notify=lambda _message: None,
            run=lambda: self.run,
            events=self.feed,
            submit=self._submit,
        )

    def _submit(self, job: Mapping[str, Any], *callbacks: Any) -> Handle:
        self.asked.append((job, *callbacks))
        self.handles.append(Handle())
        return self.handles[-1]


def make_run(folder: Path, scores: tuple[float, ...] = (0.4, 0.3, 0.5, 0.2), *, finished: bool = True) -> Any:
    path = folder / "runs" / "20261123-esn"
    path.mkdir(parents=True)
    with JournalWriter(path / "journal.jsonl", path.name) as writer:
        writer.write(
            RunStarted, 0, pid=1, device="cpu", device_reason="", threads=1, parameters=9, steps_per_epoch=1,
            max_epochs=len(scores),
        )  # fmt: skip
        for trial, score in enumerate(scores, 1):
            best = min((one for one in scores[:trial] if one == one), default=None)
            writer.write(
                EpochMetrics, trial, epoch=trial, train_loss=1.0, validation_loss=score, metrics={"root_error": score},
                best=score == best, epochs_since_best=0, patience=0, seconds=1.0,
            )  # fmt: skip
        if finished:
            writer.write(RunFinished, len(scores), reason="completed", seconds=2.0)
    return SimpleNamespace(path=path, id=path.name, journal_path=path / "journal.jsonl")


@pytest.fixture
def scene(qtbot: Any) -> Scene:
    return Scene()


def shown(scene: Scene, qtbot: Any, width: int = 900) -> ReservoirPanel:
    panel = ReservoirPanel(scene.context)
    qtbot.addWidget(panel)
    panel.resize(width, 600)
    panel.show()
    qtbot.waitExposed(panel)
    return panel


def visible(panel: ReservoirPanel) -> set[str]:
    return {name for name, figure in panel.figures.items() if figure.isVisible()}


def test_without_a_run_it_says_what_will_be_here(scene: Scene, qtbot: Any) -> None:
    panel = shown(scene, qtbot)
    assert panel.empty.isVisible()
    assert not panel.head.isVisible()
    assert scene.asked == []


def test_a_finished_run_is_examined_when_it_is_seen_and_once(scene: Scene, qtbot: Any, tmp_path: Path) -> None:
    scene.run = make_run(tmp_path)
    panel = shown(scene, qtbot)
    (job, answered, _failed, progress), *others = scene.asked
    assert job == {"job": "examine", "run": str(scene.run.path)}
    assert others == []
    assert visible(panel) == {"search"}
    progress({"what": "measuring its memory", "done": 1, "total": 3})
    assert panel.status.text() == "Measuring its memory…"
    assert panel.button.text() == "Stop"
    answered(examined())
    assert visible(panel) == {"echo", "memory", "eigenvalues", "search"}
    assert panel.button.text() == "Examine again"
    assert "two starts agree after 43 steps" in panel.figures["echo"].sentence.text()
    assert "under inputs of the task" in panel.figures["echo"].sentence.text()
    assert "capacity 2.7, at most 40" in panel.figures["memory"].sentence.text()
    assert "up to 3 steps back" in panel.figures["memory"].sentence.text()
    assert "Largest modulus 0.900: a small state fades" in panel.figures["eigenvalues"].sentence.text()
    assert "4 trials; the best is trial 4: root error 0.2 on validation." in panel.figures["search"].sentence.text()
    panel.hide()
    panel.show()
    assert len(scene.asked) == 1
    assert clipped(panel) == []
    assert nameless(panel) == []


def test_trials_without_a_number_are_left_out(scene: Scene, qtbot: Any, tmp_path: Path) -> None:
    scene.run = make_run(tmp_path, (float("nan"), 0.4, 0.3))
    panel = shown(scene, qtbot)
    assert "2 trials; the best is trial 3" in panel.figures["search"].sentence.text()
    scene.run = make_run(tmp_path / "none", (float("nan"), float("nan")))
    scene.feed.restarted.emit()
    assert "search" not in visible(panel)


def test_while_it_is_fitted_trials_come_in_and_the_worker_is_left_alone(
    scene: Scene, qtbot: Any, tmp_path: Path
) -> None:
    scene.run = make_run(tmp_path, (0.4,), finished=False)
    panel = shown(scene, qtbot)
    assert scene.asked == []
    assert visible(panel) == set()
    run = make_run(tmp_path / "later", (0.4, 0.1))
    events = JournalReader(run.journal_path).poll()
    scene.feed.arrived.emit(events[2:3])
    assert visible(panel) == {"search"}
    assert scene.asked == []
    scene.feed.arrived.emit(events[3:])
    assert len(scene.asked) == 1


def test_a_failure_is_told_and_can_be_tried_again(scene: Scene, qtbot: Any, tmp_path: Path) -> None:
    scene.run = make_run(tmp_path)
    panel = shown(scene, qtbot)
    scene.asked[0][2](WorkbenchError("The model cannot be read.", fix="Train it again."))
    assert panel.problem is not None
    assert panel.problem.error.what == "The model cannot be read."
    panel.examine()
    assert len(scene.asked) == 2
    assert panel.problem is None
    scene.asked[1][2](Cancelled())
    assert panel.problem is None


def test_stop_and_another_run_cancel_what_was_asked(scene: Scene, qtbot: Any, tmp_path: Path) -> None:
    scene.run = make_run(tmp_path)
    panel = shown(scene, qtbot)
    panel.press()
    assert scene.handles[0].cancelled
    assert panel.button.text() == "Examine"
    panel.press()
    scene.run = None
    scene.feed.restarted.emit()
    assert scene.handles[1].cancelled
    assert panel.empty.isVisible()
    assert visible(panel) == set()


def test_one_that_does_not_forget_and_a_large_one_are_told_as_such(scene: Scene, qtbot: Any, tmp_path: Path) -> None:
    scene.run = make_run(tmp_path, (0.3,))
    panel = shown(scene, qtbot, width=300)
    echo = {**examined()["echo"], "converged": False, "inputs": "noise", "sentence": "The state does not forget."}
    eigenvalues = {"real": [1.4, -0.2], "imaginary": [0.0, 0.9], "radius": 1.4, "of": 5000}
    scene.asked[0][1](examined(units=5000, memory=None, echo=echo, eigenvalues=eigenvalues))
    assert "does not forget. Measured under white noise." in panel.figures["echo"].sentence.text()
    assert "Not measured: with 5,000 units" in panel.figures["memory"].sentence.text()
    assert "(the 2 largest of 5,000 are shown): a small state grows" in panel.figures["eigenvalues"].sentence.text()
    assert "search" not in visible(panel), "one fit is no search"
    assert panel.plane.place(0, 1.4).y() > 0
    assert not panel.grab().isNull()


def test_the_summary_says_what_was_examined() -> None:
    assert summary(examined()) == "40 units, leak 0.5."
    several = summary(examined(reservoirs=3, without="There is no dataset x.", notice="From the best checkpoint."))
    assert several.startswith("3 reservoirs of 40 units; the worst of them is tested")
    assert "white noise stands in for the inputs: There is no dataset x; From the best checkpoint." in several


def test_scores_follow_what_the_run_calls_better(tmp_path: Path) -> None:
    def trial(number: int, value: float, best: bool, metrics: bool = True) -> EpochMetrics:
        return EpochMetrics(
            run_id="x", seq=number, step=number, time=0.0, epoch=number, train_loss=1.0, validation_loss=value,
            metrics={"accuracy": value} if metrics else {}, best=best, epochs_since_best=0, patience=0, seconds=1.0,
        )  # fmt: skip

    name, x, y, best = trial_scores([trial(1, 0.5, True), trial(2, float("nan"), False), trial(3, 0.7, True)])
    assert name == "accuracy"
    assert (x.tolist(), y.tolist(), best.tolist()) == ([1, 3], [0.5, 0.7], [0.5, 0.7])
    assert trial_scores([trial(1, 0.5, True, metrics=False)])[0] == "validation loss"
    assert len(trial_scores([])[2]) == 0


def test_it_is_a_panel_of_explain_for_this_architecture() -> None:
    added: list[Panel] = []
    register_panels(SimpleNamespace(add=added.append))
    (panel,) = added
    assert (panel.area, panel.for_architecture) == ("explain", ESN.id)
    assert panel.factory.resolve() is ReservoirPanel
