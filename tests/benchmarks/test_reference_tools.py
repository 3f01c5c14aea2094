r"""Our measures equal those of the field's own tools on stored outputs; each stored value names its tool's version.

``reference/translations.json``: sentences written for this test, scored by sacreBLEU's command line (``a`` the
answers, ``r0`` and ``r1`` the references, a line each)::

    sacrebleu r0 r1 -i a -m bleu chrf -w 12

and, where sentences have one reference or two, by ``BLEU().corpus_score(answers, streams)`` and ``CHRF()`` with None
for what is not there.

``reference/forecasts.json``: three generated series of 48 steps and forecasts of 12 more (a mean with a deviation,
nine quantiles, an ensemble of ten), scored by utilsforecast, GluonTS and properscoring::

    frame = one row a step: unique_id, ds, y, m, q0.1 … q0.9, m-lo-80, m-hi-80
    losses.mase(frame, ["m"], 12, past_frame); losses.mse, mae, mape, smape(frame, ["m"])
    losses.mqloss(frame, {"m": ["q0.1", …]}, levels); losses.scaled_crps(…); losses.coverage(frame, ["m"], 80)
    Evaluator(quantiles=levels, seasonality=12)(truths, [QuantileForecast(quantiles, start, levels) …])
    properscoring.crps_gaussian(truth, mean, deviation); properscoring.crps_ensemble(truth, members)
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sacrebleu
import torch
from workbench_plugins.tasks.forecasting.codec import HISTORY
from workbench_plugins.tasks.forecasting.params import SeriesParams
from workbench_plugins.tasks.forecasting.report import build_report as forecast_report
from workbench_plugins.tasks.forecasting.scoring import ScaledError
from workbench_plugins.tasks.translation.report import build_report as translation_report
from workbench_plugins.tasks.translation.scoring import Bleu, ChrF

from workbench.api import Forecast, Interval, Series, Text, TextPair, Translation
from workbench.engine.compose import compose
from workbench.engine.predict import Predictor
from workbench.nn.forecasting import metrics
from workbench.runs.config import parse_config

STORED = Path(__file__).parent / "reference"


def stored(name: str) -> Any:
    return json.loads((STORED / f"{name}.json").read_text(encoding="utf-8"))


# -- translations --------------------------------------------------------------------------------------------------

ROWS = stored("translations")["rows"]
REFERENCES = {
    "one_reference": [row["references"][:1] for row in ROWS],
    "two_references": [row["references"] for row in ROWS],
    "one_or_two_references": [row["references"][: 1 + i % 2] for i, row in enumerate(ROWS)],
}


def scored(chosen: str) -> list[tuple[int, TextPair, Translation, float]]:
    """What the engine hands a report: a record for every reference, each with the answer to its source."""
    return [
        (i, TextPair(row["source"], reference), Translation(row["answer"], tuple(row["answer"].split())), 1.0)
        for i, (row, references) in enumerate(zip(ROWS, REFERENCES[chosen], strict=True))
        for reference in references
    ]


@pytest.mark.parametrize("chosen", sorted(REFERENCES))
def test_bleu_and_chrf_equal_what_sacrebleus_command_line_said(chosen) -> None:
    told = stored("translations")[chosen]
    expected = {
        name: told[key]["score"] if isinstance(told[key], dict) else told[key]
        for name, key in (("bleu", "BLEU"), ("chrf", "chrF2"))
    }
    rows = scored(chosen)
    report = translation_report("test", iter(rows), None)
    for metric in (Bleu(), ChrF()):  # what chooses the epoch is what is reported
        for _, record, result, _ in rows:
            metric.update(result, record)
        assert metric.compute()[metric.ID] == pytest.approx(expected[metric.ID], abs=1e-9)
        assert report.metrics[metric.ID] == pytest.approx(expected[metric.ID], abs=1e-9)


@pytest.mark.parametrize("chosen", ["one_reference", "two_references"])
def test_the_signature_is_the_tools_own(chosen) -> None:
    told = stored("translations")[chosen]
    report = translation_report("test", iter(scored(chosen)), None)
    without_version = str(report.protocol["bleu_signature"]).rpartition("|version:")[0]
    assert without_version == told["BLEU"]["signature"].rpartition("|version:")[0]
    assert str(report.protocol["bleu_signature"]).endswith(sacrebleu.__version__)


def test_the_tool_that_is_installed_still_says_the_same() -> None:
    told = stored("translations")["two_references"]
    answers = [row["answer"] for row in ROWS]
    streams = [[row["references"][i] for row in ROWS] for i in (0, 1)]
    assert sacrebleu.corpus_bleu(answers, streams).score == pytest.approx(told["BLEU"]["score"], abs=1e-9)
    assert sacrebleu.corpus_chrf(answers, streams).score == pytest.approx(told["chrF2"]["score"], abs=1e-9)


def test_the_order_of_records_does_not_matter() -> None:
    there = translation_report("test", iter(scored("two_references")), None).metrics
    back = translation_report("test", iter(reversed(scored("two_references"))), None).metrics
    assert (back["bleu"], back["chrf"]) == pytest.approx((there["bleu"], there["chrf"]), abs=1e-9)


# -- forecasts -----------------------------------------------------------------------------------------------------

OUTPUTS = stored("forecasts")
LEVELS = tuple(OUTPUTS["levels"])
TRUTH, MEAN, DEVIATION = (np.array([one[name] for one in OUTPUTS["series"]]) for name in ("truth", "mean", "deviation"))
QUANTILES = np.array([one["quantiles"] for one in OUTPUTS["series"]])  # (N, Q, H)
PAST = np.array([one["past"] for one in OUTPUTS["series"]])
SERIES = range(len(TRUTH))
MEDIAN = LEVELS.index(0.5)


def test_point_errors_equal_utilsforecast() -> None:
    told = OUTPUTS["utilsforecast"]
    for i in SERIES:
        scale = metrics.seasonal_scale(PAST[i], OUTPUTS["season"])
        assert metrics.mase(TRUTH[i], MEAN[i], scale) == pytest.approx(told["mase"][i], rel=1e-12)
        assert metrics.mse(TRUTH[i], MEAN[i]) == pytest.approx(told["mse"][i], rel=1e-12)
        assert metrics.mae(TRUTH[i], MEAN[i]) == pytest.approx(told["mae"][i], rel=1e-12)
        assert metrics.mape(TRUTH[i], MEAN[i]) == pytest.approx(100 * told["mape"][i], rel=1e-12)
        # theirs is 0 to 1, the M4 competition's 0 to 200
        assert metrics.smape(TRUTH[i], MEAN[i]) == pytest.approx(200 * told["smape"][i], rel=1e-12)


def test_quantile_errors_equal_utilsforecast() -> None:
    told = OUTPUTS["utilsforecast"]
    for i in SERIES:
        assert metrics.pinball(TRUTH[i], QUANTILES[i], LEVELS).mean() == pytest.approx(told["mqloss"][i], rel=1e-12)
        assert metrics.crps_from_quantiles(TRUTH[i], QUANTILES[i], LEVELS) == pytest.approx(2 * told["mqloss"][i])
        weighted = metrics.weighted_quantile_loss(TRUTH[i], QUANTILES[i], LEVELS)
        assert weighted == pytest.approx(told["scaled_crps"][i], rel=1e-12)
        inside = metrics.coverage(TRUTH[i], QUANTILES[i][0], QUANTILES[i][-1])
        assert inside == pytest.approx(told["coverage"][i], rel=1e-12)


def test_measures_over_all_series_equal_gluonts() -> None:
    told = OUTPUTS["gluonts"]
    scales = [metrics.seasonal_scale(past, OUTPUTS["season"]) for past in PAST]
    assert scales == pytest.approx(told["seasonal_error"], rel=1e-12)
    medians = QUANTILES[:, MEDIAN]
    each = [metrics.mase(TRUTH[i], medians[i], scales[i]) for i in SERIES]
    assert np.mean(each) == pytest.approx(told["MASE"], rel=1e-12)
    assert metrics.smape(TRUTH, medians) == pytest.approx(100 * told["sMAPE"], rel=1e-12)
    assert metrics.mape(TRUTH, medians) == pytest.approx(100 * told["MAPE"], rel=1e-12)
    assert metrics.mse(TRUTH, medians) == pytest.approx(told["MSE"], rel=1e-12)
    weighted = metrics.weighted_quantile_loss(TRUTH, QUANTILES.swapaxes(0, 1), LEVELS)
    assert weighted == pytest.approx(told["mean_wQuantileLoss"], rel=1e-12)


def test_crps_equals_properscoring() -> None:
    told = OUTPUTS["properscoring"]
    for i in SERIES:
        found = metrics.crps_gaussian(TRUTH[i], MEAN[i], DEVIATION[i])
        assert found == pytest.approx(np.mean(told["crps_gaussian"][i]), rel=1e-12)
    members = np.array(OUTPUTS["members"])  # (M, N, H)
    count = len(members)
    # an ensemble's members are its quantiles at (i + 1/2) / M (Bröcker 2012)
    levels = [(i + 0.5) / count for i in range(count)]
    found = metrics.crps_from_quantiles(TRUTH, np.sort(members, axis=0), levels)
    assert found == pytest.approx(np.mean(told["crps_ensemble"]), rel=1e-12)


def windows() -> list[tuple[int, Series, Forecast, float]]:
    """What the engine hands a report of forecasts: a window's record with its history, and the answer."""
    rows = []
    for i in SERIES:
        values = np.concatenate([PAST[i], TRUTH[i]])[:, None]
        record = Series.of(str(i), values, ("y",), static={HISTORY: float(len(PAST[i]))})
        interval = Interval(0.8, _column(QUANTILES[i][0]), _column(QUANTILES[i][-1]))
        answer = Forecast(
            str(i),
            ("y",),
            tuple(range(48, 60)),
            _column(QUANTILES[i][MEDIAN]),
            levels=LEVELS,
            quantiles=tuple(_column(one) for one in QUANTILES[i]),
            intervals=(interval,),
        )
        rows.append((i, record, answer, 0.0))
    return rows


