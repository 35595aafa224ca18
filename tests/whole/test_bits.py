"""The same bits: for any count of threads and any cut of the work. `test_digests.py` is about other machines."""

from itertools import product

import numpy as np
import pytest
from tiers import tiered

from fastnet import kernels
from fastnet.kernels.tile.products import threads_for
from fastnet.machine.cores import fixed_cores
from fastnet.measure.cases import CASES, DTYPES, HYPERPARAMETERS, Training, network, run

THREADS = (1, 2, 3, 5)
LOSSES = ("cross_entropy", "binary_cross_entropy", "squared_error")
SIZES, ACTIVATIONS = (21, 35, 18, 5), ("relu", "tanh")

dtypes = pytest.mark.parametrize("dtype", DTYPES)


def bits_of(results):
    """Return results as bytes, in which NaN equals itself and -0.0 differs from 0.0."""
    return [np.asarray(one).tobytes() for one in results]


def train(training, dtype, **more):
    arguments = training.make(np.dtype(dtype), np.random.default_rng(5))
    returned = kernels.train_epoch(**arguments, **more)
    return [*returned, arguments["parameters"], *arguments["state"]]


def check_threads(training, dtype, counts=(*THREADS[1:], 8)):
    """Train with some counts of threads; one thread has the same bits, and they are numbers."""
    expected = train(training, dtype, n_threads=1)
    assert np.isfinite(expected[3]).all()
    for n_threads in counts:
        assert bits_of(train(training, dtype, n_threads=n_threads)) == bits_of(expected), n_threads


BATCHES = {1: "adam", 7: "nesterov", 64: "adamw", 300: "momentum", 700: "sgd"}


@tiered(
    ("batch_size", "optimizer", "loss"),
    product(BATCHES, HYPERPARAMETERS, LOSSES),
    lambda batch_size, optimizer, loss: BATCHES[batch_size] == optimizer and (loss == LOSSES[0] or batch_size == 300),
)
@dtypes
def test_training_for_any_count_of_threads(dtype, batch_size, optimizer, loss):
    n_samples = 40 if batch_size == 1 else 620
    check_threads(Training(n_samples, SIZES, ACTIVATIONS, loss, optimizer, batch_size), dtype)


LIMITS = {"norm": {"clip_norm": 0.1}, "value": {"clip_value": 0.005}, "both": {"clip_norm": 0.1, "clip_value": 0.02}}
CLIPPED = {SIZES: "norm", (150, 96, 33, 2): "both", (784, 10, 10): "both", (300, 7, 12, 4): "value"}


@tiered(("sizes", "limits"), product(CLIPPED, LIMITS), lambda sizes, limits: CLIPPED[sizes] == limits)
@pytest.mark.parametrize("batch_size", [64, 300])
@dtypes
def test_clipped_training_for_any_count_of_threads(dtype, batch_size, sizes, limits):
    activations = ("relu",) * (len(sizes) - 2)
    training = Training(330, sizes, activations, "cross_entropy", "adam", batch_size, **LIMITS[limits])
    check_threads(training, dtype)


OPTIONS = [
    {"weighted": True}, {"l2": 0.1}, {"dropout": (0.3,)}, {"weighted": True, "l2": 0.2, "dropout": (0.5,)},
    {"l2": 0.2, "clip_norm": 0.1},
]  # fmt: skip


@tiered(("options",), ((one,) for one in OPTIONS), lambda options: len(options) > 1)
@pytest.mark.parametrize("sizes", [(70, 96, 3), (784, 10, 10)], ids=str)
@pytest.mark.parametrize("batch_size", [64, 300])
@dtypes
def test_weights_penalty_and_dropout_for_any_count_of_threads(dtype, batch_size, sizes, options):
    check_threads(Training(330, sizes, ("gelu",), ("cross_entropy", 0.1), "adam", batch_size, **options), dtype)


