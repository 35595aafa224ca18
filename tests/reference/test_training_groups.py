"""Settings for groups of parameters, and trainable factors of the inputs: what they mean, in either backend."""

from itertools import pairwise

import numpy as np
import pytest

from fastnet import kernels, reference
from fastnet.reference import Groups

SIZES, ACTIVATIONS, N, LOSS = (5, 7, 6, 3), ("selu", "mish"), 12, ("cross_entropy", 0.1)
ADAM = ("adam", 0.05, 0.9, 0.95, 1e-3)
BACKENDS = pytest.mark.parametrize("backend", [reference, kernels], ids=["reference", "kernels"])
EPS = np.finfo(np.float64).eps


def data(scaled: bool = True) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Parameters, inputs and labels."""
    rng = np.random.default_rng(7)
    n_layers = reference.layer_slices(SIZES)[-1][1].stop
    return rng.normal(size=n_layers + scaled * SIZES[0]), rng.normal(size=(N, SIZES[0])), rng.integers(0, 3, N)


def ones(scale: tuple[float, float] | None = None, corrected: bool = False) -> Groups:
    return Groups(np.ones((3, 2)), np.ones((3, 2)), scale, corrected)


def train(backend, parameters, x, y, optimizer, groups, n_steps=1):
    """Take some steps over all samples; return parameters and loss."""
    p = parameters.copy()
    state = tuple(np.zeros_like(p) for _ in range({"sgd": 0, "adam": 2}[optimizer[0]]))
    order = np.tile(np.arange(len(x)), n_steps)
    totals = backend.train_epoch(
        p, state, x, y, order, SIZES, ACTIVATIONS, LOSS, optimizer, len(x), groups=groups
    )  # fmt: skip
    return p, totals.loss_sum / order.size


@BACKENDS
def test_the_gradient_of_weights_and_factors_is_that_of_differences(backend):
    parameters, x, y = data()
    groups = ones((1.0, 1.0))
    actual = parameters - train(backend, parameters, x, y, ("sgd", 1.0), groups)[0]

    def loss(at):
        return train(reference, at, x, y, ("sgd", 0.0), groups)[1]

    h = 1e-6
    expected = [(loss(parameters + h * e) - loss(parameters - h * e)) / (2 * h) for e in np.eye(parameters.size)]
    np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-8)
    assert np.abs(actual[-SIZES[0] :]).min() > 1e-6


@BACKENDS
def test_factors_of_one_change_no_bit(backend):
    parameters, x, y = data(scaled=False)
    expected, actual = (train(backend, parameters, x, y, ADAM, groups, 3)[0] for groups in (None, ones()))
    np.testing.assert_array_equal(actual, expected)


@BACKENDS
def test_adam_on_weights_divided_by_a_root_is_adam_with_settings_of_each_layer(backend):
    """y = x * s @ W / sqrt(n_in) + b, written out, beside the layers' own weights W / sqrt(n_in)."""
    parameters, x, y = data()
    roots = np.sqrt(SIZES[:-1])
    groups = Groups(
        np.stack([1 / roots, np.full(3, 0.1)], axis=1), np.stack([roots, np.ones(3)], axis=1), (6.0, 1.0), True
    )
    actual, _ = train(backend, parameters, x, y, ADAM, groups, 4)
    slices, n_layers = reference.layer_slices(SIZES), parameters.size - SIZES[0]
    layers = list(zip(slices, pairwise(SIZES), roots, strict=True))
    W = [parameters[w].reshape(shape) * root for (w, _), shape, root in layers]
    b, s = [parameters[at].copy() for _, at in slices], parameters[n_layers:].copy()
    steps = [*W, *b, s]
    rates = [ADAM[1]] * 3 + [ADAM[1] * 0.1] * 3 + [ADAM[1] * 6]
    moments = [(np.zeros_like(p), np.zeros_like(p)) for p in steps]
    for t in range(1, 5):
        divided = [w / root for w, root in zip(W, roots, strict=True)]
        flat = np.concatenate([part.ravel() for layer in zip(divided, b, strict=True) for part in layer] + [s])
        g = flat - train(reference, flat, x, y, ("sgd", 1.0), ones((1.0, 1.0)))[0]
        gradients = [g[w].reshape(shape) / root for (w, _), shape, root in layers]
        gradients += [g[at] for _, at in slices] + [g[n_layers:]]
        for p, d, (m, v), rate in zip(steps, gradients, moments, rates, strict=True):
            m[...] = 0.9 * m + 0.1 * d
            v[...] = 0.95 * v + 0.05 * d * d
            p -= rate * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.95**t)) + ADAM[4])
    for (w, at), root, own_W, own_b in zip(slices, roots, W, b, strict=True):
        np.testing.assert_allclose(actual[w], own_W.ravel() / root, rtol=0, atol=1e-9)
        np.testing.assert_allclose(actual[at], own_b, rtol=0, atol=1e-9)
    np.testing.assert_allclose(actual[n_layers:], s, rtol=0, atol=1e-9)


