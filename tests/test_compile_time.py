"""An epoch of no samples compiles all that later epochs need, so no clock that starts after it sees a compiler."""

from itertools import pairwise

import numpy as np
import pytest

from fastnet import kernels
from fastnet.kernels import selection, sparse


def compiled():
    """Count what has been compiled, or loaded from the cache, for training so far."""
    return selection.training_parts.cache_info().misses, len(sparse._describe.signatures)


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
    selection.training_parts.cache_clear()  # as in a new process
    epoch = kernels.prepare_training(
        parameters, slots, x, y, sizes, ["relu"], "cross_entropy", ("adam", 0.01, 0.9, 0.999, 1e-8), 16
    )
    epoch(np.empty(0, np.int64))
    before = compiled()
    assert before[0] == (2 if filled < 0.35 else 1)
    epoch(np.arange(50))
    epoch(np.arange(50), step=4)
    assert compiled() == before
