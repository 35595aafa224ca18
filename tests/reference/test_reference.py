"""The reference against numbers worked out by hand."""

import math

import numpy as np
import pytest

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
        # n = e (e + 2) is 8, 5/4 and 3: tanh(softplus(x)) is 4/5, 5/13 and 3/5
        "mish": ([4 * a / 5, -5 * a / 13, 0], [4 / 5 + 2 * a / 3 * 9 / 25, 5 / 13 - a / 3 * 144 / 169, 3 / 5]),
    }
    expected["selu"][1][2:] = [1.758099340847377]  # the slope from the left at 0
    for name, (y, slope) in expected.items():
        actual = getattr(reference, f"{name}_forward")(x)
        np.testing.assert_allclose(actual, y, rtol=0, atol=1e-14)
        actual = getattr(reference, f"{name}_backward")(np.full(3, 2.0), x if name in ("silu", "mish") else actual)
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
