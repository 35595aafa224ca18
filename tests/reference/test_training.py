"""What the reference's training can do beyond plain descent: weights, penalty, dropout, settings of losses."""

import math

import numpy as np
import pytest

from fastnet import reference
from fastnet.validation import activations

SIZES, ACTIVATIONS = (3, 6, 5, 2), ("tanh", "softplus")
N_SAMPLES = 11
EPS = float(np.finfo(np.float64).eps)
LOSSES = ["cross_entropy", ("cross_entropy", 0.3), "binary_cross_entropy", "squared_error", "poisson", "huber"]
LOSSES += [("huber", 0.4), "absolute_error", "softmax_squared_error"]


def answers(loss, rng):
    name = loss if isinstance(loss, str) else loss[0]
    if name in ("cross_entropy", "softmax_squared_error"):
        return rng.integers(0, 2, N_SAMPLES)
    if name == "binary_cross_entropy":
        return rng.uniform(size=(N_SAMPLES, 2))
    if name == "poisson":
        return rng.poisson(2.0, (N_SAMPLES, 2)).astype(np.float64)
    return rng.normal(size=(N_SAMPLES, 2))


def batch(loss="squared_error", **changes):
    """Return arguments of `loss_gradient`."""
    rng = np.random.default_rng(7)
    parameters = rng.normal(size=reference.layer_slices(SIZES)[-1][1].stop) / 2
    return {
        "parameters": parameters, "x": rng.normal(size=(N_SAMPLES, 3)), "y": answers(loss, rng), "sizes": SIZES,
        "activations": ACTIVATIONS, "loss": loss, **changes,
    }  # fmt: skip


def weights():
    return np.random.default_rng(8).uniform(0.0, 3.0, N_SAMPLES)


def one_step(arguments, **changes):
    """Take a step of rate 1 on all samples; return the totals and the gradient."""
    after = arguments["parameters"].copy()
    rest = {"state": (), "order": np.arange(N_SAMPLES), "optimizer": ("sgd", 1.0), "batch_size": N_SAMPLES}
    totals = reference.train_epoch(**{**arguments, **rest, **changes, "parameters": after})
    return totals, arguments["parameters"] - after


def numerical_gradient(value, parameters):
    """Differences of fourth order: the error is of h**4 and of eps / h."""
    h, gradient = 1e-3, np.empty_like(parameters)
    for i in range(parameters.size):
        shifted = []
        for steps in (-2, -1, 1, 2):
            moved = parameters.copy()
            moved[i] += steps * h
            shifted.append(value(moved))
        gradient[i] = (shifted[0] - 8 * shifted[1] + 8 * shifted[2] - shifted[3]) / (12 * h)
    return gradient


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("loss", LOSSES)
def test_loss_gradient_is_that_of_differences(loss, weighted):
    arguments = batch(loss, l2=0.7, sample_weight=weights() if weighted else None)
    _, actual = reference.loss_gradient(**arguments)
    expected = numerical_gradient(
        lambda p: reference.loss_gradient(**{**arguments, "parameters": p})[0], arguments["parameters"]
    )
    np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-9)
    assert np.abs(expected).max() > 0.1


@pytest.mark.parametrize("activation", list(activations.ACTIVATIONS))
def test_gradients_of_activations_in_a_network_are_those_of_differences(activation):
    arguments = batch(activations=(activation, activation))
    _, actual = reference.loss_gradient(**arguments)
    expected = numerical_gradient(
        lambda p: reference.loss_gradient(**{**arguments, "parameters": p})[0], arguments["parameters"]
    )
    np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-9)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("loss", LOSSES)
def test_a_step_on_all_samples_follows_the_loss_gradient(loss, weighted):
    arguments = batch(loss, l2=0.7, sample_weight=weights() if weighted else None)
    totals, actual = one_step(arguments)
    mean, expected = reference.loss_gradient(**arguments)
    np.testing.assert_allclose(actual, expected, rtol=0, atol=16 * EPS)
    assert (totals.loss_sum + totals.penalty_sum) / N_SAMPLES == pytest.approx(mean, rel=8 * EPS)


def test_loss_gradient_writes_to_out_and_updates_nothing():
    arguments = batch(l2=0.1)
    before, out = arguments["parameters"].copy(), np.full_like(arguments["parameters"], np.nan)
    mean, gradient = reference.loss_gradient(**arguments, out=out)
    assert gradient is out
    assert isinstance(mean, float)
    np.testing.assert_array_equal(arguments["parameters"], before)
    np.testing.assert_array_equal(out, reference.loss_gradient(**arguments)[1])


