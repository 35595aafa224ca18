"""Unsuitable arguments are rejected by both implementations, and with the same words."""

import functools
import inspect
from itertools import product

import numpy as np
import pytest
from operations import arrays_in, each_operation

from fastnet import kernels, reference
from fastnet.measure.cases import CASES, run

OPERATIONS = sorted({case.operation for case in CASES})
TAKE_OUT = [name for name in OPERATIONS if "out" in inspect.signature(getattr(reference, name)).parameters]
THREADED = ("predict_logits", "train_epoch", "prepare_training", "loss_gradient")


@functools.cache
def first_case(operation):
    """Return a small case of the operation that has some samples in it."""
    for case in CASES:
        if case.operation == operation and "extremes" not in case.size:
            arrays = arrays_in(case.arguments(np.float64))
            if min(array.size for array in arrays.values()) > 1:
                return case
    raise LookupError(operation)


def as_read_only(array):
    array = array.copy()
    array.flags.writeable = False
    return array


def wrong_arrays(array):
    yield array.tolist()
    yield None
    yield np.ma.masked_array(array)
    yield array.astype(np.float16)
    yield array.astype(np.int64 if array.dtype.kind == "f" else np.float64)
    yield array.astype(np.float32)
    yield array.astype(array.dtype.newbyteorder())
    yield array.astype(complex)
    yield array[None]
    yield array[:0]
    yield np.concatenate([array, array])
    yield array.reshape(-1)
    yield np.repeat(array, 2, axis=-1)
    yield array + np.array(1000, array.dtype)
    yield array - np.array(1000, array.dtype)
    yield np.full_like(array, -1)


def outcome(module, operation, arguments):
    """Return the type and message of what an operation raises."""
    try:
        getattr(module, operation)(**arguments)
    except Exception as error:  # whatever it is
        return type(error), str(error)
    return None


def assert_rejected_alike(operation, arguments):
    expected, actual = (outcome(module, operation, arguments) for module in (reference, kernels))
    assert actual == expected
    assert expected is not None


@each_operation(OPERATIONS)
def test_unsuitable_arrays_are_rejected_with_the_same_words(operation):
    case = first_case(operation)
    n_rejected = 0
    for name, value in case.arguments(np.float64).items():
        if not isinstance(value, np.ndarray):
            continue
        for wrong in wrong_arrays(value):
            arguments = {**case.arguments(np.float64), name: wrong}
            expected, actual = (outcome(module, operation, arguments) for module in (reference, kernels))
            assert actual == expected
            n_rejected += expected is not None
    assert n_rejected >= 5


def results_of(case):
    return tuple(one for one in run(reference, case, case.arguments(np.float64)) if isinstance(one, np.ndarray))


@each_operation(TAKE_OUT)
def test_unsuitable_out_is_rejected_with_the_same_words(operation):
    case = first_case(operation)
    good = results_of(case)
    for wrong in (
        good[-1].tolist(),
        good[-1].astype(np.float32),
        good[-1][None],
        np.concatenate([good[-1], good[-1]]),
        as_read_only(good[-1]),
    ):
        outs = (*good[:-1], wrong)
        arguments = {**case.arguments(np.float64), "out": outs if len(outs) > 1 else wrong}
        assert_rejected_alike(case.operation, arguments)
    for out in ([*good], good[:-1], "out", 3):
        assert_rejected_alike(case.operation, {**case.arguments(np.float64), "out": out})


def outcome_of_overlap(module, case, name, i):
    """Return what is raised where the first result lies one element off an input, of floating-point numbers."""
    arguments = case.arguments(np.float64)
    array, good = arrays_in(arguments)[name, i], results_of(case)
    memory = np.zeros(array.size + good[0].size)
    arguments[name] = memory[: array.size].reshape(array.shape)
    arguments[name][...] = array
    first = memory[array.size - 1 :][: good[0].size].reshape(good[0].shape)
    arguments["out"] = (first, *good[1:]) if len(good) > 1 else first
    return outcome(module, case.operation, arguments)


@each_operation(TAKE_OUT)
def test_out_that_overlaps_an_input_is_rejected_with_the_same_words(operation):
    case = first_case(operation)
    for (name, i), array in arrays_in(case.arguments(np.float64)).items():
        if array.dtype == np.float64:
            expected, actual = (outcome_of_overlap(module, case, name, i) for module in (reference, kernels))
            assert actual == expected
            assert "must not share memory" in expected[1]


SETTINGS = {
    "lr": (-1.0, "0.1", None, np.nan, np.inf),
    "momentum": (-1.0, "0.1", np.nan),
    "nesterov": (1, None),
    "beta1": (1.0, -0.1, None),
    "beta2": (1.0, np.nan),
    "eps": (-1e-8, "x"),
    "weight_decay": (-1.0, np.inf),
    "t": (0, 1.0, True, None),
    "sizes": ([3], "32", [3, 0, 2], [3, 2.0], 3, []),
    "activations": ("relu", ["relu"] * 5, ["swish"], None, [3]),
    "scale": (None, np.nan, "1", np.inf, 1j),
    "loss": ("hinge", None, 3, ("huber", 0.0), ("cross_entropy", 1.0), ("hinge", 1.0), ("squared_error", 1.0)),
    "optimizer": ("sgd", ("sgd",), ("rmsprop", 0.1), (), ("sgd", -1.0), ("adam", 0.1, 1.0, 0.9, 1e-8), None),
    "batch_size": (0, -1, 2.0, True, None),
    "step": (-1, 0.5, None),
    "clip_norm": (0.0, -1.0, np.nan, np.inf, "1", 1j),
    "clip_value": (0, -0.1, np.inf, [1.0]),
    "l2": (-1.0, np.nan, np.inf, "1", None),
    "dropout": ((1.0,), (0.1,) * 9, (-0.1,), "0.1", 0.5),
    "seed": (-1, 2**64, 1.0, None),
    "label_smoothing": (1.0, -0.1, np.nan, "0.1", None),
    "delta": (0.0, -1.0, np.inf, np.nan, "1", None),
    "rate": (1.0, -0.1, np.nan, "0.5", None),
    "key": (-1, 2**32, 1.0, True, None),
    "state": ([], None, (np.zeros(3),), (np.zeros(3), np.zeros(3), np.zeros(3))),
}


@each_operation(OPERATIONS)
def test_unsuitable_settings_are_rejected_with_the_same_words(operation):
    case = first_case(operation)
    for name in case.arguments(np.float64).keys() & SETTINGS.keys():
        for wrong in SETTINGS[name]:
            assert_rejected_alike(operation, {**case.arguments(np.float64), name: wrong})


def test_unsuitable_thread_counts_are_rejected():
    for operation, n_threads in product(THREADED, (0, -1, 1.0, True, "2")):
        error = TypeError if not isinstance(n_threads, int) or n_threads is True else ValueError
        with pytest.raises(error, match=r"^n_threads must be"):
            getattr(kernels, operation)(**first_case(operation).arguments(np.float64), n_threads=n_threads)
