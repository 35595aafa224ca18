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
from typing import Any

import numpy as np
import numpy.typing as npt

from fastnet._jit import inlined, kernel
from fastnet._threads import LINE, run_team
from fastnet.kernels import losses, optimizers
from fastnet.kernels.arrays import locked
from fastnet.kernels.barrier import meet
from fastnet.kernels.gemm import padded, share, threads_for
from fastnet.kernels.layout import Layout, Sizes, make_layout, pack, panels, transpose_tile, unpack
from fastnet.kernels.passes import (
    Samples,
    Step,
    Weights,
    backward,
    forward,
    gather,
    loss_and_gradient,
    update_tile,
)
from fastnet.kernels.simd import TILE_ROWS, panel_width
from fastnet.reference import checks, training_checks
from fastnet.reference.checks import FloatArray, IntArray
from fastnet.reference.training import layer_slices

__all__ = ["layer_slices", "predict_logits", "train_epoch"]

BLOCK_ELEMENTS = 256 * 1024
"""Activations of a block of rows, at most: about what a second-level cache holds beside the weights."""


def _block_rows(n_rows: int, sizes: Sizes) -> int:
    fitting = BLOCK_ELEMENTS // sizes.values
    return padded(max(1, min(n_rows, max(fitting, 64), 256)), TILE_ROWS)