def test_gradient_with_dropout_is_that_of_differences():
    # The mask depends on the seed and the step, not on the parameters: the loss is smooth in them.
    arguments = batch()
    changes = {"dropout": (0.4, 0.2), "seed": 5}
    _, actual = one_step(arguments, **changes)
    expected = numerical_gradient(
        lambda p: one_step({**arguments, "parameters": p}, **changes)[0].loss_sum / N_SAMPLES,
        arguments["parameters"],
    )
    np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-9)
    assert np.abs(actual - one_step(arguments)[1]).max() > 0.01


@pytest.mark.parametrize("loss", LOSSES)
def test_whole_weights_are_repetitions(loss):
    counts = np.array([0, 1, 2, 3, 1, 0, 1, 1, 4, 1, 2])
    actual = reference.loss_gradient(**batch(loss, l2=0.7, sample_weight=counts.astype(np.float64)))
    repeated = batch(loss, l2=0.7)
    repeated.update(x=repeated["x"].repeat(counts, axis=0), y=repeated["y"].repeat(counts, axis=0))
    expected = reference.loss_gradient(**repeated)
    assert actual[0] == pytest.approx(expected[0], rel=16 * EPS)
    np.testing.assert_allclose(actual[1], expected[1], rtol=0, atol=32 * EPS)


@pytest.mark.parametrize("loss", LOSSES)
def test_equal_weights_weigh_nothing(loss):
    arguments = batch(loss)
    actual, expected = one_step(arguments, sample_weight=np.full(N_SAMPLES, 2.5)), one_step(arguments)
    assert actual[0].loss_sum == pytest.approx(expected[0].loss_sum, rel=8 * EPS)
    assert actual[0].n_correct == expected[0].n_correct
    np.testing.assert_allclose(actual[1], expected[1], rtol=0, atol=16 * EPS)


def test_weights_belong_to_rows_whatever_their_order():
    arguments, rest = batch(), {"order": np.array([4, 1, 9]), "batch_size": 2}
    actual = one_step(arguments, **rest, sample_weight=weights())
    rows = rest["order"]
    chosen = {**arguments, "x": arguments["x"][rows], "y": arguments["y"][rows]}
    expected = one_step(chosen, order=np.arange(3), batch_size=2, sample_weight=weights()[rows])
    assert actual[0] == expected[0]
    np.testing.assert_array_equal(actual[1], expected[1])


def test_a_batch_without_weight_has_no_mean():
    totals, gradient = one_step(batch(), sample_weight=np.zeros(N_SAMPLES))
    assert math.isnan(totals.loss_sum)
    assert np.isnan(gradient).all()


def test_the_penalty_is_on_weights_and_scaled_by_the_samples_of_a_batch():
    arguments = batch()
    plain, penalised = one_step(arguments), one_step(arguments, l2=0.5)
    assert plain[0].penalty_sum == 0.0
    assert penalised[0].loss_sum == plain[0].loss_sum
    expected = np.zeros_like(arguments["parameters"])
    for W, _ in reference.layer_slices(SIZES):
        expected[W] = 0.5 * arguments["parameters"][W] / N_SAMPLES
    np.testing.assert_allclose(penalised[1] - plain[1], expected, rtol=0, atol=16 * EPS)
    squares = (expected * N_SAMPLES / 0.5) ** 2
    assert penalised[0].penalty_sum == pytest.approx(0.5 * 0.5 * squares.sum(), rel=32 * EPS)
    weighted = one_step(arguments, l2=0.5, sample_weight=weights())
    assert weighted[0].penalty_sum == pytest.approx(0.25 * squares.sum() / weights().sum() * N_SAMPLES, rel=32 * EPS)


def test_the_penalty_is_part_of_the_gradient_that_is_clipped():
    _, gradient = one_step(batch(), l2=50.0)
    norm = np.linalg.norm(gradient)
    assert norm > np.linalg.norm(one_step(batch())[1]) + 1
    _, actual = one_step(batch(), l2=50.0, clip_norm=norm / 4)
    np.testing.assert_allclose(actual, gradient / 4, rtol=0, atol=32 * EPS)


def test_dropout_depends_on_its_seed_and_step_alone():
    def trained(**changes):
        return one_step(batch(), dropout=(0.5, 0.25), batch_size=4, **changes)[1]

    np.testing.assert_array_equal(trained(seed=3, step=2), trained(seed=3, step=2))
    assert np.abs(trained(seed=3, step=2) - trained(seed=4, step=2)).max() > 1e-3
    assert np.abs(trained(seed=3, step=2) - trained(seed=3, step=3)).max() > 1e-3


def test_dropout_of_nothing_changes_nothing():
    actual, expected = one_step(batch(), dropout=(0.0, 0.0), seed=9), one_step(batch())
    assert actual[0] == expected[0]
    np.testing.assert_array_equal(actual[1], expected[1])


