"""The project folder, a person's settings, schema versions and migrations."""

from workbench.project.project import Project
from workbench.project.settings import Settings

__all__ = ["Project", "Settings"]
