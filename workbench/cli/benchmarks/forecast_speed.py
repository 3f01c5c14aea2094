"""How fast forecasting trains and backtests, beside darts' RNNModel and neuralforecast's LSTM of the same sizes."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

from workbench.api import Catalogue, Series, WorkbenchError
from workbench.cli.benchmarks.common import data_files, default_catalogue, machine, table

PEER_VARIABLE = "RECURRA_FORECAST_PEER_PYTHON"
TARGET = 1.3
DATA = {"folder": "forecasting/etth1", "files": {"train": "ETTh1.csv"}}
SIZES = {"lookback": 48, "training_length": 60, "horizon": 12, "hidden": 64, "learning_rate": 0.001}
TRAIN, ORIGINS = 4000, 300


def measure(
    catalogue: Catalogue | None = None,
    *,
    peer_python: str = "",
    data: Path | str | None = None,
    threads: int = 1,
    turns: int = 9,
    epochs: int = 5,
    steps: int = 300,
    seed: int = 7,
) -> dict[str, Any]:
    """CPU-seconds of fitting, and of a backtest of 300 origins without refit; error on those origins.

    A fit of so few epochs ends anywhere within a third of its usual error, by its seed alone and on every side, so
    that errors of fewer than some nine seeds say nothing.

    Against darts: an LSTM that tells the next value at every step, teacher forced, windows of 60 hours, 32 a batch, the
    same epochs, the loss over all 60 steps, Adam without decay; each side draws its initial weights and shuffles as it
    does by itself. Before an origin ours reads 60 hours where darts reads 48, whose option must be shorter than the
    windows it trains on; ours also tells intervals. Against neuralforecast: an LSTM whose last state tells 12 hours,
    128 windows a batch, the same steps.
    ``peer_python`` (or RECURRA_FORECAST_PEER_PYTHON) is a Python that has both; without it only ours is measured.
    """
    catalogue = catalogue or default_catalogue()
    peer = peer_python or os.environ.get(PEER_VARIABLE, "")
    values = _values(data)
    job: dict[str, Any] = {**SIZES, "values": values, "train": TRAIN, "first": TRAIN, "origins": ORIGINS}
    job |= {"threads": threads, "epochs": epochs, "steps": steps}
    cases = []
    for name, batch in (("darts", 32), ("neuralforecast", 128)):
        pairs = []
        for turn in range(turns if peer else 1):
            told = {**job, "peer": name, "batch": batch, "seed": seed + turn}
            pairs.append((_ours(told, catalogue), _theirs(told, peer) if peer else None))
        cases.append(_case(name, pairs, values))
    rows: list[list[object]] = []
    for case in cases:
        theirs = case.get("peer", {})
        rows.append(
            [
                case["title"],
                case["fit_cpu"],
                theirs.get("fit_cpu"),
                case.get("fit_ratio"),
                case["backtest_cpu"],
                theirs.get("backtest_cpu"),
                case.get("backtest_ratio"),
                f"{case['error']:.3f}",
                f"{theirs['error']:.3f}" if theirs else None,
            ]
        )
    result: dict[str, Any] = {
        "benchmark": "forecasting",
        "protocol": (
            f"OT of ETTh1, {TRAIN:,} hours to train, {ORIGINS} origins after them without refit; one LSTM layer of "
            f"{SIZES['hidden']} units, Adam at {SIZES['learning_rate']}, float32, {threads} thread(s); {epochs} epochs "
            f"of 32 windows a batch beside darts, {steps} steps of 128 windows beside neuralforecast; the sides in "
            f"turns, {turns} turns with seeds of their own, each warmed first, a backtest timed five times; "
            "ratios are medians of CPU-seconds; the error is the mean squared one of 12 steps of all origins, "
            "z-scored, median over the turns. Of ours the fit includes the linear baseline, checkpoints and writing "
            "the model, and the backtest the 90 % intervals."
        ),
        "threads": threads,
        "cases": cases,
        "machine": machine(),
        "table": table(
            rows,
            ["forecasting", "fit CPU-s", "peer's", "ratio", "backtest CPU-s", "peer's ", "ratio ", "MSE", "peer's MSE"],
        ),
    }
    if peer:
        result["ratio"] = min(case["fit_ratio"] for case in cases)
        result["target"] = TARGET
        result["backtest_ratio"] = cases[0]["backtest_ratio"]
        result["met"] = (
            result["ratio"] >= TARGET and result["backtest_ratio"] > 1 and all(case["no_worse"] for case in cases)
        )
    else:
        result["note"] = f"The peers were not measured: name a Python that has both with {PEER_VARIABLE}."
    return result


def _case(name: str, pairs: list[tuple[dict[str, Any], dict[str, Any] | None]], values: list[float]) -> dict[str, Any]:
    ours = [mine for mine, _ in pairs]
    theirs = [other for _, other in pairs if other is not None]
    case: dict[str, Any] = {"title": f"beside {name}", **_middle(ours, values)}
    if theirs:
        case["peer"] = _middle(theirs, values) | {"version": theirs[0]["version"], "torch": theirs[0]["torch"]}
        for key in ("fit", "backtest"):
            ratios = [b[f"{key}_cpu"] / a[f"{key}_cpu"] for a, b in zip(ours, theirs, strict=True)]
            case[f"{key}_ratio"] = round(statistics.median(ratios), 2)
        case["no_worse"] = case["error"] <= 1.02 * case["peer"]["error"]
    return case


def _middle(found: list[dict[str, Any]], values: list[float]) -> dict[str, Any]:
    import numpy as np

    truth = np.lib.stride_tricks.sliding_window_view(np.array(values), int(SIZES["horizon"]))[TRAIN : TRAIN + ORIGINS]
    errors = [float(((np.array(one["mean"]) - truth) ** 2).mean()) for one in found]
    keys = ("fit_seconds", "fit_cpu", "backtest_seconds", "backtest_cpu")
    return {
        **{key: round(statistics.median(one[key] for one in found), 3) for key in keys},
        "error": round(statistics.median(errors), 4),
        "mean_error": round(statistics.fmean(errors), 4),
        "errors": [round(error, 4) for error in errors],
        "parameters": found[0]["parameters"],
    }


def _values(data: Path | str | None) -> list[float]:
    """The z-scored series: as many hours as are used."""
    import numpy as np

    ((path, _),) = data_files(DATA, data)
    column = np.loadtxt(path, delimiter=",", skiprows=1, usecols=7)[: TRAIN + ORIGINS + 12]
    found: list[float] = ((column - column[:TRAIN].mean()) / column[:TRAIN].std()).astype(np.float32).tolist()
    return found


def _ours(job: dict[str, Any], catalogue: Catalogue) -> dict[str, Any]:
    from workbench.cli.backtesting import predictor_of
    from workbench.engine.predict import load_bundle
    from workbench.engine.training import train
    from workbench.nn.forecasting.backtest import backtest
    from workbench.runs import RunFolder
    from workbench.runs.config import parse_config

    series = Series.of("OT", job["values"])
    past = series.part(0, job["train"])
    free = job["peer"] == "darts"
    lookback = job["training_length"] if free else job["lookback"]
    shared: dict[str, Any] = {"lookback": lookback, "horizon": job["horizon"], "scaler": "none", "calendar": False}
    shared |= {"split": "records"}
    task: dict[str, Any] = {"id": "forecasting_free_run", "params": shared}
    if not free:
        task = {"id": "forecasting", "params": {**shared, "normalisation": "none"}}

    def fit(epochs: int) -> Any:
        training = {
            "max_epochs": epochs,
            "patience": 0,
            "learning_rate": job["learning_rate"],
            "batch_tokens": lookback * job["batch"],
            "threads": job["threads"],
            "seed": job["seed"],
            "device": "cpu",
        }
        config = parse_config(
            {
                "task": task,
                "architecture": {"id": "lstm", "params": {"hidden_size": job["hidden"], "layers": 1, "dropout": 0.0}},
                "data": {"dataset": "series"},
                "training": training,
            }
        )
        with tempfile.TemporaryDirectory(prefix="recurra-benchmark-") as folder:
            run = RunFolder.create(Path(folder), config)
            ended = train(run, {"train": [past]}, catalogue)
            if ended.error is not None:
                raise WorkbenchError.from_dict(ended.error)
            return load_bundle(run.path, catalogue, device="cpu")

    windows = job["train"] - lookback - job["horizon"] + 1
    epochs = job["epochs"] if free else max(1, round(job["steps"] * job["batch"] / windows))
    fit(1)
    began, began_cpu = time.perf_counter(), time.process_time()
    predictor = fit(epochs)
    fit_seconds, fit_cpu = time.perf_counter() - began, time.process_time() - began_cpu
    if not free:  # an epoch is whole here, and the peer counts steps
        share = job["steps"] * job["batch"] / (epochs * windows)
        fit_seconds, fit_cpu = fit_seconds * share, fit_cpu * share

    predict = predictor_of(predictor, simple=False)  # the peers tell no simple methods either

    def run_backtest() -> Any:
        return backtest(
            series,
            predict,
            horizon=job["horizon"],
            context=lookback,
            first=job["first"],
            count=job["origins"],
        )

    found = run_backtest()
    taken: list[tuple[float, float]] = []
    for _ in range(5):  # as the peers are
        began, began_cpu = time.perf_counter(), time.process_time()
        run_backtest()
        taken.append((time.perf_counter() - began, time.process_time() - began_cpu))
    return {
        "fit_seconds": fit_seconds,
        "fit_cpu": fit_cpu,
        "backtest_seconds": statistics.median(seconds for seconds, _ in taken),
        "backtest_cpu": statistics.median(cpu for _, cpu in taken),
        "mean": found.mean[:, :, 0].tolist(),
        "parameters": sum(p.numel() for p in predictor.model.parameters()),
    }


def _theirs(job: dict[str, Any], python: str) -> dict[str, Any]:
    script = Path(__file__).with_name("forecast_peers.py")
    environment = {**os.environ, "OMP_NUM_THREADS": str(job["threads"])}
    with tempfile.TemporaryDirectory(prefix="recurra-peer-") as folder:
        try:
            done = subprocess.run(
                [python, str(script)],
                input=json.dumps(job),
                capture_output=True,
                text=True,
                check=True,
                env=environment,
                cwd=folder,
            )
        except (OSError, subprocess.CalledProcessError) as error:
            said = (getattr(error, "stderr", "") or str(error)).strip().splitlines()[-1:]
            raise WorkbenchError(
                f"{job['peer']} could not be measured: {' '.join(said)}",
                fix=f"Name a Python that has darts and neuralforecast with {PEER_VARIABLE}.",
            ) from error
    found: dict[str, Any] = json.loads(done.stdout)
    return found
