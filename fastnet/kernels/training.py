"""Inference and whole epochs of training, compiled. The maths stands in `fastnet.reference.training`.

Here arguments are checked and working memory is made; what the threads then do stands in `fastnet.kernels.epoch`.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from fastnet._threads import LINE, run_team
from fastnet.kernels import epoch, losses, updates
from fastnet.kernels.activations import CODES
from fastnet.kernels.arrays import flat, locked
from fastnet.kernels.clipping import CHAINS, Clipping, make_clipping, squares_size
from fastnet.kernels.epoch import PHASES, Memory, Run
from fastnet.kernels.gemm import padded, spaced_rows, threads_for
from fastnet.kernels.layout import Sizes, make_layout
from fastnet.kernels.narrow import packed_size, plan, sums_size
from fastnet.kernels.optimizers import settings_vector
from fastnet.kernels.passes import Samples, Weights
from fastnet.kernels.row import MOST_ROWS, predict_rows
from fastnet.kernels.simd import TILE_ROWS, panel_width
from fastnet.reference import checks, training_checks
from fastnet.reference.checks import FloatArray, IntArray
from fastnet.reference.training import layer_slices

__all__ = ["layer_slices", "phase_ticks", "predict_logits", "train_epoch"]

BLOCK_ELEMENTS = 256 * 1024
"""Activations of a block of rows, at most: about what a second-level cache holds beside the weights."""

MAX_BLOCK_ROWS = 256


def _block_rows(n_rows: int, sizes: Sizes) -> int:
    fitting = BLOCK_ELEMENTS // sizes.values
    return max(1, min(n_rows, max(fitting, 64), MAX_BLOCK_ROWS))


def _by_columns(sizes: Sequence[int], n_rows: int, team: int, itemsize: int) -> npt.NDArray[np.int64]:
    """Choose how threads share out each layer: by columns where that moves less between their caches.

    By rows, a thread reads the weights that others have updated; by columns, the inputs that others have computed.
    """
    width = panel_width(itemsize)

    def choose(n_out: int) -> bool:
        panels = -(-n_out // width)
        even = panels % team == 0 or panels >= 4 * team
        return team > 1 and even and n_out > n_rows

    return np.array([choose(int(n_out)) for n_out in sizes[1:]], np.int64)


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
    if 0 < len(x) <= MOST_ROWS:
        logits = checks.output(out, (len(x), int(sizes[-1])), dtype, (parameters, x))
        codes = np.array([CODES[name] for name in (*activations, "identity")], np.int64)
        rows = np.empty(logits.shape, dtype)
        predict_rows(
            locked(parameters), locked(x), float(scale), np.array(sizes, np.int64), codes,
            np.empty((2, max(sizes)), dtype), rows,
        )  # fmt: skip
        logits[...] = rows
        return logits
    logits = checks.output(out, (len(x), int(sizes[-1])), dtype, (parameters, x))
    team = threads_for(_flop_per_sample(sizes) * len(x), n_threads)
    layout, needed = make_layout(sizes, activations, dtype.itemsize)
    block = _block_rows(-(-len(x) // team), needed)
    capacity = spaced_rows(block, dtype.itemsize)
    target = logits if logits.flags.c_contiguous else np.empty(logits.shape, dtype)
    run_team(
        epoch.predict, team, capacity, block, layout, locked(parameters),
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
    rows, indices = flat(x), locked(order.astype(np.int64, copy=False))
    return Samples(rows, rows, locked(labels), locked(targets), indices, float(scale))


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
    clip_norm: float | None = None,
    clip_value: float | None = None,
    n_threads: int | None = None,
) -> tuple[float, int]:
    """Minibatch descent over the chosen samples; gather, forward, loss, backward and update in one compiled call."""
    training_checks.network(parameters, x, sizes, activations, scale)
    training_checks.training(parameters, slots, x, y, order, int(sizes[-1]), loss, optimizer)
    training_checks.whole("batch_size", batch_size, 1)
    training_checks.whole("step", step, 0)
    training_checks.clipping(clip_norm, clip_value)
    memory = _train(
        parameters, slots, _samples(x, y, order, scale, parameters.dtype), sizes, activations, loss, optimizer,
        int(batch_size), int(step), make_clipping(clip_norm, clip_value), n_threads,
    )  # fmt: skip
    return float(memory.totals[0, 0]), int(memory.totals[:, 1].sum())


def _train(
    parameters: FloatArray, slots: tuple[FloatArray, ...], samples: Samples, sizes: Sequence[int],
    activations: Sequence[str], loss: str, optimizer: Sequence[Any], batch_size: int, step: int,
    clipping: Clipping | None, n_threads: int | None,
) -> Memory:  # fmt: skip
    """Run the steps and return the team's memory, which holds what they came to."""
    dtype, n_samples = parameters.dtype, samples.order.size
    narrow = plan(int(sizes[0]), int(sizes[1]), dtype.itemsize, samples.x.dtype == dtype and samples.scale == 1.0)
    layout, needed = make_layout(sizes, activations, dtype.itemsize, narrow)
    n_batch = min(batch_size, max(n_samples, 1))
    block = _block_rows(n_batch, needed)
    capacity = spaced_rows(block, dtype.itemsize)
    team = threads_for(3 * _flop_per_sample(sizes) * n_samples, n_threads)
    name, *settings = optimizer
    vectors = [v if v.flags.c_contiguous else v.copy() for v in (parameters, *slots)]
    slot0, slot1 = (vectors[i] if i < len(vectors) else np.empty(0, dtype) for i in (1, 2))
    stored = block < n_batch or clipping is not None
    by_columns = _by_columns(sizes, min(block, n_batch), team, dtype.itemsize)
    run = Run(
        losses.CODES[loss],
        updates.CODES[name],
        settings_vector(settings),
        batch_size,
        step,
        capacity,
        block,
        by_columns,
        clipping,
    )
    weights = Weights(
        np.zeros(needed.packed, dtype), np.zeros(needed.packed if slot0.size else 0, dtype),
        np.zeros(needed.packed if slot1.size else 0, dtype),
        np.zeros(needed.packed if stored else packed_size(narrow, dtype.itemsize), dtype),
        np.zeros(needed.transposed, dtype),
    )  # fmt: skip
    values = np.zeros(capacity * needed.values, dtype)
    samples = samples._replace(rows=samples.x if narrow.direct else locked(values))
    memory = Memory(
        values, np.zeros(capacity * needed.values, dtype), np.zeros(capacity),
        np.zeros((team, 2 * int(sizes[-1]) + 2 * LINE), dtype), np.zeros(sums_size(narrow, capacity), dtype),
        np.zeros((team, 4 * capacity + 2 * LINE), np.int64), np.zeros((team, 2 * LINE), np.int64),
        np.zeros((team, 4 * LINE), dtype),
        np.zeros((team, 2 * padded(TILE_ROWS * panel_width(dtype.itemsize), 4 * LINE)), dtype),
        np.zeros((team, 2 * LINE), np.int64), np.zeros((team, 2 * LINE)), np.zeros((team, CHAINS + LINE)),
        np.zeros(squares_size(sizes)),
    )  # fmt: skip
    run_team(epoch.train, team, run, layout, vectors[0], slot0, slot1, samples, weights, memory)
    for vector, target in zip((parameters, *slots), vectors, strict=True):
        if target is not vector:
            vector[...] = target
    return memory


def phase_ticks(
    parameters: FloatArray, slots: tuple[FloatArray, ...], x: npt.NDArray[Any], y: npt.NDArray[Any], order: IntArray,
    sizes: Sequence[int], activations: Sequence[str], loss: str, optimizer: Sequence[Any], batch_size: int,
    n_threads: int | None = None,
) -> npt.NDArray[np.int64]:  # fmt: skip
    """Train as `train_epoch` does; return the clock ticks (n_threads, phases) that each of `PHASES` took."""
    samples = _samples(x, y, order, 1.0, parameters.dtype)
    memory = _train(parameters, slots, samples, sizes, activations, loss, optimizer, batch_size, 0, None, n_threads)
    ticks: npt.NDArray[np.int64] = memory.ticks[:, : len(PHASES)]
    return ticks
