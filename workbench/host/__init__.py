"""Finds plugins, loads each by itself, commits what it contributes whole or not at all, and keeps the problems list.

No torch, no Qt. :func:`load_plugins` is the one entrance.
"""

from workbench.host.catalogue import LoadedCatalogue
from workbench.host.discovery import Candidate, discover
from workbench.host.loading import LoadedPlugins, PluginInfo, load_plugins
from workbench.host.problems import Problem, ProblemList
from workbench.host.use import use

__all__ = [
    "Candidate",
    "LoadedCatalogue",
    "LoadedPlugins",
    "PluginInfo",
    "Problem",
    "ProblemList",
    "discover",
    "load_plugins",
    "use",
]
