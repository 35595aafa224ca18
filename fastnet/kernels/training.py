"""Inference and whole epochs of training, compiled. The maths stands in `fastnet.reference.training`.

One call runs all steps of an epoch, or of a part of one, in a team of threads that meet twice a step. Between
the first meeting and the second each thread owns some tiles of weights: their gradient, from all rows of the
batch, and their update. Between the second and the next first, each owns some rows of the batch, from the
gather to the gradients of every layer's outputs. A large batch goes through in blocks of rows that stay in
the second-level cache, and its gradient is kept between blocks; so working memory does not grow with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from fastnet._jit import inlined, kernel
from fastnet._threads import LINE, run_team
from fastnet.kernels import losses, updates
from fastnet.kernels.arrays import locked
from fastnet.kernels.barrier import meet
from fastnet.kernels.gemm import VECTOR_BYTES, panels_of, share, spaced_rows, threads_for, unpack
from fastnet.kernels.layout import Layout, Sizes, make_layout, pack_layer, transpose_weights, unpack_layer
from fastnet.kernels.optimizers import settings_vector
from fastnet.kernels.passes import Samples, Weights, backward, forward, gather, loss_and_gradient, update_tile
from fastnet.kernels.simd import TILE_ROWS, TILE_VECTORS, clock
from fastnet.reference import checks, training_checks
from fastnet.reference.checks import FloatArray, IntArray
from fastnet.reference.training import layer_slices

__all__ = ["PHASES", "layer_slices", "predict_logits", "train_epoch"]

PHASES = ("gather", "forward", "loss", "backward", "wait for rows", "update", "wait for weights")
"""What a thread does in a step, in order; the ticks that each took are counted."""

# NumPy integers: plain ones would be types of their own, and functions compiled anew for each.
_NUMBERS: list[Any] = [np.int64(i) for i in range(len(PHASES))]
GATHER, FORWARD, LOSS, BACKWARD, WAIT_ROWS, UPDATE, WAIT_WEIGHTS = _NUMBERS
FIRST: Any = np.int64(0)

BLOCK_ELEMENTS = 256 * 1024
"""Activations of a block of rows, at most: about what a second-level cache holds beside the weights."""

MAX_BLOCK_ROWS = 256


class Run(NamedTuple):
    """What stays the same during a call."""

    loss: int
    optimizer: int
    settings: Any
    batch_size: int
    step: int  # steps taken before
    capacity: int  # rows reserved in a panel
    block: int  # rows of a block


class Memory(NamedTuple):
    """Working memory of a team: shared by its threads, or with a part for each, as it says."""

    values: Any  # activations of a block of rows
    gradients: Any  # of the loss with respect to them
    row_losses: Any  # of a block
    rows: Any  # (n_threads, ...): two rows of outputs
    coefficients: Any  # (n_threads, ...): of the optimizer's step
    ticks: Any  # (n_threads, ...): of each phase
    totals: Any  # (n_threads, ...): sum of losses, count of correct answers


def _block_rows(n_rows: int, sizes: Sizes) -> int:
    fitting = BLOCK_ELEMENTS // sizes.values
    return max(1, min(n_rows, max(fitting, 64), MAX_BLOCK_ROWS))


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


@inlined
def _train_rows(
    thread: int, n_threads: int, run: Run, layout: Layout, samples: Samples, start: int, n: int, n_rows: int,
    weights: Weights, memory: Memory, before: int,
) -> tuple[int, int]:  # fmt: skip
    """Carry a thread's rows of a block forward and back; return the count of correct answers, and the time."""
    first, last, last_tile = _rows_of(n_rows, thread, n_threads)
    values, gradients, capacity, ticks = memory.values, memory.gradients, run.capacity, memory.ticks[thread]
    n_layers, at = layout.n_in.size, layout.values
    gather(samples, start, first, last, layout, values, capacity)
    before = _tick(ticks, GATHER, before)
    for layer in range(n_layers):
        v0, v1 = at[layer] * capacity, at[layer + 1] * capacity
        forward(layout, layer, first, last_tile, weights.packed, values, v0, v1, capacity)
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
def _update_weights(
    thread: int, n_threads: int, run: Run, layout: Layout, n_rows: int, goes_on: bool, code: int,
    weights: Weights, memory: Memory,
) -> None:  # fmt: skip
    """Gradient and update of a thread's share of every layer's tiles.

    A share is a slab of rows of W where there are many, so that a thread reads but a slab of the inputs.
    """
    capacity, coefficients = run.capacity, memory.coefficients[thread]
    for layer in range(layout.n_in.size):
        v0, v1 = layout.values[layer] * capacity, layout.values[layer + 1] * capacity
        tiles, n_panels = layout.depth[layer] // TILE_ROWS, panels_of(layout.n_out[layer], memory.values.itemsize)
        first, last, first_panel, last_panel = 0, tiles, 0, n_panels
        if tiles >= n_threads:
            first, last = share(tiles, thread, n_threads)
        else:
            first_panel, last_panel = share(n_panels, thread, n_threads)
        for panel in range(first_panel, last_panel):
            for tile in range(first, last):
                update_tile(
                    layout, layer, tile, panel, n_rows, memory.values, memory.gradients, v0, v1, capacity,
                    weights, goes_on, code, coefficients,
                )  # fmt: skip
                if layer > 0 and code != updates.STORE:
                    transpose_weights(layout, layer, tile, panel, weights.packed, weights.transposed)


