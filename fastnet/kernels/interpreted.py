"""Stand-ins for emitted code where NUMBA_DISABLE_JIT is set: the same functions as plain Python.

They are slow and only there so that every other line of the kernels can be run, and seen by coverage, without
a compiler. Results agree with compiled ones to rounding.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from fastnet.kernels.updates import PENALTY
from fastnet.reference.dropout import GOLDEN, dropout_key


def _view(array: Any, start: int, shape: tuple[int, ...], strides: tuple[int, ...]) -> Any:
    in_bytes = tuple(stride * array.itemsize for stride in strides)
    return np.lib.stride_tricks.as_strided(array.reshape(-1)[start:], shape, in_bytes)


def make_row_tile(
    rows_of: Callable[[int], int], width_of: Callable[[int], int], columns_of: Callable[[int], int]
) -> Any:
    """Return the row tile, `columns_of(itemsize)` columns of a panel."""

    @np.errstate(all="ignore")  # what pads a panel may hold anything
    def row_tile(
        a: Any, a0: int, a_panel: int, b: Any, b0: int, n_panels: int, n_left: int, c: Any, c0: int, goes_on: bool
    ) -> None:
        rows, width, columns = rows_of(c.itemsize), width_of(c.itemsize), columns_of(c.itemsize)
        target = _view(c, c0, (rows, columns), (width, 1))
        total = target.copy() if goes_on else np.zeros((rows, columns), c.dtype)
        for panel in range(n_panels + (n_left > 0)):
            depth = width if panel < n_panels else n_left
            left = _view(a, a0 + panel * a_panel, (rows, depth), (width, 1))
            total += left @ _view(b, b0 + panel * width * width, (depth, columns), (width, 1))
        target[:] = total

    return row_tile


def make_weight_tile(
    rows_of: Callable[[int], int], width_of: Callable[[int], int], columns_of: Callable[[int], int], update_run: Any
) -> Any:
    """Return the weight tile, `columns_of(itemsize)` columns of a panel."""

    @np.errstate(all="ignore")
    def weight_tile(
        a: Any, a0: int, b: Any, b0: int, n_rows: int, goes_on: bool, gradient: Any, w0: int, target: Any, t0: int,
        waiting: bool, code: int, penalised: int, n_penalised: int, coefficients: Any, p: Any, slot0: Any, slot1: Any,
        u0: int, g: Any, g0: int, count: int, pitch: int,
    ) -> None:  # fmt: skip
        rows, width, columns = rows_of(p.itemsize), width_of(p.itemsize), columns_of(p.itemsize)
        left = _view(a, a0, (rows, n_rows), (1, width))
        total = left @ _view(b, b0, (n_rows, columns), (width, 1))
        if goes_on:
            total = total + _view(gradient, w0, (rows, columns), (width, 1))
        if waiting:
            update_run(code, penalised, n_penalised, coefficients, p, slot0, slot1, u0, g, g0, count, pitch)
        _view(target, t0, (rows, columns), (width, 1))[:] = total

    return weight_tile


def make_update(lanes_of: Callable[[int], int]) -> Any:
    """Return the update of vectors at equal distances."""

    @np.errstate(all="ignore")
    def update_run(
        code: int, penalised: int, n_penalised: int, coefficients: Any, p: Any, slot0: Any, slot1: Any, u0: int,
        g: Any, g0: int, count: int, pitch: int,
    ) -> None:  # fmt: skip
        shape, own = (count, lanes_of(p.itemsize)), min(count, n_penalised)
        formula: Any = (sgd, momentum, adam, adam)[code]
        n_slots = (0, 1, 2, 2)[code]
        targets = [_view(array, u0, shape, (pitch, 1)) for array in (p, slot0, slot1)[: 1 + n_slots]]
        gradient = _view(g, g0, shape, (pitch, 1)).copy()
        if penalised:
            gradient[:own] += coefficients[PENALTY] * targets[0][:own]
        after = formula(*targets, *[None] * (2 - n_slots), gradient, coefficients)
        for target, value in zip(targets, after, strict=False):
            target[:] = value

    return update_run


def bits_at(x: Any, at: int) -> np.uint64:
    """Tell which of 64 numbers are not zero."""
    return np.packbits(x[at : at + 64] != 0, bitorder="little").view(np.uint64)[0]  # type: ignore[no-any-return]


def count_bits(word: Any) -> int:
    """How many bits are set."""
    return int(word).bit_count()


def lowest_bit(word: Any) -> int:
    """Index of the first bit that is set."""
    return (int(word) & -int(word)).bit_length() - 1


def _set_bits(word: Any) -> Any:
    return np.flatnonzero(np.unpackbits(np.array([word], np.uint64).view(np.uint8), bitorder="little"))


def make_sums(lanes_of: Callable[[int], int], panel_vectors: int) -> Any:
    """Return the sums of the rows that bits of words pick: a row's, and a column's."""

    @np.errstate(all="ignore")
    def add(vectors: int, bits: Any, x: Any, b: Any, b0: int, b_panel: int, c: Any, c0: int, c_panel: int) -> None:
        lanes = lanes_of(c.itemsize)
        for vector in range(vectors):
            panel, column = vector // panel_vectors, vector % panel_vectors * lanes
            rows = b[b0 + panel * b_panel + bits[:, None] * (panel_vectors * lanes) + column + np.arange(lanes)]
            target = c0 + panel * c_panel + column
            c[target : target + lanes] += x @ rows

    def row_sums(
        vectors: int, words: Any, positions: Any, w0: int, w_step: int, n_words: int, values: Any, *matrices: Any
    ) -> None:
        for i in range(n_words):
            bits, first = i * 64 + _set_bits(words[w0 + i * w_step]), positions[w0 + i * w_step]
            add(vectors, bits, values[first : first + len(bits)], *matrices)

    def column_sums(vectors: int, word: Any, cursors: Any, values: Any, *matrices: Any) -> None:
        bits = _set_bits(word)
        add(vectors, bits, values[cursors[bits]], *matrices)
        cursors[bits] += 1

    return row_sums, column_sums


def make_dot_tile(outputs: int, chunk_bytes: int) -> Any:
    """Return the tile of dot products."""

    @np.errstate(all="ignore")
    def dot_tile(
        x: Any, x0: int, x1: int, _ahead: int, w: Any, w0: int, w_step: int, n_chunks: int, sums: Any, s0: int,
        s_step: int,
    ) -> None:  # fmt: skip
        n = n_chunks * chunk_bytes // x.itemsize
        rows = _view(w, w0, (outputs, n), (w_step, 1))
        for i, at in enumerate((x0, x1)):
            sums[s0 + i * s_step : s0 + i * s_step + outputs] = rows @ x[at : at + n]

    return dot_tile


def make_outer_tile(outputs: int, chunk_bytes: int) -> Any:
    """Return the tile of outer products."""

    @np.errstate(all="ignore")
    def outer_tile(
        x: Any, places: Any, _ahead: Any, column: int, n_rows: int, d: Any, d_at: Any, d_step: int, gradient: Any,
        g0: int, g_step: int, goes_on: bool,
    ) -> None:  # fmt: skip
        n = chunk_bytes // x.itemsize
        rows = np.stack([x[at + column : at + column + n] for at in places[:n_rows]])
        numbers = np.stack([_view(d, at, (n_rows,), (d_step,)) for at in d_at[:outputs]])
        target = _view(gradient, g0, (outputs, n), (g_step, 1))
        target[:] = numbers @ rows + (target if goes_on else 0)

    return outer_tile


def make_transpose(rows: int, width_of: Callable[[int], int]) -> Any:
    """Return the transposition of a tile."""

    def transpose_tile(a: Any, a0: int, b: Any, b0: int) -> None:
        width = width_of(a.itemsize)
        _view(b, b0, (width, rows), (width, 1))[:] = _view(a, a0, (rows, width), (width, 1)).T

    return transpose_tile


def make_copy(size: int) -> Any:
    """Return the scaled copy of `size` bytes."""

    def copy(source: Any, s0: int, target: Any, t0: int, scale: Any) -> None:
        count = size // target.itemsize
        target[t0 : t0 + count] = source[s0 : s0 + count].astype(target.dtype) * scale

    return copy


@np.errstate(all="ignore")
def multiply_row(x: Any, x0: int, w: Any, w0: int, n_in: int, n_out: int, z: Any) -> None:
    """z += x @ W."""
    z[:n_out] += x[x0 : x0 + n_in] @ w[w0 : w0 + n_in * n_out].reshape(n_in, n_out)


def call(part: Any, state: Any, numbers: tuple[int, ...]) -> int:
    """Call a part, which is given instead of its address."""
    returned: int = part(state, *numbers)
    return returned


def sgd(p: Any, slot0: Any, slot1: Any, g: Any, c: Any) -> tuple[Any, Any, Any]:
    """`fastnet.kernels.updates.sgd`."""
    return p - c[0] * g, slot0, slot1


def momentum(p: Any, v: Any, slot1: Any, g: Any, c: Any) -> tuple[Any, Any, Any]:
    """`fastnet.kernels.updates.momentum`."""
    v = c[1] * v - c[0] * g
    return p + (c[2] * v - c[3] * (c[0] * g)), v, slot1


def adam(p: Any, m: Any, v: Any, g: Any, c: Any) -> tuple[Any, Any, Any]:
    """`fastnet.kernels.updates.adam`."""
    m, v = c[1] * m + c[2] * g, c[3] * v + c[4] * (g * g)
    return p - c[6] * p - c[0] * m / (np.sqrt(v) + c[5]), m, v


def clock() -> int:
    """Nanoseconds."""
    return time.perf_counter_ns()


def prefetch(_array: Any, _offset: int) -> None:
    """Leave caches to themselves."""


def fma_chains(_rounds: int, start: Any) -> Any:
    """There is no roof to measure."""
    return start


def read_vectors(array: Any, start: int, rounds: int) -> Any:
    """Read a little, since there is no bandwidth to measure."""
    return array[start : start + rounds].sum()


def exp(x: Any) -> Any:
    """exp, inf where it overflows."""
    with np.errstate(over="ignore", under="ignore"):
        return np.exp(x)


def expm1(x: Any) -> Any:
    """exp(x) - 1, 0 for x above 0."""
    return np.expm1(np.minimum(x, 0))


def log(x: Any) -> Any:
    """Natural logarithm."""
    return np.log(x)


def log1p(x: Any) -> Any:
    """log(1 + x)."""
    return np.log1p(x)


def choose(condition: Any, x: Any, y: Any) -> Any:
    """Return x if the condition holds, else y."""
    return x if condition else y


def like(value: float, x: Any) -> Any:
    """Round a constant to the type of x."""
    return type(x)(value)


def fma(x: Any, y: Any, z: Any) -> Any:
    """x * y + z, rounded twice."""
    return x * y + z


def relu(x: Any) -> Any:
    """0 where x <= 0, else x."""
    return type(x)(0) if x <= 0 else x


def relu_gradient(dy: Any, y: Any) -> Any:
    """Choose dy where y > 0, y where that is NaN, else 0."""
    return dy if y > 0 else (type(y)(0) if y <= 0 else y)


def sigmoid(x: Any) -> Any:
    """1 / (1 + exp(-x)) without overflow."""
    small = exp(-abs(x))
    return (small if x <= 0 else type(x)(1)) / (1 + small)


def tanh(x: Any) -> Any:
    """Hyperbolic tangent."""
    return np.tanh(x)


def _mix(h: int) -> int:
    h = (h ^ h >> 16) * 0x85EBCA6B & 0xFFFFFFFF
    h = (h ^ h >> 13) * 0xC2B2AE35 & 0xFFFFFFFF
    return h ^ h >> 16


def mix_row(key: int, row: int) -> int:
    """Mix a row into the key."""
    return _mix(key ^ (row + GOLDEN & 0xFFFFFFFF))


def is_kept(mixed_row: int, column: int, threshold: int) -> bool:
    """Tell whether the draw of a column reaches the threshold."""
    return _mix(mixed_row ^ column & 0xFFFFFFFF) >= threshold


def key_of(seed: int, step: int, layer: int) -> int:
    """`dropout_key`, for a seed as a signed number of the same bits."""
    return dropout_key(int(seed) & 0xFFFFFFFFFFFFFFFF, int(step), int(layer))


def flush() -> int:
    """Leave denormal numbers alone."""
    return 0


def restore(_state: int) -> None:
    """There is nothing to restore."""


def meet(_barrier: Any, _n_threads: int) -> bool:
    """Teams are of one thread."""
    return True
