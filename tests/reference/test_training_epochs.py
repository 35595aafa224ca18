"""Epochs of the reference: steps one by one, limits, orders, counts, and arguments to reject."""

import math

import numpy as np
import pytest

from fastnet import reference

EPS = np.finfo(np.float64).eps
DTYPES = (np.float32, np.float64)


def random(seed, *shape, dtype=np.float64):
    return np.random.default_rng(seed).normal(size=shape).astype(dtype)


def flat(*arrays):
    return np.concatenate([array.ravel() for array in arrays])


SIZES, ACTIVATIONS = (3, 5, 4), ("tanh",)
OPTIMIZERS = {
    "sgd": ("sgd", 0.1),
    "momentum": ("momentum", 0.1, 0.9, True),
    "adam": ("adam", 0.01, 0.9, 0.999, 1e-8),
    "adamw": ("adamw", 0.01, 0.9, 0.999, 1e-8, 0.1),
}
N_SLOTS = {"sgd": 0, "momentum": 1, "adam": 2, "adamw": 2}


def training(loss="cross_entropy", optimizer="sgd", dtype=np.float64, n_samples=11, **changes):
    n_parameters = reference.layer_slices(SIZES)[-1][1].stop
    y = np.random.default_rng(1).integers(0, 4, n_samples)
    if loss != "cross_entropy":
        y = (y[:, None] == np.arange(4)).astype(dtype)
    arguments = {
        "parameters": random(0, n_parameters, dtype=dtype),
        "state": tuple(np.zeros(n_parameters, dtype) for _ in range(N_SLOTS[optimizer])),
        "x": random(2, n_samples, 3, dtype=dtype),
        "y": y,
        "order": np.random.default_rng(3).permutation(n_samples),
        "sizes": SIZES,
        "activations": ACTIVATIONS,
        "loss": loss,
        "optimizer": OPTIMIZERS[optimizer],
        "batch_size": 4,
    }
    return {**arguments, **changes}


