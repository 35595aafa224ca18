"""The parts of a training step: gather, forward, loss, backward, gradient with update.

Each works on what one thread of a team was given: a range of rows (samples), or of tiles of weights. Outputs are
shared out among threads, never a reduction, so results do not depend on how many there are.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from fastnet._jit import called, inlined
from fastnet.kernels import losses
from fastnet.kernels.activations import IDENTITY, activate, differentiate
from fastnet.kernels.gemm import FIRST, VECTOR_BYTES, multiply_panels, panels_of, share
from fastnet.kernels.layout import Layout, transpose_weights
from fastnet.kernels.moves import copy_row, prefetch
from fastnet.kernels.simd import (
    N_VECTORS,
    TILE_ROWS,
    TILE_VECTORS,
    update_run,
    weight_tile_narrow,
    weight_tile_wide,
)
from fastnet.kernels.updates import NONE

CACHE_LINE = 64


class Samples(NamedTuple):
    """The data: inputs, labels or targets (the other one empty), the order of use, the factor on inputs."""

    x: Any  # all rows, one after the other
    rows: Any  # what a narrow first layer reads: the same, or the rows gathered
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


@called
def gather(samples: Samples, start: int, first: int, last: int, layout: Layout, values: Any, capacity: int) -> None:
    """Copy rows [first, last) of the block of samples at `start` into panels, converted and scaled."""
    width = TILE_VECTORS * VECTOR_BYTES // values.itemsize
    n_in, step = layout.n_in[0], capacity * width
    real = values.dtype.type
    scale = real(samples.scale)
    for r in range(first, last):
        at = samples.order[start + r] * n_in
        source = samples.x[at : at + n_in]
        for panel in range(n_in // width):
            copy_row(samples.x, at + panel * width, values, panel * step + r * width, scale)
        for j in range(n_in // width * width, n_in):
            values[(n_in // width) * step + r * width + j % width] = real(source[j]) * scale
    _write_ones(n_in, first, last, values, layout.values[0], step)


class Ahead(NamedTuple):
    """How far the rows that are gathered next were brought nearer: rows of the order, and bytes of a row."""

    row: int
    line: int  # in bytes
    last: int  # row, exclusive


@inlined
def prefetch_lines(samples: Samples, n_in: int, count: int, ahead: Ahead) -> Ahead:
    """Ask for some cache lines more of the samples ahead; return how far that came."""
    row, line, last = ahead
    row_bytes = n_in * samples.x.itemsize
    for _ in range(count):
        if row >= last:
            break
        prefetch(samples.x, samples.order[row] * row_bytes + line)
        line += CACHE_LINE
        if line >= row_bytes:
            row, line = row + 1, 0
    return Ahead(row, line, last)


@inlined
def _write_ones(n: int, first: int, last: int, values: Any, base: int, step: int) -> None:
    """Write the column of ones that follows n columns of activations."""
    width = TILE_VECTORS * VECTOR_BYTES // values.itemsize
    one = values.dtype.type(1)
    column = values[base + (n // width) * step + n % width :]
    for r in range(first, last):
        column[r * width] = one


@called
def forward(
    layout: Layout, layer: int, first: int, last: int, first_panel: int, last_panel: int, packed: Any, values: Any,
    v0: int, v1: int, capacity: int,
) -> None:  # fmt: skip
    """Compute a layer's outputs, at v1, from its inputs, at v0: some panels of some rows."""
    n_in, n_out = layout.n_in[layer], layout.n_out[layer]
    width = TILE_VECTORS * VECTOR_BYTES // values.itemsize
    step = capacity * width
    multiply_panels(
        values, v0 + first * width, step, packed, layout.packed[layer], layout.depth[layer] * width, n_in + 1,
        values, v1 + first * width, step, last - first, n_out, first_panel, last_panel,
    )  # fmt: skip
    finish_outputs(layout, layer, first, last, first_panel, last_panel, values, v1, capacity)


@inlined
def finish_outputs(
    layout: Layout, layer: int, first: int, last: int, first_panel: int, last_panel: int, values: Any, v1: int,
    capacity: int,
) -> None:  # fmt: skip
    """Apply a layer's activation to some panels of some rows, and write the ones that follow the last panel."""
    n_out, code = layout.n_out[layer], layout.activation[layer]
    width = TILE_VECTORS * VECTOR_BYTES // values.itemsize
    step = capacity * width
    if code != IDENTITY:
        for panel in range(first_panel, last_panel):
            run = values[v1 + panel * step + first * width : v1 + panel * step + last * width]
            activate(code, run)
    if last_panel == panels_of(n_out, values.itemsize):
        _write_ones(n_out, first, last, values, v1, step)


