"""A block of rows in training: what each thread of a team does with it, from the gather to the update.

There are two barriers, or a few more. Before the first barrier each owns some rows of the block, from the gather
to the gradients of every layer's outputs. After it each owns some tiles of weights: their gradient, from all rows of
the block, and their update. Where a layer's outputs are many and the rows are few, its forward is output-parallel
instead, with a barrier before and after it: the weights that a thread updates are then the ones it reads, and stay in
its second-level cache. A large batch goes through in blocks of rows that stay in the second-level cache, and its
gradient is kept between blocks.

Here stands who does what when; the work itself is done by stages (`fastnet.kernels.runtime.stages`), called by their
addresses.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from fastnet.compiler.policy import inlined, stage
from fastnet.kernels.codegen.barrier import synchronise
from fastnet.kernels.codegen.denormals import flush, restore
from fastnet.kernels.codegen.optimizer_formulas import N_COEFFICIENTS, PENALTY, fill_coefficients
from fastnet.kernels.codegen.speed import clock
from fastnet.kernels.runtime.claims import partition
from fastnet.kernels.runtime.elastic import IN_TURN
from fastnet.kernels.runtime.stages import call
from fastnet.kernels.step.layers import write_bias_column
from fastnet.kernels.step.update import rows_of
from fastnet.kernels.tile.micro_panels import TILE_ROWS, TILE_VECTORS
from fastnet.kernels.tile.packing import FIRST, VECTOR_BYTES, panels_of

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
def barrier(s: Any, n_threads: int) -> None:
    """Wait for the other threads of the team."""
    synchronise(s.memory.control, IN_TURN, n_threads)


@inlined
def blocks_of(n_rows: int, size: int) -> int:
    """Count the blocks of at most so many rows."""
    return (n_rows + size - 1) // size


@inlined
def apply_activation(
    s: Any, block: Block, layer: int, first: int, last: int, tiles: int, first_panel: int, last_panel: int
) -> None:
    """Apply a layer's activation, and dropout, to some micro-panels of some rows; then write the bias column.

    It follows the last output. Dropout may change what pads the micro-panel, so it comes last.
    """
    values, layout = s.memory.values, s.layout
    if s.stages.activation[layer] != 0:
        call(s.stages.activation[layer], s, (layer, first, tiles, first_panel, last_panel))
    if s.stages.drop != 0 and layer < s.layout.n_in.size - 1 and s.run.rates[layer] > 0:
        call(s.stages.drop, s, (layer, first, last, first_panel, last_panel, block.first_row, block.step))
    if last_panel == panels_of(layout.n_out[layer], values.itemsize):
        stride = s.run.capacity * (TILE_VECTORS * VECTOR_BYTES // values.itemsize)
        base = layout.values[layer + 1] * s.run.capacity
        write_bias_column(s.run.bias_value, layout.n_out[layer], first, last, values, base, stride)


@inlined
def _forward_layers(s: Any, thread: int, n_threads: int, block: Block) -> None:
    """Carry a block forward; between batch-parallel layers threads need not synchronise."""
    n_rows = block.n_rows
    first, last, last_tile = rows_of(n_rows, thread, n_threads)
    all_tiles = (n_rows + TILE_ROWS - 1) // TILE_ROWS * TILE_ROWS
    output_parallel = False
    for layer in range(s.layout.n_in.size):
        before, output_parallel = output_parallel, s.run.output_parallel[layer] != 0
        if before or output_parallel:
            barrier(s, n_threads)
        count = panels_of(s.layout.n_out[layer], s.memory.values.itemsize)
        begin, end, tiles, first_panel, last_panel = first, last, last_tile, FIRST, count
        if output_parallel:
            begin, end, tiles = FIRST, n_rows, all_tiles
            first_panel, last_panel = partition(count, thread, n_threads)
        multiply = s.stages.first_forward if layer == 0 else s.stages.multiply
        call(multiply, s, (layer, begin, tiles, first_panel, last_panel, FIRST))
        apply_activation(s, block, layer, begin, end, tiles, first_panel, last_panel)
    if output_parallel:
        barrier(s, n_threads)


@inlined
def _fetch(s: Any, thread: int, n_threads: int, first: int, last: int, block: Block) -> None:
    """Gather a block, and make the products that its first layer's sums are made from, if it does that by itself."""
    if s.stages.gather != 0:  # else another network has gathered the block
        call(s.stages.gather, s, (thread, n_threads, block.start, first, last, block.n_rows))
    if s.first_layer.synchronises != 0:
        barrier(s, n_threads)
    tick(s, thread, GATHER)
    if s.stages.first_products != 0:
        call(s.stages.first_products, s, (thread, n_threads, block.n_rows))
        tick(s, thread, FORWARD)
        barrier(s, n_threads)
        tick(s, thread, WAIT_WEIGHTS)


