"""The reference against numbers worked out by hand, scikit-learn, and arguments to reject."""

import math

import numpy as np
import pytest
from sklearn.neural_network._stochastic_optimizers import AdamOptimizer, SGDOptimizer

from fastnet import reference

EPS = np.finfo(np.float64).eps
DTYPES = (np.float32, np.float64)


def random(seed, *shape, dtype=np.float64):
    return np.random.default_rng(seed).normal(size=shape).astype(dtype)


# A 2-2-2 net with ReLU and softmax cross-entropy, on two samples. L = ln 3.
#
#   z1 = x W1 + b1      row 0: (1 + 2/2,  -1 + 3/2 + 1/2) = (2,  1)     y1 = (2, 1)
#                       row 1: (2 - 2/2,  -2 - 3/2 + 1/2) = (1, -3)     y1 = (1, 0)
#   logits = y1 W2 + b2 row 0: (2L + 1/4, 2L + 1/4)                     probs = (1/2, 1/2)
#                       row 1: ( L + 1/4,      1/4)                     probs = (3/4, 1/4)
#   loss, labels 0, 1:  (-ln 1/2 - ln 1/4) / 2 = 3/2 ln 2
L = math.log(3)
X = np.array([[1.0, 2.0], [2.0, -2.0]])
LABELS = np.array([0, 1])
W1 = np.array([[1.0, -1.0], [0.5, 0.75]])
B1 = np.array([0.0, 0.5])
W2 = np.array([[L, 0.0], [0.0, 2 * L]])
B2 = np.array([0.25, 0.25])
Y1 = np.array([[2.0, 1.0], [1.0, 0.0]])
PROBS = np.array([[1 / 2, 1 / 2], [3 / 4, 1 / 4]])
LOSS = 1.5 * math.log(2)
# dlogits = (probs - onehot) / 2
DLOGITS = np.array([[-1 / 4, 1 / 4], [3 / 8, -3 / 8]])
# dW2 = y1^T dlogits: (2 (-1/4) + 3/8, 2/4 - 3/8), (-1/4, 1/4); db2: (-1/4 + 3/8, 1/4 - 3/8)
DW2 = np.array([[-1 / 8, 1 / 8], [-1 / 4, 1 / 4]])
DB2 = np.array([1 / 8, -1 / 8])
# dy1 = dlogits W2^T: (-1/4 L, 1/4 2L), (3/8 L, -3/8 2L); the last entry meets y1 = 0 and dies in dz1
DY1 = np.array([[-L / 4, L / 2], [3 * L / 8, -3 * L / 4]])
DZ1 = np.array([[-L / 4, L / 2], [3 * L / 8, 0]])
# dW1 = x^T dz1: (-L/4 + 2 3L/8, L/2), (-2 L/4 - 2 3L/8, 2 L/2); db1: (-L/4 + 3L/8, L/2)
DW1 = np.array([[L / 2, L / 2], [-5 * L / 4, L]])
DB1 = np.array([L / 8, L / 2])
# dx = dz1 W1^T: (-L/4 - L/2, -L/4 1/2 + L/2 3/4), (3L/8, 3L/8 1/2)
DX = np.array([[-3 * L / 4, L / 4], [3 * L / 8, 3 * L / 16]])

# Nothing above adds more than four terms or exceeds 4: a dozen roundings cover any order of summation.
BY_HAND = {"rtol": 0, "atol": 12 * 4 * EPS}


def flat(*arrays):
    return np.concatenate([array.ravel() for array in arrays])


def test_forward_worked_by_hand():
    y1 = reference.linear_relu_forward(X, W1, B1)
    logits = reference.linear_forward(y1, W2, B2)
    loss, probs = reference.softmax_cross_entropy_forward(logits, LABELS)
    np.testing.assert_array_equal(y1, Y1)
    np.testing.assert_allclose(probs, PROBS, **BY_HAND)
    assert isinstance(loss, float)
    assert loss == pytest.approx(LOSS, rel=0, abs=BY_HAND["atol"])


