"""Sparse inputs: what is left out changes nothing."""

import time
from itertools import pairwise

import numpy as np
import pytest
import scipy.sparse
from tiers import tiered

from fastnet import kernels, reference
from fastnet.kernels.codegen.bits import WORD
from fastnet.kernels.step.driver import epochs
from fastnet.kernels.step.first_layer import sparse

N_SAMPLES = 620
THREADS = (1, 2, 3)
OPTIMIZERS = {
    "sgd": ("sgd", 0.2), "momentum": ("momentum", 0.1, 0.9, True), "adam": ("adam", 0.01, 0.9, 0.999, 1e-8)
}  # fmt: skip
N_SLOTS = {"sgd": 0, "momentum": 1, "adam": 2}
SIZES = ((20, 33, 4), (64, 12, 3), (130, 150, 18, 3), (784, 100, 10))

dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=lambda dtype: dtype.__name__)


def inputs(n_in, dtype=np.float32, n_samples=N_SAMPLES):
    """Inputs of which a fifth are not zero; some samples and some columns are empty."""
    rng = np.random.default_rng(3)
    x = rng.normal(0, 1, (n_samples, n_in)) * (rng.random((n_samples, n_in)) < 0.2)
    x[::9], x[:, n_in // 3] = 0, 0
    return x.astype(dtype)


def prepare(module, x, sizes, dtype, optimizer="momentum", batch_size=64, bias=True, **more):
    rng = np.random.default_rng(7)
    parts = [(rng.normal(0, 0.2, (a, b)), np.zeros(b)) for a, b in pairwise(sizes)]
    parameters = np.concatenate([part.ravel() for pair in parts for part in pair]).astype(dtype)
    slots = tuple(np.zeros_like(parameters) for _ in range(N_SLOTS[optimizer]))
    y = rng.integers(0, sizes[-1], x.shape[0]).astype(np.int32)
    activations = ["tanh"] * (len(sizes) - 2)
    loss = "cross_entropy"
    more = {"optimizer": OPTIMIZERS[optimizer], "batch_size": batch_size, "bias": bias, **more}
    epoch = module.prepare_training(parameters, slots, x, y, list(sizes), activations, loss, **more)
    return epoch, parameters, slots


def trained(x, sizes, dtype, module=kernels, epochs=2, **more):
    """Return what some epochs arrive at."""
    epoch, parameters, slots = prepare(module, x, sizes, dtype, **more)
    order = np.random.default_rng(1).permutation(x.shape[0])
    totals = [epoch(order, step=100 * i) for i in range(epochs)]
    return [np.array(totals), parameters, *slots]


def assert_same(one, other):
    for a, b in zip(one, other, strict=True):
        assert a.tobytes() == b.tobytes()


@pytest.fixture
def dense(monkeypatch):
    """Return a function that trains without leaving anything out."""

    def train(*args, **more):
        with monkeypatch.context() as patch:
            patch.setattr(sparse, "LARGEST_DENSITY", -1.0)
            return trained(*args, **more)

    return train


@pytest.mark.parametrize("batch_size", [7, 64, 200, 600])
@pytest.mark.parametrize("sizes", SIZES, ids=str)
@tiered(("optimizer",), ((name,) for name in OPTIMIZERS), lambda optimizer: optimizer == "momentum")
@dtypes
def test_training_gives_the_same_bits(dense, dtype, optimizer, sizes, batch_size):
    x, more = inputs(sizes[0], dtype), {"optimizer": optimizer, "batch_size": batch_size}
    expected = dense(x, sizes, dtype, **more, n_threads=1)
    assert np.isfinite(expected[1]).all()
    for n_threads in THREADS:
        assert_same(trained(x, sizes, dtype, **more, n_threads=n_threads), expected)


OPTIONS = {
    "no biases, weights": {"bias": False, "sample_weight": np.linspace(0.5, 2, N_SAMPLES)},
    "penalty": {"optimizer": "adam", "l2": 0.1},
    "norm": {"clip_norm": 0.05},
    "value, penalty": {"clip_value": 0.01, "l2": 0.1},
    "dropout": {"dropout": (0.4,), "seed": 5},
}


@tiered(("options",), ((name,) for name in OPTIONS), lambda options: options != "dropout")
@pytest.mark.parametrize("batch_size", [64, 300])
@dtypes
def test_everything_else_goes_with_it(dense, dtype, batch_size, options):
    x, sizes, more = inputs(130, dtype), (130, 150, 3), OPTIONS[options]
    expected = dense(x, sizes, dtype, batch_size=batch_size, **more, n_threads=1)
    for n_threads in THREADS[::2]:
        assert_same(trained(x, sizes, dtype, batch_size=batch_size, **more, n_threads=n_threads), expected)


@pytest.mark.parametrize("batch_size", [4, 64])
def test_output_parallel_layers(dense, batch_size):
    x, sizes = inputs(130), (130, 300, 3)
    expected = dense(x, sizes, np.float32, batch_size=batch_size, n_threads=1)
    assert_same(trained(x, sizes, np.float32, batch_size=batch_size, n_threads=2), expected)


@dtypes
def test_pixels(dense, dtype):
    x = (np.abs(inputs(784)) * 100).astype(np.uint8)
    expected = dense(x, (784, 30, 4), dtype, scale=1 / 255)
    assert_same(trained(x, (784, 30, 4), dtype, scale=1 / 255, n_threads=2), expected)


@dtypes
def test_it_is_what_the_reference_does(dtype):
    x, sizes = inputs(130, dtype), (130, 40, 3)
    ours, theirs = (trained(x, sizes, dtype, module=module, epochs=1) for module in (kernels, reference))
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-3 if dtype == np.float32 else 1e-7, atol=1e-5)


