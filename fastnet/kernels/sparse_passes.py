"""The parts of a training step of a first layer whose inputs are mostly zeros (`fastnet.kernels.sparse`).

Forward, the entries of a sample pick rows of W, whose sum the sample's outputs are. For the gradient it is the other
way round: the entries of a column pick samples, whose gradients are summed. Where these are tells the same square of
bits, transposed. Forward goes through all rows a block of columns at a time, the gradient through all columns 64 rows
at a time, so that what is picked lies in the first-level cache.
"""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

from fastnet._jit import inlined, part
from fastnet.kernels.bits import WORD, count_bits, transpose_bits
from fastnet.kernels.gemm import FIRST, VECTOR_BYTES, panels_of, share
from fastnet.kernels.moves import CHUNK_BYTES, prefetch
from fastnet.kernels.simd import TILE_VECTORS
from fastnet.kernels.sparse import MOST_PANELS
from fastnet.kernels.sparse_tiles import (
    column_sums_1,
    column_sums_2,
    column_sums_3,
    column_sums_4,
    row_sums_1,
    row_sums_2,
    row_sums_3,
    row_sums_4,
)
from fastnet.kernels.update_passes import rows_ahead
from fastnet.kernels.updates import NONE
from fastnet.kernels.vector_updates import update_run


class ValuesAhead(NamedTuple):
    """How far the values of the samples that are gathered next were brought nearer."""

    row: int  # of the order
    last: int
    line: int  # in bytes of the values
    end: int  # of the row before


@inlined
def _row_sums(
    panels: int, words: Any, positions: Any, w0: int, n_words: int, values: Any, b: Any, b0: int, b_panel: int, c: Any,
    c0: int, c_panel: int,
) -> None:  # fmt: skip
    """Add the rows of some panels of B that bits of some words pick to a row of C."""
    if panels == 4:
        row_sums_4(words, positions, w0, n_words, values, b, b0, b_panel, c, c0, c_panel)
    elif panels == 3:
        row_sums_3(words, positions, w0, n_words, values, b, b0, b_panel, c, c0, c_panel)
    elif panels == 2:
        row_sums_2(words, positions, w0, n_words, values, b, b0, b_panel, c, c0, c_panel)
    else:
        row_sums_1(words, positions, w0, n_words, values, b, b0, b_panel, c, c0, c_panel)


@inlined
def _column_sums(
    panels: int, word: Any, cursors: Any, values: Any, b: Any, b0: int, b_panel: int, c: Any, c0: int, c_panel: int
) -> None:
    """Add the rows of some panels of B that the bits of a word pick to a row of C."""
    if panels == 4:
        column_sums_4(word, cursors, values, b, b0, b_panel, c, c0, c_panel)
    elif panels == 3:
        column_sums_3(word, cursors, values, b, b0, b_panel, c, c0, c_panel)
    elif panels == 2:
        column_sums_2(word, cursors, values, b, b0, b_panel, c, c0, c_panel)
    else:
        column_sums_1(word, cursors, values, b, b0, b_panel, c, c0, c_panel)


@inlined
def _count_groups(panels: int) -> int:
    """Count the groups of panels that a tile takes at once."""
    return (panels + MOST_PANELS - 1) // MOST_PANELS


@part
def find_entries(s: Any, start: int, first: int, last: int) -> int:
    """Note where the entries of rows [first, last) of the block at `start` are; values are read where they lie."""
    words, positions, order, labels = s.memory.words, s.memory.positions, s.samples.order, s.samples.labels
    all_words, starts, n_words = s.samples.sparse.words, s.samples.sparse.starts, s.samples.sparse.n_words
    for r in range(first, last):
        sample = order[start + r]
        position = starts[sample]
        for i in range(n_words):
            word = all_words[sample, i]
            words[r * n_words + i], positions[r * n_words + i] = word, position
            position += count_bits(word)
        prefetch(labels, sample * labels.itemsize)
    return 0


