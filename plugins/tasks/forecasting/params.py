"""What can be chosen about a forecast, whatever the network inside."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import model_validator

from workbench.api import Params, Preset, option


class SeriesParams(Params):
    """What both ways of forecasting share: what is read, what is foretold, how it is scaled and split."""

    lookback: int = option(
        48,
        ge=1,
        le=1_000_000,
        unit="steps",
        what="Steps of the past that are read for one forecast.",
        when="At least two seasons (two weeks of hours, two years of months); more for slow changes.",
        typical="2 to 10 times the horizon",
    )
    horizon: int = option(
        12, ge=1, le=100_000, unit="steps", what="Steps that are foretold.", typical="one season: 24 hours, 12 months"
    )
    stride: int = option(
        1,
        ge=1,
        le=1_000_000,
        unit="steps",
        what="Steps from one training window to the next.",
        when="Raise it for very long series.",
        typical="1",
    )
    evaluation_stride: int = option(
        1, ge=1, le=1_000_000, unit="steps", advanced=True, what="Steps from one validation or test window to the next."
    )
    targets: tuple[str, ...] = option(
        (),
        what="Channels to foretell. Empty: those whose role is target.",
        when="Some channels are only there to help.",
        typical="empty",
    )
    season: int = option(
        0,
        ge=0,
        le=1_000_000,
        unit="steps",
        what="Steps in a season, for the seasonal naive method and MASE; 0 takes it from the frequency.",
        when="The season is not the calendar's (sunspots: 132 months).",
        typical="0, or 24, 12, 7",
    )
    scaler: Literal["standard", "none"] = option(
        "standard",
        what="standard subtracts the mean and divides by the deviation of the training part, channel by channel.",
        when="none for many series of different sizes, with the instance normalisation standard.",
        typical="standard",
    )
    log: bool = option(
        False,
        what="Work on logarithms: a series that grows by per cent, not by amounts. All values must be above 0.",
        when="Swings grow with the level (passengers, sales).",
        typical="off",
    )
    difference: int = option(
        0,
        ge=0,
        le=100_000,
        unit="steps",
        what="Work on the change since so many steps before (a season, or 1); 0 works on the values themselves.",
        when="A short series with trend and season: 12 for months.",
        typical="0, 12, 24",
    )
    calendar: bool = option(
        True,
        what="Tell the network hour, weekday, day of the month and of the year, as far as the step resolves them.",
        when="Switch it off for series without a calendar.",
        typical="on; nothing is told of a series without dates",
    )
    split: Literal["time", "records"] = option(
        "time",
        what="time cuts every series: train first, then validation, then test. records keeps series whole, each in the "
        "split it is assigned to.",
        when="records for many short series of one kind.",
        typical="time",
    )
    train: float = option(
        0.0,
        ge=0,
        le=1e9,
        what="Length of the training part: a share below 1, or steps; 0 is what the others leave over.",
        typical="0",
    )
    validation: float = option(
        0.15,
        ge=0,
        le=1e9,
        what="Length of the validation part: a share below 1, or steps.",
        typical="0.15, or twice the horizon",
    )
    test: float = option(
        0.15,
        ge=0,
        le=1e9,
        what="Length of the test part: a share below 1, or steps.",
        typical="0.15, or the horizon",
    )
    validation_from: str = option(
        "", advanced=True, what="Date (2017-07-01) or time at which validation begins; empty goes by length."
    )
    test_from: str = option("", advanced=True, what="Date or time at which the test part begins; empty goes by length.")
    baseline_lookback: int = option(
        0,
        ge=0,
        le=100_000,
        unit="steps",
        advanced=True,
        what="Steps of the past that the linear baseline reads; 0 for as many as the network.",
        typical="0",
    )


class ForecastingParams(SeriesParams):
    """Options of the direct forecast: all steps at once."""

    normalisation: Literal["none", "last", "mean", "standard"] = option(
        "last",
        title="Instance normalisation",
        what="What is taken from every window and given back to its forecast: its last value, its mean, or mean and "
        "deviation (RevIN).",
        when="standard for series of different sizes; none where the level itself tells what comes.",
        typical="last",
    )
    channels: Literal["together", "apart"] = option(
        "together",
        what="together: one network reads all channels at once. apart: each channel by itself, with the same weights.",
        when="apart for many loosely coupled channels; it also learns from seven times the windows.",
        typical="together for a few coupled channels",
    )
    segment: int = option(
        1,
        ge=1,
        le=10_000,
        unit="steps",
        what="Steps that the network reads at once as one input; the lookback must be a multiple of it.",
        when="Raise it for long lookbacks: fewer recurrent steps, quicker and better (SegRNN).",
        typical="1, or 24 to 48 for long horizons",
    )
    segment_embedding_size: int = option(
        0,
        ge=0,
        le=8192,
        unit="dimensions",
        what="Length of the vector learned for each segment; 0 gives the network the numbers themselves.",
        typical="0 with steps, 128 to 512 with segments",
    )
    decoder: Literal["direct", "segments"] = option(
        "direct",
        what="direct: a linear map from the last state to all steps. segments: one recurrent step for each segment of "
        "the horizon, all at the same time (SegRNN).",
        when="segments for long horizons.",
        typical="direct",
    )
    output: Literal["point", "quantiles", "gaussian", "student"] = option(
        "point",
        what="point: one number a step. quantiles: its quantiles. gaussian, student: a distribution.",
        when="quantiles where intervals matter as much as the middle.",
        typical="point; conformal intervals are there in any case",
    )
    loss: Literal["squared", "absolute", "huber"] = option(
        "squared",
        what="What a point forecast is trained to make small.",
        when="absolute where outliers should not count for much.",
        typical="squared",
    )
    levels: tuple[float, ...] = option(
        (0.025, 0.1, 0.25, 0.5, 0.75, 0.9, 0.975),
        advanced=True,
        what="The quantiles that are told, rising, the median (0.5) among them.",
    )
    input_dropout: float = option(
        0.0, ge=0, lt=1, what="Share of input features dropped in training.", typical="0 to 0.2"
    )
    output_dropout: float = option(
        0.0, ge=0, lt=1, what="Share of the features that the last map reads dropped in training.", typical="0 to 0.5"
    )

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.lookback % self.segment:
            raise ValueError(f"a lookback of {self.lookback} is no multiple of the segment {self.segment}")
        if self.decoder == "segments" and self.horizon % self.segment:
            raise ValueError(f"a horizon of {self.horizon} is no multiple of the segment {self.segment}")
        if list(self.levels) != sorted(set(self.levels)) or 0.5 not in self.levels or not self.levels[0] > 0:
            raise ValueError("levels rise from above 0 to below 1, with 0.5 among them")
        if self.levels[-1] >= 1:
            raise ValueError("levels are below 1")
        return self


class FreeRunParams(SeriesParams):
    """Options of the forecast step by step: each answer is read as the next input."""

    washout: int = option(
        0,
        ge=0,
        le=100_000,
        unit="steps",
        what="First steps of a training window whose answers do not count: the network is still finding its feet.",
        typical="0, or a season",
    )
    level: Literal["none", "last"] = option(
        "none",
        title="Instance normalisation",
        what="last: what is read is relative to the first value of the window, so that the level does not matter.",
        when="A series that drifts.",
        typical="none",
    )


PRESETS: tuple[Preset, ...] = (
    Preset(title="small", note="A first look: half a day of hours from two days.", values={}),
    Preset(title="medium", note="The next day of hours from four.", values={"lookback": 96, "horizon": 24}),
    Preset(
        title="large",
        note="Long horizons on long series, in segments.",
        values={
            "lookback": 720,
            "horizon": 96,
            "channels": "apart",
            "segment": 24,
            "segment_embedding_size": 128,
            "decoder": "segments",
            "loss": "absolute",
            "calendar": False,
            "output_dropout": 0.3,
        },
    ),
    Preset(
        title="as published (SegRNN, Lin 2023)",
        note="Lin et al. (2023): 720 steps in segments of 48, channel by channel, with a GRU of 512 units.",
        values={
            "lookback": 720,
            "horizon": 96,
            "channels": "apart",
            "segment": 48,
            "segment_embedding_size": 512,
            "decoder": "segments",
            "loss": "absolute",
            "calendar": False,
            "output_dropout": 0.5,
        },
    ),
    Preset(
        title="months, with trend and season",
        note="A short monthly series: two years of changes since a year before, in per cent.",
        values={"lookback": 24, "horizon": 12, "log": True, "difference": 12, "normalisation": "none"},
    ),
    Preset(
        title="with quantiles",
        note="Seven quantiles at every step instead of one number.",
        values={"output": "quantiles", "normalisation": "standard"},
    ),
)
"""Good first choices, shown by the form of the task."""

FREE_RUN_PRESETS: tuple[Preset, ...] = (
    Preset(title="small", note="A first look.", values={}),
    Preset(title="medium", note="The next day of hours from four.", values={"lookback": 96, "horizon": 24}),
    Preset(title="large", note="Long runs.", values={"lookback": 336, "horizon": 48, "washout": 24}),
    Preset(
        title="months, with trend and season",
        note="A short monthly series: changes since a year before, in per cent.",
        values={"lookback": 48, "horizon": 12, "log": True, "difference": 12},
    ),
)
