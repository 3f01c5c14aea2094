"""Reports and predictions as files, and a model as one archive that cannot write outside its folder."""

from __future__ import annotations

import csv
import json
import stat
import zipfile

import pytest
from workbench_plugins.exporters.bundle.archive import pack, unpack
from workbench_plugins.exporters.reports.predictions import write_conll, write_jsonl
from workbench_plugins.exporters.reports.report import write_csv, write_json, write_markdown

from workbench.api import LabelledSpan, Report, TaggedTokens, Text, TokenLabels, WorkbenchError

REPORT = Report(
    split="test",
    n_records=2,
    n_tokens=5,
    metrics={"entity_f1": 0.75, "token_accuracy": 0.9},
    table=(
        {"label": "A|B", "precision": 1.0, "recall": 0.5, "f1": 2 / 3, "support": 2},
        {"label": "PER", "precision": 1.0, "recall": 1.0, "f1": 1.0, "support": 1},
    ),
    confusion_labels=("PER", "O"),
    confusion=((1, 0), (1, 3)),
    examples=(
        {
            "record_id": 7,
            "gold": {"tokens": ["Ann", "ran"], "layers": {"ner": ["B-PER", "O"]}},
            "result": {"labels": ["O", "O"], "layer": "ner"},
            "errors": 1,
            "loss": 2.5,
        },
    ),
    protocol={"scoring": "conlleval"},
)


def test_markdown_shows_figures_tables_and_the_worst(tmp_path):
    write_markdown(REPORT, tmp_path / "r.md")
    text = (tmp_path / "r.md").read_text(encoding="utf-8")
    assert "| entity_f1 | 0.7500 |" in text
    assert "A\\|B" in text
    assert "| O | 1 | 3 |" in text
    assert "Record 7: 1 errors, loss 2.5000" in text
    assert "| Ann | B-PER | O |" in text
    assert "| ran |" not in text


def test_json_comes_back_as_the_same_report(tmp_path):
    write_json(REPORT, tmp_path / "r.json")
    assert Report.from_json(json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))) == REPORT


def test_csv_is_the_table(tmp_path):
    write_csv(REPORT, tmp_path / "r.csv")
    with (tmp_path / "r.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["label"] for row in rows] == ["A|B", "PER"]
    assert float(rows[0]["f1"]) == 2 / 3


def test_a_report_without_a_table_still_has_its_figures_as_csv(tmp_path):
    write_csv(Report("test", 1, 1, {"loss": 1.5}), tmp_path / "r.csv")
    assert (tmp_path / "r.csv").read_text(encoding="utf-8") == "loss\n1.5\n"


RESULT = TokenLabels(
    tokens=("Ann", "ran"),
    labels=("B-PER", "O"),
    probabilities=(0.9, 0.8),
    spans=(LabelledSpan(0, 1, "PER", 0.9),),
    layer="ner",
)


def test_predictions_as_columns_have_the_right_labels_where_they_are_known(tmp_path):
    write_conll([(TaggedTokens(("Ann", "ran"), {"ner": ("O", "O")}), RESULT)], tmp_path / "gold.conll")
    assert (tmp_path / "gold.conll").read_text(encoding="utf-8") == "Ann\tO\tB-PER\nran\tO\tO\n\n"
    write_conll([(TaggedTokens(("Ann", "ran")), RESULT)] * 2, tmp_path / "plain.conll")
    assert (tmp_path / "plain.conll").read_text(encoding="utf-8") == "Ann\tB-PER\nran\tO\n\n" * 2


def test_predictions_as_json_lines_hold_everything(tmp_path):
    record = TaggedTokens(("Ann", "ran"))
    write_jsonl(iter([(record, RESULT)]), tmp_path / "p.jsonl")
    line = json.loads((tmp_path / "p.jsonl").read_text(encoding="utf-8"))
    assert TaggedTokens.from_json(line["record"]) == record
    assert TokenLabels.from_json(line["result"]) == RESULT


def test_other_results_are_not_columns(tmp_path):
    with pytest.raises(WorkbenchError, match="not text"):
        write_conll([(Text("a"), Text("a"))], tmp_path / "p.conll")


@pytest.fixture
def model(tmp_path):
    folder = tmp_path / "model"
    (folder / "extra").mkdir(parents=True)
    (folder / "manifest.json").write_text("{}", encoding="utf-8")
    (folder / "model.safetensors").write_bytes(bytes(range(256)) * 50)
    (folder / "extra" / "notes.txt").write_text("hello", encoding="utf-8")
    return folder


def contents(folder):
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_a_model_packed_and_unpacked_is_the_same(model, tmp_path):
    pack(model, tmp_path / "a.zip")
    pack(model, tmp_path / "b.zip")
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
    assert contents(unpack(tmp_path / "a.zip", tmp_path / "again")) == contents(model)


def test_what_is_no_model_is_not_packed(tmp_path):
    with pytest.raises(WorkbenchError, match="not a finished model"):
        pack(tmp_path, tmp_path / "a.zip")


@pytest.mark.parametrize("name", ["../evil", "/evil", "a/../../evil", "C:/evil", "a\\..\\evil", "./evil", "a//b"])
def test_an_archive_cannot_write_outside_its_folder(name, tmp_path):
    with zipfile.ZipFile(tmp_path / "bad.zip", "w") as archive:
        archive.writestr("manifest.json", "{}")
        archive.writestr(zipfile.ZipInfo(name), "evil")
    with pytest.raises(WorkbenchError, match="not unpacked"):
        unpack(tmp_path / "bad.zip", tmp_path / "inner" / "model")
    assert [p.name for p in tmp_path.rglob("*") if p.is_file()] == ["bad.zip"]


def test_links_and_doubles_are_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "link.zip", "w") as archive:
        link = zipfile.ZipInfo("manifest.json")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(WorkbenchError, match="not a plain file"):
        unpack(tmp_path / "link.zip", tmp_path / "model")
    with zipfile.ZipFile(tmp_path / "double.zip", "w") as archive:
        archive.writestr("manifest.json", "{}")
        archive.writestr("MANIFEST.json", "{}")
    with pytest.raises(WorkbenchError, match="two files of one name"):
        unpack(tmp_path / "double.zip", tmp_path / "model")


def test_a_truncated_archive_leaves_nothing_behind(model, tmp_path):
    pack(model, tmp_path / "a.zip")
    data = (tmp_path / "a.zip").read_bytes()
    (tmp_path / "cut.zip").write_bytes(data[: len(data) // 2])
    with pytest.raises(WorkbenchError, match="not a whole"):
        unpack(tmp_path / "cut.zip", tmp_path / "out")
    damaged = bytearray(data)
    damaged[data.index(bytes(range(256)))] ^= 0xFF
    (tmp_path / "damaged.zip").write_bytes(damaged)
    with pytest.raises(WorkbenchError, match="not a whole"):
        unpack(tmp_path / "damaged.zip", tmp_path / "out")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.zip", "cut.zip", "damaged.zip", "model"]


def test_a_taken_folder_and_an_archive_without_a_model_are_refused(model, tmp_path):
    pack(model, tmp_path / "a.zip")
    with pytest.raises(WorkbenchError, match="already something"):
        unpack(tmp_path / "a.zip", model)
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr("readme.txt", "hello")
    with pytest.raises(WorkbenchError, match="holds no model"):
        unpack(tmp_path / "other.zip", tmp_path / "out")
