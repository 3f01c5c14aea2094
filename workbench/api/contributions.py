"""Contributions: what a plugin registers. Frozen descriptions whose heavy part is a lazy :class:`Ref`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, Protocol

from workbench.api.diagrams import CellDiagram, Symbol
from workbench.api.errors import WorkbenchError
from workbench.api.params import Params
from workbench.api.records import RecordType
from workbench.api.refs import Ref
from workbench.api.shapes import IOShape, Trait


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """A named, good first choice of options."""

    title: str
    values: Mapping[str, Any]
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Architecture:
    """A family of recurrent networks.

    ``factory`` resolves to a callable ``(params, input_size: int) -> workbench.nn.contract.Encoder``, or TreeEncoder;
    one that accepts DECODER is called with ``target_size`` besides and yields an EncoderDecoder. ``equations`` is
    Markdown shown in the application; ``symbols`` explain what stands in it and ``diagram`` draws the cell.
    ``comparison`` holds this family's cells of the comparison page: "key feature", "strengths", "weaknesses",
    "typical use". ``search`` (closed form) resolves to ``(params, tried: Sequence[tuple[params, float]], seed: int)
    -> params | None``: the options to try next, given those tried with their validation score (more is better).
    ``traits`` resolves to ``(params) -> frozenset[Trait]``, for an architecture whose options decide what it offers (a
    stack with a layer that reads backwards is not causal): ``accepts`` is then what some options can offer. The window
    asks it too, so its module must not import torch. ``asks`` resolves to the like: what a network with these options
    needs of the task (NUMERIC, to be fed back its own answers).
    """

    HOOK: ClassVar[str] = "register_architectures"

    id: str
    title: str
    params: type[Params]
    factory: Ref
    shapes: frozenset[IOShape]
    accepts: frozenset[Trait]
    fitting: Literal["gradient", "closed_form"] = "gradient"
    equations: str = ""
    summary: str = ""
    presets: tuple[Preset, ...] = ()
    symbols: tuple[Symbol, ...] = ()
    diagram: CellDiagram | None = None
    comparison: Mapping[str, str] = field(default_factory=dict)
    search: Ref | None = None
    traits: Ref | None = None
    asks: Ref | None = None

    def offers(self, params: Params | None = None) -> frozenset[Trait]:
        """The traits of a network with these options; without them, all that some options offer.

        :class:`WorkbenchError` where the plugin fails to say.
        """
        if self.traits is None or params is None:
            return self.accepts
        return self.accepts & self._told(self.traits, params, "offer")

    def asked(self, params: Params | None = None) -> frozenset[Trait]:
        """What a network with these options needs of a task; without them, nothing: some options ask for nothing.

        :class:`WorkbenchError` where the plugin fails to say.
        """
        return frozenset() if self.asks is None or params is None else self._told(self.asks, params, "ask for")

    def _told(self, function: Ref, params: Params, what: str) -> frozenset[Trait]:
        try:
            return frozenset(function.resolve()(params))
        except WorkbenchError:
            raise
        except Exception as error:
            raise WorkbenchError(
                f"{self.title} could not say what these options {what}: {type(error).__name__}: {error}",
                fix="Update its plugin, or send its author this message.",
            ) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What a model learns to do.

    ``factory`` resolves to a callable ``(params) -> workbench.nn.contract.TaskModel``. ``record`` and ``result`` are
    the kinds of its input and output; ``metrics`` are metric ids, the first chooses the best checkpoint.
    ``proposals`` (optional) resolves to ``(statistics) -> list[(params values, sentence)]``, for a dropped file.
    ``offers`` is what some options of an architecture ask for: NUMERIC, where each step is answered with numbers.
    ``time_cut`` (optional) is for a task that cuts every record in time: it resolves to ``() -> TimeCut``.
    """

    HOOK: ClassVar[str] = "register_tasks"

    id: str
    title: str
    params: type[Params]
    record: str
    result: str
    shape: IOShape
    factory: Ref
    needs: frozenset[Trait] = frozenset()
    offers: frozenset[Trait] = frozenset()
    metrics: tuple[str, ...] = ()
    record_types: tuple[RecordType, ...] = ()
    summary: str = ""
    presets: tuple[Preset, ...] = ()
    parse_input: Ref | None = None
    """Resolves to ``(text: str) -> list[Record]``: a typed or pasted input, tokenised as the training data is."""
    proposals: Ref | None = None
    time_cut: Ref | None = None


