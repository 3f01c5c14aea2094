"""The Model stage: reasons, presets, real layers, notes, the cell and the network unrolled over a real record."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from workbench.api import Architecture, IOShape, Params, Preset, Ref, Symbol, Trait, WorkbenchError, option
from workbench.shell.audit import clipped, nameless, shadowing
from workbench.shell.session import Session
from workbench.shell.stages.model import ModelStage
from workbench.shell.stages.model.choices import why_not
from workbench.shell.stages.model.stage import boxes_of
from workbench.shell.stages.model_layers import notes_of, sizes_of, stack_of

PARAMETERS = [
    ("embedder.words.weight", [33, 100]),
    ("encoder.forwards.0.core.weight_ih_l0", [48, 100]),
    ("encoder.forwards.0.core.weight_hh_l0", [48, 16]),
    ("encoder.backwards.0.core.weight_ih_l0", [48, 100]),
    ("encoder.backwards.0.core.weight_hh_l0", [48, 16]),
    ("head.emissions.weight", [9, 32]),
    ("head.emissions.bias", [9]),
]
DESCRIBED = {
    "parameters": 14_345,
    "bytes": 2_000_000,
    "layers": [
        {"name": name, "shape": shape, "parameters": int(np.prod(shape))} for name, shape in PARAMETERS
    ],
    "notes": ["This model reads a single step: it works as a feed-forward network."],
}  # fmt: skip


class Options(Params):
    hidden_size: int = option(16, ge=1, le=64, what="Units.")
    dropout: float = option(0.2, ge=0, lt=1, what="Silenced.")


def architecture(name: str, accepts: frozenset[Trait], **more: Any) -> Architecture:
    return Architecture(
        id=name,
        title=name.upper(),
        params=Options,
        factory=Ref("nowhere:nothing"),
        shapes=frozenset({IOShape.MANY_TO_MANY_ALIGNED}),
        accepts=accepts,
        summary=f"About {name}.",
        **more,
    )


GOOD = architecture(
    "gru",
    frozenset({Trait.SEQUENCE, Trait.CAUSAL}),
    equations="**h**ₜ = tanh(W **x**ₜ)",
    symbols=(Symbol("hₜ", "the state", ("H",), "states"), Symbol("W", "input weights", ("H", "D"))),
    presets=(
        Preset(title="small", values={"hidden_size": 8}, note="A first look."),
        Preset(title="as published", values={"hidden_size": 32, "dropout": 0.0}, note="Cho et al., 2014."),
    ),
)
TREE = architecture("tree", frozenset({Trait.TREE}))
TASK = SimpleNamespace(
    id="tagging", title="Tagging (words)", record="tagged_tokens", summary="Labels words.", metrics=(),
    needs=frozenset({Trait.SEQUENCE}),
    offers=frozenset(), shape=IOShape.MANY_TO_MANY_ALIGNED, record_types=(), presets=(),
)  # fmt: skip


@pytest.fixture
def stage(qtbot: Any, session: Session, open_project: Callable[..., Any], worker: Any) -> ModelStage:
    catalogue: Any = session.catalogue
    catalogue.tasks = lambda: (TASK,)
    catalogue.task = lambda _id: TASK
    catalogue.architectures = lambda: (TREE, GOOD)
    catalogue.architecture = lambda name: {"gru": GOOD, "tree": TREE}[name]
    catalogue.record_type = lambda _kind: SimpleNamespace(title="tagged sentence", plural="tagged sentences")
    worker.answers["describe"] = DESCRIBED
    session.device = {"kind": "ready"}
    open_project(20)
    made = ModelStage(session)
    qtbot.addWidget(made)
    made.resize(776, 690)
    made.show()
    qtbot.waitUntil(lambda: session.size.value is not None)
    return made


def test_what_does_not_fit_is_grey_with_the_reason_and_stands_below(stage: ModelStage) -> None:
    tree = stage.choices["tree"]
    assert not tree.button.isEnabled()
    assert "composes the nodes of a tree" in tree.note.text()
    assert tree.button.accessibleDescription() == tree.note.text()
    assert stage.choices["gru"].button.isChecked()
    assert stage.choices["gru"].note.text() == "About gru."
    assert stage.choices["gru"].y() < tree.y()


def test_a_plugin_whose_verdict_fails_fits_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_arguments: Any) -> Any:
        raise WorkbenchError("It cannot say.")

    monkeypatch.setattr("workbench.shell.stages.model.choices.compatibility", broken)
    task: Any = TASK
    assert why_not(task, GOOD) == "It cannot say."
    assert why_not(None, GOOD) == ""
    monkeypatch.setattr("workbench.shell.stages.model.choices.compatibility", lambda *_: 1 / 0)
    assert "division by zero" in why_not(task, GOOD)


def test_a_preset_is_used_as_a_whole_and_says_what_it_is(qtbot: Any, stage: ModelStage, session: Session) -> None:
    assert session.config is not None
    session.set_draft(architecture_params={"dropout": 0.5})
    stage.options.buttons["as published"].click()
    assert session.config.architecture.params == {"hidden_size": 32, "dropout": 0.0}
    assert stage.options.buttons["as published"].isChecked()
    assert stage.options.preset_note.text() == "as published: Cho et al., 2014."
    stage.options.buttons["small"].click()
    assert session.config.architecture.params == {"hidden_size": 8, "dropout": 0.2}
    assert stage.options.buttons["small"].isChecked()
    assert not stage.options.buttons["as published"].isChecked()
    stage.options.form.field("hidden_size").setValue(9)
    assert not stage.options.buttons["small"].isChecked()
    assert not stage.options.preset_note.isVisible()


def test_notes_of_the_engine_are_shown(stage: ModelStage) -> None:
    assert "feed-forward" in stage.notes.text()
    assert stage.notes.isVisible()
    assert notes_of({"notes": "one"}) == ["one"]
    assert notes_of(None) == []


def test_layers_are_real_ones_with_direction_and_size(stage: ModelStage) -> None:
    layers = stack_of(DESCRIBED)
    assert [(one.part, one.direction, one.size, one.inputs) for one in layers] == [
        ("embedder", "", 100, 0), ("network", "forward", 16, 100), ("network", "backward", 16, 100),
        ("head", "", 9, 32),
    ]  # fmt: skip
    boxes = boxes_of(layers, "tagged sentence", "GRU", "Tagging")
    assert [box.name for box in boxes] == ["Input", "Embedding", "Layer 1", "Tagging"]
    assert boxes[2].both == ("→ 16 units", "← 16 units")
    assert boxes[2].recurrent
    assert "Layer 1 (→ 16 units, ← 16 units" in stage.stack.accessibleName()
    assert sizes_of({"hidden_size": 8}, DESCRIBED) == {"H": 16, "N": 16, "D": 100, "K": 9, "V": 9}
    given = stack_of({"stack": [{"part": "decoder", "name": "layer 1", "size": 4}]})
    assert (given[0].part, given[0].size) == ("decoder", 4)


def test_the_cell_page_carries_this_models_numbers(stage: ModelStage) -> None:
    stage.tabs.setCurrentIndex(1)
    assert "H × D = 16 × 100" in stage.cell.equations.toPlainText()


def test_before_training_only_the_structure_is_shown(qtbot: Any, stage: ModelStage, session: Session) -> None:
    stage.tabs.setCurrentIndex(2)
    view = stage.unrolled.page.view
    qtbot.waitUntil(lambda: view.unrolled is not None)
    assert session.project is not None
    first = next(iter(session.project.store.iterate(session.dataset.id))).record
    assert view.unrolled.sides[0].steps == first.tokens
    assert not view.unrolled.known
    assert [row.direction for row in view.unrolled.sides[0].rows] == ["forward", "backward"]
    assert "no model of this network has been trained yet" in stage.unrolled.page.origin.text()


def test_after_training_states_and_answers_are_shown(
    qtbot: Any, stage: ModelStage, session: Session, worker: Any, tmp_path: Path
) -> None:
    from test_unrolled import tagging_trace

    def work(job: dict[str, Any]) -> dict[str, Any]:
        assert "tokens" in job["record"]
        description, arrays = tagging_trace().to_arrays()
        path = tmp_path / "trace.npz"
        np.savez(path, allow_pickle=False, **arrays)
        return {"description": description, "arrays": str(path), "epoch": 4}

    worker.answers["trace"] = work
    folder = tmp_path / "runs" / "one"
    (folder / "model").mkdir(parents=True)
    assert session.config is not None
    session.run = SimpleNamespace(path=folder, id="one", config=session.config)
    stage.tabs.setCurrentIndex(2)
    view = stage.unrolled.page.view
    qtbot.waitUntil(lambda: view.unrolled is not None and view.unrolled.known)
    assert "States and answers of the model of one" in stage.unrolled.page.origin.text()
    asked = len([job for job in worker.jobs if job["job"] == "trace"])
    stage.unrolled.refresh()
    assert len([job for job in worker.jobs if job["job"] == "trace"]) == asked, "the trace is kept"
    session.set_draft(architecture_params={"hidden_size": 5})
    assert not view.unrolled.known, "another network than the one that was trained"


def test_a_trace_that_fails_leaves_the_structure_and_the_reason(
    qtbot: Any, stage: ModelStage, session: Session, worker: Any, tmp_path: Path
) -> None:
    def work(_job: dict[str, Any]) -> Any:
        raise WorkbenchError("The model is of another version.")

    worker.answers["trace"] = work
    (tmp_path / "runs" / "one" / "model").mkdir(parents=True)
    session.run = SimpleNamespace(path=tmp_path / "runs" / "one", id="one", config=session.config)
    stage.tabs.setCurrentIndex(2)
    qtbot.waitUntil(lambda: "another version" in stage.unrolled.page.origin.text())
    assert stage.unrolled.page.view.unrolled is not None


@pytest.mark.parametrize("scale", [1.0, 2.0])
def test_every_page_is_whole_at_every_text_size(
    qtbot: Any, qapp: Any, stage: ModelStage, session: Session, scale: float
) -> None:
    session.theme.apply(qapp)
    session.theme.set_scale(scale)
    for index in range(stage.tabs.count()):
        stage.tabs.setCurrentIndex(index)
        stage.grab()
        assert clipped(stage) == []
        assert nameless(stage) == []
        assert shadowing(stage) == []


def test_the_chosen_tab_is_seen_in_every_theme(qtbot: Any, qapp: Any, stage: ModelStage, session: Session) -> None:
    session.theme.apply(qapp)
    bar = stage.tabs.tabBar()
    for name in ("light", "dark", "high_contrast"):
        session.theme.set(name)
        for index in range(bar.count()):
            stage.tabs.setCurrentIndex(index)
            image = bar.grab().toImage()
            lines = [image.pixelColor(bar.tabRect(i).center().x(), bar.height() - 2) for i in range(bar.count())]
            assert [line == session.theme.color("accent") for line in lines] == [i == index for i in range(bar.count())]


def test_without_data_the_stage_says_where_to_begin(qtbot: Any, session: Session) -> None:
    made = ModelStage(session)
    qtbot.addWidget(made)
    made.show()
    assert made.pages.currentWidget() is made.empty
    assert made.state() == "empty"