@inlined
def _pack_all(
    thread: int, n_threads: int, barrier: Any, layout: Layout, flat: Any, packed: Any, transposed: Any
) -> bool:
    """Pack a flat vector, and transpose its W where `transposed` asks for it, a share of panels each."""
    itemsize = packed.itemsize
    for layer in range(layout.n_in.size):
        first, last = share(panels(layout, layer, itemsize), thread, n_threads)
        pack(layout, layer, first, last, flat, packed)
        if layer > 0 and transposed.size > 0:
            for panel in range(first, last):
                for tile in range(layout.depth[layer] // TILE_ROWS):
                    transpose_tile(layout, layer, tile, panel, packed, transposed)
    return bool(meet(barrier, n_threads))


@inlined
def _rows_of(n_rows: int, thread: int, n_threads: int) -> tuple[int, int, int]:
    """Rows of a block that a thread works on: first, last, and last rounded up to whole tiles."""
    first, last = share((n_rows + TILE_ROWS - 1) // TILE_ROWS, thread, n_threads)
    return first * TILE_ROWS, min(last * TILE_ROWS, n_rows), last * TILE_ROWS


@inlined
def _train_rows(
    loss: int, samples: Samples, start: int, n: int, first: int, last: int, last_tile: int, capacity: int,
    layout: Layout, weights: Weights, values: Any, gradients: Any, row_losses: Any, zeros: Any,
) -> int:  # fmt: skip
    """Carry some rows of a block forward and back; return the count of correct answers."""
    n_layers, at = layout.n_in.size, layout.values
    gather(samples, start, first, last, layout, values, 0)
    for layer in range(n_layers):
        v0, v1 = at[layer] * capacity, at[layer + 1] * capacity
        forward(layout, layer, first, last_tile, weights.packed, values, v0, v1, zeros)
    logits = at[n_layers] * capacity
    correct = loss_and_gradient(loss, samples, start, first, last, n, layout, values, gradients, logits, row_losses)
    for layer in range(n_layers - 1, 0, -1):
        v0, v1 = at[layer] * capacity, at[layer + 1] * capacity
        backward(layout, layer, first, last_tile, weights.transposed, values, gradients, v0, v1, zeros)
    return correct


@inlined
def _update_weights(
    thread: int, n_threads: int, n_rows: int, capacity: int, layout: Layout, weights: Weights, step: Step,
    values: Any, gradients: Any, scratch: Any, zeros: Any,
) -> None:  # fmt: skip
    """Gradient and update of a thread's share of every layer's tiles.

    A share is a slab of rows of W where there are many, so that a thread reads but a slab of the inputs.
    """
    s0 = thread * (scratch.size // n_threads)
    for layer in range(layout.n_in.size):
        v0, v1 = layout.values[layer] * capacity, layout.values[layer + 1] * capacity
        tiles, n_panels = layout.depth[layer] // TILE_ROWS, panels(layout, layer, values.itemsize)
        first, last, first_panel, last_panel = 0, tiles, 0, n_panels
        if tiles >= n_threads:
            first, last = share(tiles, thread, n_threads)
        else:
            first_panel, last_panel = share(n_panels, thread, n_threads)
        for panel in range(first_panel, last_panel):
            for tile in range(first, last):
                update_tile(
                    layout,
                    layer,
                    tile,
                    panel,
                    n_rows,
                    values,
                    gradients,
                    v0,
                    v1,
                    weights,
                    step,
                    scratch,
                    s0,
                    zeros,
                )


@kernel
def _train(
    thread: int, n_threads: int, barrier: Any, layout: Layout, parameters: Any, slot0: Any, slot1: Any,
    samples: Samples, loss: int, optimizer: int, settings: Any, batch_size: int, step: int, capacity: int,
    weights: Weights, values: Any, gradients: Any, scratch: Any, row_losses: Any, zeros: Any, totals: Any,
) -> None:  # fmt: skip
    if slot0.size > 0:
        _pack_all(thread, n_threads, barrier, layout, slot0, weights.slot0, zeros[:0])
    if slot1.size > 0:
        _pack_all(thread, n_threads, barrier, layout, slot1, weights.slot1, zeros[:0])
    if not _pack_all(thread, n_threads, barrier, layout, parameters, weights.packed, weights.transposed):
        return
    total, correct = 0.0, 0
    for batch in range(0, samples.order.size, batch_size):
        n = min(batch_size, samples.order.size - batch)
        step += 1
        rate = optimizers.rate_of_step(optimizer, settings, step)
        for start in range(0, n, capacity):
            n_rows = min(capacity, n - start)
            first, last, last_tile = _rows_of(n_rows, thread, n_threads)
            correct += _train_rows(
                loss, samples, batch + start, n, first, last, last_tile, capacity,
                layout, weights, values, gradients, row_losses, zeros,
            )  # fmt: skip
            if not meet(barrier, n_threads):
                return
            now = Step(optimizer, settings, rate, start == 0, start + capacity >= n)
            _update_weights(
                thread, n_threads, n_rows, capacity, layout, weights, now, values, gradients, scratch, zeros
            )
            if thread == 0:  # one sum in one order, whatever the count of threads
                for r in range(n_rows):
                    total += row_losses[r]
            if not meet(barrier, n_threads):
                return
    for layer in range(layout.n_in.size):
        first, last = share(panels(layout, layer, values.itemsize), thread, n_threads)
        unpack(layout, layer, first, last, weights.packed, parameters)
        if slot0.size > 0:
            unpack(layout, layer, first, last, weights.slot0, slot0)
        if slot1.size > 0:
            unpack(layout, layer, first, last, weights.slot1, slot1)
    totals[2 * LINE * thread] = total
    totals[2 * LINE * thread + 1] = correct


@kernel
def _predict(
    thread: int, n_threads: int, barrier: Any, layout: Layout, parameters: Any, samples: Samples, capacity: int,
    packed: Any, values: Any, zeros: Any, logits: Any,
) -> None:  # fmt: skip
    if not _pack_all(thread, n_threads, barrier, layout, parameters, packed, zeros[:0]):
        return
    n_layers, at, n_out = layout.n_in.size, layout.values, layout.n_out[-1]
    base = thread * (values.size // n_threads)
    first, last, _ = _rows_of(samples.order.size, thread, n_threads)
    for start in range(first, last, capacity):
        n_rows = min(capacity, last - start)
        tiles = (n_rows + TILE_ROWS - 1) // TILE_ROWS * TILE_ROWS
        gather(samples, start, 0, n_rows, layout, values, base)
        for layer in range(n_layers):
            v0, v1 = base + at[layer] * capacity, base + at[layer + 1] * capacity
            forward(layout, layer, 0, tiles, packed, values, v0, v1, zeros)
        for r in range(n_rows):
            row = base + at[n_layers] * capacity + r * layout.row[n_layers]
            target = logits[start + r]
            source = values[row : row + n_out]
            for j in range(n_out):
                target[j] = source[j]


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
    capacity = _block_rows(-(-len(x) // team), needed)
    target = logits if logits.flags.c_contiguous else np.empty(logits.shape, dtype)
    run_team(
        _predict, team, layout, locked(parameters), _samples(x, None, np.arange(len(x)), scale, dtype), capacity,
        np.empty(needed.packed, dtype), np.zeros(team * capacity * needed.values, dtype),
        np.zeros(panel_width(dtype.itemsize), dtype), target,
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
    capacity = _block_rows(n_batch, needed)
    team = threads_for(3 * _flop_per_sample(sizes) * len(order), n_threads)
    name, *settings = optimizer
    vectors = [v if v.flags.c_contiguous else v.copy() for v in (parameters, *slots)]
    slot0, slot1 = (vectors[i] if i < len(vectors) else np.empty(0, dtype) for i in (1, 2))
    weights = Weights(
        np.zeros(needed.packed, dtype), np.zeros(needed.packed if slot0.size else 0, dtype),
        np.zeros(needed.packed if slot1.size else 0, dtype),
        np.zeros(needed.packed if capacity < n_batch else 0, dtype), np.zeros(needed.transposed, dtype),
    )  # fmt: skip
    scratch = padded(TILE_ROWS * panel_width(size), 1024)
    totals = np.zeros(2 * LINE * team)
    run_team(
        _train, team, layout, vectors[0], slot0, slot1, _samples(x, y, order, scale, dtype), losses.CODES[loss],
        optimizers.CODES[name], optimizers.settings_vector(settings), int(batch_size), int(step), capacity, weights,
        np.zeros(capacity * needed.values, dtype), np.zeros(capacity * needed.values, dtype),
        np.zeros(team * scratch, dtype), np.zeros(capacity), np.zeros(panel_width(size), dtype), totals,
    )  # fmt: skip
    for vector, target in zip((parameters, *slots), vectors, strict=True):
        if target is not vector:
            vector[...] = target
    return float(totals[0]), int(totals[1 :: 2 * LINE].sum())
