"""Projects and models that are damaged, newer, or may not be written to: told, never made worse, restored."""

from __future__ import annotations

import errno
import json
import os
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from workbench.api import WorkbenchError
from workbench.data import DatasetStore, backup

TRAIN = ("--task", "tagging", "--architecture", "birnn", "--max-epochs", "1")


def _overwrite(path: Path, at: int, content: bytes) -> None:
    data = bytearray(path.read_bytes())
    data[at : at + len(content)] = content
    path.write_bytes(data)


DAMAGES: dict[str, Callable[[Path], object]] = {
    "header": lambda path: _overwrite(path, 0, b"XXXXXXXX"),
    "schema": lambda path: _overwrite(path, 100, bytes(60)),
    "middle": lambda path: [_overwrite(path, at, b"\xff\x00\xff") for at in range(17_000, path.stat().st_size - 9, 97)],
    "truncated": lambda path: os.truncate(path, 30_000),
    "emptied": lambda path: os.truncate(path, 0),
    "deleted": lambda path: path.unlink(),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_data_are_told_and_the_last_good_copy_is_put_back(damage, project: Path, tmp_path, recurra) -> None:
    DAMAGES[damage](project / "data.sqlite")
    for words in (["export", project, tmp_path / "x.conll"], ["train", "--project", project, *TRAIN]):
        told = recurra(*words).block()
        assert "damaged" in told["what"] or "gone" in told["what"]
        assert f"recurra doctor --restore {project}" in told["do"]
    told = recurra("doctor", "--restore", project)
    assert told.status == 0
    assert "news (60 records)" in told.out
    assert recurra("export", project, tmp_path / "x.conll").status == 0
    assert bool(list(project.glob("data.sqlite.damaged-*"))) is (damage != "deleted")


def test_whole_data_are_not_restored_over(project: Path, recurra) -> None:
    before = (project / "data.sqlite").read_bytes()
    assert "whole" in recurra("doctor", "--restore", project).block()["what"]
    assert (project / "data.sqlite").read_bytes() == before


def test_without_a_good_copy_nothing_is_touched(project: Path, recurra) -> None:
    (project / "data.sqlite").write_bytes(b"no database")
    (project / "data.sqlite.backup").write_bytes(b"neither")
    assert "backup cannot be read" in recurra("doctor", "--restore", project).block()["what"]
    assert (project / "data.sqlite").read_bytes() == b"no database"
    (project / "data.sqlite.backup").unlink()
    assert "no backup" in recurra("doctor", "--restore", project).block()["what"]


def _set_schema(path: Path, value: str) -> None:
    connection = sqlite3.connect(path / "data.sqlite")
    connection.execute("UPDATE meta SET value = ? WHERE key = 'schema_version'", (value,))
    connection.commit()
    connection.close()


def _edit(name: str, before: str, after: str) -> Callable[[Path], object]:
    def change(folder: Path) -> None:
        text = (folder / name).read_text(encoding="utf-8")
        assert before in text
        (folder / name).write_text(text.replace(before, after), encoding="utf-8")

    return change


PROJECTS = {
    "newer project": (_edit("project.toml", "schema_version = 1", "schema_version = 99"), "newer version"),
    "newer data": (lambda path: _set_schema(path, "99"), "newer version"),
    "no version of the data": (lambda path: _set_schema(path, "later"), "damaged"),
    "no TOML": (lambda path: (path / "project.toml").write_text("a [\n"), "not valid TOML"),
    "no text": (lambda path: (path / "project.toml").write_bytes(b"\xff\xfe\0"), "not valid TOML"),
    "version as text": (_edit("project.toml", "schema_version = 1", 'schema_version = "1"'), "not a project"),
    "emptied": (lambda path: (path / "project.toml").write_text(""), "not a project"),
}


@pytest.mark.parametrize("case", PROJECTS)
def test_a_project_that_cannot_be_understood_is_left_alone(case: str, project: Path, tmp_path: Path, recurra) -> None:
    change, what = PROJECTS[case]
    change(project)
    (tmp_path / "more.txt").write_text("a X O\n\n")
    before = {path: path.read_bytes() for path in (project / "project.toml", project / "data.sqlite")}
    for words in (["import", project, tmp_path / "more.txt"], ["train", "--project", project, *TRAIN]):
        told = recurra(*words).block()
        assert what in told["what"]
        assert str(project) in told["where"]
        assert told["do"]
    assert {path: path.read_bytes() for path in before} == before


MODELS = {
    "newer": (_edit("manifest.json", '"schema_version": 1', '"schema_version": 99'), "newer version"),
    "version as text": (_edit("manifest.json", '"schema_version": 1', '"schema_version": "x"'), "damaged"),
    "manifest cut": (lambda path: os.truncate(path / "manifest.json", 40), "damaged"),
    "manifest empty": (lambda path: (path / "manifest.json").write_text("{}"), "damaged"),
    "manifest names nothing": (
        lambda path: (path / "manifest.json").write_text('{"sha256": {}, "schema_version": 1}'),
        "damaged",
    ),
    "manifest names another path": (
        _edit("manifest.json", '"codec.json"', '"../../../../../../../../etc/hostname"'),
        "damaged",
    ),
    "weights cut": (lambda path: os.truncate(path / "model.safetensors", 900), "damaged"),
    "codec gone": (lambda path: (path / "codec.json").unlink(), "damaged"),
    "configuration changed": (_edit("run.toml", "schema_version = 1", "schema_version = 99"), "damaged"),
}


@pytest.mark.parametrize("case", MODELS)
def test_a_damaged_model_is_told_and_written_again_by_a_resume(case, project: Path, run_path: Path, recurra) -> None:
    change, what = MODELS[case]
    change(run_path / "model")
    assert what in recurra("predict", run_path, "Peter called").block()["what"]
    if what == "damaged":
        assert "damaged" in recurra("export", run_path, project / "model.zip").block()["what"]
        assert not (project / "model.zip").exists()
        assert recurra("resume", run_path).status == 0
        assert "Peter" in recurra("predict", run_path, "Peter called").out


def test_a_manifest_cannot_make_other_files_be_read(run_path: Path, recurra) -> None:
    manifest = json.loads((run_path / "model" / "manifest.json").read_text())
    secret = run_path / "secret.txt"
    secret.write_text("secret")
    manifest["sha256"]["../secret.txt"] = "0" * 64
    (run_path / "model" / "manifest.json").write_text(json.dumps(manifest))
    told = recurra("predict", run_path, "Peter called")
    assert "secret" not in told.out + told.err


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="root may write to what is read-only")
def test_a_project_without_the_right_to_write_is_read(project: Path, tmp_path: Path, recurra) -> None:
    (tmp_path / "more.txt").write_text("a X O\n\n")
    folders = [project, *(path for path in project.rglob("*") if path.is_dir())]
    for path in [*(path for path in project.rglob("*") if path.is_file()), *folders]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        assert recurra("export", project, tmp_path / "x.conll").status == 0
        assert "reading only" in recurra("import", project, tmp_path / "more.txt").block()["what"]
        assert "reading only" in recurra("train", "--project", project, *TRAIN).block()["what"]
        assert recurra("predict", project, "Peter called").status == 0
        assert recurra("evaluate", project).status == 0
    finally:
        for path in folders:
            path.chmod(0o755)


