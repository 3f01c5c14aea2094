"""What these options cannot learn is said before a run is made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from workbench.api import WorkbenchError
from workbench.shell.session import Session
from workbench.shell.stages.model.stage import ModelStage
from workbench.shell.widgets.rows_editor import RowsEditor


def test_a_stack_with_too_few_states_is_refused_and_leaves_no_run(session: Session, project: Path, qtbot: Any) -> None:
    session.open_project(project)
    before = len(session.runs())
    session.set_draft(architecture="deep", architecture_params={"stack": [{"subsampling": 2}]})
    with qtbot.waitSignal(session.notice) as told:
        assert session.start_training() is None
    error = told.args[0]
    assert isinstance(error, WorkbenchError)
    assert "fewer states than inputs" in error.why
    assert "options" in error.fix
    assert len(session.runs()) == before


def test_options_out_of_bounds_are_refused_with_their_name(session: Session, project: Path) -> None:
    session.open_project(project)
    session.set_draft(architecture="deep", architecture_params={"stack": [{}, {"hidden_size": 0}]})
    assert session.config is not None
    refused = session.refusal(session.config)
    assert refused is not None
    assert "stack.2.hidden_size" in refused.what


def test_what_fits_is_not_refused(session: Session, project: Path) -> None:
    session.open_project(project)
    for name in ("deep", "lstm", "birnn"):
        session.set_draft(architecture=name)
        assert session.config is not None
        assert session.refusal(session.config) is None


def test_layers_edited_in_the_model_stage_are_the_drafts_and_a_misfit_is_told_there(
    session: Session, project: Path, qtbot: Any
) -> None:
    session.open_project(project)
    session.set_draft(architecture="deep")
    stage = ModelStage(session)
    qtbot.addWidget(stage)
    stage.resize(1000, 700)
    stage.show()
    assert stage.options.form is not None
    editor = stage.options.form.field("stack")
    assert isinstance(editor, RowsEditor)
    editor.add_button.click()
    form = editor.rows[2].form
    assert form is not None
    form.field("hidden_size").setValue(33)  # type: ignore[attr-defined]
    assert session.config is not None
    assert [row["hidden_size"] for row in session.config.architecture.params["stack"]] == [128, 128, 33]
    assert not stage.notes.isVisibleTo(stage)
    form.field("subsampling").setValue(2)  # type: ignore[attr-defined]
    assert "fewer states than inputs" in stage.notes.text()
    assert stage.choices["deep"].button.isEnabled(), "other layers would do"
    session.set_draft(architecture_params={"stack": [{"hidden_size": 7}]})
    assert len(editor.rows) == 1
    assert "7 units" in editor.rows[0].header.accessibleName()
    editor.rows[0].copy.click()
    assert [row["hidden_size"] for row in session.config.architecture.params["stack"]] == [7, 7]
