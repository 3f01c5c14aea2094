"""Run files that are wrong, checkpoints and journals that are damaged, devices that are gone, disks that fill up."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import sys
from collections import deque
from collections.abc import Callable
from pathlib import Path

import pytest
from badinput_words import TRAIN

from workbench.api.events import FinishReason
from workbench.runs import RunFolder, list_runs, read_journal

CHANGES = {
    "unknown option": ("momentum = 0.9", "momentumm = 0.9", "no option training.momentumm", "Did you mean momentum?"),
    "text for a number": ("momentum = 0.9", 'momentum = "much"', "training.momentum", "Change the value"),
    "too small": ("max_epochs = 3", "max_epochs = 0", "training.max_epochs", "Change the value"),
    "negative limit": ("limit = 0", "limit = -5", "data.limit", "Change the value"),
    "unknown option of the task": ("[task.params]", "[task.params]\nlair = 'ner'", "no option task.lair", "layer"),
    "wrong option of the network": ("hidden_size = 8", 'hidden_size = "many"', "architecture.hidden_size", "Change"),
    "unknown architecture": ('id = "birnn"', 'id = "birn"', "no architecture 'birn'", "Did you mean birnn?"),
    "unknown task": ('id = "tagging"', 'id = "taging"', "no task 'taging'", "Did you mean tagging?"),
    "unknown dataset": ('dataset = "news"', 'dataset = "olds"', "no dataset 'olds'", "news"),
    "unknown split": ('train = "train"', 'train = "trian"', "the split 'trian' of 'news' is empty", "split"),
    "missing section": ("[data]", "[dota]", "data is missing", "Add it"),
    "text for a list": ("inputs = []", 'inputs = "hello"', "inputs: a list is expected", "Change"),
    "newer": ("schema_version = 1", "schema_version = 99", "newer version", "Update"),
    "not TOML": ("[data]", "[data", "Not valid TOML", "Mend the line"),
}
WITH_LINE = ("unknown option", "text for a number", "too small", "negative limit", "unknown option of the task",
             "wrong option of the network", "not TOML")  # fmt: skip


@pytest.mark.parametrize("case", CHANGES)
def test_a_wrong_run_file_is_told_and_makes_no_run(case: str, project: Path, run_path: Path, tmp_path, recurra) -> None:
    before, after, what, do = CHANGES[case]
    text = (run_path / "run.toml").read_text(encoding="utf-8")
    assert before in text
    file = tmp_path / "my.toml"
    file.write_text(text.replace(before, after, 1), encoding="utf-8")
    told = recurra("train", file, "--project", project).block()
    assert what in told["what"]
    assert do in told["do"]
    if case in WITH_LINE:
        changed = [i for i, line in enumerate(file.read_text().splitlines(), start=1) if after.split("\n")[-1] in line]
        assert told["where"] == f"{file}:{changed[0]}"
    assert len(list_runs(project / "runs")) == 1


def test_a_run_file_that_is_a_project_or_missing_is_told(project: Path, tmp_path: Path, recurra) -> None:
    assert "--project" in recurra("train", project).block()["do"]
    assert "no such run file" in recurra("train", tmp_path / "no.toml", "--project", project).block()["what"]
    assert recurra("train", tmp_path, "--project", project).block()["where"] == str(tmp_path / "run.toml")


def test_a_task_and_an_architecture_that_do_not_fit_are_told(project: Path, monkeypatch, recurra) -> None:
    from workbench.api import Compatibility

    monkeypatch.setattr("workbench.cli.train.compatibility", lambda *_: Compatibility(False, "It reads trees."))
    told = recurra("train", "--project", project, "--task", "tagging", "--architecture", "lstm").block()
    assert "cannot do" in told["what"]
    assert told["why"] == "It reads trees."


def test_records_of_another_kind_are_told(tmp_path: Path, recurra) -> None:
    (tmp_path / "a.txt").write_text("a line\nanother\n")
    assert recurra("import", tmp_path / "p", tmp_path / "a.txt", "--importer", "text").status == 0
    told = recurra("train", "--project", tmp_path / "p", "--task", "tagging", "--architecture", "lstm").block()
    assert "cannot learn from the dataset 'a'" in told["what"]
    assert "'text'" in told["why"]


DATA = {
    "one record": ({"train": "a X B-PER\nb Y O\n\n"}, 0, "no validation split"),
    "one token each": ({"train": "a X B-PER\n\n" * 3, "dev": "a X B-PER\n\n"}, 0, ""),
    "labels of validation alone": ({"train": "a X B-PER\nb Y O\n\n" * 9, "dev": "a X B-LOC\nb Z O\n\n"}, 0, ""),
    "no label but O": ({"train": "a X O\nb Y O\n\n" * 5, "dev": "a X O\n\n"}, 1, "every token of the training split"),
    "emoji and marks": ({"train": "👩‍👩‍👧 X B-PER\nשלום Y O\né́́ Z O\n\n" * 9, "dev": "हिन्दी X B-PER\n\n"}, 0, ""),
}  # fmt: skip


@pytest.mark.parametrize("case", DATA)
def test_odd_data_train_or_say_why_not(case: str, tmp_path: Path, recurra) -> None:
    files, status, said = DATA[case]
    (tmp_path / "in").mkdir()
    for name, text in files.items():
        (tmp_path / "in" / f"{name}.txt").write_text(text, encoding="utf-8")
    words = ["--option", "columns=token,_,ner", "--importer", "conll"]
    assert recurra("import", tmp_path / "p", *sorted((tmp_path / "in").iterdir()), *words).status == 0
    words = ["--word-embedding-size", "4", "--hidden-size", "4", "--characters", "none", "--threads", "1"]
    told = recurra("train", "--project", tmp_path / "p", "--task", "tagging", "--architecture", "lstm",
                   "--max-epochs", "2", "--device", "cpu", *words)  # fmt: skip
    assert told.status == status
    assert said in told.out + told.err
    assert "nan" not in told.out


def test_a_layer_that_is_not_there_is_told_with_those_that_are(project: Path, recurra) -> None:
    words = ["--task", "tagging", "--architecture", "lstm", "--layer", "nope", "--max-epochs", "1", "--threads", "1"]
    told = recurra("train", "--project", project, *words).block()
    assert "'nope'" in told["what"]
    assert "pos, ner" in told["why"]


@pytest.mark.parametrize("device", ["cuda", "cuda:7", "mps", "tpu"])
def test_a_device_that_is_gone_is_told(device: str, project: Path, monkeypatch, recurra) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr("workbench.engine.devices._mps_available", lambda: False)
    words = ["--task", "tagging", "--architecture", "lstm", "--device", device, "--max-epochs", "1", "--threads", "1"]
    told = recurra("train", "--project", project, *words).block()
    assert device in told["what"]
    assert "auto" in told["do"]


def test_a_plugin_that_is_missing_is_named(run_path: Path, recurra) -> None:
    for path in (run_path / "run.toml", run_path / "model" / "run.toml"):
        path.write_text(path.read_text().replace('id = "birnn"', 'id = "qrnn"'))
    manifest = json.loads((run_path / "model" / "manifest.json").read_text())
    from workbench.api.files import sha256_file

    manifest["sha256"]["run.toml"] = sha256_file(run_path / "model" / "run.toml")
    (run_path / "model" / "manifest.json").write_text(json.dumps(manifest))
    for words in (["predict", run_path, "Peter"], ["evaluate", run_path]):
        told = recurra(*words).block()
        assert "no architecture 'qrnn'" in told["what"]
        assert "plugin that is not installed" in told["why"]


# -- checkpoints and journals ------------------------------------------------------------------------------------------


@pytest.fixture
def unfinished(run_path: Path) -> Path:
    """The run as if its process had been killed after the last checkpoint, with one epoch to go."""
    shutil.rmtree(run_path / "model")
    lines = (run_path / "journal.jsonl").read_bytes().splitlines(keepends=True)
    (run_path / "journal.jsonl").write_bytes(b"".join(line for line in lines if b'"finished"' not in line))
    text = (run_path / "run.toml").read_text()
    (run_path / "run.toml").write_text(text.replace("max_epochs = 3", "max_epochs = 4"))
    return run_path


def _cut(*names: str) -> Callable[[Path], None]:
    def cut(run: Path) -> None:
        for name in names:
            os.truncate(run / "checkpoints" / name / "state.safetensors", 60)

    return cut


def _flip(run: Path) -> None:
    path = run / "checkpoints" / "last" / "state.safetensors"
    content = bytearray(path.read_bytes())
    content[-9] ^= 0xFF
    path.write_bytes(content)


def _forget(run: Path) -> None:
    path = run / "checkpoints" / "last" / "state.json"
    head = json.loads(path.read_text())
    del head["values"]["optimizer"]
    path.write_text(json.dumps(head))


FALL_BACKS = {
    "cut": _cut("last"),
    "one byte": _flip,
    "no object": lambda run: (run / "checkpoints" / "last" / "state.json").write_text("[]"),
    "a value gone": _forget,
}


@pytest.mark.parametrize("case", FALL_BACKS)
def test_a_damaged_checkpoint_falls_back_to_the_one_before(case: str, unfinished: Path, recurra) -> None:
    FALL_BACKS[case](unfinished)
    told = recurra("resume", unfinished)
    assert told.status == 0, told.err
    assert "last is damaged" in told.out
    assert "going on from the one before, of step 2" in told.out
    assert RunFolder(unfinished).state().reason == FinishReason.COMPLETED


def test_when_no_last_checkpoint_is_whole_the_best_model_is_kept(unfinished: Path, recurra) -> None:
    _cut("last", "last-previous")(unfinished)
    told = recurra("resume", unfinished)
    assert "no earlier one is whole" in told.block()["why"]
    assert "its best model, of epoch" in told.out
    assert recurra("predict", unfinished, "Peter called").status == 0


def test_when_no_best_checkpoint_is_whole_the_last_model_is_kept(unfinished: Path, recurra) -> None:
    text = (unfinished / "run.toml").read_text()
    (unfinished / "run.toml").write_text(text.replace("max_epochs = 4", "max_epochs = 3"))
    _cut("best", "best-previous")(unfinished)
    told = recurra("resume", unfinished)
    assert told.status == 0, told.err
    assert "that of the last step instead" in told.out
    assert recurra("predict", unfinished, "Peter called").status == 0


def test_a_newer_checkpoint_is_left_alone(unfinished: Path, recurra) -> None:
    path = unfinished / "checkpoints" / "last" / "state.json"
    path.write_text(path.read_text().replace('"schema_version": 1', '"schema_version": 99'))
    before = path.read_bytes()
    assert "newer version" in recurra("resume", unfinished).block()["what"]
    assert path.read_bytes() == before


def test_what_a_run_began_with_is_checked(unfinished: Path, recurra) -> None:
    os.truncate(unfinished / "checkpoints" / "start.json", 50)
    told = recurra("resume", unfinished).block()
    assert "what it began with is damaged" in told["what"]
    assert told["where"].endswith("start.json")


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: os.truncate(path, path.stat().st_size - 20),
        lambda path: path.write_bytes(bytes(range(256)) * 9),
        lambda path: path.write_bytes(path.read_bytes().replace(b'"epoch"', b"\0\0\0\0\0\0\0")),
        lambda path: os.truncate(path, 0),
    ],
    ids=["torn line", "rubbish", "holes", "emptied"],
)
def test_a_damaged_journal_stops_neither_the_list_nor_the_resume(damage, project, unfinished: Path, recurra) -> None:
    damage(unfinished / "journal.jsonl")
    assert unfinished.name in recurra("runs", project).out
    assert recurra("resume", unfinished).status == 0
    numbers = [event.seq for event in read_journal(unfinished / "journal.jsonl")]
    assert numbers == sorted(set(numbers))


def test_one_unreadable_run_does_not_hide_the_others(project: Path, run_path: Path, recurra) -> None:
    shutil.copytree(run_path, run_path.with_name("20260101-0000-broken"))
    (run_path.with_name("20260101-0000-broken") / "journal.jsonl").unlink()
    (run_path.with_name("20260101-0000-broken") / "journal.jsonl").mkdir()
    told = recurra("runs", project)
    assert told.status == 0
    assert "completed" in told.out
    assert "journal" in told.err


@pytest.mark.parametrize("name", ["control.json", "lock.json"])
@pytest.mark.parametrize("content", ['{"pid', '{"pid": "x", "started": []}', "[]"])
def test_broken_small_files_of_a_run_are_passed_over(name: str, content: str, unfinished: Path, recurra) -> None:
    (unfinished / name).write_text(content)
    assert recurra("resume", unfinished).status == 0


# -- a disk that fills up ----------------------------------------------------------------------------------------------


class FullDisk:
    """Lets ``after`` syncs of checkpoint files through, then the disk is full."""

    def __init__(self, after: int) -> None:
        self.left = after

    def __call__(self, path: Path, data: bytes) -> None:
        self.left -= 1
        if self.left < 0:
            path.write_bytes(data[: len(data) // 2])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        path.write_bytes(data)


@pytest.mark.parametrize("after", [0, 1, 2, 3, 5, 8])
def test_a_full_disk_ends_a_training_that_can_be_resumed(after: int, project: Path, monkeypatch, recurra) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("workbench.engine.checkpoint._write_synced", FullDisk(after))
        told = recurra("train", "--project", project, *TRAIN, "--max-epochs", "3")
    assert told.block()["why"] == "The disk is full."
    run = list_runs(project / "runs")[-1]
    assert not [path for path in run.checkpoints.iterdir() if path.name.startswith(".")]
    again = recurra("resume", run.path)
    assert again.status == 0, again.err
    assert run.state().reason == FinishReason.COMPLETED
    assert recurra("predict", run.path, "Peter called").status == 0


@pytest.mark.skipif(sys.platform == "win32", reason="a limit on the size of files is needed")
def test_a_full_disk_leaves_no_half_line_in_a_journal(tmp_path: Path) -> None:
    import resource

    from workbench.api import WorkbenchError
    from workbench.api.events import Phase
    from workbench.runs import JournalWriter

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, before[1]))
    try:
        with JournalWriter(tmp_path / "journal.jsonl", "r") as journal, pytest.raises(WorkbenchError, match="journal"):
            deque(journal.write(Phase, 0, name="filling the disk") for _ in range(100))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    content = (tmp_path / "journal.jsonl").read_bytes()
    assert content.endswith(b"\n")
    events = read_journal(tmp_path / "journal.jsonl")
    assert [event.seq for event in events] == list(range(len(events)))
    with JournalWriter(tmp_path / "journal.jsonl", "r") as journal:
        assert journal.write(Phase, 0, name="going on").seq == len(events)


@pytest.mark.skipif(sys.platform == "win32", reason="a limit on the size of files is needed")
def test_a_full_disk_during_an_import_leaves_nothing(tmp_path: Path, recurra) -> None:
    import resource

    (tmp_path / "big.txt").write_text("Peter NNP B-PER\ncalls VBZ O\n\n" * 4000)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, before[1]))
    try:
        told = recurra("import", tmp_path / "p", tmp_path / "big.txt").block()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert "disk" in told["what"] + told["why"]
    assert not (tmp_path / "p").exists()
