"""A block of rows in training: what each thread of a team does with it, from the gather to the update.

The threads meet twice, or a few times more. Before the first barrier each owns some rows of the block, from the gather
to the gradients of every layer's outputs. After it each owns some tiles of weights: their gradient, from all rows of
the block, and their update. Where a layer's outputs are many and the rows are few, its forward is shared out by columns
instead, with a barrier before and after it: the weights that a thread updates are then the ones it reads, and stay in
its second-level cache. A large batch goes through in blocks of rows that stay in the second-level cache, and its
gradient is kept between blocks.

Here stands who does what when; the work itself is done by parts (`fastnet.kernels.parts`), called by their addresses.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from fastnet._jit import inlined, part
from fastnet.kernels.barrier import synchronise
from fastnet.kernels.claims import share
from fastnet.kernels.denormals import flush, restore
from fastnet.kernels.elastic import IN_TURN
from fastnet.kernels.gemm import FIRST, VECTOR_BYTES, panels_of
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
def tick(s: Any, thread: int, phase: int) -> None:
    """Count the time since the last tick as that of a phase."""
    ticks, now = s.memory.ticks[thread], clock()
    ticks[phase] += now - ticks[LAST]
    ticks[LAST] = now


LOSS_SUM, N_CORRECT, PENALTY_SUM, BATCH_LOSS = (np.int64(i) for i in range(4))
"""What a thread's totals are: sums over an epoch, and the loss of the batch that is under way."""


class Block(NamedTuple):
    """Rows of a batch that go through together."""

    start: int  # in the order of samples
    n_rows: int
    first_row: int  # within the batch
    step: int  # number of the step
    n_batch: int  # rows of the batch


@inlined
def meet(s: Any, n_threads: int) -> None:
    """Wait for the other threads of the team."""
    synchronise(s.memory.control, IN_TURN, n_threads)


@inlined
def blocks_of(n_rows: int, size: int) -> int:
    """Count the blocks of at most so many rows."""
    return (n_rows + size - 1) // size