@stage
def train_rows(s: Any, thread: int, n_threads: int, start: int, n_rows: int, first_row: int, step: int) -> int:
    """Carry a block forward and back; return the count of a thread's correct predictions."""
    block = Block(start, n_rows, first_row, step, FIRST)
    first, last, last_tile = rows_of(n_rows, thread, n_threads)
    _fetch(s, thread, n_threads, first, last, block)
    _forward_layers(s, thread, n_threads, block)
    tick(s, thread, FORWARD)
    n_correct = call(s.stages.loss, s, (thread, start, first, last))
    tick(s, thread, LOSS)
    for layer in range(s.layout.n_in.size - 1, 0, -1):
        panels = panels_of(s.layout.n_in[layer], s.memory.values.itemsize)
        call(s.stages.multiply, s, (layer, first, last_tile, FIRST, panels, FIRST + 1))
        if s.stages.activation_backward[layer - 1] != 0:
            call(s.stages.activation_backward[layer - 1], s, (layer - 1, first, last_tile))
    tick(s, thread, BACKWARD)
    return n_correct  # type: ignore[no-any-return]


@inlined
def _begin_batch(s: Any, thread: int, block: Block) -> None:
    """Work out what a step's sums are divided by, and its coefficients, for a thread of its own."""
    divisor, samples, coefficients = float(block.n_batch), s.samples, s.memory.coefficients[thread]
    if samples.weights.size > 0:
        divisor, batch = 0.0, block.start - block.first_row
        for i in range(batch, batch + block.n_batch):
            divisor += samples.weights[samples.order[i]]
    s.memory.divisors[thread, 0] = divisor
    lr, penalty, groups = s.run.rates_of_steps[block.step - s.memory.progress[0] - 1], s.run.l2 / divisor, s.run.groups
    if len(groups) == 0:
        fill_coefficients(s.run.optimizer, s.run.settings, lr, 1.0, False, block.step, coefficients)
        coefficients[PENALTY] = penalty
    for i in range(len(groups)):
        own, rate, epsilon = coefficients[i * N_COEFFICIENTS :], groups[i, 0], groups[i, 1]
        fill_coefficients(s.run.optimizer, s.run.settings, lr * rate, epsilon, s.run.corrected, block.step, own)
        own[PENALTY] = penalty


@inlined
def _update(s: Any, thread: int, n_threads: int, following: int, n_rows: int, accumulate: bool, stores: bool) -> None:
    """Gradient and update of a thread's own weights of every layer."""
    first_layer = FIRST
    of_first = s.stages.first_store if stores else s.stages.first_update
    if of_first != 0:
        call(of_first, s, (thread, n_threads, following, n_rows, accumulate))
        first_layer += 1
    stage = s.stages.store if stores else s.stages.update
    call(stage, s, (thread, n_threads, first_layer, following, n_rows, accumulate))


@inlined
def _count(s: Any, block: Block) -> None:
    """Sum a block's losses and its batch's penalty: in one thread, in one order, whatever the count of threads."""
    totals, memory, divisor = s.memory.totals[0], s.memory, s.memory.divisors[0, 0]
    if block.first_row == 0:
        totals[BATCH_LOSS] = 0
        if s.stages.penalty != 0:
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
    barrier(s, n_threads)
    call(s.stages.squares, s, (thread, n_threads))
    barrier(s, n_threads)
    call(s.stages.clipped, s, (thread, n_threads))


@inlined
def take_block(s: Any, thread: int, n_threads: int, block: Block, joined: bool) -> bool:
    """Carry a block through; tell whether a barrier is needed before the next one."""
    stages, totals, state = s.stages, s.memory.totals[thread], flush()
    fused = stages.clipped == 0
    if block.first_row == 0 or joined:
        _begin_batch(s, thread, block)
    if stages.penalty != 0 and block.first_row == 0:
        call(stages.penalty, s, (thread, n_threads))
    totals[N_CORRECT] += call(
        stages.rows, s, (thread, n_threads, block.start, block.n_rows, block.first_row, block.step)
    )
    barrier(s, n_threads)
    tick(s, thread, WAIT_ROWS)
    is_last = block.first_row + block.n_rows == block.n_batch
    stores = not fused or not is_last or stages.update == 0
    _update(s, thread, n_threads, block.start + block.n_rows, block.n_rows, block.first_row > 0, stores)
    if stages.scaled != 0 and is_last:
        barrier(s, n_threads)
        call(stages.scaled, s, (thread, n_threads, FIRST + 1))
    if thread == 0:
        _count(s, block)
    tick(s, thread, UPDATE)
    if not fused and is_last:
        _clip(s, thread, n_threads)
        tick(s, thread, UPDATE)
    restore(state)
    own_slabs = s.first_layer.own_slabs
    return not fused or stages.penalty != 0 or own_slabs == 0 or own_slabs % n_threads != 0
