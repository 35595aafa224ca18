"""Products of whole arrays: with broadcasting, a bias and ReLU, by as many threads as are worth it."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from fastnet.kernels.runtime.arrays import empty, flat, no_elements
from fastnet.kernels.runtime.claims import make_control, share_work
from fastnet.kernels.tile.direct import LONG_ROWS, MOST_COLUMNS, multiply_directly, room_for
from fastnet.kernels.tile.micro_panels import TILE_ROWS
from fastnet.kernels.tile.stacks import Shape, stack_of
from fastnet.machine.threads import resolve_threads
from fastnet.validation import operations as checks

PIECES_PER_THREAD = 4
"""Pieces of its work that a thread does, about: who comes late finds some left."""

FEWEST_TO_TRANSPOSE = 384
"""Columns of B for which a large A that lies column by column is transposed, at least."""

MOST_TRANSPOSED = 2**23
"""Elements of A that a thread transposes, at most: memory that nobody asked for."""

FEWEST_COLUMNS = 256
"""Columns, or rows, of a piece of a large product, at least: packing B and transposing A take little of its time."""

FLOP_PER_THREAD = 60_000_000
"""Work that is worth a thread of its own: about a millisecond, some ten times what starting one costs."""


def multiply(
    a: npt.NDArray[Any],
    b: npt.NDArray[Any],
    bias: npt.NDArray[Any] | None = None,
    relu: bool = False,
    out: npt.NDArray[Any] | None = None,
    n_threads: int | None = None,
) -> npt.NDArray[Any]:
    """Multiply (..., m, k) by (..., k, n) with broadcasting; optionally add (n,) and apply ReLU."""
    batch_shape = checks.batch_shape(a, b)
    dtype, (m, k), n = a.dtype, a.shape[-2:], b.shape[-1]
    result = np.empty((*batch_shape, m, n), dtype) if out is None else out
    if result.size == 0:
        return result
    target = result if result.flags.c_contiguous else np.empty(result.shape, dtype)
    a_stack, b_stack = stack_of(a, batch_shape), stack_of(b, batch_shape)
    shape = a_stack[1].size, m, k, n
    added = no_elements(dtype)[0] if bias is None else flat(bias)
    team = threads_for(2 * result.size * k, n_threads)
    _multiply_directly(team, shape, a_stack, b_stack, target.ravel(), added, relu)
    if target is not result:
        result[...] = target
    return result


def _multiply_directly(team: int, shape: Shape, a: Any, b: Any, c: Any, bias: Any, relu: bool) -> None:
    """Cut the work into items, make room for each thread, and have it done."""
    items, m, k, n = shape
    n_packed = room_for((m, k, n), c.itemsize, b[3] != 1)
    pieces = 1 if team == 1 else PIECES_PER_THREAD * team
    groups, per_matrix = min(items, pieces), -(-pieces // items)
    blocks, splits = max(1, min(per_matrix, m // TILE_ROWS)), 1
    if n_packed > 0:  # columns rather than rows: then no two threads pack the same of B
        splits = max(-(-n // MOST_COLUMNS), min(per_matrix, n // FEWEST_COLUMNS), 1)
        blocks = max(1, min(-(-per_matrix // splits), m // FEWEST_COLUMNS))
    n_transposed = 0
    if n_packed == 0 and b[3] != 1:
        n_transposed = k * n
    elif n_packed > 0 and a[3] != 1 and n >= FEWEST_TO_TRANSPOSE and min(m, LONG_ROWS) * k <= MOST_TRANSPOSED:
        blocks = max(blocks, -(-m // LONG_ROWS))
        n_transposed = -(-m // blocks) * k
    n_room = n_packed + n_transposed
    scratch = no_elements(c.dtype, 2)[1] if n_room == 0 else empty((team, n_room), c.dtype)
    numbers = (*a[2:], *b[2:], k, m, n, groups, blocks, splits, n_packed, int(n_transposed > 0), int(relu))
    if team == 1:
        multiply_directly(0, make_control(), a[0], a[1], b[0], b[1], c, bias, scratch, numbers)
    else:
        share_work(multiply_directly, team, a[0], a[1], b[0], b[1], c, bias, scratch, numbers)


def threads_for(flop: int, n_threads: int | None = None, per_thread: int | None = None) -> int:
    """Count the threads to use: those asked for, else those worth starting for so much work.

    Results do not depend on it.
    """
    if n_threads is not None:
        return resolve_threads(n_threads)
    worth = flop // (per_thread or FLOP_PER_THREAD)
    return min(resolve_threads(None), worth) if worth > 1 else 1
