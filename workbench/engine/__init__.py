"""Torch without Qt: composes a task and an architecture, batches, trains, checkpoints, evaluates, predicts, traces."""

import os

# The OpenMP runtime reads this once, when torch is first imported. Threads that spin while they wait made steps on a
# busy two-core machine 20 to 60 times slower than one thread; sleeping ones cost a few microseconds each time.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
