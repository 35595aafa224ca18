"""What a team of threads runs in one compiled call: steps of training, or inference.

The threads meet twice a step, or a few times more. Between the first meeting and the second each owns some tiles of
weights: their gradient, from all rows of the batch, and their update. Between the second and the next first each owns
some rows of the batch, from the gather to the gradients of every layer's outputs. Where a layer's outputs are many
and the rows are few, its forward is shared out by columns instead, with a meeting before and after it: the weights
that a thread updates are then the ones it reads, and stay in its second-level cache. A large batch goes through in
blocks of rows that stay in the second-level cache, and its gradient is kept between blocks.

Here stands who does what when; the work itself is done by parts (`fastnet.kernels.parts`), called by their addresses.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from fastnet._jit import inlined, part
from fastnet.kernels.barrier import meet
from fastnet.kernels.denormals import flush, restore
from fastnet.kernels.gemm import FIRST, VECTOR_BYTES, panels_of, share
from fastnet.kernels.measure import clock
from fastnet.kernels.narrow import owns_columns
from fastnet.kernels.parts import call
from fastnet.kernels.passes import write_ones
from fastnet.kernels.simd import TILE_ROWS, TILE_VECTORS
from fastnet.kernels.update_passes import rows_of
from fastnet.kernels.updates import PENALTY, fill_coefficients

PHASES = ("gather", "forward", "loss", "backward", "wait for rows", "update", "wait for weights")
"""What a thread does in a step, in order; the ticks that each took are counted."""

# NumPy integers: plain ones would be types of their own, and functions compiled anew for each.
_NUMBERS: list[Any] = [np.int64(i) for i in range(len(PHASES) + 1)]
GATHER, FORWARD, LOSS, BACKWARD, WAIT_ROWS, UPDATE, WAIT_WEIGHTS, LAST = _NUMBERS


@inlined
def _tick(s: Any, thread: int, phase: int) -> None:
    """Count the time since the last tick as that of a phase."""
    ticks, now = s.memory.ticks[thread], clock()
    ticks[phase] += now - ticks[LAST]
    ticks[LAST] = now


N_VECTORS = 3
"""Vectors that are packed: the parameters, and two of an optimizer's state."""


class Block(NamedTuple):
    """Rows of a batch that go through together."""

    start: int  # in the order of samples
    n_rows: int
    first_row: int  # within the batch
    step: int  # number of the step


