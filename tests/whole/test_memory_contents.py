"""Working memory may hold anything at first, but for what kernels ask to be zero, and what was there before is gone."""

import numpy as np
import pytest
from fences import THREADED, replace_memory
from hypothesis import given, settings
from trainings import in_blocks_of, runs

from fastnet import kernels, reference
from fastnet.measure.cases import DTYPES, Training, run, training_case

dtypes = pytest.mark.parametrize("dtype", DTYPES)


def bits_of(results):
    return [np.asarray(one).tobytes() for one in results]


def run_on_memory_full_of(fill, case, dtype, **more):
    """Run a case where all that need not be zero holds a number, or 1 where it holds whole ones."""

    def make(shape, dtype=np.float64):
        return np.full(shape, fill if np.dtype(dtype).kind == "f" else 1, dtype)

    with pytest.MonkeyPatch.context() as monkeypatch:
        replace_memory(monkeypatch, make)
        return bits_of(run(kernels, case, case.arguments(dtype), **more))


@dtypes
@pytest.mark.parametrize("operation", sorted({case.operation for case in THREADED}))
def test_working_memory_may_hold_anything_at_first(operation, dtype):
    for case in THREADED:
        if case.operation == operation:
            expected = run_on_memory_full_of(0, case, dtype)
            for fill in (np.nan, np.inf):
                assert run_on_memory_full_of(fill, case, dtype) == expected, case


@settings(max_examples=50, derandomize=True, deadline=None, database=None)
@given(runs())
def test_working_memory_of_any_run_may_hold_anything_at_first(drawn):
    training, dtype, n_threads, block_rows = drawn
    with in_blocks_of(block_rows):
        outcomes = [
            run_on_memory_full_of(fill, training_case(training), dtype, n_threads=n_threads) for fill in (0, np.nan)
        ]
    assert outcomes[1] == outcomes[0]


@dtypes
@pytest.mark.parametrize("sizes", [(5, 7, 3), (300, 7, 3)], ids=str)
def test_the_gradient_of_no_samples_is_zero_whatever_was_in_memory(sizes, dtype):
    given = Training(0, sizes, ("relu",), "cross_entropy", "sgd", 1).make_gradient(
        np.dtype(dtype), np.random.default_rng(1)
    )
    with pytest.MonkeyPatch.context() as monkeypatch:
        replace_memory(monkeypatch, lambda shape, dtype=np.float64: np.full(shape, 7, dtype))
        loss, gradient = kernels.loss_gradient(**given)
    assert loss == 0.0
    assert not gradient.any()


STALE = [
    Training(90, (21, 35, 18, 5), ("relu", "tanh"), "cross_entropy", "sgd", 16),
    Training(60, (13, 16, 4), ("relu",), "cross_entropy", "sgd", 60, clip_norm=0.2),  # in blocks
    Training(33, (300, 7, 3), ("relu",), "cross_entropy", "sgd", 8, clip_value=0.01),  # few outputs of many inputs
    Training(60, (70, 33, 3), ("tanh",), "cross_entropy", "adam", 16, filled=0.2),  # mostly zeros
    Training(40, (11, 70, 3), ("relu",), ("cross_entropy", 0.2), "adam", 7, dropout=(0.4,)),
]


@dtypes
@pytest.mark.parametrize("training", STALE, ids=str)
def test_an_epoch_leaves_nothing_behind_for_the_next(training, dtype):
    """Epochs of two lengths in turn, on the memory of those before, and each on memory of its own."""
    kept, fresh = (training.make_prepared(np.dtype(dtype), np.random.default_rng(5)) for _ in range(2))
    order = np.random.default_rng(7).permutation(training.n)
    with in_blocks_of(16):
        epoch = kernels.prepare_training(**kept, n_threads=2)
        for i, length in enumerate((training.n, 5, training.n, 2)):
            expected = kernels.prepare_training(**fresh, n_threads=2)(order[-length:], 10 * i)
            assert epoch(order[-length:], 10 * i) == expected
            for name in ("parameters", "state"):
                assert bits_of(kept[name]) == bits_of(fresh[name])


@dtypes
@pytest.mark.parametrize("n_in", [300, 304, 200])
def test_an_infinite_gradient_that_is_limited_does_no_more_than_that(n_in, dtype):
    """Where outputs are few and inputs many, rows of weights are padded, and their padding is multiplied along."""
    results = []
    for module in (reference, kernels):
        rng = np.random.default_rng(0)
        parameters, x = rng.normal(size=(n_in + 1) * 2).astype(dtype), rng.uniform(1, 2, (4, n_in)).astype(dtype)
        y = np.zeros((4, 2), dtype)
        y[2, 0] = np.inf
        with np.errstate(all="ignore"):
            module.train_epoch(
                parameters, (), x, y, np.array([2, 3, 0, 1]), (n_in, 2), (), "squared_error", ("sgd", 0.01), 2,
                clip_value=0.5,
            )  # fmt: skip
        results.append(parameters)
    assert np.isfinite(results[0]).all()
    np.testing.assert_allclose(results[1], results[0], rtol=0, atol=100 * np.finfo(dtype).eps)
