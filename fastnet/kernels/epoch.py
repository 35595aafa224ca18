"""What a team of threads runs in one compiled call: steps of training, or inference.

The threads meet twice a step, or a few times more. Between the first meeting and the second each owns some tiles of
weights: their gradient, from all rows of the batch, and their update. Between the second and the next first each owns
some rows of the batch, from the gather to the gradients of every layer's outputs. Where a layer's outputs are many
and the rows are few, its forward is shared out by columns instead, with a meeting before and after it: the weights
that a thread updates are then the ones it reads, and stay in its second-level cache. A large batch goes through in
blocks of rows that stay in the second-level cache, and its gradient is kept between blocks.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from fastnet._jit import called, inlined, kernel
from fastnet.kernels import updates
from fastnet.kernels.barrier import meet
from fastnet.kernels.clipping import Clipping, update_clipped
from fastnet.kernels.denormals import flush, restore
from fastnet.kernels.gemm import FIRST, VECTOR_BYTES, panels_of, share, unpack
from fastnet.kernels.layout import Layout, pack_layer, transpose_weights, unpack_layer
from fastnet.kernels.measure import clock
from fastnet.kernels.moves import CHUNK_BYTES
from fastnet.kernels.narrow import add_sums, dot_products, find_rows, gather_columns, owns_columns, update_columns
from fastnet.kernels.passes import (
    CACHE_LINE,
    Ahead,
    Samples,
    Step,
    Weights,
    backward,
    finish_outputs,
    forward,
    gather,
    loss_and_gradient,
    own_tiles,
    update_layer,
)
from fastnet.kernels.simd import TILE_ROWS, TILE_VECTORS

PHASES = ("gather", "forward", "loss", "backward", "wait for rows", "update", "wait for weights")
"""What a thread does in a step, in order; the ticks that each took are counted."""

# NumPy integers: plain ones would be types of their own, and functions compiled anew for each.
_NUMBERS: list[Any] = [np.int64(i) for i in range(len(PHASES))]
GATHER, FORWARD, LOSS, BACKWARD, WAIT_ROWS, UPDATE, WAIT_WEIGHTS = _NUMBERS


MAX_LINES_PER_TILE = 6
"""Cache lines asked for between two tiles: more of them at once keep a tile's own loads waiting."""


class Run(NamedTuple):
    """What stays the same during a call."""

    loss: int
    optimizer: int
    settings: Any
    batch_size: int
    step: int  # steps taken before
    capacity: int  # rows reserved in a panel
    block: int  # rows of a block
    by_columns: Any  # of each layer: whether threads share out its columns, or the rows of the block
    clipping: Clipping | None


class Memory(NamedTuple):
    """Working memory of a team: shared by its threads, or with a part for each, as it says."""

    values: Any  # activations of a block of rows
    gradients: Any  # of the loss with respect to them
    row_losses: Any  # of a block
    rows: Any  # (n_threads, ...): two rows of outputs
    sums: Any  # of a narrow first layer
    places: Any  # (n_threads, ...): where the samples of a block begin, and those of the next
    outputs: Any  # (n_threads, ...): where a narrow first layer's outputs lie
    coefficients: Any  # (n_threads, ...): of the optimizer's step
    scratch: Any  # (n_threads, ...): gradients of two tiles
    ticks: Any  # (n_threads, ...): of each phase
    totals: Any  # (n_threads, ...): sum of losses, count of correct answers
    chains: Any  # (n_threads, ...): sums of a gradient's squares
    squares: Any  # of the slabs of a gradient


@inlined
def _pack_all(thread: int, n_threads: int, layout: Layout, flat: Any, packed: Any) -> None:
    for layer in range(layout.n_in.size):
        pack_layer(layout, layer, thread, n_threads, flat, packed)


@inlined
def _unpack_all(thread: int, n_threads: int, layout: Layout, packed: Any, flat: Any) -> None:
    for layer in range(layout.n_in.size):
        unpack_layer(layout, layer, thread, n_threads, packed, flat)


