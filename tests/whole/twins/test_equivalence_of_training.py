"""Training with the kernels against the reference, where the table of cases has no row for it."""

import sys
from itertools import product

import numpy as np
import pytest

from fastnet import kernels, reference
from fastnet.measure.cases import CASES, DTYPES, HYPERPARAMETERS, compare_results, difference, network, run

CASE, DROPPING = (
    next(case for case in CASES if case.size == size)
    for size in (
        "11x5-7-3-relu-cross_entropy-sgd-4-floats",
        "17x5-33-17-4-elu-leaky_relu-poisson-adam-5-floats-dropout 0.1 0.6",
    )
)

dtypes = pytest.mark.parametrize("dtype", DTYPES)


def check(dtype, case=CASE, **changes):
    """Compare the results of both implementations where some arguments are others."""
    expected, actual = (run(module, case, {**case.arguments(dtype), **changes}) for module in (reference, kernels))
    assert compare_results(case, dtype, actual, expected) is None


@dtypes
def test_nan_in_one_class_counts_as_the_answer_that_numpy_finds(dtype):
    """`argmax` takes the first NaN for the largest logit."""
    sizes, rng = (4, 3), np.random.default_rng(9)
    x, labels = rng.normal(size=(30, 4)).astype(dtype), rng.integers(0, 3, 30)
    counts = []
    for module in (reference, kernels):
        parameters = np.zeros(15, dtype)
        parameters[-2] = np.nan  # the bias of class 1
        rest = (np.arange(30), sizes, (), "cross_entropy", ("sgd", 0.0), 30)
        counts.append(module.train_epoch(parameters, (), x, labels, *rest)[1])
    assert counts[1] == counts[0] == np.count_nonzero(labels == 1)


@dtypes
@pytest.mark.parametrize("limits", [{"clip_norm": 2.0}, {"clip_value": 0.5}, {"clip_norm": 2.0, "clip_value": 0.5}])
def test_gradients_that_are_not_finite_are_clipped_alike(limits, dtype):
    """An infinite norm makes the factor 0, and infinities NaN; a NaN as norm, or as element, is not limited."""
    for bad, sizes in product((np.inf, np.nan, np.finfo(dtype).max / 4), ((3, 2), (300, 2))):
        results = []
        for module in (reference, kernels):
            parameters = np.ones((sizes[0] + 1) * 2, dtype)
            x, y = np.ones((4, sizes[0]), dtype), np.ones((4, 2), dtype)
            x[2, 1] = bad
            rest = (np.arange(4), sizes, (), "squared_error", ("momentum", 0.5, 0.0, False), 4)
            with np.errstate(all="ignore"):
                module.train_epoch(parameters, (np.zeros_like(parameters),), x, y, *rest, **limits)
            results.append(parameters)
        tolerance = 8 * np.sqrt(sizes[0]) * float(np.finfo(dtype).eps)
        assert difference(results[1], results[0], tolerance) is None
        if "clip_value" in limits and bad == np.inf:
            assert np.isfinite(results[0][::2]).any()


@dtypes
def test_batch_larger_than_the_data_is_the_full_batch(dtype):
    for batch_size in (10**6, sys.maxsize, np.int64(7)):
        check(dtype, batch_size=batch_size)


@dtypes
def test_indices_and_labels_may_be_any_integers(dtype):
    arguments = CASE.arguments(dtype)
    for kind in (np.int8, np.uint8, np.int32, np.uint64):
        check(dtype, order=arguments["order"].astype(kind), y=arguments["y"].astype(kind))


@dtypes
def test_masks_of_dropout_depend_on_all_bits_of_the_seed(dtype):
    for seed in (0, 2**63 + 5, 2**64 - 1):
        check(dtype, DROPPING, seed=seed)


@dtypes
@pytest.mark.parametrize(
    ("loss", "targets", "n_correct"),
    [
        ("cross_entropy", np.arange(30) % 3, 10),  # all logits are equal: the first is the largest
        ("softmax_squared_error", np.arange(30) % 3, 10),
        ("binary_cross_entropy", np.resize([0.0, 0.5, 1.0], (30, 3)), 60),  # 1/2 is no more than a half, nor is 0
    ],
)
def test_ties_are_counted_alike(dtype, loss, targets, n_correct):
    x, sizes = np.ones((30, 4), dtype), (4, 3)
    targets = targets.astype(dtype if targets.ndim > 1 else np.int64)
    for module in (reference, kernels):
        arguments = np.zeros(15, dtype), (), x, targets, np.arange(30), sizes, (), loss, ("sgd", 0.0), 30
        assert module.train_epoch(*arguments).n_correct == n_correct


@dtypes
def test_denormal_numbers_are_what_they_were_after_training(dtype):
    """Steps are taken with denormals as zero, in the thread that asked for them if it is the only one."""
    run(kernels, CASE, CASE.arguments(dtype), n_threads=1)
    assert (np.full(4, np.finfo(dtype).smallest_normal) / 2 > 0).all()


@dtypes
def test_samples_may_be_chosen_more_than_once(dtype):
    check(dtype, order=np.array([2, 2, 0, 1, 2]))


@dtypes
@pytest.mark.parametrize("optimizer", HYPERPARAMETERS)
def test_epochs_that_follow_each_other_go_on_with_the_state(optimizer, dtype):
    """Three epochs, the optimizer's state and its count of steps carried from one to the next."""
    sizes, rng = (5, 9, 3), np.random.default_rng(3)
    x, y = rng.normal(size=(17, 5)).astype(dtype), rng.integers(0, 3, 17)
    start, results = network(sizes, np.dtype(dtype), rng), []
    name = "momentum" if optimizer == "nesterov" else optimizer
    n_slots = {"sgd": 0, "momentum": 1}.get(name, 2)
    for module in (reference, kernels):
        parameters, slots = start.copy(), tuple(np.zeros_like(start) for _ in range(n_slots))
        for epoch in range(3):
            order = np.random.default_rng(epoch).permutation(17)
            chosen = (name, *HYPERPARAMETERS[optimizer].values())
            module.train_epoch(parameters, slots, x, y, order, sizes, ("relu",), "cross_entropy", chosen, 4, 5 * epoch)
        results.append(parameters)
    # as in `Training.bounds`: 15 steps, sums of at most 9 terms
    tolerance = 8 * 15 * 3 * float(np.finfo(dtype).eps) * np.abs(results[0]).max()
    assert difference(results[1], results[0], tolerance) is None
    assert np.abs(results[0] - start).max() > 100 * tolerance
