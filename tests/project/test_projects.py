"""Project folders and settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from workbench.api import WorkbenchError
from workbench.project import Project, Settings
from workbench.project.migrations import Schema
from workbench.runs.config import parse_config

CONFIG = parse_config({"task": {"id": "tagging"}, "architecture": {"id": "birnn"}, "data": {"dataset": "news"}})


def test_a_project_is_made_and_opened_again(tmp_path: Path) -> None:
    with Project.create(tmp_path / "news", "The news") as project:
        project.store.create_dataset("news", "text")
        run = project.new_run(CONFIG)
    for path in (tmp_path / "news", tmp_path / "news" / "project.toml"):
        with Project.open(path) as again:
            assert again.name == "The news"
            assert [info.name for info in again.store.datasets()] == ["news"]
            assert [found.id for found in again.runs()] == [run.id]
            assert again.run(run.id[:8]).id == run.id
            with pytest.raises(WorkbenchError, match="no run"):
                again.run("other")


def test_what_is_no_project_is_told(tmp_path: Path) -> None:
    with pytest.raises(WorkbenchError, match="not a project"):
        Project.open(tmp_path)
    with pytest.raises(WorkbenchError, match="no such folder"):
        Project.open(tmp_path / "nowhere")
    (tmp_path / "file").write_text("x")
    with pytest.raises(WorkbenchError, match="empty folder"):
        Project.create(tmp_path)
    Project.create(tmp_path / "one").close()
    with pytest.raises(WorkbenchError, match="already a project"):
        Project.create(tmp_path / "one")


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("schema_version = 99", "newer version"),
        ("schema_version = ", "not valid TOML"),
        ("name = 'x'", "not a project"),
    ],
)
def test_a_project_file_that_cannot_be_read_is_told(tmp_path: Path, text: str, what: str) -> None:
    Project.create(tmp_path / "one").close()
    (tmp_path / "one" / "project.toml").write_text(text)
    with pytest.raises(WorkbenchError, match=what) as caught:
        Project.open(tmp_path / "one")
    assert caught.value.file == str(tmp_path / "one" / "project.toml")


def test_a_read_only_project_refuses_changes(tmp_path: Path) -> None:
    Project.create(tmp_path / "one").close()
    with Project.open(tmp_path / "one", read_only=True) as project:
        for change in (
            lambda: project.rename("two"),
            lambda: project.new_run(CONFIG),
            lambda: project.store.create_dataset("x", "text"),
        ):
            with pytest.raises(WorkbenchError, match="reading only"):
                change()


def test_older_documents_are_brought_up_to_date() -> None:
    schema = Schema("thing", 3, {1: lambda v: {"b": v["a"]}, 2: lambda v: {**v, "c": 0}})
    assert schema.upgrade({"schema_version": 1, "a": 5}, Path("x")) == {"schema_version": 3, "b": 5, "c": 0}


def test_media_are_stored_once_and_never_outside(tmp_path: Path) -> None:
    with Project.create(tmp_path / "one") as project:
        for name in ("a.WAV", "b.wav"):
            (tmp_path / name).write_bytes(b"sound")
        first, second = project.media.add(tmp_path / "a.WAV"), project.media.add(tmp_path / "b.wav")
        assert first == second
        assert project.media.path(first).read_bytes() == b"sound"
        assert project.media.verify(first)
        project.media.path(first).write_bytes(b"noise")
        assert not project.media.verify(first)
        for name in ("../project.toml", "/etc/passwd", "ab/../../x", ""):
            with pytest.raises(WorkbenchError, match="not a media file"):
                project.media.path(name)


def test_settings_are_kept(tmp_path: Path) -> None:
    settings = Settings.load(tmp_path / "folder" / "settings.toml")
    assert settings.theme == "system"
    settings.theme = "high_contrast"
    settings.font_scale = 1.25
    settings.set_layout("main", b"\x00\xff")
    settings.set("data.columns", [1, 2])
    again = Settings.load(settings.path)
    assert (again.theme, again.font_scale, again.layout("main")) == ("high_contrast", 1.25, b"\x00\xff")
    assert again.get("data.columns") == [1, 2]
    with pytest.raises(WorkbenchError, match="theme"):
        again.theme = "pink"  # type: ignore[assignment]


def test_recent_projects_are_the_last_twelve_that_exist(tmp_path: Path) -> None:
    settings = Settings.load(tmp_path / "settings.toml")
    for number in range(14):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "project.toml").write_text("schema_version = 1")
        settings.add_recent(folder)
    settings.add_recent(tmp_path / "5")
    (tmp_path / "13" / "project.toml").unlink()
    recent = [path.name for path in Settings.load(settings.path).recent_projects]
    assert recent == ["5", "12", "11", "10", "9", "8", "7", "6", "4", "3", "2"]


@pytest.mark.parametrize("text", ["theme = ", "schema_version = 1\ntheme = 'pink'", "schema_version = 99", "\xff"])
def test_damaged_settings_are_moved_aside_with_a_notice(tmp_path: Path, text: str) -> None:
    path = tmp_path / "settings.toml"
    path.write_bytes(text.encode("latin-1"))
    settings = Settings.load(path)
    assert settings.theme == "system"
    assert "could not be read" in settings.notice
    assert next(other.name for other in tmp_path.iterdir()).startswith("settings.damaged-")