def test_other_memory(dense):
    x = inputs(130)
    expected = dense(x, (130, 40, 3), np.float32)
    wide, read_only = np.zeros((N_SAMPLES, 260), np.float32), x.copy()
    wide[:, ::2] = x
    read_only.setflags(write=False)
    for same in (wide[:, ::2], read_only, np.asfortranarray(x)):
        assert_same(trained(same, (130, 40, 3), np.float32), expected)


@pytest.mark.parametrize("number", [np.nan, np.inf])
def test_what_is_not_a_number_is_not_left_out(number):
    x = inputs(130)
    x[5, 7] = number
    with np.errstate(all="ignore"):
        assert np.isnan(trained(x, (130, 40, 3), np.float32)[1]).any()


def test_samples_without_any_nonzero(dense):
    x = np.zeros((N_SAMPLES, 130), np.float32)
    assert_same(trained(x, (130, 40, 3), np.float32), dense(x, (130, 40, 3), np.float32))


def check_description(x, n_threads):
    found = sparse.from_array(x, 100, 0.5, np.dtype(np.float32), n_threads)
    bits = np.unpackbits(found.bitmasks.view(np.uint8), axis=1, bitorder="little")
    assert np.array_equal(bits[:, : x.shape[1]], x != 0)
    assert not bits[:, x.shape[1] :].any()
    for row, start in zip(x, found.starts[:-1], strict=True):
        nonzeros = row[row != 0].astype(np.float32) * np.float32(0.5)
        assert np.array_equal(found.values[start : start + len(nonzeros)], nonzeros)
    assert found.n_bitmasks == -(-x.shape[1] // WORD)
    assert 1 <= found.block_bitmasks <= found.n_bitmasks
    return found


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.uint8], ids=lambda dtype: dtype.__name__)
def test_description_of_an_array(dtype):
    for n_in in (1, 5, 63, 64, 65, 128, 300):
        check_description(np.abs(inputs(n_in, np.float64, 50) * 90).astype(dtype), 2)


@pytest.mark.parametrize("n_threads", [*THREADS, 7])
def test_description_of_samples_that_differ(n_threads):
    for n_in in (1, 2, 70):
        x = np.ones((640, n_in), np.float32)
        x[::10] = 0  # what is probed
        assert len(check_description(x, n_threads).values) >= x.size
        assert len(check_description(1 - x, n_threads).values) >= x.size


def uses(epoch, n_samples):
    """Tell whether an epoch over so many samples goes through the non-zeros."""
    found = epoch._described is not None
    assert found == (epoch.team(n_samples).state.first_layer.sparse.samples.n_bitmasks > 0)
    return found


def uses_nonzeros(x, n_out, asked=None):
    epoch, *_ = prepare(kernels, x, (x.shape[1], n_out, 3), np.float32)
    order = np.arange(len(x) if asked is None else asked)
    epoch(order)
    return uses(epoch, order.size)


def test_zeros_are_left_out_where_that_pays():
    x = inputs(130)
    assert uses_nonzeros(x, 40)
    assert not uses_nonzeros(x, 8)  # outputs
    assert not uses_nonzeros(x + 1, 40)
    assert not uses_nonzeros(x, 40, asked=10)  # of all samples
    assert not uses_nonzeros(x[:0], 40)


