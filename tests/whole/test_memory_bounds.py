"""Kernels run without checks of bounds: nothing beside an array is written, and nothing that may be absent is read."""

import faulthandler
import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse
from fences import SMALL, THREADED, Guards, make_fenced, replace_memory, run_in

from fastnet import kernels
from fastnet.kernels.step.inference.few_rows import predict_rows
from fastnet.measure.cases import DTYPES, Training
from fastnet.reference import layer_slices

OPERATIONS = sorted({case.operation for case in SMALL})


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("operation", OPERATIONS)
def test_nothing_beside_an_array_is_written(operation, dtype, monkeypatch):
    for case in SMALL:
        if case.operation == operation:
            guards = Guards()
            run_in(guards.make, case, dtype, monkeypatch)
            assert guards.broken() == [], case


def csr(make, x):
    """Return a CSR matrix of a dense one, with its entries in arrays made by `make`."""
    matrix = scipy.sparse.csr_matrix(x)
    parts = []
    for part in (matrix.data, matrix.indices, matrix.indptr):
        parts.append(make(part.shape, part.dtype))
        parts[-1][...] = part
    return scipy.sparse.csr_matrix(tuple(parts), shape=x.shape, copy=False)


def train_on_csr(make, dtype, monkeypatch):
    """Train on a sparse matrix; on one thread, so that its part of the memory is the last."""
    replace_memory(monkeypatch, make)
    for n_in in (31, 64, 70):
        arguments = Training(41, (n_in, 33, 3), ("tanh",), "cross_entropy", "adam", 16, filled=0.2).make(
            np.dtype(dtype), np.random.default_rng(1)
        )
        kernels.train_epoch(**{**arguments, "x": csr(make, arguments["x"])}, n_threads=1)


def predict_some_rows(make, dtype):
    """Predict rows one by one, whose working memory is the caller's."""
    rng = np.random.default_rng(1)
    for sizes in ((1, 1), (5, 33, 2), (70, 7, 300, 129)):
        n_parameters = max(b.stop for _, b in layer_slices(sizes))
        parameters, x = make((n_parameters,), dtype), make((3, sizes[0]), dtype)
        parameters[...], x[...] = rng.normal(size=n_parameters), rng.normal(size=x.shape)
        for one in (parameters, x):
            one.flags.writeable = False
        codes = np.zeros(len(sizes) - 1, np.int64)
        logits = make((3, sizes[-1]), dtype)
        predict_rows(parameters, x, 1.0, np.array(sizes), codes, make((2, max(sizes)), dtype), logits)


@pytest.mark.parametrize("dtype", DTYPES)
def test_nothing_beside_the_entries_of_a_sparse_matrix_or_the_buffers_of_a_row_is_written(dtype, monkeypatch):
    guards = Guards()
    train_on_csr(guards.make, dtype, monkeypatch)
    predict_some_rows(guards.make, dtype)
    assert guards.broken() == []


def make_fenced_numbers(make, plain, shape, dtype=np.float64, **more):
    """Make an array of numbers by `make`; NumPy itself wants some of other things."""
    return make(shape, dtype) if np.dtype(dtype).kind in "fiu" and not more else plain(shape, dtype, **more)


def touch_memory(dtype):
    """Run everything on arrays that end, and then on arrays that begin, beside pages that end the process if touched.

    All numbers that NumPy has to make room for lie so too. The case that ran last is the last one printed.
    """
    faulthandler.enable()
    monkeypatch, plain = pytest.MonkeyPatch(), np.empty
    for at_end in (True, False):
        make = partial(make_fenced, at_end=at_end)
        numbers = partial(make_fenced_numbers, make, plain)
        monkeypatch.setattr(np, "empty", numbers)
        for case in SMALL if at_end else THREADED:
            print(case, "at the end" if at_end else "at the beginning", flush=True)
            run_in(make, case, dtype, monkeypatch)
        train_on_csr(make, dtype, monkeypatch)
        predict_some_rows(make, dtype)


SCRIPT = """
import sys
sys.path.insert(0, sys.argv[1])
import test_memory_bounds
test_memory_bounds.touch_memory(sys.argv[2])
"""


def assert_nothing_is_touched(dtype, **more):
    folder = Path(__file__).parent
    path = os.pathsep.join([str(folder.parents[1]), *filter(None, sys.path)])
    finished = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(folder), dtype],
        env={**os.environ, **more, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=1500,
        check=False,
    )
    assert finished.returncode == 0, (finished.stdout.splitlines()[-1:], finished.stderr)


pages = pytest.mark.skipif(sys.platform != "linux", reason="pages are protected by a function of Linux")
exhaustive = pytest.mark.exhaustive


@pages
@pytest.mark.parametrize("dtype", ["float32", pytest.param("float64", marks=exhaustive)])
def test_nothing_beyond_an_array_is_read(dtype):
    assert_nothing_is_touched(dtype)


@pages
@exhaustive
@pytest.mark.parametrize("bits", ["128", "256"])
def test_nothing_beyond_an_array_is_read_in_vectors_of_any_width(bits):
    assert_nothing_is_touched("float32", FASTNET_VECTOR_BITS=bits)