@inlined
def _finish(
    s: Any, block: Block, layer: int, first: int, last: int, tiles: int, first_panel: int, last_panel: int
) -> None:
    """Apply a layer's activation, and dropout, to some panels of some rows; write the ones that follow the last panel.

    Dropout may change what pads the panel, so the ones come last.
    """
    values, layout = s.memory.values, s.layout
    if s.parts.finish[layer] != 0:
        call(s.parts.finish[layer], s, (layer, first, tiles, first_panel, last_panel))
    if s.parts.drop != 0 and layer < s.layout.n_in.size - 1 and s.run.rates[layer] > 0:
        call(s.parts.drop, s, (layer, first, last, first_panel, last_panel, block.first_row, block.step))
    if last_panel == panels_of(layout.n_out[layer], values.itemsize):
        step = s.run.capacity * (TILE_VECTORS * VECTOR_BYTES // values.itemsize)
        base = layout.values[layer + 1] * s.run.capacity
        write_ones(s.run.ones, layout.n_out[layer], first, last, values, base, step)


@inlined
def _forward_layers(s: Any, thread: int, n_threads: int, first_layer: int, block: Block) -> bool:
    """Carry a block forward; between layers shared out by rows threads need not meet."""
    n_rows = block.n_rows
    first, last, last_tile = rows_of(n_rows, thread, n_threads)
    all_tiles = (n_rows + TILE_ROWS - 1) // TILE_ROWS * TILE_ROWS
    by_columns = False
    for layer in range(first_layer, s.layout.n_in.size):
        before, by_columns = by_columns, s.run.by_columns[layer] != 0
        if (before or by_columns) and not meet(s.memory.barrier, n_threads):
            return False
        count = panels_of(s.layout.n_out[layer], s.memory.values.itemsize)
        begin, end, tiles, first_panel, last_panel = first, last, last_tile, FIRST, count
        if by_columns:
            begin, end, tiles = FIRST, n_rows, all_tiles
            first_panel, last_panel = share(count, thread, n_threads)
        multiply = s.parts.first_multiply if layer == 0 else s.parts.multiply
        call(multiply, s, (layer, begin, tiles, first_panel, last_panel, FIRST))
        _finish(s, block, layer, begin, end, tiles, first_panel, last_panel)
    return not by_columns or meet(s.memory.barrier, n_threads)


@inlined
def _narrow_forward(s: Any, thread: int, n_threads: int, block: Block) -> bool:
    """Carry a block through a narrow first layer; between its products and its sums the threads meet."""
    n_rows = block.n_rows
    call(s.parts.narrow_gather, s, (thread, n_threads, block.start, n_rows))
    if s.layout.narrow.direct == 0 and not meet(s.memory.barrier, n_threads):
        return False
    _tick(s, thread, GATHER)
    call(s.parts.narrow_multiply, s, (thread, n_threads, n_rows))
    _tick(s, thread, FORWARD)
    if not meet(s.memory.barrier, n_threads):
        return False
    _tick(s, thread, WAIT_WEIGHTS)
    first, last, last_tile = rows_of(n_rows, thread, n_threads)
    call(s.parts.narrow_add, s, (first, last, n_rows))
    _finish(s, block, FIRST, first, last, last_tile, FIRST, panels_of(s.layout.n_out[0], s.memory.values.itemsize))
    return True


@part
def train_rows(s: Any, thread: int, n_threads: int, start: int, n_rows: int, first_row: int, step: int) -> int:
    """Carry a block forward and back; return the count of a thread's correct answers, or -1 to stop."""
    block = Block(start, n_rows, first_row, step)
    first, last, last_tile = rows_of(n_rows, thread, n_threads)
    n_layers, first_layer = s.layout.n_in.size, FIRST
    if s.layout.narrow.groups > 0:
        if not _narrow_forward(s, thread, n_threads, block):
            return -1
        first_layer += 1
    else:
        call(s.parts.gather, s, (start, first, last))
        _tick(s, thread, GATHER)
    if not _forward_layers(s, thread, n_threads, first_layer, block):
        return -1
    _tick(s, thread, FORWARD)
    correct = call(s.parts.loss, s, (thread, start, first, last))
    _tick(s, thread, LOSS)
    for layer in range(n_layers - 1, 0, -1):
        panels = panels_of(s.layout.n_in[layer], s.memory.values.itemsize)
        call(s.parts.multiply, s, (layer, first, last_tile, FIRST, panels, FIRST + 1))
        if s.parts.undo[layer - 1] != 0:
            call(s.parts.undo[layer - 1], s, (layer - 1, first, last_tile))
    _tick(s, thread, BACKWARD)
    return correct  # type: ignore[no-any-return]


@inlined
def _begin_batch(s: Any, thread: int, batch: int, n: int, step: int) -> float:
    """Work out what a step's sums are divided by, and its coefficients; return the former."""
    divisor, samples, coefficients = float(n), s.samples, s.memory.coefficients[thread]
    if samples.weights.size > 0:
        divisor = 0.0
        for i in range(batch, batch + n):
            divisor += samples.weights[samples.order[i]]
    s.memory.divisors[thread, 0] = divisor
    fill_coefficients(s.run.optimizer, s.run.settings, step, coefficients)
    coefficients[PENALTY] = s.run.l2 / divisor
    return divisor


@inlined
def _update(s: Any, thread: int, n_threads: int, following: int, n_rows: int, goes_on: bool, stores: bool) -> None:
    """Gradient and update of a thread's own weights of every layer."""
    first_layer = FIRST
    if s.layout.narrow.groups > 0 or s.samples.sparse.n_words > 0:
        part = s.parts.first_store if stores else s.parts.first_update
        call(part, s, (thread, n_threads, following, n_rows, goes_on))
        first_layer += 1
    part = s.parts.store if stores else s.parts.update
    call(part, s, (thread, n_threads, first_layer, following, n_rows, goes_on))


@inlined
def _count_loss(s: Any, thread: int, n_rows: int) -> float:
    """Sum a block's losses: in one thread, in one order, whatever the count of threads."""
    total = 0.0
    if thread == 0:
        for r in range(n_rows):
            total += s.memory.row_losses[r]
    return total


@inlined
def _count_penalty(s: Any, thread: int) -> float:
    total = 0.0
    if thread == 0:
        for i in range(s.memory.penalties.size):
            total += s.memory.penalties[i]
    return 0.5 * s.run.l2 * total  # type: ignore[no-any-return]


@inlined
def _clip(s: Any, thread: int, n_threads: int) -> bool:
    """Update with the stored gradient, clipped; the threads have met before, and do so again at the end."""
    call(s.parts.squares, s, (thread, n_threads))
    if not meet(s.memory.barrier, n_threads):
        return False
    call(s.parts.clipped, s, (thread, n_threads))
    return meet(s.memory.barrier, n_threads)


@inlined
def _steps(s: Any, thread: int, n_threads: int) -> bool:
    """Take all steps; False if the team was told to stop."""
    totals, run, parts = s.memory.totals[thread], s.run, s.parts
    step, weighted, fused = s.memory.progress[0], s.samples.weights.size > 0, parts.clipped == 0
    s.memory.ticks[thread, LAST] = clock()
    waits = not fused or parts.penalty != 0 or not owns_columns(s.layout.narrow, n_threads)
    for batch in range(0, s.samples.order.size, run.batch_size):
        n = min(run.batch_size, s.samples.order.size - batch)
        step += 1
        divisor = _begin_batch(s, thread, batch, n, step)
        if parts.penalty != 0:
            call(parts.penalty, s, (thread, n_threads))
        loss = 0.0
        for start in range(0, n, run.block):
            n_rows = min(run.block, n - start)
            right = call(parts.rows, s, (thread, n_threads, batch + start, n_rows, start, step))
            totals[1] += right
            if right < 0 or not meet(s.memory.barrier, n_threads):
                return False
            _tick(s, thread, WAIT_ROWS)
            stores = not fused or start + run.block < n or parts.update == 0
            _update(s, thread, n_threads, batch + start + n_rows, n_rows, start > 0, stores)
            loss += _count_loss(s, thread, n_rows)
            if parts.penalty != 0 and start == 0:
                totals[2] += _count_penalty(s, thread) / divisor * n
            _tick(s, thread, UPDATE)
            if waits:
                if not meet(s.memory.barrier, n_threads):
                    return False
                _tick(s, thread, WAIT_WEIGHTS)
        totals[0] += loss / divisor * n if weighted else loss
        if not fused:
            if not _clip(s, thread, n_threads):
                return False
            _tick(s, thread, UPDATE)
    return True


@part
def train(s: Any, thread: int, n_threads: int) -> int:
    """Pack parameters and optimizer state, take all steps, and unpack them again; what a thread of the team does."""
    for i in range(N_VECTORS):
        call(s.parts.pack, s, (thread, n_threads, i))
    if not meet(s.memory.barrier, n_threads):
        return 0
    call(s.parts.transpose, s, (thread, n_threads))
    if not meet(s.memory.barrier, n_threads):
        return 0
    state = flush()
    done = _steps(s, thread, n_threads)
    restore(state)
    if done and meet(s.memory.barrier, n_threads):
        for i in range(N_VECTORS):
            call(s.parts.unpack, s, (thread, n_threads, i))
    return 0


@part
def predict(s: Any, thread: int, n_threads: int) -> int:
    """Carry a thread's rows through all layers, a block of them at a time, in rows of its own of all panels."""
    call(s.parts.pack, s, (thread, n_threads, 0))
    if not meet(s.memory.barrier, n_threads):
        return 0
    n_samples, block = s.samples.order.size, s.run.block
    first, last, _ = rows_of(n_samples, thread, n_threads)
    own = thread * block
    for start in range(first, last, block):
        n_rows = min(block, last - start)
        tiles = own + (n_rows + TILE_ROWS - 1) // TILE_ROWS * TILE_ROWS
        call(s.parts.gather, s, (start - own, own, own + n_rows))
        for layer in range(s.layout.n_in.size):
            panels = panels_of(s.layout.n_out[layer], s.memory.values.itemsize)
            call(s.parts.multiply, s, (layer, own, tiles, FIRST, panels, FIRST))
            _finish(s, Block(start, n_rows, FIRST, FIRST), layer, own, own + n_rows, tiles, FIRST, panels)
        call(s.parts.unpack, s, (start - own, own, own + n_rows))
    return 0