@pytest.mark.parametrize("loss", ["cross_entropy", "binary_cross_entropy", "squared_error"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_epoch_is_its_batches_one_by_one(loss, optimizer):
    whole, parts = training(loss, optimizer), training(loss, optimizer)
    before = whole["parameters"].copy()
    expected = [0.0, 0, 0.0]
    for step, start in enumerate((0, 4, 8)):
        part = {**parts, "order": parts["order"][start : start + 4], "step": step}
        for i, value in enumerate(reference.train_epoch(**part)):
            expected[i] += value
    actual = reference.train_epoch(**whole)
    assert actual == tuple(expected)
    assert isinstance(actual[0], float)
    assert isinstance(actual[1], int)
    np.testing.assert_array_equal(whole["parameters"], parts["parameters"])
    for one, other in zip(whole["state"], parts["state"], strict=True):
        np.testing.assert_array_equal(one, other)
        assert one.any()
    assert not np.array_equal(whole["parameters"], before)


def one_step(**limits):
    """Return the gradient of a batch, as a step of rate 1 takes it away."""
    arguments = training(optimizer="sgd", batch_size=11)
    arguments["optimizer"] = ("sgd", 1.0)
    before = arguments["parameters"].copy()
    reference.train_epoch(**arguments, **limits)
    return before - arguments["parameters"]


def test_a_gradient_is_limited_in_its_elements_and_then_in_its_norm():
    gradient = one_step()
    norm, largest = np.linalg.norm(gradient), np.abs(gradient).max()
    limited = np.clip(gradient, -largest / 4, largest / 4)
    assert np.abs(limited - gradient).max() > 4 * EPS
    for expected, limits in (
        (gradient, {"clip_norm": 1.01 * norm, "clip_value": 1.01 * largest}),
        (gradient / norm / 8, {"clip_norm": 1 / 8}),
        (limited, {"clip_value": largest / 4}),
        (limited / np.linalg.norm(limited) / 8, {"clip_norm": 1 / 8, "clip_value": largest / 4}),
    ):
        np.testing.assert_allclose(one_step(**limits), expected, rtol=0, atol=16 * EPS)


def test_order_selects_rows():
    chosen, sorted_ = training(order=np.array([7, 2, 2, 9])), training()
    rows = chosen["order"]
    sorted_.update(x=sorted_["x"][rows], y=sorted_["y"][rows], order=np.arange(4))
    assert reference.train_epoch(**chosen) == reference.train_epoch(**sorted_)
    np.testing.assert_array_equal(chosen["parameters"], sorted_["parameters"])


@pytest.mark.parametrize("dtype", DTYPES)
def test_pixels_train_like_scaled_floats(dtype):
    pixels = np.random.default_rng(0).integers(0, 256, (11, 3), dtype=np.uint8)
    actual = training(dtype=dtype, x=pixels, scale=1 / 256)  # a power of two: the product is exact
    expected = training(dtype=dtype, x=(pixels / 256).astype(dtype))
    assert reference.train_epoch(**actual) == reference.train_epoch(**expected)
    np.testing.assert_array_equal(actual["parameters"], expected["parameters"])
    np.testing.assert_array_equal(
        reference.predict_logits(actual["parameters"], pixels, SIZES, ACTIVATIONS, scale=1 / 256),
        reference.predict_logits(expected["parameters"], expected["x"], SIZES, ACTIVATIONS),
    )


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_empty_order_changes_nothing(optimizer):
    arguments = training(optimizer=optimizer, order=np.arange(0))
    before = arguments["parameters"].copy()
    assert reference.train_epoch(**arguments) == (0.0, 0, 0.0)
    np.testing.assert_array_equal(arguments["parameters"], before)


@pytest.mark.parametrize("loss", ["cross_entropy", "binary_cross_entropy", "squared_error"])
def test_counts_and_losses_of_an_epoch(loss):
    arguments = training(loss, batch_size=11)
    logits = reference.predict_logits(arguments["parameters"], arguments["x"], SIZES, ACTIVATIONS)
    y = arguments["y"]
    if loss == "cross_entropy":
        mean, _ = reference.softmax_cross_entropy_forward(logits, y)
        n_correct = sum(int(np.argmax(row) == label) for row, label in zip(logits, y, strict=True))
    elif loss == "binary_cross_entropy":
        mean, _ = reference.binary_cross_entropy_forward(logits, y)
        n_correct = sum(int((z > 0) == (t > 0.5)) for z, t in zip(logits.flat, y.flat, strict=True))
    else:
        mean, n_correct = reference.squared_error_forward(logits, y), 0
    # The batch's rows come in another order: the sum of eleven losses may round differently.
    actual = reference.train_epoch(**arguments)
    assert actual[0] == pytest.approx(11 * mean, rel=22 * EPS)
    assert actual[1] == n_correct


def test_network_without_hidden_layer_is_linear():
    x, W, b = random(0, 4, 3), random(1, 3, 1), random(2, 1)
    actual = reference.predict_logits(flat(W, b), x, [3, 1], [])
    np.testing.assert_array_equal(actual, reference.linear_forward(x, W, b))


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"parameters": np.zeros(43)}, ValueError, r"parameters must have shape \(44,\), got \(43,\)"),
        (
            {"parameters": np.zeros(44, int)},
            TypeError,
            "parameters must be a float32 or float64 array, got int64",
        ),
        ({"parameters": [0.0] * 44}, TypeError, "parameters must be a float32 or float64 array, got list"),
        ({"state": (np.zeros(44),)}, ValueError, "state must be a tuple of 0 vectors for sgd, got 1"),
        ({"state": []}, ValueError, "state must be a tuple of 0 vectors for sgd, got list"),
        (
            {"x": np.zeros((11, 3), np.float32)},
            TypeError,
            "x must be a float64 or uint8 array or CSR matrix, got float32",
        ),
        ({"x": np.zeros((11, 4))}, ValueError, r"x must have shape \(n_samples, 3\), got \(11, 4\)"),
        ({"y": np.zeros(11)}, TypeError, "y must be a 1-D integer array, got float64"),
        ({"y": np.zeros(10, int)}, ValueError, r"y must have shape \(11,\), got \(10,\)"),
        (
            {"y": np.full(11, 4)},
            ValueError,
            r"y must lie in \[0, n_classes\) = \[0, 4\), got values from 4 to 4",
        ),
        ({"order": np.array([0, 11])}, ValueError, r"order must lie in \[0, n_samples\) = \[0, 11\)"),
        ({"order": np.array([-1])}, ValueError, "order must lie in"),
        ({"order": np.array([0.0])}, TypeError, "order must be a 1-D integer array, got float64"),
        ({"order": np.array([[0]])}, ValueError, "order must have shape"),
        ({"sizes": (3,)}, ValueError, "sizes must hold at least two"),
        ({"sizes": (3, 0, 4)}, ValueError, r"sizes\[1\] must be at least 1, got 0"),
        ({"sizes": (3, 5.0, 4)}, TypeError, r"sizes\[1\] must be an integer, got float"),
        ({"activations": ("swish",)}, ValueError, "one of relu, sigmoid, tanh, identity, .*, got 'swish'"),
        ({"activations": ()}, ValueError, "activations must hold 1 names"),
        ({"activations": "tanh"}, TypeError, "activations must be a sequence of names, got str"),
        (
            {"loss": "hinge"},
            ValueError,
            "one of cross_entropy, softmax_squared_error, binary_cross_entropy, .*, got 'hinge'",
        ),
        ({"optimizer": ("lbfgs", 1.0)}, ValueError, "one of sgd, momentum, adam, adamw, got 'lbfgs'"),
        ({"optimizer": ("sgd",)}, ValueError, r"optimizer must be \('sgd', lr\), got 0 hyperparameters"),
        ({"optimizer": "sgd"}, TypeError, "optimizer must be a tuple"),
        ({"optimizer": ("sgd", -0.1)}, ValueError, "lr must lie in"),
        ({"optimizer": ("sgd", math.nan)}, ValueError, "lr must be finite, got nan"),
        ({"optimizer": ("sgd", "0.1")}, TypeError, "lr must be a number, got str"),
        ({"batch_size": 0}, ValueError, "batch_size must be at least 1, got 0"),
        ({"batch_size": 2.0}, TypeError, "batch_size must be an integer, got float"),
        ({"step": -1}, ValueError, "step must be at least 0, got -1"),
        ({"scale": math.inf}, ValueError, "scale must be finite, got inf"),
        ({"clip_norm": 0.0}, ValueError, "clip_norm must be positive, got 0.0"),
        ({"clip_norm": "1"}, TypeError, "clip_norm must be a number, got str"),
        ({"clip_value": -2}, ValueError, "clip_value must be positive, got -2"),
        ({"clip_value": math.nan}, ValueError, "clip_value must be finite, got nan"),
    ],
)
def test_training_rejects_before_it_touches_parameters(changes, error, message):
    parameters = random(0, 44)
    arguments = training(parameters=parameters)
    with pytest.raises(error, match=message):
        reference.train_epoch(**{**arguments, **changes})
    np.testing.assert_array_equal(parameters, random(0, 44))


def test_training_rejects_read_only_and_overlapping_vectors():
    arguments = training(optimizer="momentum")
    with pytest.raises(ValueError, match=r"state\[0\] must not share memory"):
        reference.train_epoch(**{**arguments, "state": (arguments["parameters"],)})
    memory = random(0, 44 + 32)
    with pytest.raises(ValueError, match="parameters must not share memory"):
        reference.train_epoch(**{**arguments, "parameters": memory[:44], "x": memory[43:].reshape(11, 3)})
    arguments["parameters"].flags.writeable = False
    with pytest.raises(ValueError, match="parameters must be writable"):
        reference.train_epoch(**arguments)


def test_training_rejects_targets_of_another_shape_or_dtype():
    arguments = training("squared_error")
    with pytest.raises(TypeError, match="parameters and y must share one dtype, got float64 and float32"):
        reference.train_epoch(**{**arguments, "y": arguments["y"].astype(np.float32)})
    with pytest.raises(ValueError, match=r"y must have shape \(11, 4\), got \(11, 3\)"):
        reference.train_epoch(**{**arguments, "y": arguments["y"][:, :3]})