@pytest.mark.parametrize("n_threads", [1, 3])
@dtypes
def test_epochs_prepared_once_are_those_taken_one_by_one(dtype, n_threads):
    arguments = Training(90, SIZES, ACTIVATIONS, "squared_error", "adam", 16, l2=0.1).make(
        np.dtype(dtype), np.random.default_rng(5)
    )
    once, one_by_one = ({**arguments, "parameters": arguments["parameters"].copy()} for _ in range(2))
    for each in (once, one_by_one):
        each["state"] = tuple(np.zeros_like(each["parameters"]) for _ in range(2))
    order, step = once.pop("order"), once.pop("step")
    epoch = kernels.prepare_training(**once, n_threads=n_threads)
    for i, part in enumerate((order, order[::-1], order[:33], order)):  # a shorter one has a team of its own
        name, lr, *settings = arguments["optimizer"]
        rate = lr * 0.5**i
        changed = {"order": part, "step": step + 6 * i, "optimizer": (name, rate, *settings)}
        expected = kernels.train_epoch(**{**one_by_one, **changed}, n_threads=n_threads)
        assert epoch(part, step + 6 * i, rate) == expected
    for name in ("parameters", "state"):
        assert bits_of(np.ravel(once[name])) == bits_of(np.ravel(one_by_one[name]))


@pytest.mark.parametrize("limits", [{"clip_norm": 1e30}, {"clip_value": 1e30}], ids=str)
@pytest.mark.parametrize("sizes", [SIZES, (300, 7, 4)], ids=str)
@dtypes
def test_limits_that_nothing_reaches_change_no_bit(dtype, sizes, limits):
    arguments = (620, sizes, ("relu",) * (len(sizes) - 2), "cross_entropy", "adam", 290)
    expected = train(Training(*arguments), dtype, n_threads=2)
    assert bits_of(train(Training(*arguments, **limits), dtype, n_threads=2)) == bits_of(expected)


@dtypes
def test_training_on_pixels_for_any_count_of_threads(dtype):
    check_threads(Training(300, (50, 9, 3), ("relu",), "cross_entropy", "adam", 32, np.uint8), dtype)


@pytest.mark.parametrize("sizes", [(3, 1), (1, 1), (2, 1, 2), (130, 2)], ids=str)
def test_training_of_nets_with_fewer_tiles_than_threads(sizes):
    training = Training(30, sizes, ("relu",) * (len(sizes) - 2), "squared_error", "adamw", 8)
    check_threads(training, np.float32, (2, 5, 9))


@tiered(("optimizer",), ((name,) for name in HYPERPARAMETERS), lambda optimizer: optimizer == "adam")
@pytest.mark.parametrize("sizes", [(400, 10, 3), (300, 3), (784, 7, 12, 4)], ids=str)
@pytest.mark.parametrize("x_dtype", [np.uint8, None])
@dtypes
def test_training_of_a_first_layer_with_few_outputs(dtype, x_dtype, sizes, optimizer):
    """Its lanes run along the inputs, and threads share those out."""
    check_threads(Training(330, sizes, ("relu",) * (len(sizes) - 2), "cross_entropy", optimizer, 129, x_dtype), dtype)


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
@dtypes
def test_layers_shared_out_by_columns_for_some_counts_of_threads(dtype, optimizer):
    """Wide layers and few rows: two threads share out columns, three cannot evenly and share out rows."""
    check_threads(Training(90, (30, 96, 64, 5), ("relu", "tanh"), "cross_entropy", optimizer, 24), dtype, (2, 3, 4, 6))


CHUNKED = {1: "momentum", 16: "adam", 280: "adamw"}