def _column(values: Any) -> tuple[tuple[float, ...], ...]:
    return tuple((float(value),) for value in values)


def test_the_report_of_a_forecast_holds_what_gluonts_says() -> None:
    told = OUTPUTS["gluonts"]
    report = forecast_report("test", iter(windows()), SeriesParams(lookback=24, horizon=12, season=OUTPUTS["season"]))
    assert report.metrics["mase"] == pytest.approx(told["MASE"], rel=1e-12)
    assert report.metrics["smape"] == pytest.approx(100 * told["sMAPE"], rel=1e-12)
    assert report.metrics["mape"] == pytest.approx(100 * told["MAPE"], rel=1e-12)
    assert report.metrics["wql"] == pytest.approx(told["mean_wQuantileLoss"], rel=1e-12)
    assert report.metrics["crps"] == pytest.approx(2 * np.mean(OUTPUTS["utilsforecast"]["mqloss"]), rel=1e-12)
    assert report.metrics["coverage_80"] == pytest.approx(np.mean(OUTPUTS["utilsforecast"]["coverage"]), rel=1e-12)


def test_what_chooses_the_epoch_is_what_is_reported() -> None:
    rows = windows()
    params = SeriesParams(lookback=24, horizon=12)
    report = forecast_report("test", iter(rows), params)
    chosen = ScaledError()
    for _, record, answer, _ in rows:
        chosen.update(answer, record)
    assert chosen.compute()["mase"] == pytest.approx(report.metrics["mase"], rel=1e-12)


