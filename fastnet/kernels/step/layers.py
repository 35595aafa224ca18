"""Stages of any layer: its products forward and back, activations, dropout; and how weights get in and out.

Each works on what one thread of a team was given: a range of rows (samples), or of tiles of weights. Outputs are
partitioned among threads, never a reduction, so results do not depend on how many there are.
"""

from __future__ import annotations

import functools
from typing import Any

from fastnet.compiler.policy import inlined, stage
from fastnet.kernels.codegen.elementary import choose
from fastnet.kernels.codegen.scalar_activations import RELU as RELU_CODE
from fastnet.kernels.codegen.scalar_activations import SLOPED, activate, activate_with_slope, differentiate
from fastnet.kernels.dropout import drop_run, key_of
from fastnet.kernels.runtime.claims import partition
from fastnet.kernels.step.first_layer.weights import pack_layer, unpack_layer
from fastnet.kernels.step.layout import transpose_weights
from fastnet.kernels.step.state import Weights
from fastnet.kernels.tile.micro_panels import TILE_ROWS, TILE_VECTORS
from fastnet.kernels.tile.operands import NOTHING, RELU, RELU_BACKWARD, Operand, PanelEpilogue, Panels
from fastnet.kernels.tile.packing import FIRST, VECTOR_BYTES, panels_of, unpack
from fastnet.kernels.tile.panel_products import FEW_ROWS, multiply_few, multiply_panels


@stage
def pack_weights(s: Any, thread: int, n_threads: int, i: int) -> int:
    """Copy a thread's partition of a vector, the parameters or one of the optimizer's, into micro-panels."""
    flat, packed = _vectors(s.weights, i)
    if packed.size > 0:
        for layer in range(s.layout.n_in.size):
            pack_layer(s, layer, thread, n_threads, flat, packed)
    return 0


@stage
def unpack_weights(s: Any, thread: int, n_threads: int, i: int) -> int:
    """Copy a thread's partition of a vector back."""
    flat, packed = _vectors(s.weights, i)
    if packed.size > 0:
        for layer in range(s.layout.n_in.size):
            unpack_layer(s, layer, thread, n_threads, packed, flat)
    return 0


@inlined
def _vectors(weights: Weights, i: int) -> Any:
    """Return the parameters, or the first or second vector of the optimizer's state: flat, and in micro-panels."""
    if i == 0:
        return weights.flat, weights.packed
    return (weights.flat_m, weights.m) if i == 1 else (weights.flat_v, weights.v)


@stage
def unpack_gradient(s: Any, thread: int, n_threads: int, i: int) -> int:
    """Copy a thread's partition of the stored gradient into the flat vector that is else an optimizer's state."""
    if i != 1:
        return 0
    for layer in range(s.layout.n_in.size):
        unpack_layer(s, layer, thread, n_threads, s.weights.gradient, s.weights.flat_m)
    return 0


