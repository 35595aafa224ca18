"""The parts of a training step: gather, forward, loss, backward, gradient with update.

Each works on what one thread of a team was given: a range of rows (samples), or of tiles of weights. Outputs are
shared out among threads, never a reduction, so results do not depend on how many there are.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from fastnet._jit import inlined
from fastnet.kernels import losses
from fastnet.kernels.activations import IDENTITY, activate, differentiate
from fastnet.kernels.gemm import VECTOR_BYTES, multiply_panels, panels_of
from fastnet.kernels.layout import Layout
from fastnet.kernels.simd import TILE_ROWS, TILE_VECTORS, weight_tile_narrow, weight_tile_wide


class Samples(NamedTuple):
    """The data: inputs, labels or targets (the other one empty), the order of use, the factor on inputs."""

    x: Any
    labels: Any
    targets: Any
    order: Any
    scale: float


class Weights(NamedTuple):
    """Parameters and optimizer state in panels, the gradient of a batch that comes in blocks, W transposed."""

    packed: Any
    slot0: Any
    slot1: Any
    gradient: Any
    transposed: Any


@inlined
def gather(samples: Samples, start: int, first: int, last: int, layout: Layout, values: Any, capacity: int) -> None:
    """Copy rows [first, last) of the block of samples at `start` into panels, converted and scaled."""
    width = TILE_VECTORS * VECTOR_BYTES // values.itemsize
    n_in, step = layout.n_in[0], capacity * width
    real = values.dtype.type
    scale = real(samples.scale)
    for r in range(first, last):
        source = samples.x[samples.order[start + r]]
        for panel in range(n_in // width):
            run = values[panel * step + r * width : panel * step + (r + 1) * width]
            row = source[panel * width : (panel + 1) * width]
            for j in range(width):
                run[j] = real(row[j]) * scale
        for j in range(n_in // width * width, n_in):
            values[(n_in // width) * step + r * width + j % width] = real(source[j]) * scale
    _write_ones(n_in, first, last, values, layout.values[0], step)


@inlined
def _write_ones(n: int, first: int, last: int, values: Any, base: int, step: int) -> None:
    """Write the column of ones that follows n columns of activations."""
    width = TILE_VECTORS * VECTOR_BYTES // values.itemsize
    one = values.dtype.type(1)
    column = values[base + (n // width) * step + n % width :]
    for r in range(first, last):
        column[r * width] = one


@inlined
def forward(
    layout: Layout, layer: int, first: int, last: int, packed: Any, values: Any, v0: int, v1: int, capacity: int
) -> None:
    """Compute a layer's outputs, at v1, from its inputs, at v0, for rows [first, last)."""
    n_in, n_out, code = layout.n_in[layer], layout.n_out[layer], layout.activation[layer]
    width = TILE_VECTORS * VECTOR_BYTES // values.itemsize
    step = capacity * width
    multiply_panels(
        values, v0 + first * width, step, packed, layout.packed[layer], layout.depth[layer] * width, n_in + 1,
        values, v1 + first * width, step, last - first, n_out,
    )  # fmt: skip
    if code != IDENTITY:
        for panel in range(panels_of(n_out, values.itemsize)):
            run = values[v1 + panel * step + first * width : v1 + panel * step + last * width]
            activate(code, run, run)
    _write_ones(n_out, first, last, values, v1, step)


@inlined
def backward(
    layout: Layout, layer: int, first: int, last: int, transposed: Any, values: Any, gradients: Any,
    v0: int, v1: int, capacity: int,
) -> None:  # fmt: skip
    """Gradient before the layer (at v0, its inputs' activation undone) from that after it, for some rows."""
    n_in, n_out, code = layout.n_in[layer], layout.n_out[layer], layout.activation[layer - 1]
    width = TILE_VECTORS * VECTOR_BYTES // values.itemsize
    step = capacity * width
    multiply_panels(
        gradients, v1 + first * width, step, transposed, layout.transposed[layer], layout.t_depth[layer] * width,
        n_out, gradients, v0 + first * width, step, last - first, n_in,
    )  # fmt: skip
    if code != IDENTITY:
        for panel in range(panels_of(n_in, values.itemsize)):
            begin, end = v0 + panel * step + first * width, v0 + panel * step + last * width
            run = gradients[begin:end]
            differentiate(code, run, values[begin:end], run)


