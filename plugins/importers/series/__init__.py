"""Import of series: CSV, TSV and Parquet, wide or long, and a series a row as in the M4 competition."""

from __future__ import annotations

from workbench_plugins.importers.series.params import SeriesImportParams

from workbench.api import Importer, Ref, Registrar, hookimpl

requires_api = "1"

IMPORTER = Importer(
    id="series",
    title="Table of numbers over time",
    extensions=(".csv", ".tsv", ".txt", ".tab", ".parquet"),
    record="series",
    params=SeriesImportParams,
    sniff=Ref("workbench_plugins.importers.series.reader:sniff"),
    factory=Ref("workbench_plugins.importers.series.reader:SeriesStream"),
)


@hookimpl
def register_importers(registry: Registrar) -> None:
    registry.add(IMPORTER)
