"""The stage of a step at its turning point: each sample's loss, and its gradient for the last layer's outputs."""

from __future__ import annotations

import functools
from typing import Any

from fastnet.compiler.policy import inlined, stage
from fastnet.kernels import losses
from fastnet.kernels.codegen import reductions, scalar_activations
from fastnet.kernels.codegen.reductions import LANE_BITS
from fastnet.kernels.losses import (
    ABSOLUTE_ERROR,
    BINARY_CROSS_ENTROPY,
    CROSS_ENTROPY,
    HUBER,
    POISSON,
    QUANTILE,
    SOFTMAX_SQUARED_ERROR,
)
from fastnet.kernels.step.row_lanes import Expected, cross_entropy_rows
from fastnet.kernels.tile.micro_panels import TILE_VECTORS
from fastnet.kernels.tile.moves import copy_row
from fastnet.kernels.tile.operands import Operand, below
from fastnet.kernels.tile.packing import FIRST, VECTOR_BYTES


@functools.cache
def make_loss(code: int) -> Any:
    """Return the stage that writes losses and gradients of some rows, and returns the count of correct predictions.

    The code, a plain number of this module's, is known while compiling: branches of other losses are not compiled.
    """

    @stage
    def loss_and_gradient(s: Any, thread: int, start: int, first: int, last: int) -> int:
        """Where a row of outputs lies in several micro-panels, it is copied into one run, and its gradient back."""
        samples, values, gradients, rows = s.samples, s.memory.values, s.memory.gradients, s.memory.rows[thread]
        width = TILE_VECTORS * VECTOR_BYTES // values.itemsize
        n_layers, capacity = s.layout.n_in.size, s.run.capacity
        columns, base, stride = s.layout.n_out[-1], s.layout.values[n_layers] * capacity, capacity * width
        divisor, setting = s.memory.divisors[thread, 0], s.run.loss_setting
        n_correct, begin = 0, first
        if code == CROSS_ENTROPY:
            begin, n_correct = _rows_at_once(s, thread, start, first, last, Operand(values, base, width, 1))
        for r in range(begin, last):
            at = base + r * width
            logits, dlogits = values[at : at + width], gradients[at : at + width]
            if columns > width:
                logits, dlogits = rows[:columns], rows[columns : 2 * columns]
                _copy_panels(values, at, stride, rows, FIRST, width, columns)
            sample = samples.order[start + r]
            is_correct = 0
            if code == CROSS_ENTROPY:
                loss, is_correct = _cross_entropy(samples.labels[sample], setting, logits, dlogits, columns)
            elif code == SOFTMAX_SQUARED_ERROR:
                loss, is_correct = _softmax_squared_error(samples.labels[sample], logits, dlogits, columns)
            elif code == BINARY_CROSS_ENTROPY:
                loss, is_correct = _binary_cross_entropy(samples.targets[sample], logits, dlogits, columns)
            elif code == POISSON:
                loss = _poisson(samples.targets[sample], logits, dlogits, columns)
            elif code == HUBER:
                loss = _huber(samples.targets[sample], setting, logits, dlogits, columns)
            elif code == QUANTILE:
                loss = losses.quantile_row(logits, samples.targets[sample], s.run.levels, dlogits, columns)
            elif code == ABSOLUTE_ERROR:
                loss = _absolute_error(samples.targets[sample], logits, dlogits, columns)
            else:
                loss = _squared_error(samples.targets[sample], logits, dlogits, columns)
            n_correct += is_correct
            s.memory.row_losses[r] = _weigh(samples, sample, loss, divisor, dlogits, columns)
            if columns > width:
                _copy_panels(rows, columns, width, gradients, at, stride, columns)
        return n_correct

    return loss_and_gradient


@inlined
def _rows_at_once(s: Any, thread: int, start: int, first: int, last: int, outputs: Operand) -> tuple[int, int]:
    """Compute rows that are no longer than a micro-panel is wide, as many at once as a vector has lanes.

    Return the first row that is left, and the count of correct predictions.
    """
    samples, columns, width = s.samples, s.layout.n_out[-1], outputs.row_stride
    gradients, rows, row_losses = s.memory.gradients, s.memory.rows[thread], s.memory.row_losses
    divisor, setting = s.memory.divisors[thread, 0], s.run.loss_setting
    lanes, n_correct, begin = LANE_BITS // 8 // outputs.array.itemsize, 0, first
    if columns <= width and lanes <= width:  # rows are read and written in whole vectors of so many lanes
        for r in range(first, last - lanes + 1, lanes):
            expected = Expected(samples.labels, samples.weights, samples.order, start + r)
            n_correct += cross_entropy_rows(
                below(outputs, r), columns, gradients, expected, setting, divisor, rows, row_losses, r
            )
            begin = r + lanes
    return begin, n_correct