@inlined
def finish(
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
def _forward_layers(s: Any, thread: int, n_threads: int, first_layer: int, block: Block) -> None:
    """Carry a block forward; between layers shared out by rows threads need not meet."""
    n_rows = block.n_rows
    first, last, last_tile = rows_of(n_rows, thread, n_threads)
    all_tiles = (n_rows + TILE_ROWS - 1) // TILE_ROWS * TILE_ROWS
    by_columns = False
    for layer in range(first_layer, s.layout.n_in.size):
        before, by_columns = by_columns, s.run.by_columns[layer] != 0
        if before or by_columns:
            meet(s, n_threads)
        count = panels_of(s.layout.n_out[layer], s.memory.values.itemsize)
        begin, end, tiles, first_panel, last_panel = first, last, last_tile, FIRST, count
        if by_columns:
            begin, end, tiles = FIRST, n_rows, all_tiles
            first_panel, last_panel = share(count, thread, n_threads)
        multiply = s.parts.first_multiply if layer == 0 else s.parts.multiply
        call(multiply, s, (layer, begin, tiles, first_panel, last_panel, FIRST))
        finish(s, block, layer, begin, end, tiles, first_panel, last_panel)
    if by_columns:
        meet(s, n_threads)


@inlined
def _narrow_forward(s: Any, thread: int, n_threads: int, block: Block) -> None:
    """Carry a block through a narrow first layer; between its products and its sums the threads meet."""
    n_rows = block.n_rows
    call(s.parts.narrow_gather, s, (thread, n_threads, block.start, n_rows))
    if s.layout.narrow.direct == 0:
        meet(s, n_threads)
    tick(s, thread, GATHER)
    call(s.parts.narrow_multiply, s, (thread, n_threads, n_rows))
    tick(s, thread, FORWARD)
    meet(s, n_threads)
    tick(s, thread, WAIT_WEIGHTS)
    first, last, last_tile = rows_of(n_rows, thread, n_threads)
    call(s.parts.narrow_add, s, (first, last, n_rows))
    finish(s, block, FIRST, first, last, last_tile, FIRST, panels_of(s.layout.n_out[0], s.memory.values.itemsize))


@part
def train_rows(s: Any, thread: int, n_threads: int, start: int, n_rows: int, first_row: int, step: int) -> int:
    """Carry a block forward and back; return the count of a thread's correct answers."""
    block = Block(start, n_rows, first_row, step, FIRST)
    first, last, last_tile = rows_of(n_rows, thread, n_threads)
    n_layers, first_layer = s.layout.n_in.size, FIRST
    if s.layout.narrow.groups > 0:
        _narrow_forward(s, thread, n_threads, block)
        first_layer += 1
    else:
        call(s.parts.gather, s, (start, first, last))
        tick(s, thread, GATHER)
    _forward_layers(s, thread, n_threads, first_layer, block)
    tick(s, thread, FORWARD)
    correct = call(s.parts.loss, s, (thread, start, first, last))
    tick(s, thread, LOSS)
    for layer in range(n_layers - 1, 0, -1):
        panels = panels_of(s.layout.n_in[layer], s.memory.values.itemsize)
        call(s.parts.multiply, s, (layer, first, last_tile, FIRST, panels, FIRST + 1))
        if s.parts.undo[layer - 1] != 0:
            call(s.parts.undo[layer - 1], s, (layer - 1, first, last_tile))
    tick(s, thread, BACKWARD)
    return correct  # type: ignore[no-any-return]


@inlined
def _begin_batch(s: Any, thread: int, block: Block) -> None:
    """Work out what a step's sums are divided by, and its coefficients, for a thread of its own."""
    divisor, samples, coefficients = float(block.n_batch), s.samples, s.memory.coefficients[thread]
    if samples.weights.size > 0:
        divisor, batch = 0.0, block.start - block.first_row
        for i in range(batch, batch + block.n_batch):
            divisor += samples.weights[samples.order[i]]
    s.memory.divisors[thread, 0] = divisor
    fill_coefficients(s.run.optimizer, s.run.settings, block.step, coefficients)
    coefficients[PENALTY] = s.run.l2 / divisor


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
def _count(s: Any, block: Block) -> None:
    """Sum a block's losses and its batch's penalty: in one thread, in one order, whatever the count of threads."""
    totals, memory, divisor = s.memory.totals[0], s.memory, s.memory.divisors[0, 0]
    if block.first_row == 0:
        totals[BATCH_LOSS] = 0
        if s.parts.penalty != 0:
            penalty = 0.0
            for i in range(memory.penalties.size):
                penalty += memory.penalties[i]
            totals[PENALTY_SUM] += 0.5 * s.run.l2 * penalty / divisor * block.n_batch
    batch_loss = totals[BATCH_LOSS]
    for r in range(block.n_rows):  # on from the block before: bits do not depend on where a batch is cut
        batch_loss += memory.row_losses[r]
    totals[BATCH_LOSS] = batch_loss
    if block.first_row + block.n_rows == block.n_batch:
        totals[LOSS_SUM] += batch_loss / divisor * block.n_batch if s.samples.weights.size > 0 else batch_loss


@inlined
def _clip(s: Any, thread: int, n_threads: int) -> None:
    """Update with the stored gradient, clipped."""
    meet(s, n_threads)
    call(s.parts.squares, s, (thread, n_threads))
    meet(s, n_threads)
    call(s.parts.clipped, s, (thread, n_threads))


@inlined
def take_block(s: Any, thread: int, n_threads: int, block: Block, joined: bool) -> bool:
    """Carry a block through; tell whether the threads must meet before the next one."""
    parts, totals, state = s.parts, s.memory.totals[thread], flush()
    fused = parts.clipped == 0
    if block.first_row == 0 or joined:
        _begin_batch(s, thread, block)
    if parts.penalty != 0 and block.first_row == 0:
        call(parts.penalty, s, (thread, n_threads))
    totals[N_CORRECT] += call(
        parts.rows, s, (thread, n_threads, block.start, block.n_rows, block.first_row, block.step)
    )
    meet(s, n_threads)
    tick(s, thread, WAIT_ROWS)
    is_last = block.first_row + block.n_rows == block.n_batch
    stores = not fused or not is_last or parts.update == 0
    _update(s, thread, n_threads, block.start + block.n_rows, block.n_rows, block.first_row > 0, stores)
    if thread == 0:
        _count(s, block)
    tick(s, thread, UPDATE)
    if not fused and is_last:
        _clip(s, thread, n_threads)
        tick(s, thread, UPDATE)
    restore(state)
    return not fused or parts.penalty != 0 or not owns_columns(s.layout.narrow, n_threads)