@inlined
def loss_and_gradient(
    code: int, samples: Samples, start: int, first: int, last: int, n: int, layout: Layout, values: Any,
    gradients: Any, base: int, capacity: int, rows: Any, row_losses: Any,
) -> int:  # fmt: skip
    """Write each row's loss, and its gradient for a mean over n samples; return the count of correct answers.

    `rows` holds two rows of outputs: where those lie in several panels, they are copied there and back.
    """
    width = TILE_VECTORS * VECTOR_BYTES // values.itemsize
    columns, step = layout.n_out[-1], capacity * width
    correct = 0
    for r in range(first, last):
        at = base + r * width
        if columns <= width:
            logits, dlogits = values[at : at + columns], gradients[at : at + columns]
            correct += _loss_row(code, samples, start + r, r, n, logits, dlogits, columns, row_losses)
        else:
            logits, dlogits = rows[:columns], rows[columns : 2 * columns]
            for j in range(columns):
                logits[j] = values[at + (j // width) * step + j % width]
            correct += _loss_row(code, samples, start + r, r, n, logits, dlogits, columns, row_losses)
            for j in range(columns):
                gradients[at + (j // width) * step + j % width] = dlogits[j]
    return correct


@inlined
def _loss_row(
    code: int, samples: Samples, place: int, r: int, n: int, logits: Any, dlogits: Any, columns: int, row_losses: Any
) -> int:
    real = logits.dtype.type
    divisor, one, half, zero = real(n), real(1), real(0.5), real(0)
    sample = samples.order[place]
    correct = 0
    if code == losses.CROSS_ENTROPY:
        label = samples.labels[sample]
        row_losses[r] = losses.cross_entropy_row(logits, label, dlogits, columns)
        best = 0
        for j in range(1, columns):  # the first largest, or the first NaN, as numpy.argmax finds it
            if not logits[j] <= logits[best] and logits[best] == logits[best]:
                best = j
        correct = int(best == label)
        dlogits[label] -= one
    elif code == losses.BINARY_CROSS_ENTROPY:
        targets = samples.targets[sample]
        row_losses[r] = losses.binary_cross_entropy_row(logits, targets, dlogits, columns)
        for j in range(columns):
            correct += int((logits[j] > zero) == (targets[j] > half))
            dlogits[j] -= targets[j]
    else:
        targets = samples.targets[sample]
        row_losses[r] = losses.squared_error_row(logits, targets, columns)
        for j in range(columns):
            dlogits[j] = logits[j] - targets[j]
    for j in range(columns):
        dlogits[j] /= divisor
    return correct


@inlined
def update_tile(
    layout: Layout, layer: int, tile: int, panel: int, n_rows: int, values: Any, gradients: Any, v0: int, v1: int,
    capacity: int, weights: Weights, goes_on: bool, code: int, coefficients: Any,
) -> None:  # fmt: skip
    """Gradient of one tile of weights over a block of rows, stored or used at once for the update, as `code` says."""
    lanes = VECTOR_BYTES // values.itemsize
    width = TILE_VECTORS * lanes
    row = tile * TILE_ROWS
    w0 = layout.packed[layer] + (panel * layout.depth[layer] + row) * width
    a0, b0 = v0 + (row // width) * capacity * width + row % width, v1 + panel * capacity * width
    if layout.n_out[layer] - panel * width > lanes:
        weight_tile_wide(
            values, a0, gradients, b0, n_rows, goes_on, code, coefficients,
            weights.packed, weights.slot0, weights.slot1, weights.gradient, w0,
        )  # fmt: skip
    else:
        weight_tile_narrow(
            values, a0, gradients, b0, n_rows, goes_on, code, coefficients,
            weights.packed, weights.slot0, weights.slot1, weights.gradient, w0,
        )  # fmt: skip