@kernel
def _train(
    thread: int, n_threads: int, barrier: Any, run: Run, layout: Layout, parameters: Any, slot0: Any, slot1: Any,
    samples: Samples, weights: Weights, memory: Memory,
) -> None:  # fmt: skip
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
    total, correct, step, before = 0.0, 0, run.step, clock()
    for batch in range(0, samples.order.size, run.batch_size):
        n = min(run.batch_size, samples.order.size - batch)
        step += 1
        updates.fill_coefficients(run.optimizer, run.settings, step, memory.coefficients[thread])
        for start in range(0, n, run.block):
            n_rows = min(run.block, n - start)
            right, before = _train_rows(
                thread, n_threads, run, layout, samples, batch + start, n, n_rows, weights, memory, before
            )
            correct += right
            if not meet(barrier, n_threads):
                return
            before = _tick(memory.ticks[thread], WAIT_ROWS, before)
            code = run.optimizer if start + run.block >= n else updates.STORE
            _update_weights(thread, n_threads, run, layout, n_rows, start > 0, code, weights, memory)
            if thread == 0:  # one sum in one order, whatever the count of threads
                for r in range(n_rows):
                    total += memory.row_losses[r]
            before = _tick(memory.ticks[thread], UPDATE, before)
            if not meet(barrier, n_threads):
                return
            before = _tick(memory.ticks[thread], WAIT_WEIGHTS, before)
    _unpack_all(thread, n_threads, layout, weights.packed, parameters)
    if slot0.size > 0:
        _unpack_all(thread, n_threads, layout, weights.slot0, slot0)
    if slot1.size > 0:
        _unpack_all(thread, n_threads, layout, weights.slot1, slot1)
    memory.totals[thread, 0] = total
    memory.totals[thread, 1] = correct


@kernel
def _predict(
    thread: int, n_threads: int, barrier: Any, capacity: int, block: int, layout: Layout, parameters: Any,
    samples: Samples, packed: Any, values: Any, logits: Any,
) -> None:  # fmt: skip
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
            forward(layout, layer, FIRST, tiles, packed, own, at[layer] * capacity, at[layer + 1] * capacity, capacity)
        source = at[n_layers] * capacity
        unpack(own, source, step, n_rows, n_out, FIRST, panels_of(n_out, own.itemsize), logits, start * n_out, n_out)


def _flop_per_sample(sizes: Sequence[int]) -> int:
    return 2 * sum(int(a) * int(b) for a, b in pairwise(sizes))


