"""What a team of threads runs in one compiled call: steps of training, or inference.

Training goes in turns: in the first the team assembles, the second packs the weights, each of those that follow carries
a block of rows of a batch through, the last unpacks the weights. Between turns the team may change its size
(`fastnet.kernels.elastic`); who joins takes part from the turn that follows, and who is let go sleeps until it is asked
again.

Within a turn the threads meet twice, or a few times more. Before the first barrier each owns some rows of the block,
from the gather to the gradients of every layer's outputs. After it each owns some tiles of weights: their gradient,
from all rows of the block, and their update. Where a layer's outputs are many and the rows are few, its forward is
shared out by columns instead, with a barrier before and after it: the weights that a thread updates are then the ones
it reads, and stay in its second-level cache. A large batch goes through in blocks of rows that stay in the
second-level cache, and its gradient is kept between blocks.

Inference has one barrier of another kind: threads claim blocks of rows (`fastnet.kernels.claims`).

Here stands who does what when; the work itself is done by parts (`fastnet.kernels.parts`), called by their addresses.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from fastnet._jit import inlined, part
from fastnet._threads import LINE
from fastnet.kernels import elastic
from fastnet.kernels.barrier import add, load, store, synchronise
from fastnet.kernels.claims import claim, done, leave, wait_for
from fastnet.kernels.denormals import flush, restore
from fastnet.kernels.elastic import AT_JOIN, CALL, IN_TURN, INDEX, MEMBERS, PLANS, SIZE, TURN
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


LOSS_SUM, N_CORRECT, PENALTY_SUM, BATCH_LOSS = (np.int64(i) for i in range(4))
"""What a thread's totals are: sums over an epoch, and the loss of the batch that is under way."""

ASSEMBLE, PACK, FIRST_BLOCK = (np.int64(i) for i in range(3))
"""Turns: first the team assembles, then the weights are packed, then there is one for each block, and one to unpack."""

N_VECTORS = 3
"""Vectors that are packed: the parameters, and two of an optimizer's state."""


class Block(NamedTuple):
    """Rows of a batch that go through together."""

    start: int  # in the order of samples
    n_rows: int
    first_row: int  # within the batch
    step: int  # number of the step
    n_batch: int  # rows of the batch


@inlined
def _meet(s: Any, n_threads: int) -> None:
    """Wait for the other threads of the team."""
    synchronise(s.memory.control, IN_TURN, n_threads)


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
def _forward_layers(s: Any, thread: int, n_threads: int, first_layer: int, block: Block) -> None:
    """Carry a block forward; between layers shared out by rows threads need not meet."""
    n_rows = block.n_rows
    first, last, last_tile = rows_of(n_rows, thread, n_threads)
    all_tiles = (n_rows + TILE_ROWS - 1) // TILE_ROWS * TILE_ROWS
    by_columns = False
    for layer in range(first_layer, s.layout.n_in.size):
        before, by_columns = by_columns, s.run.by_columns[layer] != 0
        if before or by_columns:
            _meet(s, n_threads)
        count = panels_of(s.layout.n_out[layer], s.memory.values.itemsize)
        begin, end, tiles, first_panel, last_panel = first, last, last_tile, FIRST, count
        if by_columns:
            begin, end, tiles = FIRST, n_rows, all_tiles
            first_panel, last_panel = share(count, thread, n_threads)
        multiply = s.parts.first_multiply if layer == 0 else s.parts.multiply
        call(multiply, s, (layer, begin, tiles, first_panel, last_panel, FIRST))
        _finish(s, block, layer, begin, end, tiles, first_panel, last_panel)
    if by_columns:
        _meet(s, n_threads)


