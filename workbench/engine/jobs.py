"""What a worker can do: a handler for every job of the plan (``resources/help/architecture.md``)."""

from __future__ import annotations

import json
import os
import tempfile
from collections import OrderedDict
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from workbench.api import Cancelled, Catalogue, Record, Result, WorkbenchError
from workbench.api.files import write_atomic
from workbench.engine.batch_files import predict_file
from workbench.engine.compose import compose, describe_model, make_task
from workbench.engine.data import Stored, StoreSource, fitted_codec, key_of_codec
from workbench.engine.devices import list_devices
from workbench.engine.examine import examine
from workbench.engine.notes import foresee
from workbench.engine.predict import Predictor, load_bundle
from workbench.engine.server import Handler, Request
from workbench.engine.training import train
from workbench.engine.unknowns import Unknowns, joined
from workbench.nn.contract import DecodeOptions
from workbench.runs.config import parse_config
from workbench.runs.folder import RunFolder

OpenStore = Callable[[Path], AbstractContextManager[Stored]]
"""``open_store(project folder)``: its dataset store, closed at the end of a ``with`` block."""
KEPT_MODELS = 2


def make_handlers(catalogue: Catalogue, open_store: OpenStore) -> dict[str, Handler]:
    """The jobs by their names. The command line injects how a project is opened: the engine does not know projects."""
    jobs = _Jobs(catalogue, open_store)
    return {
        "ping": lambda request: {"pid": os.getpid()},
        "devices": lambda request: [info.to_json() for info in list_devices()],
        "describe": jobs.describe,
        "train": jobs.train,
        "predict": jobs.predict,
        "predict_file": jobs.predict_file,
        "evaluate": jobs.evaluate,
        "trace": jobs.trace,
        "examine": jobs.examine,
        "benchmark_memory": jobs.benchmark_memory,
    }


