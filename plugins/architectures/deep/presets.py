"""Stacks to begin with: three sizes, one for tagging, and three as their authors published them."""

from __future__ import annotations

from workbench.api import Preset

PRESETS = (
    Preset(
        title="small",
        values={"stack": [{"hidden_size": 64}, {"hidden_size": 64, "residual": True}]},
        note="Two LSTM layers that read forward: trains in seconds, and suits every task.",
    ),
    Preset(
        title="medium",
        values={
            "stack": [
                {"hidden_size": 128, "dropout": 0.3},
                {"hidden_size": 128, "dropout": 0.3, "residual": True},
                {"hidden_size": 128, "dropout": 0.3, "residual": True},
            ]
        },
        note="Three LSTM layers with a way around each: a good first choice for text that goes on.",
    ),
    Preset(
        title="large",
        values={
            "stack": [
                {"hidden_size": 256, "dropout": 0.4, "layer_norm": True, "residual": residual}
                for residual in (False, True, True, True)
            ]
        },
        note="Four LSTM layers with norms and skips, for much data.",
    ),
    Preset(
        title="both directions",
        values={
            "stack": [
                {"hidden_size": 128, "direction": "both", "dropout": 0.3},
                {"hidden_size": 128, "direction": "both", "dropout": 0.3, "residual": True},
            ]
        },
        note="Two bidirectional layers, for tagging and classification: each state knows the whole sequence.",
    ),
    Preset(
        title="AWD-LSTM, as published",
        values={
            "stack": [
                {"hidden_size": 1150, "dropout": 0.3, "weight_dropout": 0.5},
                {"hidden_size": 1150, "dropout": 0.3, "weight_dropout": 0.5},
                {"hidden_size": 400, "dropout": 0.4, "weight_dropout": 0.5},
            ],
            "input_dropout": 0.4,
        },
        note="For language models with an embedding of 400 shared with the output (Merity, Keskar & Socher, 2018): "
        "locked dropout everywhere, half of the recurrent weights dropped. About 20 million weights; wants a GPU.",
    ),
    Preset(
        title="LAS listener, as published",
        values={
            "stack": [
                {"hidden_size": 256, "direction": "both", "dropout": 0.0},
                *({"hidden_size": 256, "direction": "both", "dropout": 0.0, "subsampling": 2} for _ in range(3)),
            ]
        },
        note="A pyramid that turns eight frames of speech into one state (Chan et al., 2016, “Listen, attend and "
        "spell”). Not for tasks that answer at each step.",
    ),
    Preset(
        title="GNMT encoder, as published",
        values={
            "stack": [
                {"hidden_size": 1024, "direction": "both"},
                {"hidden_size": 1024},
                *({"hidden_size": 1024, "residual": True} for _ in range(6)),
            ]
        },
        note="Eight layers, the lowest bidirectional, skips from the third on (Wu et al., 2016). About 80 million "
        "weights; wants a GPU and millions of sentences.",
    ),
)