@inlined
def _narrow_forward(s: Any, thread: int, n_threads: int, block: Block) -> None:
    """Carry a block through a narrow first layer; between its products and its sums the threads meet."""
    n_rows = block.n_rows
    call(s.parts.narrow_gather, s, (thread, n_threads, block.start, n_rows))
    if s.layout.narrow.direct == 0:
        _meet(s, n_threads)
    _tick(s, thread, GATHER)
    call(s.parts.narrow_multiply, s, (thread, n_threads, n_rows))
    _tick(s, thread, FORWARD)
    _meet(s, n_threads)
    _tick(s, thread, WAIT_WEIGHTS)
    first, last, last_tile = rows_of(n_rows, thread, n_threads)
    call(s.parts.narrow_add, s, (first, last, n_rows))
    _finish(s, block, FIRST, first, last, last_tile, FIRST, panels_of(s.layout.n_out[0], s.memory.values.itemsize))


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
        _tick(s, thread, GATHER)
    _forward_layers(s, thread, n_threads, first_layer, block)
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
    loss = 0.0
    for r in range(block.n_rows):
        loss += memory.row_losses[r]
    totals[BATCH_LOSS] += loss
    if block.first_row + block.n_rows == block.n_batch:
        batch_loss = totals[BATCH_LOSS]
        totals[LOSS_SUM] += batch_loss / divisor * block.n_batch if s.samples.weights.size > 0 else batch_loss


@inlined
def _clip(s: Any, thread: int, n_threads: int) -> None:
    """Update with the stored gradient, clipped."""
    _meet(s, n_threads)
    call(s.parts.squares, s, (thread, n_threads))
    _meet(s, n_threads)
    call(s.parts.clipped, s, (thread, n_threads))


@inlined
def _blocks_of(n_rows: int, size: int) -> int:
    return (n_rows + size - 1) // size


@inlined
def _last_turn(s: Any) -> int:
    """Return the number of the turn that unpacks the weights."""
    n, size = s.samples.order.size, s.run.batch_size
    n_blocks = n // size * _blocks_of(size, s.run.block) + _blocks_of(n % size, s.run.block)
    return FIRST_BLOCK + n_blocks  # type: ignore[no-any-return]


@inlined
def _block_of(s: Any, turn: int) -> Block:
    """Return the rows of a turn; none of one that carries none through."""
    batch_size, in_batch = s.run.batch_size, _blocks_of(s.run.batch_size, s.run.block)
    batch, first_row = (turn - FIRST_BLOCK) // in_batch, (turn - FIRST_BLOCK) % in_batch * s.run.block
    start = batch * batch_size
    n_batch = min(batch_size, s.samples.order.size - start)
    n_rows = min(s.run.block, n_batch - first_row) if turn >= FIRST_BLOCK else FIRST
    return Block(start + first_row, n_rows, first_row, s.memory.progress[0] + batch + 1, n_batch)


@inlined
def _plan(s: Any, size: int, turn: int, last: int) -> None:
    """Decide how large the team is after this turn; the caller does that for all."""
    memory, control, team = s.memory, s.memory.control, s.memory.ticks.shape[0]
    after = size
    if turn == last:
        elastic.look_at_clock(memory.pace, size, _block_of(s, turn - 1).n_rows)
    elif memory.sizes.size > 0:
        after = elastic.plan_fixed(control, team, size, turn, min(memory.sizes[turn % memory.sizes.size], team))
    elif team > 1:
        rows = _block_of(s, turn - 1).n_rows
        after = elastic.plan(control, memory.pace, memory.in_use, team, size, turn, rows)
    store(control, PLANS + turn % 2, after)


@inlined
def _take_block(s: Any, thread: int, n_threads: int, turn: int, joined: bool) -> bool:
    """Carry a turn's block through; tell whether the threads must meet before the next turn."""
    block, parts, totals, state = _block_of(s, turn), s.parts, s.memory.totals[thread], flush()
    fused = parts.clipped == 0
    if block.first_row == 0 or joined:
        _begin_batch(s, thread, block)
    if parts.penalty != 0 and block.first_row == 0:
        call(parts.penalty, s, (thread, n_threads))
    totals[N_CORRECT] += call(
        parts.rows, s, (thread, n_threads, block.start, block.n_rows, block.first_row, block.step)
    )
    _meet(s, n_threads)
    _tick(s, thread, WAIT_ROWS)
    is_last = block.first_row + block.n_rows == block.n_batch
    stores = not fused or not is_last or parts.update == 0
    _update(s, thread, n_threads, block.start + block.n_rows, block.n_rows, block.first_row > 0, stores)
    if thread == 0:
        _count(s, block)
    _tick(s, thread, UPDATE)
    if not fused and is_last:
        _clip(s, thread, n_threads)
        _tick(s, thread, UPDATE)
    restore(state)
    return not fused or parts.penalty != 0 or not owns_columns(s.layout.narrow, n_threads)


