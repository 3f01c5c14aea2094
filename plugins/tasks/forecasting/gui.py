"""How series are mended and how forecasts are looked at. Only the shell imports this module."""

from __future__ import annotations

from workbench_plugins.tasks.forecasting.gui_editor import SeriesEditor

__all__ = ["SeriesEditor"]
