"""The parts of a training step: gather, forward, loss, backward, gradient with update.

Each works on what one thread of a team was given: a range of rows (samples), or a range of tiles of weights.
Outputs are shared out among threads, never a reduction, so results do not depend on how many there are.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from fastnet._jit import inlined
from fastnet.kernels import losses
from fastnet.kernels.activations import IDENTITY, activate, differentiate
from fastnet.kernels.gemm import VECTOR_BYTES, gemm
from fastnet.kernels.layout import Layout, transpose_tile
from fastnet.kernels.optimizers import update
from fastnet.kernels.simd import TILE_ROWS, TILE_VECTORS, tile_narrow, tile_wide


class Samples(NamedTuple):
    """The data: inputs, labels or targets (the other one empty), the order of use, the factor on inputs."""

    x: Any
    labels: Any
    targets: Any
    order: Any
    scale: float


@inlined
def gather(samples: Samples, start: int, first: int, last: int, layout: Layout, values: Any, v0: int) -> None:
    """Copy rows [first, last) of the block of samples at `start`, converted and scaled, with a column of ones."""
    n_in, row = layout.n_in[0], layout.row[0]
    real = values.dtype.type
    scale, one = real(samples.scale), real(1)
    for r in range(first, last):
        source = samples.x[samples.order[start + r]]
        target = values[v0 + r * row : v0 + (r + 1) * row]
        for j in range(n_in):
            target[j] = real(source[j]) * scale
        target[n_in] = one


@inlined
def forward(
    layout: Layout, layer: int, first: int, last: int, packed: Any, values: Any, v0: int, v1: int, zeros: Any
) -> None:
    """Compute a layer's outputs, at v1, from its inputs, at v0, for rows [first, last)."""
    row0, row1 = layout.row[layer], layout.row[layer + 1]
    n_in, n_out = layout.n_in[layer], layout.n_out[layer]
    width = TILE_VECTORS * VECTOR_BYTES // values.itemsize
    gemm(
        values, v0 + first * row0, row0, 1, packed, layout.packed[layer], layout.depth[layer] * width, n_in + 1,
        values, v1 + first * row1, row1, last - first, n_out, zeros,
    )  # fmt: skip
    if layout.activation[layer] != IDENTITY:
        rows = values[v1 + first * row1 : v1 + last * row1]
        activate(layout.activation[layer], rows, rows)
    one = values.dtype.type(1)
    for r in range(first, last):
        values[v1 + r * row1 + n_out] = one


@inlined
def loss_and_gradient(
    code: int, samples: Samples, start: int, first: int, last: int, n: int, layout: Layout,
    values: Any, gradients: Any, v0: int, row_losses: Any,
) -> int:  # fmt: skip
    """Write each row's loss, and its gradient for a mean over n samples; return the count of correct answers."""
    columns, row = layout.n_out[-1], layout.row[-1]
    real = values.dtype.type
    divisor, one, half, zero = real(n), real(1), real(0.5), real(0)
    correct = 0
    for r in range(first, last):
        sample = samples.order[start + r]
        logits = values[v0 + r * row : v0 + r * row + columns]
        dlogits = gradients[v0 + r * row : v0 + r * row + columns]
        if code == losses.CROSS_ENTROPY:
            label = samples.labels[sample]
            row_losses[r] = losses.cross_entropy_row(logits, label, dlogits, columns)
            best = 0
            for j in range(1, columns):
                if logits[j] > logits[best]:
                    best = j
            correct += best == label
            dlogits[label] -= one
        elif code == losses.BINARY_CROSS_ENTROPY:
            targets = samples.targets[sample]
            row_losses[r] = losses.binary_cross_entropy_row(logits, targets, dlogits, columns)
            for j in range(columns):
                correct += (logits[j] > zero) == (targets[j] > half)
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
def backward(
    layout: Layout, layer: int, first: int, last: int, transposed: Any, values: Any, gradients: Any,
    v0: int, v1: int, zeros: Any,
) -> None:  # fmt: skip
    """Gradient before the layer (at v0, its inputs' activation undone) from that after it, for some rows."""
    row0, row1 = layout.row[layer], layout.row[layer + 1]
    n_in, n_out = layout.n_in[layer], layout.n_out[layer]
    width = TILE_VECTORS * VECTOR_BYTES // values.itemsize
    gemm(
        gradients, v1 + first * row1, row1, 1, transposed, layout.transposed[layer], n_out * width, n_out,
        gradients, v0 + first * row0, row0, last - first, n_in, zeros,
    )  # fmt: skip
    if layout.activation[layer - 1] != IDENTITY:
        rows = gradients[v0 + first * row0 : v0 + last * row0]
        differentiate(layout.activation[layer - 1], rows, values[v0 + first * row0 : v0 + last * row0], rows)


class Weights(NamedTuple):
    """Parameters and optimizer state in panels, the gradient of a batch that comes in blocks, W transposed."""

    packed: Any
    slot0: Any
    slot1: Any
    gradient: Any
    transposed: Any


class Step(NamedTuple):
    """What the update of one step needs to know."""

    optimizer: int
    settings: Any
    rate: float
    is_first: bool  # the first block of rows of the batch: gradients start at zero
    is_last: bool  # the last one: the update follows


@inlined
def update_tile(
    layout: Layout, layer: int, tile: int, panel: int, n_rows: int, values: Any, gradients: Any,
    v0: int, v1: int, weights: Weights, step: Step, scratch: Any, s0: int, zeros: Any,
) -> None:  # fmt: skip
    """Gradient of one tile of weights over a block of rows; after the last block the tile is updated."""
    lanes = VECTOR_BYTES // values.itemsize
    width = TILE_VECTORS * lanes
    size = TILE_ROWS * width
    w0 = layout.packed[layer] + panel * layout.depth[layer] * width + tile * size
    init, init0, init_row = (zeros, 0, 0) if step.is_first else (weights.gradient, w0, width)
    target, target0 = (scratch, s0) if step.is_last else (weights.gradient, w0)
    a0, b0 = v0 + tile * TILE_ROWS, v1 + panel * width
    row0, row1 = layout.row[layer], layout.row[layer + 1]
    if layout.n_out[layer] - panel * width > lanes:
        tile_wide(values, a0, 1, row0, gradients, b0, row1, n_rows, init, init0, init_row, target, target0, width)
    else:
        tile_narrow(values, a0, 1, row0, gradients, b0, row1, n_rows, init, init0, init_row, target, target0, width)
    if step.is_last:
        update(
            step.optimizer, step.settings, step.rate, weights.packed[w0 : w0 + size], scratch[s0 : s0 + size],
            weights.slot0[w0 : w0 + size], weights.slot1[w0 : w0 + size],
        )  # fmt: skip
        if layer > 0:
            transpose_tile(layout, layer, tile, panel, weights.packed, weights.transposed)
