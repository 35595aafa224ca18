"""What is called often works in memory that is made once: nothing grows with the samples or the network."""

import tracemalloc

import numpy as np
import pytest

from fastnet import Network, Predictor, kernels
from fastnet.measure.cases import Training, network

SMALL_OBJECTS = 8192
"""Bytes, for each thread, of Python's own objects: a call's arguments, a thread, its result."""

N_CHOSEN = 20_000
"""Samples of an epoch, some of them many times: not even a byte for each is as little."""


def peak_of(call):
    """Return the bytes that were allocated at once during a call that is not the first one.

    The least of some calls: other threads of the process, such as helpers that come or go, allocate too.
    """
    call()
    tracemalloc.start()
    try:
        call()
        return min(one_peak(call) for _ in range(3))
    finally:
        tracemalloc.stop()


def one_peak(call):
    tracemalloc.reset_peak()
    before, _ = tracemalloc.get_traced_memory()
    call()
    return tracemalloc.get_traced_memory()[1] - before


TRAININGS = [
    Training(200, (20, 200, 10), ("relu",), "cross_entropy", "adam", 50),
    Training(200, (300, 7, 3), ("relu",), "cross_entropy", "sgd", 100, clip_norm=0.5),  # few outputs of many inputs
    Training(600, (70, 200, 3), ("tanh",), "cross_entropy", "adam", 300, filled=0.2),  # in blocks, mostly zeros
]


@pytest.mark.parametrize("n_threads", [1, 2])
@pytest.mark.parametrize("training", TRAININGS, ids=str)
def test_an_epoch_allocates_no_arrays(training, n_threads):
    arguments = training.make_prepared(np.dtype(np.float32), np.random.default_rng(1))
    order = np.random.default_rng(2).integers(0, training.n, N_CHOSEN)
    epoch = kernels.prepare_training(**arguments, n_threads=n_threads)
    assert peak_of(lambda: epoch(order, 7, 0.01)) < n_threads * SMALL_OBJECTS


@pytest.mark.parametrize("sizes", [(3, 2), (784, 3000, 10)], ids=str)
def test_a_predictor_allocates_no_arrays(sizes):
    x = np.ones(sizes[0], np.float32)
    predict = Predictor(Network(sizes, seed=0), "cross_entropy")
    assert peak_of(lambda: predict(x)) < SMALL_OBJECTS


@pytest.mark.parametrize("sizes", [(3, 2), (784, 3000, 10)], ids=str)
def test_logits_of_a_few_rows_take_two_rows_of_the_widest_layer(sizes):
    parameters = network(sizes, np.dtype(np.float32), np.random.default_rng(0))
    x, out = np.ones((3, sizes[0]), np.float32), np.empty((3, sizes[-1]), np.float32)
    activations = ("relu",) * (len(sizes) - 2)
    rows = 2 * max(sizes) * parameters.itemsize
    assert peak_of(lambda: kernels.predict_logits(parameters, x, sizes, activations, out=out)) < rows + SMALL_OBJECTS