@BACKENDS
def test_every_step_can_have_a_rate_of_its_own(backend):
    parameters, x, y = data()
    groups, rates = ones((2.0, 1.0)), np.array([0.5, 0.0, 0.25])
    actual, expected = parameters.copy(), parameters.copy()
    order = np.arange(N)
    prepared = [
        backend.prepare_training(p, (), x, y, SIZES, ACTIVATIONS, LOSS, ("sgd", 1.0), 5, groups=groups)
        for p in (actual, expected)
    ]
    total = prepared[0](order, 0, rates)
    parts = [prepared[1](order[i : i + 5], i // 5, float(rates[i // 5])) for i in (0, 5, 10)]
    np.testing.assert_array_equal(actual, expected)
    assert total.loss_sum == pytest.approx(sum(part.loss_sum for part in parts), rel=8 * EPS)
    with pytest.raises(ValueError, match=r"lr must have shape \(3,\)"):
        prepared[0](order, 0, rates[:2])
    with pytest.raises(ValueError, match="lr must be finite and not negative"):
        prepared[0](order, 0, -rates)


@BACKENDS
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_factor_of_zero_and_inputs_that_are_not_finite(backend, dtype):
    parameters, x, y = data()
    parameters[-5:] = 0
    p, _ = train(backend, parameters.astype(dtype), x.astype(dtype), y, ADAM, ones((1.0, 1.0)))
    assert np.isfinite(p).all()
    assert (p[-5:] != 0).all()
    x[0, 0] = np.nan
    p, _ = train(backend, parameters.astype(dtype), x.astype(dtype), y, ADAM, ones((1.0, 1.0)))
    assert np.isnan(p[-5:]).any()


@BACKENDS
@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"groups": 3}, TypeError, "groups must be fastnet.reference.Groups or None, got int"),
        ({"groups": Groups(np.ones((2, 2)), np.ones((3, 2)))}, ValueError, "groups.rates must have shape"),
        ({"groups": Groups(np.ones((3, 2)), -np.ones((3, 2)))}, ValueError, "groups.epsilons must be finite"),
        ({"groups": Groups(np.ones((3, 2)), np.ones((3, 2), int))}, TypeError, "groups.epsilons must be a float64"),
        ({"groups": ones((1.0,))}, TypeError, "groups.scale must be a tuple of two numbers"),
        ({"groups": ones()}, ValueError, "parameters must have shape"),
        ({"clip_norm": 1.0}, ValueError, "groups cannot be given together with clip_norm"),
    ],
)
def test_what_cannot_be_used_is_named(backend, change, error, message):
    parameters, x, y = data()
    settings = {"groups": ones((1.0, 1.0)), **change}
    with pytest.raises(error, match=message):
        backend.train_epoch(parameters, (), x, y, np.arange(N), SIZES, ACTIVATIONS, LOSS, ("sgd", 1.0), 5, **settings)