class _Jobs:
    def __init__(self, catalogue: Catalogue, open_store: OpenStore) -> None:
        self._catalogue = catalogue
        self._open_store = open_store
        self._models: OrderedDict[tuple[str, int], Predictor] = OrderedDict()

    def describe(self, request: Request) -> dict[str, Any]:
        config = parse_config(dict(request.fields.get("config") or {}))
        project = Path(request.text("project"))
        _, task = make_task(config, self._catalogue)
        with self._open_store(project) as store:
            source = StoreSource(store, config.data.dataset)
            cache = project / "cache"
            codec = fitted_codec(source, config.data, task, codec_key=key_of_codec(config), cache=cache)
            model = compose(config, self._catalogue, codec, fresh=False, to_train=True, drawn=False)
            needed, notes = foresee(model, source, config.data, config.training, cache)
        return {**describe_model(model, config.training).to_json(), "bytes": needed, "notes": notes}

    def train(self, request: Request) -> dict[str, Any]:
        run = RunFolder.open(Path(request.text("run")))
        project = self._project(request, run)
        with self._open_store(project) as store:
            finished = train(
                run,
                store,
                self._catalogue,
                service=request.serve_between,
                resume=bool(request.fields.get("resume", False)),
                cache=project / "cache",
            )
        return {"reason": finished.reason, "metrics": dict(finished.metrics), "best_epoch": finished.best_epoch}

    def predict(self, request: Request) -> dict[str, Any]:
        predictor = self._predictor(request)
        records = self._inputs(request, predictor)
        unknowns = Unknowns(predictor.model.codec)
        for record in records:
            unknowns.add(record)
        results: list[Result] = (
            predictor.predict(records, _options(request.fields), check=request.check) if records else []
        )
        return {
            "result_kind": predictor.result_kind,
            "results": [result.to_json() for result in results],
            "epoch": predictor.epoch,
            "notice": joined(predictor.notice, unknowns.notice),
        }

    def predict_file(self, request: Request) -> dict[str, Any]:
        output = Path(request.text("output"))
        predictor = self._predictor(request)
        unknowns = Unknowns(predictor.model.codec)
        count = predict_file(
            predictor,
            Path(request.text("input")),
            output,
            self._catalogue,
            options=_options(request.fields),
            importer=str(dict(request.fields.get("options") or {}).get("importer", "")),
            progress=request.progress,
            unknowns=unknowns,
        )
        return {"records": count, "output": str(output), "notice": joined(predictor.notice, unknowns.notice)}

    def evaluate(self, request: Request) -> dict[str, Any]:
        run = RunFolder.open(Path(request.text("run")))
        split = str(request.fields.get("split") or run.config.data.test)
        predictor = self._load(run.path)
        with self._open_store(self._project(request, run)) as store:
            source = StoreSource(store, run.config.data.dataset)
            report = predictor.evaluate(source, split, progress=request.progress, check=request.check)
        values = report.to_json()
        run.evaluations.mkdir(exist_ok=True)
        write_atomic(run.evaluations / f"{split}.json", json.dumps({"schema_version": 1, **values}))
        return values

    def trace(self, request: Request) -> dict[str, Any]:
        predictor = self._predictor(request)
        if request.fields.get("record") is not None:
            record = self._record(predictor, request.fields["record"])
        else:
            records = predictor.parse(request.text("text"))
            if not records:
                raise WorkbenchError("There is nothing to read in this text.", fix="Type at least one word.")
            record = records[0]
        description, arrays = predictor.trace(record, bool(request.fields.get("gradient", False))).to_arrays()
        handle, path = tempfile.mkstemp(prefix="recurra-trace-", suffix=".npz")
        with os.fdopen(handle, "wb") as file:
            np.savez(file, allow_pickle=False, **arrays)
        return {"description": description, "arrays": path, "epoch": predictor.epoch, "notice": predictor.notice}

    def examine(self, request: Request) -> dict[str, Any]:
        """What a network that is :class:`Examinable` says of itself under the inputs of its own task."""
        run = RunFolder.open(Path(request.text("run")))
        predictor = self._load(run.path)

        def told(done: int, total: int, what: str) -> None:
            request.progress(done, total, what=what)

        with ExitStack() as opened:

            def source() -> StoreSource:
                store = opened.enter_context(self._open_store(self._project(request, run)))
                return StoreSource(store, run.config.data.dataset)

            value = examine(predictor, source, told)
        return {**value, "epoch": predictor.epoch, "notice": predictor.notice}

    def benchmark_memory(self, request: Request) -> dict[str, Any]:
        """The memory bench; its progress has the result so far: what a cancel leaves is worth keeping."""
        from workbench.engine.memory_bench import BUDGET_SECONDS, measure_memory

        def progress(done: int, total: int, what: str, so_far: dict[str, Any]) -> None:
            request.progress(done, total, what=what, so_far=so_far)

        def check() -> None:
            request.check()
            if request.unheard:  # nobody would keep what is measured
                raise Cancelled

        return measure_memory(
            self._catalogue,
            budget=float(request.fields.get("budget") or BUDGET_SECONDS),
            only=tuple(request.fields.get("only") or ()),
            tasks=tuple(request.fields.get("tasks") or ()),
            progress=progress,
            check=check,
        )

    # -- what the jobs share ---------------------------------------------------------------------------------------

    def _project(self, request: Request, run: RunFolder) -> Path:
        named = request.fields.get("project") or run.config.data.project
        return Path(str(named)) if named else run.path.parent.parent

    def _predictor(self, request: Request) -> Predictor:
        return request.live if request.live is not None else self._load(Path(request.text("run")))

    def _load(self, run: Path) -> Predictor:
        """The model of ``run``, or its best checkpoint; the last few stay in memory until their files change."""
        files = (run / "model" / "manifest.json", run / "checkpoints" / "best" / "state.json")
        key = (str(run.resolve()), next((file.stat().st_mtime_ns for file in files if file.is_file()), 0))
        if key not in self._models:
            self._models[key] = load_bundle(run, self._catalogue)
            while len(self._models) > KEPT_MODELS:
                self._models.popitem(last=False)
        self._models.move_to_end(key)
        return self._models[key]

    def _inputs(self, request: Request, predictor: Predictor) -> list[Record]:
        if request.fields.get("inputs") is not None:
            return [self._record(predictor, data) for data in request.fields["inputs"]]
        return [record for text in request.fields.get("texts") or () for record in predictor.parse(str(text))]

    def _record(self, predictor: Predictor, data: Mapping[str, Any]) -> Record:
        record_type = self._catalogue.record_type(predictor.model.task_spec.record)
        try:
            return record_type.cls.from_json(data)
        except (KeyError, TypeError, ValueError) as error:
            raise WorkbenchError(f"This is not a {record_type.title}: {error}.") from error


def _options(fields: Mapping[str, Any]) -> DecodeOptions:
    values = dict(fields.get("options") or {})
    values.pop("importer", None)
    known = {name: values.pop(name) for name in ("n_best", "alternatives", "probabilities") if name in values}
    return DecodeOptions(**known, extra={**dict(values.pop("extra", {})), **values})