def predict_logits(
    parameters: FloatArray,
    x: npt.NDArray[Any],
    sizes: Sequence[int],
    activations: Sequence[str],
    scale: float = 1.0,
    out: FloatArray | None = None,
    n_threads: int | None = None,
) -> FloatArray:
    """Run a network forward; a thread carries a block of rows through all layers while they are in its cache."""
    training_checks.network(parameters, x, sizes, activations, scale)
    dtype = parameters.dtype
    logits = checks.output(out, (len(x), int(sizes[-1])), dtype, (parameters, x))
    team = threads_for(_flop_per_sample(sizes) * len(x), n_threads)
    layout, needed = make_layout(sizes, activations, dtype.itemsize)
    block = _block_rows(-(-len(x) // team), needed)
    capacity = spaced_rows(block, dtype.itemsize)
    target = logits if logits.flags.c_contiguous else np.empty(logits.shape, dtype)
    run_team(
        _predict, team, capacity, block, layout, locked(parameters),
        _samples(x, None, np.arange(len(x)), scale, dtype), np.empty(needed.packed, dtype),
        np.zeros((team, capacity * needed.values), dtype), target.reshape(-1),
    )  # fmt: skip
    if target is not logits:
        logits[...] = target
    return logits


def _samples(x: npt.NDArray[Any], y: npt.NDArray[Any] | None, order: IntArray, scale: float, dtype: Any) -> Samples:
    labels, targets = np.empty(0, np.int32), np.empty((0, 0), dtype)
    if y is not None and y.ndim == 1:
        labels = y.astype(np.int32, copy=False)
    elif y is not None:
        targets = y
    return Samples(locked(x), locked(labels), locked(targets), locked(order.astype(np.int64, copy=False)), float(scale))


def train_epoch(
    parameters: FloatArray,
    slots: tuple[FloatArray, ...],
    x: npt.NDArray[Any],
    y: npt.NDArray[Any],
    order: IntArray,
    sizes: Sequence[int],
    activations: Sequence[str],
    loss: str,
    optimizer: Sequence[Any],
    batch_size: int,
    step: int = 0,
    scale: float = 1.0,
    n_threads: int | None = None,
) -> tuple[float, int]:
    """Minibatch descent over the chosen samples; gather, forward, loss, backward and update in one compiled call."""
    training_checks.network(parameters, x, sizes, activations, scale)
    training_checks.training(parameters, slots, x, y, order, int(sizes[-1]), loss, optimizer)
    training_checks.whole("batch_size", batch_size, 1)
    training_checks.whole("step", step, 0)
    dtype, size = parameters.dtype, parameters.dtype.itemsize
    layout, needed = make_layout(sizes, activations, size)
    n_batch = min(int(batch_size), max(len(order), 1))
    block = _block_rows(n_batch, needed)
    capacity = spaced_rows(block, size)
    team = threads_for(3 * _flop_per_sample(sizes) * len(order), n_threads)
    name, *settings = optimizer
    vectors = [v if v.flags.c_contiguous else v.copy() for v in (parameters, *slots)]
    slot0, slot1 = (vectors[i] if i < len(vectors) else np.empty(0, dtype) for i in (1, 2))
    run = Run(
        losses.CODES[loss], updates.CODES[name], settings_vector(settings), int(batch_size), int(step), capacity, block
    )
    weights = Weights(
        np.zeros(needed.packed, dtype), np.zeros(needed.packed if slot0.size else 0, dtype),
        np.zeros(needed.packed if slot1.size else 0, dtype), np.zeros(needed.packed if block < n_batch else 0, dtype),
        np.zeros(needed.transposed, dtype),
    )  # fmt: skip
    memory = Memory(
        np.zeros(capacity * needed.values, dtype), np.zeros(capacity * needed.values, dtype), np.zeros(capacity),
        np.zeros((team, 2 * int(sizes[-1]) + 2 * LINE), dtype), np.zeros((team, 4 * LINE), dtype),
        np.zeros((team, 2 * LINE), np.int64), np.zeros((team, 2 * LINE)),
    )  # fmt: skip
    samples = _samples(x, y, order, scale, dtype)
    run_team(_train, team, run, layout, vectors[0], slot0, slot1, samples, weights, memory)
    for vector, target in zip((parameters, *slots), vectors, strict=True):
        if target is not vector:
            vector[...] = target
    return float(memory.totals[0, 0]), int(memory.totals[:, 1].sum())
