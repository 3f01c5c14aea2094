"""Loading: every plugin by itself, every hook by itself, everything of a plugin or nothing of it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any, Literal

import pluggy
from pluggy import HookImpl

from workbench.api import API_VERSION, WorkbenchError
from workbench.api.contributions import GUI_HOOKS
from workbench.api.hooks import PROJECT, HookSpecifications
from workbench.host.catalogue import LoadedCatalogue
from workbench.host.discovery import Candidate, Extra, discover
from workbench.host.problems import ProblemList
from workbench.host.staging import StagingRegistrar, kind_of

HOOKS: tuple[str, ...] = tuple(name for name in vars(HookSpecifications) if name.startswith("register_"))
_MARK = f"{PROJECT}_impl"


@dataclass(frozen=True, slots=True)
class PluginInfo:
    """A plugin found. ``contributions`` are the (kind, id) it owns, empty unless ``status`` is "loaded"."""

    name: str
    distribution: str
    version: str
    module: str
    builtin: bool
    status: Literal["loaded", "failed", "disabled", "safe mode"]
    contributions: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class LoadedPlugins:
    """What :func:`load_plugins` yields."""

    catalogue: LoadedCatalogue
    problems: ProblemList
    plugins: tuple[PluginInfo, ...]


def load_plugins(
    *,
    safe_mode: bool = False,
    gui: bool = False,
    disabled: AbstractSet[str] = frozenset(),
    extra: Iterable[Extra] = (),
) -> LoadedPlugins:
    """Find and load every plugin; never raises for a plugin's sake, the problems list says what went wrong.

    ``safe_mode`` loads the built-ins only; ``gui`` also calls the GUI hooks (the shell alone asks for it); plugins
    named in ``disabled`` are not imported; ``extra`` adds plugins that are not installed, as (name, module or object).
    """
    catalogue, problems = LoadedCatalogue(), ProblemList()
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(HookSpecifications)
    hooks = tuple(hook for hook in HOOKS if gui or hook not in GUI_HOOKS)
    infos = []
    for candidate in discover(extra):
        status: Literal["loaded", "failed", "disabled", "safe mode"] = "loaded"
        owned: tuple[tuple[str, str], ...] = ()
        if candidate.name in disabled:
            status = "disabled"
        elif safe_mode and not candidate.builtin:
            status = "safe mode"
        else:
            try:
                owned = _load(candidate, manager, hooks, catalogue)
            except _Failed as failure:
                status = "failed"
                problems.report(candidate.name, failure.where, failure.error)
        infos.append(
            PluginInfo(
                candidate.name,
                candidate.distribution,
                candidate.version,
                candidate.module,
                candidate.builtin,
                status,
                owned,
            )
        )
    return LoadedPlugins(catalogue, problems, tuple(infos))


class _Failed(Exception):
    """A plugin failed: where, and the exception to report."""

    def __init__(self, where: str, error: BaseException) -> None:
        super().__init__(where)
        self.where = where
        self.error = error


def _load(
    candidate: Candidate, manager: pluggy.PluginManager, hooks: tuple[str, ...], catalogue: LoadedCatalogue
) -> tuple[tuple[str, str], ...]:
    where = "import"
    plugin: Any = None
    try:
        plugin = candidate.load()
        where = "requires_api"
        _check_api(getattr(plugin, "requires_api", None))
        where = "registration"
        _check_markers(plugin)
        manager.register(plugin, name=candidate.name)
        manager.check_pending()
        staging = StagingRegistrar()
        for hook in hooks:
            where = staging.hook = hook
            for implementation in _implementations(manager, hook, plugin):
                _call(implementation, staging)
        if staging.faults:  # the plugin caught the refusal itself
            raise staging.faults[0]
        where = "registration"
        catalogue.commit(candidate.name, staging.contributions)
    except (Exception, SystemExit) as error:
        if manager.get_plugin(candidate.name) is not None:
            manager.unregister(name=candidate.name)
        if isinstance(error, pluggy.PluginValidationError):
            error = _in_words(error)
        raise _Failed(where, error) from error
    return tuple((kind_of(contribution), contribution.id) for contribution in staging.contributions)


def _implementations(manager: pluggy.PluginManager, hook: str, plugin: Any) -> Iterator[HookImpl]:
    """This plugin's own, in registration order (a plain pluggy call would be last in, first out)."""
    caller: pluggy.HookCaller = getattr(manager.hook, hook)
    return (implementation for implementation in caller.get_hookimpls() if implementation.plugin is plugin)


def _call(implementation: HookImpl, staging: StagingRegistrar) -> None:
    if implementation.wrapper or implementation.hookwrapper:
        raise WorkbenchError(
            f"{staging.hook} is marked as a wrapper.",
            why="Hooks only add contributions; none sees those of another plugin.",
            fix="Use a plain @hookimpl.",
        )
    implementation.function(*([staging] if "registry" in implementation.argnames else []))


def _check_api(required: Any) -> None:
    """``requires_api`` is "MAJOR" or "MAJOR.MINOR": the same major version, and no later a minor than ours."""
    if required is None:
        return
    match = re.fullmatch(r"(\d+)(?:\.(\d+))?", str(required))
    if match is None:
        raise WorkbenchError(
            f"requires_api is {required!r}.", fix=f'Write it as "1" or "1.0"; this is API {API_VERSION}.'
        )
    major, minor = int(match[1]), int(match[2] or 0)
    our_major, our_minor = (int(part) for part in API_VERSION.split("."))
    if major == our_major and minor <= our_minor:
        return
    older = (major, minor) < (our_major, our_minor)
    raise WorkbenchError(
        f"The plugin is written for plugin API {required}; this application has {API_VERSION}.",
        fix="Install a newer version of the plugin." if older else "Update Recurra to use it.",
    )


def _check_markers(plugin: Any) -> None:
    """A hook without ``@hookimpl`` would be passed over in silence."""
    for hook in HOOKS:
        function = getattr(plugin, hook, None)
        if callable(function) and getattr(function, _MARK, None) is None:
            raise WorkbenchError(f"{hook} is not marked as a hook.", fix=f"Write @hookimpl above def {hook}.")


def _in_words(error: pluggy.PluginValidationError) -> WorkbenchError:
    told = WorkbenchError(
        f"{error}.".replace("\n", " "),
        why="The plugin marks a function as a hook that this application does not have, or with other arguments.",
        fix=f"The hooks are {', '.join(HOOKS)}, each with one argument called registry.",
    )
    told.__cause__ = error  # for the details
    return told
