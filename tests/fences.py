"""Arrays with something on both sides: bytes whose change is seen, or pages that nobody may touch."""

import ctypes
import functools
import inspect
import math
import mmap

import numpy as np

from fastnet import kernels, reference
from fastnet.kernels.runtime import arrays
from fastnet.kernels.step.inference import layerwise
from fastnet.kernels.tile import products
from fastnet.machine.cores import fixed_cores
from fastnet.measure.cases import CASES, run

GUARD_BYTES = 256
PATTERN = 0xA5

SMALL = [case for case in CASES if not case.realistic]
NETWORKS = [case for case in SMALL if "n_threads" in inspect.signature(getattr(kernels, case.operation)).parameters]
THREADED = [*NETWORKS, *(case for case in SMALL if case.operation.startswith(("linear", "matmul")))]


class Guards:
    """Makes arrays that lie between bytes of a pattern, and tells which of these have changed."""

    def __init__(self):
        self._made = []

    def make(self, shape, dtype=np.float64):
        """Return an array at the beginning of a cache line; its elements are of the pattern too."""
        n_bytes = bytes_of(shape, dtype)
        memory = np.full(n_bytes + 2 * GUARD_BYTES + arrays.LINE_BYTES, PATTERN, np.uint8)
        start = GUARD_BYTES + -(memory.ctypes.data + GUARD_BYTES) % arrays.LINE_BYTES
        self._made.append((memory[:start], memory[start + n_bytes :], f"{np.dtype(dtype)} {shape}"))
        return np.ndarray(shape, dtype, memory, start)

    def broken(self):
        """Describe the arrays beside which something was written."""
        return [name for before, after, name in self._made if (before != PATTERN).any() or (after != PATTERN).any()]


def make_fenced(shape, dtype=np.float64, at_end=True):
    """Return an array that ends where a page begins that cannot be touched; or else begins where one ends.

    It is full of NaN, or of numbers that as an index lead nowhere.
    """
    n_bytes, page = bytes_of(shape, dtype), mmap.PAGESIZE
    inner = -(-n_bytes // page) * page
    memory = mmap.mmap(-1, inner + 2 * page)
    address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    for fence in (address, address + page + inner):
        if ctypes.CDLL(None).mprotect(ctypes.c_void_p(fence), ctypes.c_size_t(page), 0):
            raise OSError("pages cannot be protected")
    array = np.ndarray(shape, dtype, memory, page + (inner - n_bytes if at_end else 0))
    array[...] = np.nan if array.dtype.kind == "f" else np.iinfo(array.dtype).max // 4
    return array


def bytes_of(shape, dtype):
    return int(math.prod(shape) if isinstance(shape, tuple) else shape) * np.dtype(dtype).itemsize


def replace_memory(monkeypatch, make):
    """Let kernels work in memory made by `make(shape, dtype)`, zero where they ask for that."""

    def zeros(shape, dtype=np.float64):
        array = make(shape, dtype)
        array[...] = 0
        return array

    monkeypatch.setattr(arrays, "empty", make)
    monkeypatch.setattr(arrays, "zeros", zeros)


def arguments_in(make, case, dtype):
    """Make a case's arguments, and `out` where the operation takes it, in arrays made by `make`."""

    def moved(value):
        if isinstance(value, tuple):
            return getattr(value, "_make", tuple)(map(moved, value))
        if not isinstance(value, np.ndarray):
            return value
        copy = make(value.shape, value.dtype)
        copy[...] = value
        return copy

    arguments = {name: moved(value) for name, value in case.arguments(dtype).items()}
    if "out" in inspect.signature(getattr(kernels, case.operation)).parameters:
        outs = tuple(make(shape, dtype) for shape in shapes_of_results(case, dtype))
        arguments["out"] = outs if len(outs) > 1 else outs[0]
    return arguments


@functools.cache
def shapes_of_results(case, dtype):
    """Return the shapes of the arrays that an operation returns."""
    return [one.shape for one in run(reference, case, case.arguments(dtype)) if isinstance(one, np.ndarray)]


def run_in(make, case, dtype, monkeypatch):
    """Run a case in arrays made by `make`: in one thread, and in two or three where it is one that threads share."""
    replace_memory(monkeypatch, make)
    for n_threads in (1, 2 + THREADED.index(case) % 2) if case in THREADED else (1,):
        if n_threads > 1:  # short calls are not shared out, and go another way
            monkeypatch.setattr(products, "FLOP_PER_THREAD", 1)
            monkeypatch.setattr(layerwise, "LARGEST_WIDTH", 0)
        with fixed_cores(n_threads):
            run(kernels, case, arguments_in(make, case, dtype))