@called
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
        n_out, gradients, v0 + first * width, step, last - first, n_in, FIRST, panels_of(n_in, values.itemsize),
    )  # fmt: skip
    if code != IDENTITY:
        for panel in range(panels_of(n_in, values.itemsize)):
            begin, end = v0 + panel * step + first * width, v0 + panel * step + last * width
            differentiate(code, gradients[begin:end], values[begin:end])


@called
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
def _is_first_largest(x: Any, place: int, columns: int) -> bool:
    """Tell whether numpy.argmax, for which a NaN is the largest, finds this place; without a branch to mispredict."""
    top = x[place]
    beaten = 0
    if top == top:
        for j in range(columns):
            beaten += int(not x[j] <= top) | (int(j < place) & int(x[j] == top))
    else:
        for j in range(place):
            beaten += int(x[j] != x[j])
    return beaten == 0


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
        correct = int(_is_first_largest(logits, label, columns))
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


class Share(NamedTuple):
    """A thread's share of a layer's tiles of weights: tiles [first, last) of panels [first_panel, last_panel)."""

    first: int
    last: int
    first_panel: int
    last_panel: int


@inlined
def own_tiles(layout: Layout, layer: int, by_columns: bool, thread: int, n_threads: int, itemsize: int) -> Share:
    """Tiles of a layer's weights that a thread updates.

    Those columns of W that the thread has used forward, or a slab of rows where all use all of W, so that it reads
    but a slab of the inputs.
    """
    tiles, n_panels = layout.depth[layer] // TILE_ROWS, panels_of(layout.n_out[layer], itemsize)
    first, last, first_panel, last_panel = FIRST, tiles, FIRST, n_panels
    if by_columns or tiles < n_threads:
        first_panel, last_panel = share(n_panels, thread, n_threads)
    else:
        first, last = share(tiles, thread, n_threads)
    return Share(first, last, first_panel, last_panel)


class Step(NamedTuple):
    """How gradients of a block of rows are made and used."""

    n_rows: int
    goes_on: bool  # not the batch's first block: gradients go on from those stored
    code: int  # of the optimizer, or NONE if more blocks follow: gradients are stored
    coefficients: Any
    scratch: Any  # gradients of two tiles


@called
def update_layer(
    layout: Layout, layer: int, own: Share, step: Step, values: Any, gradients: Any, v0: int, v1: int, capacity: int,
    weights: Weights, samples: Samples, at_once: int, ahead: Ahead,
) -> Ahead:  # fmt: skip
    """Gradient and update of some tiles of a layer's weights; between tiles, lines of the rows ahead are fetched.

    A tile is updated while the gradient of the next one is computed, and W transposed is refreshed after that.
    """
    lanes = VECTOR_BYTES // values.itemsize
    width = TILE_VECTORS * lanes
    depth, n_out, size = layout.depth[layer], layout.n_out[layer], TILE_ROWS * width
    code, before, before_tile, before_panel, s0 = NONE, FIRST, FIRST, FIRST, FIRST
    for panel in range(own.first_panel, own.last_panel):
        start, b0 = layout.packed[layer] + panel * depth * width, v1 + panel * capacity * width
        for tile in range(own.first, own.last):
            ahead = prefetch_lines(samples, layout.n_in[0], at_once, ahead)
            w0, row = start + tile * size, tile * TILE_ROWS
            a0 = v0 + (row // width) * capacity * width + row % width
            target, t0 = (weights.gradient, w0) if step.code == NONE else (step.scratch, s0)
            if n_out - panel * width > lanes:
                weight_tile_wide(
                    values, a0, gradients, b0, step.n_rows, step.goes_on, weights.gradient, w0, target, t0, code,
                    step.coefficients, weights.packed, weights.slot0, weights.slot1, before, step.scratch, size - s0,
                )  # fmt: skip
            else:
                weight_tile_narrow(
                    values, a0, gradients, b0, step.n_rows, step.goes_on, weights.gradient, w0, target, t0, code,
                    step.coefficients, weights.packed, weights.slot0, weights.slot1, before, step.scratch, size - s0,
                )  # fmt: skip
            if code != NONE and layer > 0:
                transpose_weights(layout, layer, before_tile, before_panel, weights.packed, weights.transposed)
            code, before, before_tile, before_panel, s0 = step.code, w0, tile, panel, size - s0
    if code != NONE:
        update_run(
            code, step.coefficients, weights.packed, weights.slot0, weights.slot1, before, step.scratch, size - s0,
            N_VECTORS,
        )  # fmt: skip
        if layer > 0:
            transpose_weights(layout, layer, before_tile, before_panel, weights.packed, weights.transposed)
    return ahead