# -- perplexity ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("units", "options"), [("words", {}), ("characters", {"tied": False}), ("bpe", {})])
def test_perplexity_equals_torchs_cross_entropy_of_the_same_network_by_hand(catalogue, units, options) -> None:
    """``torch.nn.LSTM`` in float64 over the whole stream at once, with our weights and no code of ours."""
    task = {"embedding_size": 12, "chunk": 7, "units": units, **options}
    texts = [Text(line) for line in ("the cat sat on the mat .", "a dog ran home .", "the bird sat in a tree .")] * 4
    config = parse_config(
        {
            "task": {"id": "language_modelling", "params": task},
            "architecture": {"id": "lstm", "params": {"hidden_size": 20, "dropout": 0.0}},
            "data": {"dataset": "made"},
            "training": {"threads": 1, "device": "cpu", "seed": 3},
        }
    )
    model = compose(config, catalogue, records=texts).eval()
    weights = {name: value.double() for name, value in model.state_dict().items()}
    with torch.no_grad():
        for value in weights.values():  # far from what a network begins with, where every symbol is as likely
            value.mul_(3.0)
    model.load_state_dict({name: value.float() for name, value in weights.items()})
    found = Predictor(model, config).evaluate(texts).metrics

    codec = model.codec
    stream = np.concatenate([codec.stream_start()["symbols"], *(codec.encode(text)["symbols"] for text in texts)])
    symbols = torch.from_numpy(stream.astype(np.int64))
    table = weights["embedder.table.weight"]
    lstm = torch.nn.LSTM(12, 20, dtype=torch.float64)
    core = "encoder.forwards.0.core."
    lstm.load_state_dict({name.removeprefix(core): v for name, v in weights.items() if name.startswith(core)})
    with torch.no_grad():
        states, _ = lstm(table[symbols[:-1]] * math.sqrt(table.shape[1]))  # as our embedder reads its rows
        if "head.output.project.weight" in weights:  # tied: the embedding's rows are shorter than a state
            states = states @ weights["head.output.project.weight"].T
        bias = next(value for name, value in weights.items() if name.startswith("head.") and name.endswith("bias"))
        logits = states @ weights.get("head.output.scores.weight", table).T + bias
        nats = float(torch.nn.functional.cross_entropy(logits, symbols[1:]))
    assert nats > 0.5
    assert found["nats_per_symbol"] == pytest.approx(nats, rel=1e-6)
    assert found["perplexity"] == pytest.approx(math.exp(nats), rel=1e-5)
    assert found["bits_per_symbol"] == pytest.approx(nats / math.log(2), rel=1e-6)
