"""What holds for every test: no display, one compute thread, nobody's own settings, no leaks."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

# Before anything imports Qt or torch; worker processes inherit both.
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ.setdefault("OMP_NUM_THREADS", "1")

pytest_plugins = ["pytester", "workbench.testing.fixtures", "workbench.testing.guards"]

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests marked ``realdata`` are skipped, with the reason, where the public data sets are not beside the project."""
    if SHARED_DATA.is_dir():
        return
    skip = pytest.mark.skip(reason="the public data sets are not in ../shared/data")
    for item in items:
        if item.get_closest_marker("realdata"):
            item.add_marker(skip)


@pytest.fixture(autouse=True, scope="session")
def isolated_user_folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Settings, logs and caches of the person running the tests are neither read nor written."""
    home = tmp_path_factory.mktemp("user")
    with pytest.MonkeyPatch.context() as patch:
        for kind in ("CONFIG", "DATA", "CACHE", "STATE"):
            patch.setenv(f"XDG_{kind}_HOME", str(home / kind.lower()))
        yield


@pytest.fixture(scope="session")
def shared_data() -> Callable[[str], Path]:
    """``shared_data("ner/conll2003")``: that folder (or file) of ../shared/data; skips the test where it is not."""

    def find(name: str) -> Path:
        path = SHARED_DATA / name
        if not path.exists():
            pytest.skip(f"../shared/data/{name} is not here")
        return path

    return find


@pytest.fixture(autouse=True)
def undressed_application() -> Iterator[None]:
    """A test that dresses the application (theme, text at 200 %) leaves it as it was for the next one."""
    yield
    widgets = sys.modules.get("PySide6.QtWidgets")
    application = widgets.QApplication.instance() if widgets is not None else None
    if application is None or not application.property("recurra_theme"):
        return
    application.setProperty("recurra_theme", None)
    fonts = sys.modules["PySide6.QtGui"].QFontDatabase
    application.setFont(fonts.systemFont(fonts.SystemFont.GeneralFont))
    application.setPalette(application.style().standardPalette())
