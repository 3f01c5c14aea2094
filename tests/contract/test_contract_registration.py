"""Every contribution of every plugin: registers light, resolves, explains its options."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest
from contract_subjects import contributions, loaded, name_of, references

from workbench.api import (
    Architecture,
    Contribution,
    DoctorCheck,
    Exporter,
    Finding,
    Params,
    Ref,
    Sample,
    StoredRecord,
    Task,
    describe,
    validate,
)
from workbench.host import PluginInfo
from workbench.testing.datasets import GENERATORS

WITH_PARAMS = [one for one in contributions() if hasattr(one, "params")]

EACH_ALONE = """
import contextlib, json, sys
from workbench.host import discover
heavy = ("torch", "PySide6", "pyqtgraph")
guilty = {}
for candidate in discover():
    before = set(sys.modules)
    with contextlib.suppress(Exception):  # a test of its own says which plugins do not load
        candidate.load()
    found = [name for name in heavy if name in sys.modules and name not in before]
    if found:
        guilty[candidate.name] = found
from workbench.host import load_plugins
load_plugins(gui=True)
guilty["registering"] = [name for name in heavy if name in sys.modules]
print(json.dumps(guilty))
"""


@pytest.mark.parametrize("plugin", loaded().plugins, ids=lambda info: info.name)
def test_every_plugin_loads_without_a_problem(plugin: PluginInfo) -> None:
    assert [str(problem) for problem in loaded().problems.problems() if problem.plugin == plugin.name] == []
    assert plugin.status == "loaded"
    assert plugin.contributions


def test_importing_and_registering_a_plugin_imports_neither_torch_nor_qt() -> None:
    done = subprocess.run([sys.executable, "-c", EACH_ALONE], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"registering": []}


@pytest.mark.parametrize(("contribution", "reference"), references(), ids=name_of)
def test_every_reference_names_something_callable(contribution: Contribution, reference: Ref) -> None:
    assert callable(reference.resolve())


@pytest.mark.parametrize("contribution", WITH_PARAMS, ids=name_of)
def test_every_option_says_what_it_does_and_numbers_have_bounds(contribution: Any) -> None:
    for spec in describe(contribution.params):
        assert spec.what.endswith((".", "?", "!")), f"{spec.name} does not say what it does, in a sentence"
        assert spec.title
        if spec.kind in ("int", "float"):
            assert spec.minimum is not None, f"{spec.name} has no lower bound"
            assert spec.maximum is not None, f"{spec.name} has no upper bound"
        if spec.kind == "choice":
            assert len(spec.choices) > 1


@pytest.mark.parametrize("contribution", WITH_PARAMS, ids=name_of)
def test_defaults_are_complete_and_survive_the_run_file(contribution: Any) -> None:
    defaults: Params = contribution.params()
    assert validate(contribution.params, json.loads(defaults.model_dump_json())) == defaults


@pytest.mark.parametrize(
    ("contribution", "preset"),
    [(one, preset) for one in contributions(Architecture, Task) for preset in one.presets],
    ids=lambda value: getattr(value, "title", str(value)),
)
def test_every_preset_fits_its_params(contribution: Any, preset: Any) -> None:
    validate(contribution.params, dict(preset.values))
    assert preset.title


@pytest.mark.parametrize("task", contributions(Task), ids=name_of)
def test_what_a_task_names_is_registered(task: Task) -> None:
    catalogue = loaded().catalogue
    catalogue.record_type(task.record)
    for metric in task.metrics:
        assert catalogue.metric(metric).result == task.result
    assert task.metrics, "the first metric chooses the best checkpoint"


@pytest.mark.parametrize("architecture", contributions(Architecture), ids=name_of)
def test_an_architecture_explains_itself(architecture: Architecture) -> None:
    assert architecture.summary
    assert architecture.equations
    assert architecture.presets
    assert architecture.shapes


@pytest.mark.parametrize("sample", contributions(Sample), ids=name_of)
def test_a_sample_states_its_licence_and_yields_records(sample: Sample) -> None:
    catalogue = loaded().catalogue
    expected = catalogue.record_type(sample.record).cls
    assert len(sample.licence) > 5
    seen: dict[str, int] = {}
    for split, document, record in sample.factory.resolve()():
        assert isinstance(record, expected)
        assert isinstance(document, str)
        assert expected.from_json(json.loads(json.dumps(record.to_json()))) == record
        seen[split] = seen.get(split, 0) + 1
    assert seen.get("train", 0) > 0
    if sample.record != "series":  # a series is cut by time: it holds its own validation part
        assert seen.get("validation", 0) > 0
    if sample.task:
        assert catalogue.task(sample.task).record == sample.record
    if sample.architecture:
        catalogue.architecture(sample.architecture)


@pytest.mark.parametrize("exporter", contributions(Exporter), ids=name_of)
def test_an_exporter_says_what_it_writes(exporter: Exporter) -> None:
    assert exporter.suffix.startswith(".") or exporter.suffix == ""
    if exporter.record:  # an empty one means any
        loaded().catalogue.record_type(exporter.record)


@pytest.mark.parametrize("check", contributions(DoctorCheck), ids=name_of)
def test_a_check_finds_nothing_grave_in_good_data_and_survives_none(check: DoctorCheck) -> None:
    run = check.factory.resolve()
    good = [StoredRecord(i + 1, i, "train", "", one) for i, one in enumerate(GENERATORS[check.record](20, 3))]
    findings = list(run(iter(good)))
    assert all(isinstance(finding, Finding) for finding in findings)
    assert [finding.message for finding in findings if finding.severity == "error"] == []
    assert isinstance(list(run(iter(()))), list)
