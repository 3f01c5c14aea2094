"""Windows cut for a whole batch at once are those cut one by one; a free run is what it says, by hand in NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from workbench_plugins.architectures.lstm import LstmParams
from workbench_plugins.architectures.lstm.model import build
from workbench_plugins.tasks.forecasting.free_run import FreeRunForecasting, NextValueHead, run_freely
from workbench_plugins.tasks.forecasting.params import ForecastingParams, FreeRunParams
from workbench_plugins.tasks.forecasting.task import DirectForecasting

from workbench.api import Series
from workbench.engine.data import ListSource, WindowSplit, encode_split
from workbench.engine.splits import WindowsAhead
from workbench.nn.contract import Batch, Parts


def wandering(steps: int, channels: int, seed: int, *, gaps: bool = False) -> Series:
    generator = np.random.default_rng(seed)
    values = 10 + np.cumsum(generator.standard_normal((steps, channels)), axis=0)
    if gaps:
        values[generator.random(values.shape) < 0.1] = np.nan
    times = np.datetime64("2024-01-01", "ns") + np.arange(steps) * np.timedelta64(1, "h")
    names = [f"c{i}" for i in range(channels)]
    roles: list[Any] = ["target"] * channels
    if channels > 2:
        roles[-2:] = ["past", "future"]
    return Series.of(
        f"s{seed}", values, names, times=times, frequency="h", roles=roles, static={"size": float(seed)}
    )


@pytest.mark.parametrize("task_kind", ["direct", "free run"])
@pytest.mark.parametrize(
    ("channels", "more", "gaps"),
    [
        (1, {}, False),
        (2, {"difference": 5}, True),
        (4, {"channels": "apart"}, False),
        (4, {"segment": 4, "normalisation": "standard"}, True),
        (3, {"normalisation": "none", "calendar": False, "scaler": "none"}, False),
    ],
)
def test_a_batch_is_cut_as_its_windows_one_by_one(
    task_kind: str, channels: int, more: dict[str, Any], gaps: bool
) -> None:
    task: DirectForecasting | FreeRunForecasting
    sizes = {"lookback": 12, "horizon": 4}
    if task_kind == "direct":
        task = DirectForecasting(ForecastingParams.model_validate({**sizes, **more}))
    else:
        own = {name: value for name, value in more.items() if name in FreeRunParams.model_fields}
        task = FreeRunForecasting(FreeRunParams.model_validate({**sizes, **own}))
    series = [wandering(steps, channels, seed, gaps=gaps) for seed, steps in enumerate((60, 10, 33))]
    codec = task.fit_codec(series)
    encodings = [codec.encode(one) for one in series]
    spans = [codec.windows(one, "train") for one in encodings]
    rows = np.concatenate([np.full(len(part), row) for row, part in enumerate(spans)])
    together = np.concatenate(spans)
    chosen = np.random.default_rng(4).permutation(len(rows))
    apart = [codec.window(encodings[rows[i]], *together[i].tolist()) for i in chosen]
    expected, found = codec.collate(apart), codec.collate_windows(encodings, rows[chosen], together[chosen])
    assert set(found.fields) == set(expected.fields)
    for name, value in expected.fields.items():
        assert torch.equal(found.fields[name].nan_to_num(nan=-7.0), value.nan_to_num(nan=-7.0)), name
    assert found.lengths.tolist() == expected.lengths.tolist()
    assert (found.units, found.extra) == (expected.units, expected.extra)


def sigmoid(x: Any) -> Any:
    return 1.0 / (1.0 + np.exp(-x))


def test_a_free_run_reads_its_own_answers_by_hand() -> None:
    params = FreeRunParams(lookback=9, horizon=6, calendar=False)
    task = FreeRunForecasting(params)
    series = wandering(40, 1, 5)
    codec = task.fit_codec([series])
    torch.manual_seed(0)
    network, head = build(LstmParams(hidden_size=5, dropout=0.0), codec.features), task.head(codec, 5)
    parts = Parts(task.embedder(codec).eval(), network.eval(), head.eval(), codec)
    encoding = codec.encode(series)
    spans = codec.windows(encoding, "train")[[0, 7, 20]]
    batch = codec.collate_windows([encoding], np.zeros(3, np.int64), spans)
    found = run_freely(parts, batch, codec).numpy()[..., 0]

    names = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
    core = network.get_submodule("forwards.0.core")
    w_in, w_state, b_in, b_state = (core.get_parameter(name).detach().double().numpy() for name in names)
    out = [p.detach().double().numpy() for p in head.linear.parameters()]  # type: ignore[union-attr, operator]
    z = (series.values[:, 0] - series.values.mean()) / series.values.std()
    for row, (start, stop) in enumerate(spans.tolist()):
        hidden = cell = np.zeros(5)
        answers: list[float] = []
        for step in range(9 + 6 - 1):
            x = z[start + step] if step < 9 else answers[-1]
            gates = (w_in[:, 0] * x + w_state @ hidden + b_in + b_state).reshape(4, 5)
            cell = sigmoid(gates[1]) * cell + sigmoid(gates[0]) * np.tanh(gates[2])
            hidden = sigmoid(gates[3]) * np.tanh(cell)
            if step >= 8:
                answers.append((out[0] @ hidden + out[1]).item())
        assert stop - start == 9
        assert np.allclose(found[row], answers, atol=2e-6)


def test_the_loss_of_a_whole_batch_is_the_sum_over_its_records() -> None:
    params = FreeRunParams(lookback=9, horizon=6, calendar=False)
    task = FreeRunForecasting(params)
    series = wandering(40, 2, 6)
    codec = task.fit_codec([series])
    torch.manual_seed(0)
    head = task.head(codec, 5)
    assert isinstance(head, NextValueHead)
    network = build(LstmParams(hidden_size=5, dropout=0.0), codec.features)
    encoding = codec.encode(series)
    batch: Batch = codec.collate_windows([encoding], np.zeros(4, np.int64), codec.windows(encoding, "train")[:4])
    encoded = network(batch.fields["inputs"], batch.lengths)
    outputs = head(encoded, batch)
    wanted = torch.stack([torch.from_numpy(encoding["values"][k + 1 : k + 10]) for k in range(4)])
    assert torch.allclose(outputs, head.linear(encoded.states), atol=1e-6)
    told = head.loss(outputs, encoded, batch)
    assert told.count == 4 * 9 * 2
    assert torch.allclose(told.total, (outputs - wanted).square().sum(), rtol=1e-5)
    totals, counts = head.record_losses(outputs, encoded, batch)
    assert torch.allclose(totals.sum(), told.total, rtol=1e-5)
    assert int(counts.sum()) == told.count
    batch.fields["targets"][1, 0] = float("nan")
    fewer = head.loss(outputs, encoded, batch)
    assert fewer.count == 4 * 9 * 2 - 2
    expected = told.total - (outputs - wanted)[1, -1].square().sum()
    assert torch.allclose(fewer.total, expected, rtol=1e-5)


@pytest.mark.parametrize("channels", ["together", "apart"])
def test_batches_cut_ahead_of_a_plan_are_those_cut_when_asked(channels: str) -> None:
    task = DirectForecasting(ForecastingParams.model_validate({"lookback": 12, "horizon": 4, "channels": channels}))
    series = [wandering(steps, 3, seed) for seed, steps in enumerate((300, 150))]
    codec = task.fit_codec(series)
    split = encode_split(ListSource({"train": series}), "train", codec)
    assert isinstance(split, WindowSplit)
    ahead = WindowsAhead(split, codec)
    batches = split.batches(7 * codec.window_length(0, 12), 3)
    first, second = batches.epoch(1), batches.epoch(2)
    # on, back to the beginning (a resumed run), another epoch, a place in the middle
    asked = [(first, i) for i in range(len(first))] + [(first, 0), (second, 0), (second, 1), (second, 30), (first, 1)]
    for plan, index in asked:
        found, expected = ahead.batch(plan, index), split.batch(codec, plan[index])
        assert set(found.fields) == set(expected.fields)
        for name, value in expected.fields.items():
            assert torch.equal(found.fields[name].nan_to_num(nan=-7.0), value.nan_to_num(nan=-7.0)), name
        assert torch.equal(found.lengths, expected.lengths)
        assert (found.units, found.size, found.extra) == (expected.units, expected.size, expected.extra)
