"""Starting: nothing heavy before the first paint, a crash is told at the next start, a sample is one click."""

from __future__ import annotations

import faulthandler
from pathlib import Path
from typing import Any

from workbench.api import compatibility
from workbench.shell.app import theme_of, watch_crashes
from workbench.shell.bench import measure_startup
from workbench.shell.samples import prepare_sample, sample_config
from workbench.shell.session import Session


def test_the_first_paint_imports_nothing_heavy() -> None:
    answer = measure_startup(runs=1)
    assert answer["heavy_imports"] == []
    assert 0 < answer["first_paint_median_s"] < 10  # the measure itself is taken on a quiet machine


def test_a_crash_is_told_once(tmp_path: Path) -> None:
    log = tmp_path / "state" / "crash.log"
    was_on = faulthandler.is_enabled()
    try:
        notice, file = watch_crashes(log)
        assert notice is None
        file.write("Fatal Python error: Segmentation fault")
        file.close()
        notice, file = watch_crashes(log)
        assert notice is not None
        assert "Segmentation fault" in notice.details
        file.close()
        notice, file = watch_crashes(log)
        assert notice is None
        file.close()
    finally:
        faulthandler.disable()
        if was_on:
            faulthandler.enable()


def test_the_theme_is_as_it_was_left(session: Session) -> None:
    settings = session.settings
    assert settings is not None
    settings.set("shell.theme", "high_contrast_light")
    settings.font_scale = 1.5
    theme = theme_of(settings)
    assert (theme.name, theme.scale) == ("high_contrast_light", 1.5)


def test_every_sample_with_a_task_is_one_click_from_training(session: Session, tmp_path: Path) -> None:
    samples = [sample for sample in session.catalogue.samples() if sample.task]
    assert samples
    for sample in samples:
        config = sample_config(sample)
        task = session.catalogue.task(config.task.id)
        assert compatibility(task, session.catalogue.architecture(config.architecture.id))
        assert sample.verb
    said: list[Any] = []
    work = prepare_sample(samples[0], tmp_path / "demo", session.record_types())
    for _ in range(2):  # the second click finds everything there
        assert work(lambda *progress: said.append(progress), lambda: False) == tmp_path / "demo"
    session.open_project(tmp_path / "demo")
    assert session.dataset is not None
    assert session.dataset.name == samples[0].id