def test_gradients_worked_by_hand():
    np.testing.assert_array_equal(reference.softmax_cross_entropy_backward(PROBS, LABELS), DLOGITS)
    for actual, expected in zip(reference.linear_backward(DLOGITS, Y1, W2), (DY1, DW2, DB2), strict=True):
        np.testing.assert_allclose(actual, expected, **BY_HAND)
    for actual, expected in zip(reference.linear_relu_backward(DY1, Y1, X, W1), (DX, DW1, DB1), strict=True):
        np.testing.assert_allclose(actual, expected, **BY_HAND)


def test_sgd_step_of_a_network_worked_by_hand():
    parameters = flat(W1, B1, W2, B2)
    expected = parameters - 0.8 * flat(DW1, DB1, DW2, DB2)
    loss_sum, n_correct, _ = reference.train_epoch(
        parameters, (), X, LABELS, np.array([0, 1]), (2, 2, 2), ("relu",), "cross_entropy", ("sgd", 0.8), 2
    )
    np.testing.assert_allclose(parameters, expected, **BY_HAND)
    assert loss_sum == pytest.approx(2 * LOSS, rel=0, abs=2 * BY_HAND["atol"])
    # Row 0 is a tie, whose first maximum is its label 0; row 1 prefers class 0 to its label 1.
    assert n_correct == 1


def test_layer_slices_of_two_layers():
    expected = [(slice(0, 6), slice(6, 8)), (slice(8, 16), slice(16, 20))]
    actual = reference.layer_slices([3, 2, 4])
    assert actual == expected


def test_losses_worked_by_hand():
    # softplus(0) - t 0 = ln 2 for every entry: two outputs give 2 ln 2 a sample.
    zeros, targets = np.zeros((3, 2)), np.array([[0.0, 1.0], [1.0, 1.0], [0.25, 0.0]])
    loss, probs = reference.binary_cross_entropy_forward(zeros, targets)
    assert loss == pytest.approx(2 * math.log(2), rel=4 * EPS)
    np.testing.assert_array_equal(probs, np.full((3, 2), 0.5))
    np.testing.assert_array_equal(reference.binary_cross_entropy_backward(probs, targets), (0.5 - targets) / 3)
    # (1/2 (4 + 1) + 1/2 (0 + 9)) / 2 = 3.5
    predictions, targets = np.array([[1.0, 2.0], [5.0, 0.0]]), np.array([[3.0, 1.0], [5.0, 3.0]])
    assert reference.squared_error_forward(predictions, targets) == 3.5
    expected = np.array([[-1.0, 0.5], [0.0, -1.5]])
    np.testing.assert_array_equal(reference.squared_error_backward(predictions, targets), expected)


def test_losses_with_settings_worked_by_hand():
    # residuals 1/2, -3, 0, 2 with delta 1: 1/8, 3 - 1/2, 0, 2 - 1/2
    predictions, targets = np.array([[1.0, 2.0], [5.0, 3.0]]), np.array([[0.5, 5.0], [5.0, 1.0]])
    assert reference.huber_forward(predictions, targets) == (1 / 8 + 2.5 + 1.5) / 2
    np.testing.assert_array_equal(reference.huber_backward(predictions, targets), [[0.25, -0.5], [0, 0.5]])
    assert reference.huber_forward(predictions, targets, 2.0) == (1 / 8 + 4 + 2) / 2
    assert reference.absolute_error_forward(predictions, targets) == 5.5 / 2
    np.testing.assert_array_equal(reference.absolute_error_backward(predictions, targets), [[0.5, -0.5], [0, 0.5]])
    # Poisson at z = ln 2: 3 ln 3 - 3 ln 2 - 3 + 2 for a count of 3, exp(z) = 2 for none, and nothing for 2
    logits, counts = np.full((1, 3), math.log(2)), np.array([[3.0, 0.0, 2.0]])
    expected = 3 * math.log(1.5) - 1 + 2
    assert reference.poisson_forward(logits, counts) == pytest.approx(expected, rel=16 * EPS)
    np.testing.assert_allclose(reference.poisson_backward(logits, counts), [[-1, 2, 0]], rtol=0, atol=8 * EPS)