class TimeCut(Protocol):
    """Where a task cuts records in time, for the window: it asks without torch, so its module must not import it."""

    def cuts(self, options: Mapping[str, Any], /) -> bool:
        """Whether the task with these options cuts records at all."""
        ...

    def steps(self, record: Any, options: Mapping[str, Any], /) -> Mapping[str, int]:
        """Split → how many steps of ``record`` are in it, "" for those in none.

        :class:`WorkbenchError` where the options name a time that is none.
        """
        ...

    def cut(self, validation: float, test: float, /) -> Mapping[str, Any]:
        """The task's options that give the last steps to these parts: shares below 1, or steps; training has the rest.
        """
        ...

    def whole(self) -> Mapping[str, Any]:
        """The task's options that keep records whole, each in the split it is assigned to."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Importer:
    """Reads a file as a stream of records.

    ``sniff`` resolves to ``(head: bytes, path: Path) -> Sniff | None`` (:mod:`workbench.api.io`); ``factory`` to a
    callable ``(path, options: Params) -> ImportStream``.
    """

    HOOK: ClassVar[str] = "register_importers"

    id: str
    title: str
    extensions: tuple[str, ...]
    record: str
    params: type[Params]
    sniff: Ref
    factory: Ref


@dataclass(frozen=True, slots=True, kw_only=True)
class Exporter:
    """Writes a path. ``factory`` resolves to a callable whose arguments depend on ``of`` (see the plugin guide)."""

    HOOK: ClassVar[str] = "register_exporters"

    id: str
    title: str
    suffix: str
    of: Literal["model", "predictions", "dataset", "report"]
    factory: Ref
    record: str = ""
    result: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A small data set, ready to train.

    ``factory`` resolves to ``() -> Iterable[tuple[split, document, Record]]``. ``verb`` titles its welcome card
    ("Tag"); ``task``, ``architecture`` and ``run`` (a partial run configuration) say what one click trains;
    ``inputs`` are pinned inputs shown as it learns.
    """

    HOOK: ClassVar[str] = "register_samples"

    id: str
    title: str
    record: str
    licence: str
    factory: Ref
    summary: str = ""
    verb: str = ""
    task: str = ""
    architecture: str = ""
    run: Mapping[str, Any] = field(default_factory=dict)
    inputs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """``factory`` resolves to ``() -> workbench.nn.contract.MetricState``: update, compute, reset."""

    HOOK: ClassVar[str] = "register_metrics"

    id: str
    title: str
    result: str
    higher_is_better: bool
    factory: Ref


@dataclass(frozen=True, slots=True, kw_only=True)
class DoctorCheck:
    """``factory`` resolves to ``(records: Iterable[StoredRecord]) -> Iterable[Finding]`` (:mod:`workbench.api.io`).

    With ``with_draft`` it is called with a second argument: the id of the task that the next Train learns and its
    options as they stand, or None where there is no such task (on the command line).
    """

    HOOK: ClassVar[str] = "register_doctor_checks"

    id: str
    title: str
    record: str
    factory: Ref
    with_draft: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Runner:
    """Starts, controls and follows a run somewhere (this machine, a cluster).

    ``factory`` resolves to ``(params) -> (command: list[str], environment: dict[str, str])``: a process that speaks the
    worker's language on its standard input and output.
    """

    HOOK: ClassVar[str] = "register_runners"

    id: str
    title: str
    params: type[Params]
    factory: Ref


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A command-line subcommand; ``factory`` resolves to a function typer can run."""

    HOOK: ClassVar[str] = "register_commands"

    name: str
    summary: str
    factory: Ref

    @property
    def id(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordEditor:
    """GUI: ``factory`` resolves to ``(context: EditorContext) -> QWidget`` that shows and edits one kind of record."""

    HOOK: ClassVar[str] = "register_record_editors"

    record: str
    factory: Ref

    @property
    def id(self) -> str:
        return self.record


@dataclass(frozen=True, slots=True, kw_only=True)
class InferenceView:
    """GUI: ``factory`` resolves to ``(context: PanelContext) -> QWidget`` with ``show_result(result)``."""

    HOOK: ClassVar[str] = "register_inference_views"

    result: str
    factory: Ref

    @property
    def id(self) -> str:
        return self.result


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """GUI: ``factory`` resolves to ``(context: PanelContext) -> QWidget``; shown as a dock or in a stage."""

    HOOK: ClassVar[str] = "register_panels"

    id: str
    title: str
    area: Literal["left", "right", "bottom", "train", "explain", "evaluate"]
    factory: Ref
    for_architecture: str = ""
    for_task: str = ""


Contribution = (
    Architecture
    | Task
    | Importer
    | Exporter
    | Sample
    | Metric
    | DoctorCheck
    | Runner
    | Command
    | RecordEditor
    | InferenceView
    | Panel
)
CONTRIBUTION_TYPES: tuple[type[Any], ...] = (
    Architecture,
    Task,
    Importer,
    Exporter,
    Sample,
    Metric,
    DoctorCheck,
    Runner,
    Command,
    RecordEditor,
    InferenceView,
    Panel,
)
GUI_HOOKS: frozenset[str] = frozenset({RecordEditor.HOOK, InferenceView.HOOK, Panel.HOOK})
