"""Every backward of the reference against central differences of its forward, in float64.

The central difference (f(x + h) - f(x - h)) / 2h has a truncation error of h^2 f'''/6 and a rounding error of
about eps |f| / h. With h = eps^(1/3) = 6e-6 both are about 4e-11 times the size of f and of its third
derivative, which is at most a few dozen times that of f for the functions and data here. `tolerance` allows
for 20 times.
"""

import numpy as np
import pytest

from fastnet import reference
from fastnet.validation.activations import ACTIVATIONS, FROM_INPUT

EPS = np.finfo(np.float64).eps
H = EPS ** (1 / 3)


def tolerance(size):
    return 20 * (H**2 * size + EPS * size / H)


def central_difference(f, array):
    gradient = np.empty_like(array)
    for index in np.ndindex(array.shape):
        value = array[index]
        array[index] = value + H
        above = f()
        array[index] = value - H
        gradient[index] = (above - f()) / (2 * H)
        array[index] = value
    return gradient


def assert_gradients_agree(actuals, f, arrays, size):
    for actual, array in zip(actuals, arrays, strict=True):
        assert actual.shape == array.shape
        assert actual.dtype == array.dtype
        expected = central_difference(f, array)
        assert np.abs(expected).max() > 1e5 * tolerance(size), "the gradient drowns in the tolerance"
        np.testing.assert_allclose(actual, expected, rtol=0, atol=tolerance(size))


def random(seed, *shape):
    return np.random.default_rng(seed).normal(size=shape)


def check_pair(forward, backward, arrays):
    """`forward` gives y, `backward` the gradients of `arrays` from dy and y."""
    y = forward()
    dy = random(99, *y.shape)
    assert_gradients_agree(backward(dy, y), lambda: float((dy * forward()).sum()), arrays, np.abs(dy * y).sum())


@pytest.mark.parametrize("name", [*ACTIVATIONS, "softmax", "log_softmax"])
def test_gradient_of_an_activation(name):
    forward = getattr(reference, f"{name}_forward")
    backward = getattr(reference, f"{name}_backward")
    x = random(0, 5, 3)
    assert np.abs(x).min() > 10 * H, "a difference across the kink of ReLU measures nothing"
    check_pair(lambda: forward(x), lambda dy, y: (backward(dy, x if name in FROM_INPUT else y),), (x,))


def test_gradient_of_linear():
    x, W, b = random(0, 5, 4), random(1, 4, 3), random(2, 3)
    check_pair(
        lambda: reference.linear_forward(x, W, b),
        lambda dz, _: reference.linear_backward(dz, x, W),
        (x, W, b),
    )


def test_gradient_of_linear_relu():
    x, W, b = random(0, 5, 4), random(1, 4, 3), random(2, 3)
    z = x @ W + b
    assert np.abs(z).min() > 100 * H, "a difference across the kink of ReLU measures nothing"
    assert (z < 0).any()
    assert (z > 0).any()
    check_pair(
        lambda: reference.linear_relu_forward(x, W, b),
        lambda dy, y: reference.linear_relu_backward(dy, y, x, W),
        (x, W, b),
    )


@pytest.mark.parametrize(
    ("a_shape", "b_shape"),
    [
        ((2, 3), (3, 4)),
        ((5, 2, 3), (5, 3, 4)),
        ((5, 2, 3), (3, 4)),
        ((2, 3), (5, 3, 4)),
        ((1, 2, 3), (5, 3, 1)),
        ((2, 1, 1, 3), (3, 3, 2)),
    ],
)
def test_gradient_of_matmul(a_shape, b_shape):
    a, b = random(0, *a_shape), random(1, *b_shape)
    check_pair(lambda: reference.matmul_forward(a, b), lambda dc, _: reference.matmul_backward(dc, a, b), (a, b))


@pytest.mark.parametrize("rate", [0.0, 0.4])
def test_gradient_of_dropout(rate):
    x = random(0, 5, 3)
    y = reference.dropout_forward(x, rate, key=3)
    assert np.count_nonzero(y == 0) in ((0,) if rate == 0 else range(1, 15))
    check_pair(
        lambda: reference.dropout_forward(x, rate, key=3),
        lambda dy, _: (reference.dropout_backward(dy, rate, key=3),),
        (x,),
    )