@part
def multiply(s: Any, _layer: int, first: int, last: int, first_panel: int, last_panel: int, _back: int) -> int:
    """Write the first layer's sums, some panels of some rows."""
    words, positions, values, packed = s.memory.words, s.memory.positions, s.memory.values, s.weights.packed
    n_words, block_words, entries = s.samples.sparse.n_words, s.samples.sparse.block_words, s.samples.sparse.values
    width = TILE_VECTORS * VECTOR_BYTES // values.itemsize
    step, depth, n_in = s.run.capacity * width, s.layout.depth[0] * width, s.layout.n_in[0]
    n_groups, zero = _count_groups(last_panel - first_panel), values.dtype.type(0)
    for group in range(n_groups):
        begin, end = share(last_panel - first_panel, group, n_groups)
        b0, c0 = s.layout.packed[0] + (first_panel + begin) * depth, s.layout.values[1] * s.run.capacity
        c0 += (first_panel + begin) * step
        for i in range(end - begin):
            panel = values[c0 + i * step + first * width : c0 + i * step + last * width]
            for j in range(panel.size):
                panel[j] = zero
        for word in range(0, n_words, block_words):
            count = min(block_words, n_words - word)
            for r in range(first, last):
                _row_sums(
                    end - begin, words, positions, r * n_words + word, count, entries, packed,
                    b0 + word * WORD * width, depth, values, c0 + r * width, step,
                )  # fmt: skip
        for i in range(end - begin):
            bias = packed[b0 + i * depth + n_in * width : b0 + i * depth + (n_in + 1) * width]
            _add_bias(bias, s.run.ones, first, last, values[c0 + i * step : c0 + (i + 1) * step])
    return 0


@inlined
def _add_bias(bias: Any, ones: float, first: int, last: int, panel: Any) -> None:
    """Add the biases, times one or zero, to some rows of a panel: the last product of every chain."""
    one = panel.dtype.type(ones)
    for r in range(first, last):
        row = panel[r * bias.size : (r + 1) * bias.size]
        for j in range(bias.size):
            row[j] += one * bias[j]


@functools.cache
def make_update(code: int, penalised: int) -> Any:
    """Return the part that makes the gradient of a thread's own weights and updates them, or stores it.

    Threads take turns at words of columns and groups of panels; or share out the panels, if they did so forward.
    """

    @part
    def update(s: Any, thread: int, n_threads: int, following: int, n_rows: int, goes_on: int) -> int:
        rows = rows_ahead(s, following, thread, n_threads)
        ahead = ValuesAhead(rows.row, rows.last, FIRST, FIRST)
        first_panel, last_panel = FIRST, panels_of(s.layout.n_out[0], s.weights.packed.itemsize)
        item, turn = thread, n_threads
        if s.run.by_columns[0] != 0:
            first_panel, last_panel = share(last_panel, thread, n_threads)
            item, turn = FIRST, FIRST + 1
        n_groups, n_words = _count_groups(last_panel - first_panel), s.samples.sparse.n_words
        while item < n_groups * n_words:
            group, word = item // n_words, item % n_words  # groups differ in size, words in entries
            begin, end = share(last_panel - first_panel, group, n_groups)
            ahead = _update_word(
                code, penalised, s, thread, word, first_panel + begin, end - begin, n_rows, goes_on != 0, ahead
            )
            item += turn
        return 0

    return update


@inlined
def _start(goes_on: bool, stored: Any, gradient: Any) -> None:
    """Let a gradient go on from what is stored, or start at zero."""
    zero = gradient.dtype.type(0)
    for i in range(gradient.size):
        gradient[i] = stored[i] if goes_on else zero


