"""Whether a window can be shown. Qt aborts the process where it cannot, so this looks before Qt is loaded."""

from __future__ import annotations

import ctypes
import os
import socket
import sys
from collections.abc import Mapping
from pathlib import Path

from workbench.api import WorkbenchError

PACKAGES = {
    "libEGL.so.1": "libegl1",
    "libGL.so.1": "libgl1",
    "libxkbcommon.so.0": "libxkbcommon0",
    "libdbus-1.so.3": "libdbus-1-3",
    "libfontconfig.so.1": "libfontconfig1",
}
XCB_PACKAGES = {
    "libxkbcommon-x11.so.0": "libxkbcommon-x11-0",
    "libxcb-cursor.so.0": "libxcb-cursor0",
    "libxcb-icccm.so.4": "libxcb-icccm4",
    "libxcb-keysyms.so.1": "libxcb-keysyms1",
}
NO_DISPLAY = (
    "There is no display to open a window on; on the command line, train with: recurra train (see recurra --help)"
)


def check_display(environment: Mapping[str, str] = os.environ) -> None:
    """Raise a :class:`WorkbenchError` where Qt would abort."""
    problem = display_problem(environment)
    if problem:
        raise WorkbenchError(problem)


def display_problem(environment: Mapping[str, str] = os.environ) -> str:
    """Why no window can be shown, in one line; empty when one can."""
    if not sys.platform.startswith(("linux", "freebsd")):
        return ""
    missing = missing_libraries(PACKAGES)
    if missing:
        return f"Qt needs system libraries that are not installed: apt-get install {' '.join(missing)}"
    platform = environment.get("QT_QPA_PLATFORM", "").split(":")[0].split(";")[0]
    if platform and platform not in ("xcb", "wayland"):
        return ""
    wayland, display = environment.get("WAYLAND_DISPLAY"), environment.get("DISPLAY")
    if wayland and platform != "xcb" and _wayland_socket(wayland, environment).exists():
        return ""
    if not display or not _answers(display):
        return NO_DISPLAY
    missing = missing_libraries(XCB_PACKAGES)
    if missing:
        return f"Qt needs system libraries for X11: apt-get install {' '.join(missing)}"
    return ""


def missing_libraries(packages: Mapping[str, str]) -> list[str]:
    """Debian packages of the shared libraries that cannot be loaded."""
    missing = []
    for library, package in packages.items():
        try:
            ctypes.CDLL(library)
        except OSError:
            missing.append(package)
    return missing


def _wayland_socket(name: str, environment: Mapping[str, str]) -> Path:
    return Path(environment.get("XDG_RUNTIME_DIR", "/")) / name  # an absolute name replaces the folder


def _answers(display: str) -> bool:
    """Whether an X server listens at ``display`` (``:0``, ``:0.0``, ``host:10``)."""
    host, _, number = display.rpartition(":")
    number = number.split(".")[0]
    if not number.isdigit():
        return False
    if host and not host.startswith("unix"):
        return _connects(socket.AF_INET, (host, 6000 + int(number)))
    path = f"/tmp/.X11-unix/X{number}"
    return _connects(socket.AF_UNIX, path) or _connects(socket.AF_UNIX, "\0" + path)


def _connects(family: int, address: object) -> bool:
    try:
        with socket.socket(family, socket.SOCK_STREAM) as connection:
            connection.settimeout(1.0)
            connection.connect(address)  # type: ignore[arg-type]
            return True
    except OSError:
        return False