@stage
def transpose_all(s: Any, thread: int, n_threads: int) -> int:
    """Write a thread's partition of W transposed, of every layer that has it."""
    for layer in range(1, s.layout.n_in.size):
        first, last = partition(s.layout.depth[layer] // TILE_ROWS, thread, n_threads)
        for panel in range(panels_of(s.layout.n_out[layer], s.weights.packed.itemsize)):
            for row in range(first * TILE_ROWS, last * TILE_ROWS, TILE_ROWS):
                transpose_weights(s.layout, layer, row, panel, s.weights.packed, s.weights.transposed)
    return 0


@inlined
def write_bias_column(bias_value: float, n: int, first: int, last: int, values: Any, base: int, stride: int) -> None:
    """Write the bias column, of ones or of what stands for them, that follows n columns of activations."""
    width = TILE_VECTORS * VECTOR_BYTES // values.itemsize
    one = values.dtype.type(bias_value)
    column = values[base + (n // width) * stride + n % width :]
    for r in range(first, last):
        column[r * width] = one


@stage
def multiply(s: Any, layer: int, first: int, last: int, first_panel: int, last_panel: int, back: int) -> int:
    """Write a layer's sums from its inputs; or, going back, the gradient of its inputs from that of its sums.

    Some micro-panels of some rows. One stage for both directions, which are one product of other operands.
    """
    layout, values, gradients, capacity = s.layout, s.memory.values, s.memory.gradients, s.run.capacity
    width = TILE_VECTORS * VECTOR_BYTES // values.itemsize
    stride, n_in, n_out, rows = capacity * width, layout.n_in[layer], layout.n_out[layer], first * width
    v0, v1 = layout.values[layer] * capacity + rows, layout.values[layer + 1] * capacity + rows
    inputs, outputs = Panels(values, v0, stride), Panels(values, v1, stride)
    if back == 0:
        weights = Panels(s.weights.packed, layout.packed[layer], layout.depth[layer] * width)
        a, depth, c, n_columns = inputs, n_in + 1, outputs, n_out
        code = RELU if follows(s, layer, s.stages.activation) else NOTHING
    else:
        weights = Panels(s.weights.transposed, layout.transposed[layer], layout.t_depth[layer] * width)
        a, depth, c, n_columns = Panels(gradients, v1, stride), n_out, Panels(gradients, v0, stride), n_in
        code = RELU_BACKWARD if follows(s, layer - 1, s.stages.activation_backward) else NOTHING
    epilogue = PanelEpilogue(code, inputs, False)
    multiply_rows(s, a, weights, depth, c, n_columns, first, last, first_panel, last_panel, epilogue)
    return 0


@inlined
def multiply_rows(
    s: Any, a: Panels, weights: Panels, depth: int, c: Panels, n_columns: int, first: int, last: int,
    first_panel: int, last_panel: int, epilogue: PanelEpilogue,
) -> None:  # fmt: skip
    """Multiply some rows with some micro-panels of weights, by the tiles that suit the rows of a block."""
    if s.run.block <= FEW_ROWS:
        n_rows = min(last, s.run.block) - first
        multiply_few(a, weights, depth, c, n_rows, first_panel, last_panel, epilogue)
    else:
        multiply_panels(a, weights, depth, c, (last - first, n_columns), first_panel, last_panel, epilogue)


@inlined
def follows(s: Any, layer: int, stages: Any) -> bool:
    """Tell whether ReLU, or its gradient, is the product's own work: no stage does it."""
    return s.layout.activation[layer] == RELU_CODE and stages[layer] == 0  # type: ignore[no-any-return]


@inlined
def run_of(s: Any, layer: int, panel: int, first: int, last: int) -> tuple[int, int]:
    """Where some rows of a micro-panel of a layer's outputs begin and end."""
    width = TILE_VECTORS * VECTOR_BYTES // s.memory.values.itemsize
    start = (s.layout.values[layer + 1] + panel * width) * s.run.capacity
    return start + first * width, start + last * width


@functools.cache
def make_activation(code: int, keeps: int) -> Any:
    """Return the stage that applies an activation to some micro-panels of some rows of a layer's sums.

    `keeps` tells that the activation's slopes are kept too, for the way back: where outputs do not tell them, or are
    about to be dropped.
    """

    @stage
    def activation(s: Any, layer: int, first: int, last: int, first_panel: int, last_panel: int) -> int:
        values, slopes = s.memory.values, s.memory.slopes
        one = values.dtype.type(1)
        for panel in range(first_panel, last_panel):
            begin, end = run_of(s, layer, panel, first, last)
            y = values[begin:end]
            if keeps != 0:
                slope = slopes[begin:end]
                if code in SLOPED:
                    activate_with_slope(code, y, slope)
                else:
                    activate(code, y)
                    for i in range(slope.size):
                        slope[i] = one
                    differentiate(code, slope, y)
            else:
                activate(code, y)
        return 0

    return activation


@stage
def drop(s: Any, layer: int, first: int, last: int, first_panel: int, last_panel: int, start: int, step: int) -> int:
    """Drop some of a layer's outputs, and their slopes with them; row 0 of the block is row `start` of the batch."""
    values, slopes, rate = s.memory.values, s.memory.slopes, s.run.rates[layer]
    real, width, seed = values.dtype.type, TILE_VECTORS * VECTOR_BYTES // values.itemsize, s.run.seed
    key, threshold, scale = key_of(seed, step, layer), int(rate * 2.0**32), real(1.0 / (1.0 - rate))
    for panel in range(first_panel, last_panel):
        begin, _ = run_of(s, layer, panel, first, last)
        for r in range(last - first):
            at = begin + r * width
            drop_run(values[at : at + width], key, start + first + r, panel * width, threshold, scale)
            drop_run(slopes[at : at + width], key, start + first + r, panel * width, threshold, scale)
    return 0


@functools.cache
def make_activation_backward(code: int, keeps: int) -> Any:
    """Return the stage that turns the gradient of a layer's outputs into that of its sums, for some rows."""

    @stage
    def activation_backward(s: Any, layer: int, first: int, last: int) -> int:
        values, slopes, gradients = s.memory.values, s.memory.slopes, s.memory.gradients
        for panel in range(panels_of(s.layout.n_out[layer], values.itemsize)):
            begin, end = run_of(s, layer, panel, first, last)
            d = gradients[begin:end]
            if keeps != 0:
                slope, zero = slopes[begin:end], d.dtype.type(0)
                for i in range(d.size):  # what was dropped has no gradient, even where the one after it is NaN
                    d[i] = choose(slope[i] == zero, zero, d[i] * slope[i])
            else:
                differentiate(code, d, values[begin:end])
        return 0

    return activation_backward


@stage
def unpack_logits(s: Any, start: int, first: int, last: int) -> int:
    """Copy the last layer's outputs of rows [first, last), which belong to the samples from `start + first` on."""
    layout, values, capacity = s.layout, s.memory.values, s.run.capacity
    width = TILE_VECTORS * VECTOR_BYTES // values.itemsize
    n_out, source = layout.n_out[-1], layout.values[layout.n_in.size] * capacity + first * width
    panels = panels_of(n_out, values.itemsize)
    target = (start + first) * n_out
    logits = Operand(s.memory.logits, target, n_out, 1)
    unpack(Panels(values, source, capacity * width), (last - first, n_out), FIRST, panels, logits)
    return 0
