"""An epoch of no samples compiles all that later epochs need, so no clock that starts after it sees a compiler."""

import os
import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest

from fastnet import kernels
from fastnet.kernels.step.driver import compiling
from fastnet.kernels.step.first_layer import sparse


def compiled():
    """Count what has been compiled, or loaded from the cache, for training so far."""
    return len(compiling._loaded), len(sparse._describe.signatures)


@pytest.mark.parametrize("dtype", [np.float32, np.uint8], ids=["floats", "pixels"])
@pytest.mark.parametrize(
    ("sizes", "filled"),
    [((40, 12, 3), 1.0), ((40, 12, 3), 0.1), ((300, 4, 3), 1.0)],
    ids=["dense", "zeros", "few outputs"],
)
def test_no_epoch_after_one_of_no_samples_compiles(sizes, filled, dtype):
    rng = np.random.default_rng(0)
    x = (rng.integers(1, 256, (50, sizes[0])) * (rng.random((50, sizes[0])) < filled)).astype(dtype)
    parameters = np.zeros(sum((a + 1) * b for a, b in pairwise(sizes)), np.float32)
    slots = (np.zeros_like(parameters), np.zeros_like(parameters))
    y = rng.integers(0, sizes[-1], 50)
    compiling._loaded.clear()  # as in a new process
    epoch = kernels.prepare_training(
        parameters, slots, x, y, sizes, ["relu"], "cross_entropy", ("adam", 0.01, 0.9, 0.999, 1e-8), 16
    )
    epoch(np.empty(0, np.int64))
    before = compiled()
    assert before[0] == (2 if filled < 0.35 else 1)
    epoch(np.arange(50))
    epoch(np.arange(50), step=4)
    assert compiled() == before


ZEROS = """
import time
import numpy as np
from fastnet import kernels
from fastnet.kernels.step.driver import epochs

rng = np.random.default_rng(0)
x = ((rng.random((60, 70)) < 0.1) * rng.random((60, 70))).astype(np.float32)
y = rng.integers(0, 3, 60)


def prepare():
    parameters = np.random.default_rng(1).standard_normal(71 * 12 + 13 * 3).astype(np.float32)
    task = ([70, 12, 3], ["relu"], "cross_entropy", ("sgd", 0.1), 16)
    return parameters, kernels.prepare_training(parameters, (), x, y, *task)


parameters, epoch = prepare()
epoch(np.empty(0, np.int64))
epoch(np.arange(60))
print(epoch._described is not None)
epoch._seconds = epochs.WORTH_COMPILING  # as if it had trained for so long
epoch(np.arange(60))
deadline = time.monotonic() + 120
while not epoch._is_compiled and time.monotonic() < deadline:
    time.sleep(0.01)
epoch(np.arange(60))
print(epoch._described is not None)

epochs.WORTH_COMPILING = 0
at_once, epoch = prepare()
for _ in range(3):
    epoch(np.arange(60))
print(epoch._described is not None, at_once.tobytes() == parameters.tobytes())
"""


def test_kernels_for_zeros_are_compiled_beside_a_long_training_and_used_at_once_when_they_are_at_hand(tmp_path):
    def run():
        environment = dict(os.environ, FASTNET_CACHE_DIR=str(tmp_path))
        command = [sys.executable, "-c", ZEROS]
        finished = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240, check=True)
        return finished.stdout.split()

    assert run() == ["False", "True", "True", "True"]
    assert run() == ["True", "True", "True", "True"]
