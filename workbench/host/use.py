"""Running a plugin's code after it was loaded: what it raises becomes a problem with the plugin's name on it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from workbench.api import Catalogue, Contribution, WorkbenchError
from workbench.host.problems import ProblemList
from workbench.host.staging import describe

T = TypeVar("T")


def use(contribution: Contribution, problems: ProblemList, catalogue: Catalogue, call: Callable[[], T]) -> T:
    """``call()``, which runs code of the plugin behind ``contribution``.

    A :class:`WorkbenchError` is the plugin speaking to the user (a file it cannot read) and passes through. Anything
    else is a fault of the plugin, as is a ``Ref`` that names nothing: it goes into the problems list, and a
    :class:`WorkbenchError` that names the plugin is raised instead.
    """
    try:
        return call()
    except WorkbenchError as error:
        if isinstance(error.__cause__, (ImportError, AttributeError)):  # how Ref.resolve fails
            problems.report(catalogue.owner(contribution), describe(contribution), error)
        raise
    except (Exception, SystemExit) as error:
        owner = catalogue.owner(contribution)
        problem = problems.report(owner, describe(contribution), error)
        raise WorkbenchError(
            f"The plugin {owner} failed in its {describe(contribution)}: {problem.what}",
            why="The rest of the application is not affected.",
            fix="The problems list has the details; update the plugin or switch it off.",
            details=problem.details,
        ) from error
