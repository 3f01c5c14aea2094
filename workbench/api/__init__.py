"""What a plugin imports: hooks, contributions, params, records, shapes, results, events, errors. No torch, no Qt."""

from workbench.api.contributions import (
    Architecture,
    Command,
    Contribution,
    DoctorCheck,
    Exporter,
    Importer,
    InferenceView,
    Metric,
    Panel,
    Preset,
    RecordEditor,
    Runner,
    Sample,
    Task,
    TimeCut,
)
from workbench.api.diagrams import CellDiagram, DiagramEdge, DiagramNode, Symbol
from workbench.api.errors import Cancelled, WorkbenchError
from workbench.api.events import Event
from workbench.api.forecasts import Forecast, Interval
from workbench.api.hooks import API_VERSION, hookimpl
from workbench.api.io import SPLITS, Finding, ImportedRecord, ImportStream, Sniff, StoredRecord
from workbench.api.params import Params, ParamSpec, describe, option, validate
from workbench.api.records import LabelledText, Record, RecordType, TaggedTokens, Text, TextPair
from workbench.api.recurrent import RecurrentParams
from workbench.api.refs import Ref
from workbench.api.registry import Catalogue, Registrar
from workbench.api.results import (
    Alternative,
    ClassProbabilities,
    LabelledSpan,
    Report,
    Result,
    TokenLabels,
    Translation,
)
from workbench.api.series import ChannelRole, Clock, Series, season_of
from workbench.api.shapes import Compatibility, IOShape, Trait, compatibility
from workbench.api.trace import LayerTrace, Trace
from workbench.api.trees import LabelledTree

__all__ = [
    "API_VERSION",
    "SPLITS",
    "Alternative",
    "Architecture",
    "Cancelled",
    "CellDiagram",
    "Catalogue",
    "ChannelRole",
    "ClassProbabilities",
    "Clock",
    "Command",
    "Compatibility",
    "Contribution",
    "DiagramEdge",
    "DiagramNode",
    "DoctorCheck",
    "Event",
    "Exporter",
    "Finding",
    "Forecast",
    "IOShape",
    "ImportStream",
    "ImportedRecord",
    "Importer",
    "InferenceView",
    "Interval",
    "LabelledSpan",
    "LabelledTree",
    "LabelledText",
    "LayerTrace",
    "Metric",
    "Panel",
    "ParamSpec",
    "Params",
    "Preset",
    "Record",
    "RecordEditor",
    "RecordType",
    "RecurrentParams",
    "Ref",
    "Registrar",
    "Report",
    "Result",
    "Runner",
    "Sample",
    "Series",
    "Sniff",
    "StoredRecord",
    "Symbol",
    "Task",
    "TimeCut",
    "TaggedTokens",
    "Text",
    "TextPair",
    "TokenLabels",
    "Trace",
    "Trait",
    "Translation",
    "WorkbenchError",
    "compatibility",
    "describe",
    "hookimpl",
    "option",
    "season_of",
    "validate",
]