@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_gradient_of_softmax_cross_entropy(smoothing):
    logits, labels = random(0, 5, 3), np.array([0, 2, 1, 1, 0])

    def loss():
        return reference.softmax_cross_entropy_forward(logits, labels, smoothing)[0]

    _, probs = reference.softmax_cross_entropy_forward(logits, labels, smoothing)
    actual = reference.softmax_cross_entropy_backward(probs, labels, smoothing)
    assert_gradients_agree((actual,), loss, (logits,), loss())


def test_gradient_of_softmax_squared_error():
    logits, labels = random(0, 5, 3), np.array([0, 2, 1, 1, 0])

    def loss():
        return reference.softmax_squared_error_forward(logits, labels)[0]

    _, probs = reference.softmax_squared_error_forward(logits, labels)
    actual = reference.softmax_squared_error_backward(probs, labels)
    assert_gradients_agree((actual,), loss, (logits,), loss())


def test_gradient_of_binary_cross_entropy():
    logits, targets = random(0, 5, 3), np.random.default_rng(1).random((5, 3))

    def loss():
        return reference.binary_cross_entropy_forward(logits, targets)[0]

    _, probs = reference.binary_cross_entropy_forward(logits, targets)
    actual = reference.binary_cross_entropy_backward(probs, targets)
    assert_gradients_agree((actual,), loss, (logits,), loss())


@pytest.mark.parametrize("name", ["squared_error", "absolute_error"])
def test_gradient_of_an_error(name):
    predictions, targets = random(0, 5, 3), random(1, 5, 3)
    assert np.abs(predictions - targets).min() > 10 * H, "a difference across the kink measures nothing"
    forward, backward = getattr(reference, f"{name}_forward"), getattr(reference, f"{name}_backward")

    def loss():
        return forward(predictions, targets)

    assert_gradients_agree((backward(predictions, targets),), loss, (predictions,), loss())


def test_gradient_of_quantiles():
    predictions, targets, levels = random(3, 5, 3), random(4, 5, 3), (0.1, 0.5, 0.75)

    def loss():
        return reference.quantile_forward(predictions, targets, levels)

    actual = reference.quantile_backward(predictions, targets, levels)
    assert_gradients_agree((actual,), loss, (predictions,), loss())


def test_gradient_of_huber():
    predictions, targets = random(0, 5, 3), random(1, 5, 3)
    sizes = np.abs(predictions - targets)
    assert sizes.min() < 0.8 < sizes.max()

    def loss():
        return reference.huber_forward(predictions, targets, 0.8)

    actual = reference.huber_backward(predictions, targets, 0.8)
    assert_gradients_agree((actual,), loss, (predictions,), loss())


def test_gradient_of_poisson():
    logits, targets = random(0, 5, 3), np.random.default_rng(1).poisson(1, (5, 3)).astype(float)
    assert (targets == 0).any()

    def loss():
        return reference.poisson_forward(logits, targets)

    actual = reference.poisson_backward(logits, targets)
    assert_gradients_agree((actual,), loss, (logits,), loss())


TARGETS = {
    "cross_entropy": np.array([0, 1, 1, 0, 1, 0]),
    "binary_cross_entropy": np.random.default_rng(5).random((6, 2)),
    "squared_error": random(6, 6, 2),
}


@pytest.mark.parametrize("loss", TARGETS)
@pytest.mark.parametrize("activations", [*((name, name) for name in ACTIVATIONS), ("tanh", "relu")])
def test_gradient_of_a_network(loss, activations):
    sizes = (3, 4, 5, 2)
    x, y = random(3, 6, 3), TARGETS[loss]
    n_parameters = reference.layer_slices(sizes)[-1][1].stop
    parameters = random(4, n_parameters)

    def train(p):
        args = (np.arange(len(x)), sizes, activations, loss, ("sgd", 1.0), len(x))
        return reference.train_epoch(p, (), x, y, *args)[0] / len(x)

    # One full-batch step with learning rate 1 is p - gradient, up to a rounding of eps |p|.
    after = parameters.copy()
    train(after)
    actual = parameters - after
    # The third derivative grows with the cube of the weights' norm from layer to layer: hence the factor 10.
    size = 10 * train(parameters.copy())
    assert_gradients_agree((actual,), lambda: train(parameters.copy()), (parameters,), size)


def test_every_backward_has_a_gradient_test():
    with open(__file__, encoding="utf-8") as file:
        source = file.read()
    activations = (*ACTIVATIONS, "softmax", "log_softmax", "squared_error", "absolute_error")
    by_name = {f"{name}_backward" for name in activations}
    expected = {name for name in reference.__all__ if name.endswith("_backward")}
    actual = {name for name in expected if name in by_name or f"reference.{name}(" in source}
    assert actual == expected