@tiered(
    ("batch_size", "optimizer"),
    product(CHUNKED, HYPERPARAMETERS),
    lambda batch_size, optimizer: CHUNKED[batch_size] == optimizer,
)
@dtypes
def test_training_in_chunks_wherever_they_end(dtype, batch_size, optimizer):
    """Weights, state and counts of correct answers have the same bits; the loss is the sum of two sums."""
    n_samples = 2 * batch_size + batch_size // 2 + 5
    training = Training(n_samples, SIZES, ACTIVATIONS, "cross_entropy", optimizer, batch_size)
    expected = train(training, dtype)
    n_steps = -(-n_samples // batch_size)
    for k in range(n_steps + 1):
        arguments = training.make(np.dtype(dtype), np.random.default_rng(5))
        order, cut = arguments["order"], k * batch_size
        first = kernels.train_epoch(**{**arguments, "order": order[:cut]}, n_threads=2)
        second = kernels.train_epoch(**{**arguments, "order": order[cut:], "step": k})
        actual = [arguments["parameters"], *arguments["state"]]
        assert bits_of(actual) == bits_of(expected[3:])
        assert first[1] + second[1] == expected[1]
        assert first[0] + second[0] == pytest.approx(expected[0], rel=1e-13)


@pytest.mark.parametrize("x_dtype", [np.uint8, None])
@dtypes
def test_logits_for_any_count_of_threads_and_any_pieces(dtype, x_dtype):
    rng = np.random.default_rng(2)
    n_samples = 301
    parameters = network(SIZES, np.dtype(dtype), rng)
    x = rng.integers(0, 256, (n_samples, SIZES[0])).astype(x_dtype or dtype)

    def predict(rows, n_threads=1):
        return kernels.predict_logits(parameters, rows, SIZES, ACTIVATIONS, 1 / 255, n_threads=n_threads)

    expected = predict(x)
    for n_threads in (None, *THREADS[1:]):
        assert predict(x, n_threads).tobytes() == expected.tobytes()
    for piece in (1, 5, 12, 13, 256):
        actual = [predict(x[i : i + piece], 2 if piece > 12 else 1) for i in range(0, n_samples, piece)]
        assert np.concatenate(actual).tobytes() == expected.tobytes()


@dtypes
def test_a_row_of_a_linear_layer_does_not_depend_on_the_others(dtype):
    rng = np.random.default_rng(4)
    x, W, b = (rng.normal(size=shape).astype(dtype) for shape in ((29, 1100), (1100, 37), 37))
    expected = kernels.linear_forward(x, W, b)
    actual = [kernels.linear_forward(x[i : i + 1], W, b) for i in range(len(x))]
    assert np.concatenate(actual).tobytes() == expected.tobytes()
    columns = [kernels.linear_forward(x, W[:, j : j + 1], b[j : j + 1]) for j in range(b.size)]
    assert np.concatenate(columns, axis=1).tobytes() == expected.tobytes()


@dtypes
def test_products_for_any_count_of_threads(dtype):
    rng = np.random.default_rng(6)
    m, k, n = 515, 610, 509
    flop = 2 * m * k * n
    x, W, b, y, dz = (rng.normal(size=shape).astype(dtype) for shape in ((m, k), (k, n), n, (m, n), (m, n)))
    stack, matrix = (rng.normal(size=shape).astype(dtype) for shape in ((5, 103, k), (k, n)))
    results = {}
    for n_threads in THREADS:
        with fixed_cores(n_threads):
            assert threads_for(flop) == n_threads
            results[n_threads] = bits_of(
                [
                    kernels.linear_forward(x, W, b),
                    kernels.linear_relu_forward(x, W, b),
                    *kernels.linear_backward(dz, x, W),
                    *kernels.linear_relu_backward(dz, y, x, W),
                    kernels.matmul_forward(stack, matrix),
                    *kernels.matmul_backward(dz[:, :103].reshape(5, 103, 103), stack, matrix[:, :103]),
                ]
            )
    assert all(actual == results[1] for actual in results.values())


@pytest.mark.parametrize("operation", ["train_epoch", "predict_logits"])
def test_threads_of_the_machine_give_the_same_bits(operation):
    (case,) = [
        one
        for one in CASES
        if one.operation == operation and one.realistic and "784-128-10" in one.size and "pixels" in one.size
    ]
    expected = bits_of(run(kernels, case, case.arguments(np.float32), n_threads=1))
    for n_threads in THREADS:
        with fixed_cores(n_threads):
            assert bits_of(run(kernels, case, case.arguments(np.float32))) == expected
