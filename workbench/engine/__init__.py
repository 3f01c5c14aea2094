"""Torch without Qt: composes a task and an architecture, batches, trains, checkpoints, evaluates, predicts, traces."""