def test_label_smoothing_is_cross_entropy_with_soft_targets():
    logits, labels, smoothing = random(3, 6, 4), np.array([0, 3, 1, 2, 2, 0]), 0.3
    targets = (1 - smoothing) * np.eye(4)[labels] + smoothing / 4
    loss, probs = reference.softmax_cross_entropy_forward(logits, labels, smoothing)
    expected = -(targets * reference.log_softmax_forward(logits)).sum(axis=1).mean()
    assert loss == pytest.approx(expected, rel=8 * EPS)
    gradient = reference.softmax_cross_entropy_backward(probs, labels, smoothing)
    np.testing.assert_allclose(gradient, (probs - targets) / 6, rtol=0, atol=4 * EPS)
    assert reference.softmax_cross_entropy_forward(logits, labels, 0.0)[0] < loss


def test_rectifiers_worked_by_hand():
    # At x = ln 2 and -ln 2, exp(x) is 2 and 1/2, sigmoid(x) 2/3 and 1/3.
    a = math.log(2)
    x = np.array([a, -a, 0.0])
    expected = {
        "leaky_relu": ([a, -a / 100, 0], [1, 1 / 100, 1 / 100]),
        "elu": ([a, -1 / 2, 0], [1, 1 / 2, 1]),
        "selu": ([a * 1.05070098735548, -1.758099340847377 / 2, 0], [1.05070098735548, 1.758099340847377 / 2] * 2),
        "softplus": ([math.log(3), math.log(1.5), a], [2 / 3, 1 / 3, 1 / 2]),
        "silu": ([2 * a / 3, -a / 3, 0], [2 / 3 + 2 * a / 9, 1 / 3 - 2 * a / 9, 1 / 2]),
    }
    expected["selu"][1][2:] = [1.758099340847377]  # the slope from the left at 0
    for name, (y, slope) in expected.items():
        actual = getattr(reference, f"{name}_forward")(x)
        np.testing.assert_allclose(actual, y, rtol=0, atol=1e-14)
        actual = getattr(reference, f"{name}_backward")(np.full(3, 2.0), x if name == "silu" else actual)
        np.testing.assert_allclose(actual, 2 * np.array(slope), rtol=0, atol=1e-14)


def test_gelu_is_near_x_times_the_normal_distribution():
    x = np.linspace(-6, 6, 241)
    expected = [value * (1 + math.erf(value / math.sqrt(2))) / 2 for value in x]
    actual = reference.gelu_forward(x)
    np.testing.assert_allclose(actual, expected, rtol=0, atol=5e-4)  # the tanh form is that close to the paper's
    tanh_form = x / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))
    np.testing.assert_allclose(actual, tanh_form, rtol=0, atol=8 * EPS)


def test_selu_keeps_mean_zero_and_variance_one():
    y = reference.selu_forward(random(0, 1_000_000))
    assert abs(y.mean()) < 0.005  # five standard errors
    assert abs(y.var() - 1) < 0.01


def mix(h):
    """Finaliser of MurmurHash3, in Python's integers."""
    h = (h ^ h >> 16) * 0x85EBCA6B % 2**32
    h = (h ^ h >> 13) * 0xC2B2AE35 % 2**32
    return h ^ h >> 16


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("key", [0, 12345, 2**32 - 1])
def test_dropout_element_by_element(key, dtype):
    x, rate = random(0, 7, 9, dtype=dtype), 0.3
    expected = np.zeros_like(x)
    for r, c in np.ndindex(x.shape):
        draw = mix(mix(key ^ (r + 0x9E3779B9) % 2**32) ^ c)
        if draw >= math.floor(rate * 2**32):
            expected[r, c] = x[r, c] * dtype(1 / 0.7)
    assert 0 < np.count_nonzero(expected == 0) < x.size
    np.testing.assert_array_equal(reference.dropout_forward(x, rate, key), expected)
    np.testing.assert_array_equal(reference.dropout_backward(x, rate, key), expected)


def test_dropout_key_word_by_word():
    seed, step, layer = 2**63 + 5, 2**32 + 7, 3
    expected = mix(layer + 0x9E3779B9)
    for word in (7, 1, 5, 2**31):
        expected = mix(expected ^ word)
    assert reference.dropout_key(seed, step, layer) == expected


