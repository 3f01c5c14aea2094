"""The plugin door: every hook on one page.

A plugin is a module (or object) named by an entry point in the group ``workbench.plugins``. Each hook receives a
registry and calls ``registry.add(contribution)``; nothing is returned. A plugin may state ``requires_api = "1"``.
"""

from __future__ import annotations

import pluggy

from workbench.api.registry import Registrar

API_VERSION = "1.0"
PROJECT = "workbench"
ENTRY_POINT_GROUP = "workbench.plugins"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


class HookSpecifications:
    """All hooks; the last three are called by the shell only."""

    @hookspec
    def register_architectures(self, registry: Registrar) -> None:
        """Add :class:`Architecture` contributions."""

    @hookspec
    def register_tasks(self, registry: Registrar) -> None:
        """Add :class:`Task` contributions."""

    @hookspec
    def register_importers(self, registry: Registrar) -> None:
        """Add :class:`Importer` contributions."""

    @hookspec
    def register_exporters(self, registry: Registrar) -> None:
        """Add :class:`Exporter` contributions."""

    @hookspec
    def register_samples(self, registry: Registrar) -> None:
        """Add :class:`Sample` contributions."""

    @hookspec
    def register_metrics(self, registry: Registrar) -> None:
        """Add :class:`Metric` contributions."""

    @hookspec
    def register_doctor_checks(self, registry: Registrar) -> None:
        """Add :class:`DoctorCheck` contributions."""

    @hookspec
    def register_runners(self, registry: Registrar) -> None:
        """Add :class:`Runner` contributions."""

    @hookspec
    def register_commands(self, registry: Registrar) -> None:
        """Add :class:`Command` contributions."""

    @hookspec
    def register_record_editors(self, registry: Registrar) -> None:
        """Add :class:`RecordEditor` contributions (GUI)."""

    @hookspec
    def register_inference_views(self, registry: Registrar) -> None:
        """Add :class:`InferenceView` contributions (GUI)."""

    @hookspec
    def register_panels(self, registry: Registrar) -> None:
        """Add :class:`Panel` contributions (GUI)."""