@inlined
def _update_word(
    code: int, penalised: int, s: Any, thread: int, word: int, panel: int, panels: int, n_rows: int, goes_on: bool,
    ahead: ValuesAhead,
) -> ValuesAhead:  # fmt: skip
    """Gradient and update of the weights of a word of columns, in some panels."""
    weights, n_in = s.weights, s.layout.n_in[0]
    lanes = VECTOR_BYTES // weights.packed.itemsize
    width, depth = TILE_VECTORS * lanes, s.layout.depth[0] * (TILE_VECTORS * lanes)
    columns = min(WORD, n_in - word * WORD)
    rows = columns + int((word + 1) * WORD >= n_in)  # with that of the biases
    start = s.layout.packed[0] + panel * depth + word * WORD * width
    target, t0, t_panel = weights.gradient, start, depth
    if code != NONE:
        target, t0, t_panel = s.memory.word_gradients[thread], FIRST, (WORD + 1) * width
    for i in range(panels):
        if not goes_on or code != NONE:
            stored = weights.gradient[start + i * depth : start + i * depth + rows * width]
            _start(goes_on, stored, target[t0 + i * t_panel : t0 + i * t_panel + rows * width])
    for row in range(0, n_rows, WORD):
        count = min(WORD, n_rows - row)
        ahead = _add_gradients(s, thread, word, columns, panel, panels, row, count, target, t0, t_panel, ahead)
        if rows > columns:
            _add_bias_gradients(s, panel, panels, row, count, target, t0 + columns * width, t_panel)
    if code != NONE:
        for i in range(panels):
            update_run(
                code, penalised, columns * TILE_VECTORS, s.memory.coefficients[thread], weights.packed, weights.slot0,
                weights.slot1, start + i * depth, target, t0 + i * t_panel, rows * TILE_VECTORS, lanes,
            )  # fmt: skip
    return ahead


@inlined
def _add_gradients(
    s: Any, thread: int, word: int, columns: int, panel: int, panels: int, row: int, n_rows: int, target: Any, t0: int,
    t_panel: int, ahead: ValuesAhead,
) -> ValuesAhead:  # fmt: skip
    """Add what up to 64 rows give to the gradient of a word of columns."""
    words, positions, gradients, entries = (
        s.memory.words,
        s.memory.positions,
        s.memory.gradients,
        s.samples.sparse.values,
    )
    square, cursors, n_words = s.memory.squares_of_bits[thread], s.memory.cursors[thread], s.samples.sparse.n_words
    width = TILE_VECTORS * VECTOR_BYTES // gradients.itemsize
    step = s.run.capacity * width
    d0 = (s.layout.values[1] * s.run.capacity + panel * step) + row * width
    for r in range(WORD):
        square[r] = 0
    for r in range(n_rows):
        square[r], cursors[r] = words[(row + r) * n_words + word], positions[(row + r) * n_words + word]
        prefetch(entries, cursors[r] * entries.itemsize)
    transpose_bits(square)
    for k in range(columns):
        if square[k] != 0:
            _column_sums(panels, square[k], cursors, entries, gradients, d0, step, target, t0 + k * width, t_panel)
        ahead = _prefetch_ahead(s.samples.sparse, s.samples.order, ahead)
    return ahead


@inlined
def _add_bias_gradients(
    s: Any, panel: int, panels: int, row: int, n_rows: int, target: Any, t0: int, t_panel: int
) -> None:
    """Add what some rows give to the gradient of the biases: one times it, or zero times."""
    gradients, width = s.memory.gradients, TILE_VECTORS * VECTOR_BYTES // s.memory.gradients.itemsize
    one, step = gradients.dtype.type(s.run.ones), s.run.capacity * width
    for i in range(panels):
        d0, own = s.layout.values[1] * s.run.capacity + (panel + i) * step, target[t0 + i * t_panel :]
        for r in range(row, row + n_rows):
            given = gradients[d0 + r * width : d0 + (r + 1) * width]
            for j in range(width):
                own[j] += one * given[j]


@inlined
def _prefetch_ahead(sparse: Any, order: Any, ahead: ValuesAhead) -> ValuesAhead:
    """Ask for a cache line more of the samples that are gathered next."""
    row, last, line, end = ahead
    if line >= end:
        if row >= last:
            return ahead
        sample, size = order[row], sparse.values.itemsize
        line, end, row = sparse.starts[sample] * size, sparse.starts[sample + 1] * size, row + 1
        prefetch(sparse.words, sample * sparse.n_words * (WORD // 8))
    prefetch(sparse.values, line)
    return ValuesAhead(row, last, line + CHUNK_BYTES, end)