def test_masks_of_dropout_have_the_rate_and_differ_by_key_row_and_column():
    x = np.ones((400, 500))
    masks = [
        reference.dropout_forward(x, 0.25, reference.dropout_key(seed, step, layer)) > 0
        for seed, step, layer in ((0, 1, 0), (1, 1, 0), (0, 2, 0), (0, 1, 1))
    ]
    for mask in masks:
        deviation = math.sqrt(0.25 * 0.75)
        assert abs(mask.mean() - 0.75) < 5 * deviation / math.sqrt(mask.size)
        for axis in (0, 1):
            assert np.abs(mask.mean(axis=axis) - 0.75).max() < 5 * deviation / math.sqrt(mask.shape[axis])
        # neighbours, and the same element of two masks, agree as often as independent ones: 3/4 3/4 + 1/4 1/4
        pairs = [(mask[1:], mask[:-1]), (mask[:, 1:], mask[:, :-1])]
        pairs += [(mask, other) for other in masks if other is not mask]
        for one, other in pairs:
            assert abs((one == other).mean() - 0.625) < 5 * 0.5 / math.sqrt(one.size)
    np.testing.assert_array_equal(reference.dropout_forward(x, 0.0, 9), x)


@pytest.mark.parametrize("dtype", DTYPES)
def test_sgd_two_steps_by_hand(dtype):
    p = np.array([1.0, -2.0], dtype)
    for g in ([4.0, 2.0], [-2.0, 1.0]):
        assert reference.sgd_step(p, np.array(g, dtype), 0.25) is None
    # 1 - 1 + 1/2; -2 - 1/2 - 1/4
    assert p.dtype == dtype
    np.testing.assert_array_equal(p, np.array([0.5, -2.75]))


@pytest.mark.parametrize(
    ("nesterov", "expected"),
    [
        # v1 = -1/4 4 = -1;  p1 = 1 - 1 = 0;               v2 = -1/2 + 1 = 1/2;  p2 = 0 + 1/2
        (False, (0.0, 0.5)),
        # v1 = -1;           p1 = 1 - 1/2 - 1 = -1/2;      v2 = 1/2;             p2 = -1/2 + 1/4 + 1
        (True, (-0.5, 0.75)),
    ],
)
def test_momentum_two_steps_by_hand(nesterov, expected):
    p, v = np.array([1.0]), np.zeros(1)
    reference.momentum_step(p, np.array([4.0]), v, 0.25, 0.5, nesterov)
    assert (p[0], v[0]) == (expected[0], -1.0)
    reference.momentum_step(p, np.array([-4.0]), v, 0.25, 0.5, nesterov)
    assert (p[0], v[0]) == (expected[1], 0.5)


@pytest.mark.parametrize("weight_decay", [None, 0.5])
def test_adam_two_steps_by_hand(weight_decay):
    lr, beta1, beta2, eps = 0.1, 0.9, 0.99, 1e-3
    decay = 1 - lr * (weight_decay or 0.0)
    g1, g2 = 3.0, -1.0
    m1, v1 = 0.1 * g1, 0.01 * g1**2
    m2, v2 = 0.9 * m1 + 0.1 * g2, 0.99 * v1 + 0.01 * g2**2
    p1 = 2.0 * decay - lr * math.sqrt(1 - 0.99) / (1 - 0.9) * m1 / (math.sqrt(v1) + eps)
    p2 = p1 * decay - lr * math.sqrt(1 - 0.99**2) / (1 - 0.9**2) * m2 / (math.sqrt(v2) + eps)
    p, m, v = np.array([2.0]), np.zeros(1), np.zeros(1)
    for t, (g, expected) in enumerate(((g1, (p1, m1, v1)), (g2, (p2, m2, v2))), start=1):
        if weight_decay is None:
            reference.adam_step(p, np.array([g]), m, v, lr, beta1, beta2, eps, t)
        else:
            reference.adamw_step(p, np.array([g]), m, v, lr, beta1, beta2, eps, weight_decay, t)
        # 1 - beta loses up to 1/(1 - beta) = 100 units in the last place of what is left.
        np.testing.assert_allclose([p[0], m[0], v[0]], expected, rtol=200 * EPS)


@pytest.mark.parametrize("nesterov", [False, True])
def test_momentum_has_the_bits_of_scikit_learn(nesterov):
    p, v = random(0, 50), np.zeros(50)
    expected = p.copy()
    sklearn = SGDOptimizer([expected], learning_rate_init=0.03, momentum=0.87, nesterov=nesterov)
    for step in range(7):
        g = random(step + 1, 50)
        reference.momentum_step(p, g, v, 0.03, 0.87, nesterov)
        sklearn.update_params([expected], [g])
    np.testing.assert_array_equal(p, expected)
    np.testing.assert_array_equal(v, sklearn.velocities[0])