def test_a_step_with_dropout_is_its_parts_one_by_one():
    arguments = batch(sizes=(3, 6, 2), activations=("gelu",))
    arguments["parameters"] = arguments["parameters"][: reference.layer_slices((3, 6, 2))[-1][1].stop]
    key = reference.dropout_key(11, 8, 0)
    (w1, b1), (w2, b2) = reference.layer_slices((3, 6, 2))
    p, x, y = arguments["parameters"], arguments["x"], arguments["y"]
    W1, W2 = p[w1].reshape(3, 6), p[w2].reshape(6, 2)
    z = reference.linear_forward(x, W1, p[b1])
    dropped = reference.dropout_forward(reference.gelu_forward(z), 0.5, key)
    logits = reference.linear_forward(dropped, W2, p[b2])
    ddropped, dW2, db2 = reference.linear_backward(reference.squared_error_backward(logits, y), dropped, W2)
    dz = reference.gelu_backward(reference.dropout_backward(ddropped, 0.5, key), z)
    _, dW1, db1 = reference.linear_backward(dz, x, W1)
    totals, actual = one_step(arguments, dropout=(0.5,), seed=11, step=7)
    expected = np.concatenate([dW1.ravel(), db1, dW2.ravel(), db2])
    np.testing.assert_allclose(actual, expected, rtol=0, atol=8 * EPS)
    assert totals.loss_sum == reference.squared_error_forward(logits, y) * N_SAMPLES


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"loss": ("huber", 0.0)}, ValueError, "delta must be positive, got 0.0"),
        ({"loss": ("huber",)}, ValueError, r"loss must be \('huber', delta\), got \('huber',\)"),
        ({"loss": ("poisson", 1.0)}, ValueError, r"loss must be 'poisson' alone, got \('poisson', 1.0\)"),
        ({"loss": ()}, ValueError, "loss must be one of"),
        ({"loss": 3}, TypeError, r"loss must be a name or a tuple \(name, setting\), got int"),
        ({"loss": ("huber", "1")}, TypeError, "delta must be a number, got str"),
        ({"sample_weight": np.ones(N_SAMPLES, np.float32)}, TypeError, "sample_weight must be a float64 array"),
        ({"sample_weight": [1.0] * N_SAMPLES}, TypeError, "sample_weight must be a float64 array, got list"),
        ({"sample_weight": np.ones(3)}, ValueError, r"sample_weight must have shape \(11,\), got \(3,\)"),
        ({"sample_weight": np.full(N_SAMPLES, np.nan)}, ValueError, "sample_weight must be finite and not negative"),
        ({"sample_weight": -np.ones(N_SAMPLES)}, ValueError, "got values from -1.0 to -1.0"),
        ({"sample_weight": np.full(N_SAMPLES, np.inf)}, ValueError, "got values from inf to inf"),
        ({"l2": -0.1}, ValueError, "l2 must lie in"),
        ({"l2": "0.1"}, TypeError, "l2 must be a number, got str"),
        ({"dropout": (0.5,)}, ValueError, "dropout must hold 2 rates, one for each hidden layer, got 1"),
        ({"dropout": (0.5, 1.0)}, ValueError, r"dropout\[1\] must lie in \[0, 1\), got 1.0"),
        ({"dropout": 0.5}, TypeError, "dropout must be a sequence of rates, got float"),
        ({"seed": -1}, ValueError, "seed must be at least 0, got -1"),
        ({"seed": 2**64}, ValueError, r"seed must lie in \[0, 2\*\*64\)"),
        ({"seed": 0.5}, TypeError, "seed must be an integer, got float"),
        ({"bias": 0}, TypeError, "bias must be True or False, got int"),
        ({"bias": False}, ValueError, "parameters must hold biases of 0 if bias is False, got others"),
    ],
)
def test_options_of_training_are_checked(changes, error, message):
    with pytest.raises(error, match=message):
        one_step(batch(), **changes)


def test_smoothing_out_of_range_is_rejected():
    with pytest.raises(ValueError, match=r"label_smoothing must lie in \[0, 1\), got 1.0"):
        one_step(batch("cross_entropy"), loss=("cross_entropy", 1.0))


def test_loss_gradient_checks_as_training_does():
    for changes, message in (
        ({"sample_weight": np.ones(3)}, "sample_weight must have shape"),
        ({"l2": -1.0}, "l2 must lie in"),
        ({"y": np.zeros((N_SAMPLES, 3))}, r"y must have shape \(11, 2\)"),
        ({"out": np.zeros(3)}, "out must have shape"),
    ):
        with pytest.raises(ValueError, match=message):
            reference.loss_gradient(**{**batch(), **changes})