@pytest.fixture
def read_only(monkeypatch: pytest.MonkeyPatch, project: Path) -> Path:
    """The project as on a medium that cannot be written to, for whoever runs the tests."""
    real_access = os.access

    def access(path: object, mode: int, **options: bool) -> bool:
        inside = str(path).startswith(str(project))
        return False if inside and mode & os.W_OK else real_access(path, mode, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "access", access)
    return project


def test_a_read_only_project_refuses_changes_and_answers_questions(read_only: Path, tmp_path: Path, recurra) -> None:
    (tmp_path / "more.txt").write_text("a X O\n\n")
    with DatasetStore.open(read_only / "data.sqlite") as store:
        assert store.read_only
        assert store.datasets()[0].count == 60
    assert "reading only" in recurra("import", read_only, tmp_path / "more.txt").block()["what"]
    assert "reading only" in recurra("train", "--project", read_only, *TRAIN).block()["what"]
    assert recurra("predict", read_only, "Peter called").status == 0
    assert len(list((read_only / "runs").iterdir())) == 1


def test_a_report_that_cannot_be_kept_is_still_shown(project: Path, monkeypatch, recurra) -> None:
    def refuse(_path: Path, _data: object) -> None:
        raise WorkbenchError("test.json cannot be written.", why="You may not write there.")

    monkeypatch.setattr("workbench.api.files.write_atomic", refuse)
    told = recurra("evaluate", project)
    assert told.status == 0
    assert "entity_f1" in told.out
    assert "not kept" in told.err


def test_a_full_disk_during_an_edit_leaves_the_data_as_they_were(project: Path, monkeypatch) -> None:
    """SQLite's page limit fails as a full disk does."""
    with DatasetStore.open(project / "data.sqlite") as store:
        info = store.datasets()[0]
        connection = store.connections.get()
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(WorkbenchError, match="was not saved") as told:
            _fill(store)
        assert "disk is full" in told.value.why
        assert store.datasets()[0] == info
        backup.check(connection, project / "data.sqlite")


def _fill(store: DatasetStore) -> None:
    with store.connections.writing() as connection:
        for name in range(5000):
            connection.execute("INSERT INTO meta VALUES (?, ?)", (f"filler {name}", "x" * 400))


def test_a_full_disk_leaves_the_old_file(tmp_path: Path, monkeypatch) -> None:
    from workbench.api.files import write_atomic

    (tmp_path / "a.json").write_text("old")
    monkeypatch.setattr(os, "fsync", lambda _descriptor: (_ for _ in ()).throw(OSError(errno.ENOSPC, "full")))
    with pytest.raises(WorkbenchError) as told:
        write_atomic(tmp_path / "a.json", "new")
    assert told.value.why == "The disk is full."
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]
    assert (tmp_path / "a.json").read_text() == "old"