@inlined
def _copy_panels(source: Any, s0: int, s_panel: int, target: Any, t0: int, t_panel: int, columns: int) -> None:
    """Copy a row, between micro-panels and memory in which its micro-panels follow one another."""
    width, one = TILE_VECTORS * VECTOR_BYTES // source.itemsize, source.dtype.type(1)
    whole = columns // width
    for panel in range(whole):
        copy_row(source, s0 + panel * s_panel, target, t0 + panel * t_panel, one)
    for j in range(columns - whole * width):
        target[t0 + whole * t_panel + j] = source[s0 + whole * s_panel + j]


@inlined
def _weigh(samples: Any, sample: int, loss: float, divisor: float, dlogits: Any, columns: int) -> float:
    """Make a sample's gradient its share of the batch's; return its loss, weighted."""
    real = dlogits.dtype.type
    if samples.weights.size > 0:
        weight = samples.weights[sample]
        loss *= weight
        for j in range(columns):
            dlogits[j] *= real(weight)
    whole = int(divisor)
    if whole == divisor and whole & (whole - 1) == 0:  # a power of two: its inverse is exact, and takes less time
        for j in range(dlogits.size):  # and what pads the row, which is whole vectors then
            dlogits[j] *= real(1.0 / divisor)
    else:
        for j in range(dlogits.size):
            dlogits[j] /= real(divisor)
    return loss


@inlined
def _cross_entropy(label: int, smoothing: float, logits: Any, dlogits: Any, columns: int) -> tuple[float, int]:
    real = logits.dtype.type
    loss = losses.cross_entropy_row(logits, label, dlogits, columns, smoothing)
    if smoothing > 0.0:
        for j in range(columns):
            dlogits[j] -= real(smoothing / columns)
    dlogits[label] -= real(1.0 - smoothing)
    return loss, int(reductions.count_larger(logits, label, columns) == 0)


@inlined
def _softmax_squared_error(label: int, logits: Any, dlogits: Any, columns: int) -> tuple[float, int]:
    loss = losses.softmax_squared_error_row(logits, label, dlogits, columns)
    losses.softmax_squared_error_slope(dlogits, label, dlogits, columns)
    return loss, int(reductions.count_larger(logits, label, columns) == 0)


@inlined
def _binary_cross_entropy(targets: Any, logits: Any, dlogits: Any, columns: int) -> tuple[float, int]:
    real, n_correct = logits.dtype.type, 0
    half, zero = real(0.5), real(0)
    loss = losses.binary_cross_entropy_row(logits, targets, dlogits, columns)
    for j in range(columns):
        n_correct += int((logits[j] > zero) == (targets[j] > half))
        dlogits[j] -= targets[j]
    return loss, n_correct


@inlined
def _poisson(targets: Any, logits: Any, dlogits: Any, columns: int) -> float:
    loss = losses.poisson_row(logits, targets, dlogits, columns)
    for j in range(columns):
        dlogits[j] -= targets[j]
    return loss


@inlined
def _huber(targets: Any, delta: float, logits: Any, dlogits: Any, columns: int) -> float:
    end = logits.dtype.type(delta)
    for j in range(columns):
        dlogits[j] = scalar_activations.within(logits[j] - targets[j], end)
    return losses.huber_row(logits, targets, delta, columns)


@inlined
def _absolute_error(targets: Any, logits: Any, dlogits: Any, columns: int) -> float:
    for j in range(columns):
        dlogits[j] = scalar_activations.sign(logits[j] - targets[j])
    return losses.absolute_error_row(logits, targets, columns)


@inlined
def _squared_error(targets: Any, logits: Any, dlogits: Any, columns: int) -> float:
    for j in range(columns):
        dlogits[j] = logits[j] - targets[j]
    return losses.squared_error_row(logits, targets, columns)
