"""What the threads of a team run in one compiled call of training.

It goes in turns: in the first the team assembles, the second packs the weights, each of those that follow carries a
block of rows of a batch through (`fastnet.kernels.step.block`), the last unpacks the weights. Between turns the team
may change its size (`fastnet.kernels.runtime.elastic`); who joins takes part from the turn that follows, and who is let
go sleeps until it is asked again.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fastnet.compiler.policy import inlined, stage
from fastnet.kernels.codegen.barrier import add, load, store, synchronise
from fastnet.kernels.codegen.speed import clock
from fastnet.kernels.runtime import elastic, pace
from fastnet.kernels.runtime.elastic import AT_JOIN, CALL, INDEX, MEMBERS, PLANS, SIZE, TURN
from fastnet.kernels.runtime.stages import call, reference_at
from fastnet.kernels.step.block import LAST, WAIT_WEIGHTS, Block, barrier, blocks_of, take_block, tick
from fastnet.kernels.tile.packing import FIRST
from fastnet.machine.threads import LINE

ASSEMBLE, PACK, FIRST_BLOCK = (np.int64(i) for i in range(3))
"""Turns: first the team assembles, then the weights are packed, then there is one for each block, and one to unpack."""

N_VECTORS = 3
"""Vectors that are packed: the parameters, and two of an optimizer's state."""


@inlined
def _last_turn(s: Any) -> int:
    """Return the number of the turn that unpacks the weights."""
    n, size = s.samples.order.size, s.run.batch_size
    n_blocks = n // size * blocks_of(size, s.run.block) + blocks_of(n % size, s.run.block)
    return FIRST_BLOCK + n_blocks  # type: ignore[no-any-return]


@inlined
def _block_of(s: Any, turn: int) -> Block:
    """Return the rows of a turn; none of one that carries none through."""
    batch_size, in_batch = s.run.batch_size, blocks_of(s.run.batch_size, s.run.block)
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
        pace.look_at_clock(memory.pace, size, _block_of(s, turn - 1).n_rows)
    elif memory.sizes.size > 0:
        after = elastic.plan_fixed(control, team, size, turn, min(memory.sizes[turn % memory.sizes.size], team))
    elif team > 1:
        rows = _block_of(s, turn - 1).n_rows
        after = elastic.plan(control, memory.pace, memory.in_use, team, size, turn, rows)
    store(control, PLANS + turn % 2, after)


@inlined
def _move_weights(s: Any, thread: int, n_threads: int, turn: int) -> None:
    """Pack parameters and optimizer state, or unpack them after the last block."""
    for i in range(N_VECTORS):
        call(s.stages.pack if turn == PACK else s.stages.unpack, s, (thread, n_threads, i))
    barrier(s, n_threads)
    if turn == PACK:
        call(s.stages.transpose, s, (thread, n_threads))
        if s.stages.scaled != 0:
            call(s.stages.scaled, s, (thread, n_threads, FIRST))


@stage
def take_turns(s: Any, thread: int, n_threads: int, turn: int, until: int) -> int:
    """Take part in a team of so many threads from a turn on, until another, or while it has a place for this one."""
    control, last, first = s.memory.control, _last_turn(s), turn
    while turn <= min(last, until) and thread < n_threads:
        if thread == 0:
            _plan(s, n_threads, turn, last)
        synchronises = True
        if FIRST_BLOCK <= turn < last:
            if turn in (first, FIRST_BLOCK):
                s.memory.ticks[thread, LAST] = clock()
            synchronises = take_block(s, thread, n_threads, _block_of(s, turn), turn == first) or turn + 1 == last
        elif turn > ASSEMBLE:
            _move_weights(s, thread, n_threads, turn)
        after = load(control, PLANS + turn % 2)
        if after > n_threads:
            synchronise(control, AT_JOIN, after)
        elif synchronises or after < n_threads:
            barrier(s, n_threads)
        if FIRST_BLOCK <= turn < last:
            tick(s, thread, WAIT_WEIGHTS)
        n_threads, turn = after, turn + 1
    return 0


@stage
def train(s: Any) -> int:
    """Take all turns: what the thread does that was asked for it."""
    control, chooses = s.memory.control, s.memory.sizes.size == 0
    add(control, CALL, 1)
    if chooses:
        elastic.begin_call(control, s.memory.pace, s.memory.in_use, s.memory.ticks.shape[0])
    call(s.stages.turns, s, (FIRST, FIRST + 1, ASSEMBLE, _last_turn(s)))
    elastic.withdraw(control)
    if chooses:
        pace.end_call(s.memory.pace)
    add(control, CALL, 1)
    return 0


@stage
def help_out(s: Any, member: int) -> int:
    """Take part when asked to, until nothing has been asked for a while."""
    control, own = s.memory.control, MEMBERS + member * LINE
    while elastic.wait_to_be_taken_in(control, member, s.memory.pace[pace.RATE]):
        turn, index, size = load(control, own + TURN), control[own + INDEX], control[own + SIZE]
        control[own + TURN] = 0
        synchronise(control, AT_JOIN, size)
        call(s.stages.turns, s, (index, size, turn, _last_turn(s)))
    return 0


@stage
def train_together(s: Any, members: int, count: int) -> int:
    """Train several networks in one thread, turn by turn: each block of rows is in the caches for all but the first.

    `members` is where the addresses of their states lie; all of them have as many turns as this one's.
    """
    for turn in range(ASSEMBLE, _last_turn(s) + 1):
        for i in range(count):
            member = reference_at(s, members, i)
            call(member.stages.turns, member, (FIRST, FIRST + 1, turn, turn))
    return 0