@inlined
def _move_weights(s: Any, thread: int, n_threads: int, turn: int) -> None:
    """Pack parameters and optimizer state, or unpack them after the last block."""
    for i in range(N_VECTORS):
        call(s.parts.pack if turn == PACK else s.parts.unpack, s, (thread, n_threads, i))
    _meet(s, n_threads)
    if turn == PACK:
        call(s.parts.transpose, s, (thread, n_threads))


@part
def take_turns(s: Any, thread: int, n_threads: int, turn: int) -> int:
    """Take part in a team of so many threads from a turn on, to the end or until it has no place for this thread."""
    control, last, first = s.memory.control, _last_turn(s), turn
    while turn <= last and thread < n_threads:
        if thread == 0:
            _plan(s, n_threads, turn, last)
        meets = True
        if FIRST_BLOCK <= turn < last:
            if turn in (first, FIRST_BLOCK):
                s.memory.ticks[thread, LAST] = clock()
            meets = _take_block(s, thread, n_threads, turn, turn == first) or turn + 1 == last
        elif turn > ASSEMBLE:
            _move_weights(s, thread, n_threads, turn)
        after = load(control, PLANS + turn % 2)
        if after > n_threads:
            synchronise(control, AT_JOIN, after)
        elif meets or after < n_threads:
            _meet(s, n_threads)
        if FIRST_BLOCK <= turn < last:
            _tick(s, thread, WAIT_WEIGHTS)
        n_threads, turn = after, turn + 1
    return 0


@part
def train(s: Any, _thread: int) -> int:
    """Take all turns: what the thread does that was asked for it."""
    control = s.memory.control
    add(control, CALL, 1)
    if s.memory.sizes.size == 0:
        elastic.begin_call(control, s.memory.pace, s.memory.in_use, s.memory.ticks.shape[0])
    call(s.parts.turns, s, (FIRST, FIRST + 1, ASSEMBLE))
    elastic.withdraw(control)
    add(control, CALL, 1)
    return 0


@part
def help_out(s: Any, member: int) -> int:
    """Take part when asked to, until nothing has been asked for a while."""
    control, own = s.memory.control, MEMBERS + member * LINE
    while elastic.wait_to_be_taken_in(control, member, s.memory.pace[elastic.RATE]):
        turn, index, size = load(control, own + TURN), control[own + INDEX], control[own + SIZE]
        control[own + TURN] = 0
        synchronise(control, AT_JOIN, size)
        call(s.parts.turns, s, (index, size, turn))
    return 0


@part
def predict(s: Any, thread: int) -> int:
    """Pack the weights, and carry blocks of rows through all layers, in rows of the thread's own of all panels."""
    control, n_packs, block = s.memory.control, s.run.batch_size, s.run.block
    n_samples, own = s.samples.order.size, thread * s.run.block
    count = n_packs + _blocks_of(n_samples, block)
    item = claim(control, thread, -1)
    while item < count:
        if item < n_packs:
            call(s.parts.pack, s, (item, n_packs, FIRST))
        else:
            wait_for(control, thread, n_packs)
            _predict_block(s, own, (item - n_packs) * block)
        done(control)
        item = claim(control, thread, item)
    leave(control, thread, count)
    return 0


@inlined
def _predict_block(s: Any, own: int, start: int) -> None:
    """Carry a block of samples forward, in rows from `own` on."""
    n_rows = min(s.run.block, s.samples.order.size - start)
    tiles = own + (n_rows + TILE_ROWS - 1) // TILE_ROWS * TILE_ROWS
    call(s.parts.gather, s, (start - own, own, own + n_rows))
    for layer in range(s.layout.n_in.size):
        panels = panels_of(s.layout.n_out[layer], s.memory.values.itemsize)
        call(s.parts.multiply, s, (layer, own, tiles, FIRST, panels, FIRST))
        _finish(s, Block(start, n_rows, FIRST, FIRST, FIRST), layer, own, own + n_rows, tiles, FIRST, panels)
    call(s.parts.unpack, s, (start - own, own, own + n_rows))