@pytest.mark.parametrize("dtype", DTYPES)
def test_adam_is_that_of_scikit_learn(dtype):
    p, m, v = random(0, 50, dtype=dtype), np.zeros(50, dtype), np.zeros(50, dtype)
    expected = p.copy()
    sklearn = AdamOptimizer([expected], learning_rate_init=0.02, beta_1=0.85, beta_2=0.97, epsilon=1e-6)
    for t in range(1, 8):
        g = random(t, 50, dtype=dtype)
        reference.adam_step(p, g, m, v, 0.02, 0.85, 0.97, 1e-6, t)
        sklearn.update_params([expected], [g])
    assert p.dtype == expected.dtype == dtype
    if dtype == np.float64:
        np.testing.assert_array_equal(p, expected)
    else:
        # scikit-learn computes the update of float32 in float64: one rounding of p apart in each of 7 steps.
        assert (np.abs(p - expected) <= 7 * np.finfo(dtype).eps * np.abs(p).max()).all()


@pytest.mark.parametrize("scalar", [float, np.float32, np.float64])
def test_optimizers_stay_float32_whatever_the_scalar(scalar):
    p, m, v, g = (random(i, 500, dtype=np.float32) for i in range(4))
    v = np.abs(v)
    actual, expected = p.copy(), p.copy()
    rates = (0.5, 0.5, 0.75, 0.125, 0.25)  # exact in float32: the scalar's type cannot change the result
    reference.adamw_step(actual, g, m.copy(), v.copy(), *map(scalar, rates), t=3)
    reference.adamw_step(expected, g, m.copy(), v.copy(), *rates, t=3)
    np.testing.assert_array_equal(actual, expected)
    assert not np.array_equal(actual, p)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("a_shape", "b_shape", "c_shape"),
    [
        ((2, 3), (3, 4), (2, 4)),
        ((5, 2, 3), (3, 4), (5, 2, 4)),
        ((2, 3), (6, 3, 4), (6, 2, 4)),
        ((7, 1, 2, 3), (5, 3, 4), (7, 5, 2, 4)),
        ((0, 2, 3), (1, 3, 4), (0, 2, 4)),
        ((2, 0), (0, 4), (2, 4)),
    ],
)
def test_matmul_broadcasts_batch_dimensions(dtype, a_shape, b_shape, c_shape):
    a, b = random(0, *a_shape, dtype=dtype), random(1, *b_shape, dtype=dtype)
    actual = reference.matmul_forward(a, b)
    assert actual.shape == c_shape
    assert actual.dtype == dtype
    expected = (a[..., :, :, None].astype(np.float64) * b[..., None, :, :]).sum(axis=-2)
    size = (np.abs(a[..., :, :, None]) * np.abs(b[..., None, :, :])).sum(axis=-2)
    k = a_shape[-1]
    assert (np.abs(actual - expected) <= (k + 1) * np.finfo(dtype).eps * size).all()
    da, db = reference.matmul_backward(actual, a, b)
    assert (da.shape, db.shape) == (a_shape, b_shape)
    assert da.dtype == db.dtype == dtype


def test_matmul_gradient_of_a_shared_matrix_is_the_sum_of_its_uses():
    a, b, dc = random(0, 5, 2, 3), random(1, 3, 4), random(2, 5, 2, 4)
    _, actual = reference.matmul_backward(dc, a, b)
    expected = sum(reference.matmul_backward(dc[i], a[i], b)[1] for i in range(5))
    np.testing.assert_allclose(actual, expected, rtol=0, atol=30 * EPS)


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
        "slots": tuple(np.zeros(n_parameters, dtype) for _ in range(N_SLOTS[optimizer])),
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
    for one, other in zip(whole["slots"], parts["slots"], strict=True):
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
        ({"slots": (np.zeros(44),)}, ValueError, "slots must be a tuple of 0 vectors for sgd, got 1"),
        ({"slots": []}, ValueError, "slots must be a tuple of 0 vectors for sgd, got list"),
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
    with pytest.raises(ValueError, match=r"slots\[0\] must not share memory"):
        reference.train_epoch(**{**arguments, "slots": (arguments["parameters"],)})
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