def test_memory_has_a_limit(monkeypatch):
    monkeypatch.setattr(sparse, "MOST_BYTES", 1000)
    assert not uses_nonzeros(inputs(130), 40)


def test_it_begins_once_enough_samples_were_asked_for():
    epoch, *_ = prepare(kernels, inputs(130), (130, 40, 3), np.float32)
    for seen in range(5, 80, 5):
        epoch(np.arange(5))
        assert uses(epoch, 5) == (seen >= N_SAMPLES / 10)


@dtypes
@pytest.mark.parametrize("convert", [scipy.sparse.csr_array, scipy.sparse.csr_matrix])
@pytest.mark.parametrize("sizes", [(20, 33, 4), (130, 18, 3), (130, 3)], ids=str)
def test_csr_matrices_give_the_bits_of_arrays(dense, dtype, sizes, convert):
    x = inputs(sizes[0], dtype)
    expected = dense(x, sizes, dtype)
    for n_threads in THREADS:
        assert_same(trained(convert(x), sizes, dtype, n_threads=n_threads), expected)
    assert_same(trained(convert(x), sizes, dtype, reference), trained(x, sizes, dtype, reference))


@pytest.mark.parametrize("module", [kernels, reference])
def test_csr_matrices_of_all_kinds(module):
    x = (inputs(130) * 50).clip(0).astype(np.uint8)
    x[5] = 1
    rows = scipy.sparse.csr_array(x)
    rows.data[rows.indptr[5] : rows.indptr[6] : 2] = 0  # zeros that are stored
    assert_same(
        trained(rows, (130, 40, 3), np.float32, module, scale=1 / 50),
        trained(rows.toarray(), (130, 40, 3), np.float32, module, scale=1 / 50),
    )
    for empty in (rows[:0], rows[:20] * np.uint8(0)):
        trained(empty, (130, 40, 3), np.float32, module)


def csr(indices):
    rows = scipy.sparse.csr_array((np.ones(3, np.float32), [0, 1, 2], [0, 2, 3]), (2, 4))
    rows.indices[:] = indices
    return rows


@pytest.mark.parametrize("module", [kernels, reference])
@pytest.mark.parametrize(
    ("x", "error", "message"),
    [
        (csr([0, 1, 2]).tocsc(), TypeError, "x must be a float32 or uint8 array or CSR matrix, got csc_array"),
        (csr([0, 1, 2]).astype(float), TypeError, "x must be a float32 or uint8 array or CSR matrix, got float64"),
        (csr([0, 1, 2])[:, :3], ValueError, r"x must have shape \(n_samples, 4\), got \(2, 3\)"),
        (csr([1, 0, 2]), ValueError, "x must have sorted indices without duplicates, got others"),
        (csr([1, 1, 2]), ValueError, "x must have sorted indices without duplicates, got others"),
        (csr([0, 4, 2]), ValueError, "x must be a valid CSR matrix, got one whose"),
        (csr([-1, 1, 2]), ValueError, "x must be a valid CSR matrix, got one whose"),
    ],
)
def test_csr_matrices_that_cannot_be_used(module, x, error, message):
    with pytest.raises(error, match=message):
        trained(x, (4, 12, 3), np.float32, module)


@pytest.mark.parametrize("worth", [1e-9, 1e9])
def test_kernels_for_zeros_are_compiled_beside_a_training_that_is_worth_it(worth, monkeypatch):
    rng = np.random.default_rng(0)
    x = (rng.random((40, 150)) * (rng.random((40, 150)) < 0.1)).astype(np.float32)
    arguments = x, rng.integers(0, 3, 40), (150, 20, 3), ("relu",), "cross_entropy", ("sgd", 0.1), 10

    def train(n_epochs):
        parameters = np.linspace(-0.1, 0.1, 151 * 20 + 21 * 3, dtype=np.float32)
        epoch = kernels.prepare_training(parameters, (), *arguments)
        for _ in range(n_epochs):
            epoch(np.arange(40))
        return parameters, epoch

    monkeypatch.setattr(epochs, "WORTH_COMPILING", worth)
    actual, epoch = train(3)
    end = time.monotonic() + 60
    while worth < 1 and not epoch._is_compiled and time.monotonic() < end:
        time.sleep(0.01)
    assert epoch._is_compiled or worth > 1
    monkeypatch.setattr(epochs, "WORTH_COMPILING", 0)
    assert actual.tobytes() == train(3)[0].tobytes()
