"""Fits darts' RNNModel or neuralforecast's LSTM and backtests it: run by a Python that has them installed.

Standard input: one JSON object with a series and sizes. Standard output: one JSON object with seconds and forecasts. It
imports nothing of the workbench. Progress bars, logs and checkpoints are switched off, so the comparison favours them.
"""

from __future__ import annotations

import json
import logging
import os
import statistics
import sys
import time
import warnings
from typing import Any

QUIET = {
    "enable_progress_bar": False,
    "enable_model_summary": False,
    "logger": False,
    "enable_checkpointing": False,
    "accelerator": "cpu",
}


def main() -> None:
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever a library prints must not mix with the answer
    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)
    job = json.loads(sys.stdin.read())
    import torch

    torch.set_num_threads(job["threads"])
    found = {"darts": _darts, "neuralforecast": _neuralforecast}[job["peer"]](job)
    json.dump({**found, "torch": torch.__version__}, answers)
    answers.close()


def _timed(work: Any) -> tuple[Any, float, float]:
    began, began_cpu = time.perf_counter(), time.process_time()
    found = work()
    return found, time.perf_counter() - began, time.process_time() - began_cpu


def _repeated(work: Any, times: int = 5) -> tuple[Any, float, float]:
    """What ``work`` yields, with the median of some timings: one of a few hundredths of a second is mostly chance."""
    found = [_timed(work) for _ in range(times)]
    return found[-1][0], statistics.median(one[1] for one in found), statistics.median(one[2] for one in found)


def _darts(job: dict[str, Any]) -> dict[str, Any]:
    import darts  # type: ignore[import-not-found,import-untyped,unused-ignore]
    import numpy as np
    from darts import TimeSeries  # type: ignore[import-not-found,import-untyped,unused-ignore]
    from darts.models import RNNModel  # type: ignore[import-not-found,import-untyped,unused-ignore]

    values = np.array(job["values"], np.float32)
    series = TimeSeries.from_values(values)
    train = series[: job["train"]]

    def fit(epochs: int) -> Any:
        model = RNNModel(
            input_chunk_length=job["lookback"],
            training_length=job["training_length"],
            model="LSTM",
            hidden_dim=job["hidden"],
            n_rnn_layers=1,
            batch_size=job["batch"],
            n_epochs=epochs,
            optimizer_kwargs={"lr": job["learning_rate"]},
            random_state=job["seed"],
            pl_trainer_kwargs=QUIET,
        )
        model.fit(train, verbose=False)
        return model

    fit(1)
    model, fit_seconds, fit_cpu = _timed(lambda: fit(job["epochs"]))

    def backtest() -> Any:
        return model.historical_forecasts(
            series,
            start=job["first"],
            start_format="position",
            forecast_horizon=job["horizon"],
            stride=1,
            retrain=False,
            last_points_only=False,
            verbose=False,
        )

    backtest()
    told, seconds, cpu = _repeated(backtest)
    mean = [one.values()[:, 0].tolist() for one in told][: job["origins"]]
    return {
        "version": darts.__version__,
        "fit_seconds": fit_seconds,
        "fit_cpu": fit_cpu,
        "backtest_seconds": seconds * job["origins"] / max(1, len(told)),
        "backtest_cpu": cpu * job["origins"] / max(1, len(told)),
        "mean": mean,
        "parameters": sum(p.numel() for p in model.model.parameters()),
    }


def _neuralforecast(job: dict[str, Any]) -> dict[str, Any]:
    import neuralforecast  # type: ignore[import-not-found,import-untyped,unused-ignore]
    import numpy as np
    import pandas as pd  # type: ignore[import-not-found,import-untyped,unused-ignore]
    from neuralforecast import NeuralForecast  # type: ignore[import-not-found,import-untyped,unused-ignore]
    from neuralforecast.losses.pytorch import MSE  # type: ignore[import-not-found,import-untyped,unused-ignore]
    from neuralforecast.models import LSTM  # type: ignore[import-not-found,import-untyped,unused-ignore]

    values = np.array(job["values"], np.float32)
    hours = pd.date_range("2020-01-01", periods=len(values), freq="h")

    def frame(start: int, stop: int, name: str) -> Any:
        return pd.DataFrame({"unique_id": name, "ds": hours[start:stop], "y": values[start:stop]})

    def fit(steps: int) -> Any:
        model = LSTM(
            h=job["horizon"],
            input_size=job["lookback"],
            encoder_n_layers=1,
            encoder_hidden_size=job["hidden"],
            decoder_hidden_size=job["hidden"],
            decoder_layers=1,
            recurrent=False,
            loss=MSE(),
            max_steps=steps,
            learning_rate=job["learning_rate"],
            batch_size=1,
            windows_batch_size=job["batch"],
            scaler_type="identity",
            random_seed=job["seed"],
            **QUIET,
        )
        whole = NeuralForecast(models=[model], freq="h")
        whole.fit(frame(0, job["train"], "s"))
        return whole

    fit(5)
    model, fit_seconds, fit_cpu = _timed(lambda: fit(job["steps"]))
    firsts = range(job["first"], job["first"] + job["origins"])

    def backtest() -> Any:
        pasts = pd.concat([frame(first - job["lookback"], first, f"{first:06}") for first in firsts])
        return model.predict(df=pasts)

    backtest()
    told, seconds, cpu = _repeated(backtest)
    return {
        "version": neuralforecast.__version__,
        "fit_seconds": fit_seconds,
        "fit_cpu": fit_cpu,
        "backtest_seconds": seconds,
        "backtest_cpu": cpu,
        "mean": told["LSTM"].to_numpy().reshape(job["origins"], job["horizon"]).tolist(),
        "parameters": sum(p.numel() for p in model.models[0].parameters()),
    }


if __name__ == "__main__":
    main()
