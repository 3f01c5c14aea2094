"""The project folder, a person's settings, schema versions and migrations."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from workbench.project.project import Project
    from workbench.project.settings import Settings

__all__ = ["Project", "Settings"]


def __getattr__(name: str) -> Any:
    """Each on its first use: the window reads its settings before it is painted, and opens projects after that."""
    if name == "Project":
        from workbench.project.project import Project

        return Project
    if name == "Settings":
        from workbench.project.settings import Settings

        return Settings
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