@inlined
def _transpose_all(thread: int, n_threads: int, layout: Layout, weights: Weights) -> None:
    for layer in range(1, layout.n_in.size):
        tiles = layout.depth[layer] // TILE_ROWS
        first, last = share(tiles, thread, n_threads)
        for panel in range(panels_of(layout.n_out[layer], weights.packed.itemsize)):
            for tile in range(first, last):
                transpose_weights(layout, layer, tile, panel, weights.packed, weights.transposed)


@inlined
def _rows_of(n_rows: int, thread: int, n_threads: int) -> tuple[int, int, int]:
    """Rows of a block that a thread works on: first, last, and last rounded up to whole tiles."""
    first, last = share((n_rows + TILE_ROWS - 1) // TILE_ROWS, thread, n_threads)
    return first * TILE_ROWS, min(last * TILE_ROWS, n_rows), last * TILE_ROWS


@inlined
def _tick(ticks: Any, phase: int, before: int) -> int:
    now = clock()
    ticks[phase] += now - before
    return now  # type: ignore[no-any-return]


@called
def _forward_layers(
    thread: int, n_threads: int, barrier: Any, run: Run, layout: Layout, first_layer: int, n_rows: int,
    weights: Weights, memory: Memory,
) -> bool:  # fmt: skip
    """Carry a block forward; between layers shared out by rows threads need not meet."""
    first, _, last = _rows_of(n_rows, thread, n_threads)
    n_layers, at, capacity = layout.n_in.size, layout.values, run.capacity
    by_columns = False
    for layer in range(first_layer, n_layers):
        before, by_columns = by_columns, run.by_columns[layer] != 0
        if (before or by_columns) and not meet(barrier, n_threads):
            return False
        count = panels_of(layout.n_out[layer], memory.values.itemsize)
        first_row, last_row, first_panel, last_panel = first, last, FIRST, count
        if by_columns:
            first_row, last_row = FIRST, (n_rows + TILE_ROWS - 1) // TILE_ROWS * TILE_ROWS
            first_panel, last_panel = share(count, thread, n_threads)
        v0, v1 = at[layer] * capacity, at[layer + 1] * capacity
        forward(
            layout, layer, first_row, last_row, first_panel, last_panel, weights.packed, memory.values, v0, v1, capacity
        )
    return not by_columns or meet(barrier, n_threads)


@called
def _narrow_forward(
    thread: int, n_threads: int, barrier: Any, run: Run, layout: Layout, samples: Samples, start: int, n_rows: int,
    weights: Weights, memory: Memory, before: int,
) -> tuple[bool, int]:  # fmt: skip
    """Carry a block through a narrow first layer; between its products and its sums the threads meet."""
    narrow, n_in, n_out, places = layout.narrow, layout.n_in[0], layout.n_out[0], memory.places[thread]
    values, ticks, v1 = memory.values, memory.ticks[thread], layout.values[1] * run.capacity
    find_rows(
        narrow, samples, n_in, start, n_rows, start + n_rows, places, run.capacity, CHUNK_BYTES // values.itemsize
    )
    if narrow.direct == 0:
        gather_columns(narrow, samples, n_in, thread, n_threads, start, n_rows, values)
        if not meet(barrier, n_threads):
            return False, before
    before = _tick(ticks, GATHER, before)
    dot_products(narrow, thread, n_threads, n_rows, samples.rows, places, run.capacity, weights.packed, memory.sums)
    before = _tick(ticks, FORWARD, before)
    if not meet(barrier, n_threads):
        return False, before
    before = _tick(ticks, WAIT_WEIGHTS, before)
    first, last, last_tile = _rows_of(n_rows, thread, n_threads)
    add_sums(narrow, first, last, n_rows, n_out, memory.sums, weights.packed, values, v1, run.capacity)
    finish_outputs(layout, FIRST, first, last_tile, FIRST, panels_of(n_out, values.itemsize), values, v1, run.capacity)
    return True, before


@called
def _train_rows(
    thread: int, n_threads: int, barrier: Any, run: Run, layout: Layout, samples: Samples, start: int, n: int,
    n_rows: int, weights: Weights, memory: Memory, before: int,
) -> tuple[int, int]:  # fmt: skip
    """Carry a block forward and back; return the count of a thread's correct answers, or -1 to stop, and the time."""
    first, last, last_tile = _rows_of(n_rows, thread, n_threads)
    values, gradients, capacity, ticks = memory.values, memory.gradients, run.capacity, memory.ticks[thread]
    n_layers, at = layout.n_in.size, layout.values
    first_layer = FIRST
    if layout.narrow.groups > 0:
        on, before = _narrow_forward(
            thread, n_threads, barrier, run, layout, samples, start, n_rows, weights, memory, before
        )
        if not on:
            return -1, before
        first_layer += 1
    else:
        gather(samples, start, first, last, layout, values, capacity)
        before = _tick(ticks, GATHER, before)
    if not _forward_layers(thread, n_threads, barrier, run, layout, first_layer, n_rows, weights, memory):
        return -1, before
    before = _tick(ticks, FORWARD, before)
    correct = loss_and_gradient(
        run.loss, samples, start, first, last, n, layout, values, gradients, at[n_layers] * capacity, capacity,
        memory.rows[thread], memory.row_losses,
    )  # fmt: skip
    before = _tick(ticks, LOSS, before)
    for layer in range(n_layers - 1, 0, -1):
        v0, v1 = at[layer] * capacity, at[layer + 1] * capacity
        backward(layout, layer, first, last_tile, weights.transposed, values, gradients, v0, v1, capacity)
    return correct, _tick(ticks, BACKWARD, before)


@inlined
def _rows_ahead(samples: Samples, following: int, run: Run, thread: int, n_threads: int) -> Ahead:
    """Rows that a thread will gather for the next block, which begins at `following`."""
    n_rows = min(run.block, max(samples.order.size - following, 0))
    first, last, _ = _rows_of(n_rows, thread, n_threads)
    return Ahead(following + first, FIRST, following + last)


@inlined
def _lines_per_tile(layout: Layout, samples: Samples, ahead: Ahead, n_threads: int, values: Any) -> int:
    """Spread the rows ahead over a thread's tiles of the first layer."""
    tiles = layout.depth[0] // TILE_ROWS * panels_of(layout.n_out[0], values.itemsize) // n_threads
    lines = (layout.n_in[0] * samples.x.itemsize + CACHE_LINE - 1) // CACHE_LINE
    return min(MAX_LINES_PER_TILE, (ahead.last - ahead.row) * lines // max(tiles, 1) + 1)  # type: ignore[no-any-return]


@called
def _update_weights(
    thread: int, n_threads: int, run: Run, layout: Layout, samples: Samples, following: int, n_rows: int,
    goes_on: bool, code: int, weights: Weights, memory: Memory,
) -> None:  # fmt: skip
    """Gradient and update of a thread's own tiles of every layer.

    Meanwhile the rows that it will gather next, from `following` on, are fetched.
    """
    values, gradients, capacity = memory.values, memory.gradients, run.capacity
    ahead = _rows_ahead(samples, following, run, thread, n_threads)
    at_once = _lines_per_tile(layout, samples, ahead, n_threads, values)
    step = Step(n_rows, goes_on, code, memory.coefficients[thread], memory.scratch[thread])
    first_layer = FIRST
    if layout.narrow.groups > 0:
        update_columns(
            layout.narrow, thread, n_threads, layout.n_out[0], step, samples.rows, memory.places[thread],
            memory.outputs[thread], gradients, layout.values[1] * capacity, capacity, weights,
        )  # fmt: skip
        first_layer += 1
        ahead = Ahead(FIRST, FIRST, FIRST)
    for layer in range(first_layer, layout.n_in.size):
        v0, v1 = layout.values[layer] * capacity, layout.values[layer + 1] * capacity
        own = own_tiles(layout, layer, run.by_columns[layer] != 0, thread, n_threads, values.itemsize)
        ahead = update_layer(
            layout, layer, own, step, values, gradients, v0, v1, capacity, weights, samples, at_once, ahead
        )


@inlined
def _steps(
    thread: int, n_threads: int, barrier: Any, run: Run, layout: Layout, samples: Samples,
    weights: Weights, memory: Memory,
) -> bool:  # fmt: skip
    """Take all steps; False if the team was told to stop."""
    total, correct, step, before, ticks = 0.0, 0, run.step, clock(), memory.ticks[thread]
    fused = run.clipping is None
    waits = not fused or not owns_columns(layout.narrow, n_threads)
    for batch in range(0, samples.order.size, run.batch_size):
        n = min(run.batch_size, samples.order.size - batch)
        step += 1
        updates.fill_coefficients(run.optimizer, run.settings, step, memory.coefficients[thread])
        for start in range(0, n, run.block):
            n_rows = min(run.block, n - start)
            right, before = _train_rows(
                thread, n_threads, barrier, run, layout, samples, batch + start, n, n_rows, weights, memory, before
            )
            correct += right
            if right < 0 or not meet(barrier, n_threads):
                return False
            before = _tick(ticks, WAIT_ROWS, before)
            code = run.optimizer if fused and start + run.block >= n else updates.NONE
            following = batch + start + n_rows
            _update_weights(
                thread, n_threads, run, layout, samples, following, n_rows, start > 0, code, weights, memory
            )
            if thread == 0:  # one sum in one order, whatever the count of threads
                for r in range(n_rows):
                    total += memory.row_losses[r]
            before = _tick(ticks, UPDATE, before)
            if waits:
                if not meet(barrier, n_threads):
                    return False
                before = _tick(ticks, WAIT_WEIGHTS, before)
        if not fused:
            if not update_clipped(
                thread, n_threads, barrier, run.clipping, run.optimizer, memory.coefficients[thread], run.by_columns,
                layout, weights, memory.chains[thread], memory.squares,
            ):  # fmt: skip
                return False
            before = _tick(ticks, UPDATE, before)
    memory.totals[thread, 0] = total
    memory.totals[thread, 1] = correct
    return True


@kernel
def train(
    thread: int, n_threads: int, barrier: Any, run: Run, layout: Layout, parameters: Any, slot0: Any, slot1: Any,
    samples: Samples, weights: Weights, memory: Memory,
) -> None:  # fmt: skip
    """Pack parameters and optimizer state, take all steps, and unpack them again; what a thread of the team does."""
    _pack_all(thread, n_threads, layout, parameters, weights.packed)
    if slot0.size > 0:
        _pack_all(thread, n_threads, layout, slot0, weights.slot0)
    if slot1.size > 0:
        _pack_all(thread, n_threads, layout, slot1, weights.slot1)
    if not meet(barrier, n_threads):
        return
    _transpose_all(thread, n_threads, layout, weights)
    if not meet(barrier, n_threads):
        return
    state = flush()
    done = _steps(thread, n_threads, barrier, run, layout, samples, weights, memory)
    restore(state)
    if not done or not meet(barrier, n_threads):
        return
    _unpack_all(thread, n_threads, layout, weights.packed, parameters)
    if slot0.size > 0:
        _unpack_all(thread, n_threads, layout, weights.slot0, slot0)
    if slot1.size > 0:
        _unpack_all(thread, n_threads, layout, weights.slot1, slot1)


@kernel
def predict(
    thread: int, n_threads: int, barrier: Any, capacity: int, block: int, layout: Layout, parameters: Any,
    samples: Samples, packed: Any, values: Any, logits: Any,
) -> None:  # fmt: skip
    """Carry a thread's rows through all layers, a block of them at a time."""
    _pack_all(thread, n_threads, layout, parameters, packed)
    if not meet(barrier, n_threads):
        return
    n_layers, at = layout.n_in.size, layout.values
    n_out, step = layout.n_out[-1], capacity * (TILE_VECTORS * VECTOR_BYTES // values.itemsize)
    own = values[thread]
    first, last, _ = _rows_of(samples.order.size, thread, n_threads)
    for start in range(first, last, block):
        n_rows = min(block, last - start)
        tiles = (n_rows + TILE_ROWS - 1) // TILE_ROWS * TILE_ROWS
        gather(samples, start, FIRST, n_rows, layout, own, capacity)
        for layer in range(n_layers):
            forward(
                layout, layer, FIRST, tiles, FIRST, panels_of(layout.n_out[layer], own.itemsize), packed, own,
                at[layer] * capacity, at[layer + 1] * capacity, capacity,
            )  # fmt: skip
        source = at[n_layers] * capacity
        unpack(own, source, step, n_rows, n_out, FIRST, panels_of(n_out, own.itemsize), logits, start * n_out, n_out)
