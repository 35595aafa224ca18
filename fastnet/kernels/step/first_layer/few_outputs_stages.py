"""The stages of a training step of a few-output first layer, on the tiles of `few_outputs_tiles`."""

from __future__ import annotations

import functools
from typing import Any

from fastnet.compiler.policy import inlined, stage
from fastnet.kernels.codegen.optimizer_formulas import NONE
from fastnet.kernels.codegen.optimizer_vectors import Update, update_run
from fastnet.kernels.runtime.claims import partition
from fastnet.kernels.step.first_layer.few_outputs import biases, make, own_run, room
from fastnet.kernels.step.first_layer.few_outputs_tiles import (
    OUTPUTS,
    SAMPLES,
    WIDE_CHUNKS,
    Chunks,
    Numbers,
    Rows,
    dot_tile,
    outer_tile,
    wide_outer_tile,
)
from fastnet.kernels.step.first_layer.interface import Kind
from fastnet.kernels.tile.micro_panels import TILE_VECTORS
from fastnet.kernels.tile.moves import CHUNK_BYTES, copy_chunk, prefetch
from fastnet.kernels.tile.operands import Operand
from fastnet.kernels.tile.packing import FIRST, VECTOR_BYTES, panels_of

PREFETCH_DISTANCE = 8
"""Samples between the one that is gathered and the one that is prefetched."""


@stage
def gather_floats(s: Any, thread: int, n_threads: int, start: int, _first: int, _last: int, n_rows: int) -> int:
    """Find the samples of a block, and gather a thread's columns of those that are not read where they are."""
    _find_rows(s, thread, start, n_rows)
    if s.first_layer.few_outputs.plan.direct == 0:
        _gather_columns(s, s.samples.x, thread, n_threads, start, n_rows)
    return 0


@stage
def gather_pixels(s: Any, thread: int, n_threads: int, start: int, _first: int, _last: int, n_rows: int) -> int:
    """Gather a thread's columns of a block of pixels."""
    _find_rows(s, thread, start, n_rows)
    _gather_columns(s, s.samples.bytes, thread, n_threads, start, n_rows)
    return 0


@inlined
def _find_rows(s: Any, thread: int, start: int, n_rows: int) -> None:
    """Write where the samples of a block begin, where those of the next one do, and what tiles prefetch.

    Half of the next block's samples come from memory while the products are made, half during the gradients: spread
    out, they keep the tiles' own loads waiting least. What else the gradients prefetch are the next chunks of
    their own samples, from the second-level cache.
    """
    own, samples, capacity = s.first_layer.few_outputs, s.samples, s.run.capacity
    plan, places = own.plan, own.places[thread]
    n_in, following = s.layout.n_in[0], start + n_rows
    chunks = WIDE_CHUNKS * CHUNK_BYTES // s.memory.values.itemsize
    for r in range(n_rows):
        at = ahead = r * plan.stride
        if plan.direct != 0:
            at = samples.order[start + r] * n_in
            ahead = samples.order[min(following + r, samples.order.size - 1)] * n_in
        places[r] = at
        places[capacity + r] = ahead
        places[2 * capacity + r] = ahead if r % 4 == 2 or (r % 4 == 3 and plan.groups == 1) else at + chunks
        places[3 * capacity + r] = ahead if r % 4 == 3 else at + chunks


@inlined
def _gather_columns(s: Any, x: Any, thread: int, n_threads: int, start: int, n_rows: int) -> None:
    """Copy a thread's columns of a block of samples, converted and scaled."""
    plan, samples, values, n_in = s.first_layer.few_outputs.plan, s.samples, s.memory.values, s.layout.n_in[0]
    chunk = CHUNK_BYTES // values.itemsize
    first, last = partition(plan.chunks, thread, n_threads)
    begin, count = first * chunk, min(last * chunk, n_in) - first * chunk
    real = values.dtype.type
    scale = real(samples.scale)
    size = samples.itemsize
    for r in range(n_rows):
        at = samples.order[start + r] * n_in + begin
        soon = samples.order[min(start + r + PREFETCH_DISTANCE, samples.order.size - 1)] * n_in + begin
        for line in range(0, count * size, CHUNK_BYTES):
            prefetch(samples.bytes, soon * size + line)
        target = r * plan.stride + begin
        for k in range(0, count - chunk + 1, chunk):
            copy_chunk(x, at + k, values, target + k, scale)
        for k in range(count // chunk * chunk, count):
            values[target + k] = real(x[at + k]) * scale


@stage
def dot_products(s: Any, thread: int, n_threads: int, n_rows: int) -> int:
    """Multiply a thread's slabs of the inputs, or its samples where there are more threads, with the weights."""
    own, capacity, packed = s.first_layer.few_outputs, s.run.capacity, s.weights.packed
    plan, places, x, sums, stride = own.plan, own.places[thread], own.rows, own.sums, own.plan.sums
    chunk = CHUNK_BYTES // packed.itemsize
    tiles = (n_rows + SAMPLES - 1) // SAMPLES
    first, last = partition(plan.slabs * tiles, thread, n_threads)
    for item in range(first, last):
        slab, r = item // tiles, item % tiles * SAMPLES
        first_chunk, last_chunk = partition(plan.chunks, slab, plan.slabs)
        k = first_chunk * chunk
        ahead = places[capacity - r % 4 // 2 :]  # of four samples, the first two
        for group in range(plan.groups):
            weights = Operand(packed, group * OUTPUTS * plan.stride + k, plan.stride, 1)
            target = Operand(sums, (slab * capacity + r) * stride + group * OUTPUTS, stride, 1)
            dot_tile(Rows(x, places, r, n_rows - 1, k, ahead), weights, last_chunk - first_chunk, target)
            ahead = places
    return 0


@stage
def add_sums(s: Any, _layer: int, first: int, last: int, first_panel: int, last_panel: int, _back: int) -> int:
    """Write the layer's sums, some micro-panels of some rows: those of all slabs, in order, and the bias."""
    plan, sums = s.first_layer.few_outputs.plan, s.first_layer.few_outputs.sums
    values, packed, capacity = s.memory.values, s.weights.packed, s.run.capacity
    v1, width = s.layout.values[1] * capacity, TILE_VECTORS * VECTOR_BYTES // values.itemsize
    stride, slab_stride = plan.sums, capacity * plan.sums
    for panel in range(first_panel, last_panel):
        bias = packed[biases(plan) + panel * width : biases(plan) + (panel + 1) * width]
        for r in range(first, min(last, s.run.block)):
            target = values[v1 + (panel * capacity + r) * width : v1 + (panel * capacity + r + 1) * width]
            source = sums[r * stride + panel * width :]
            if plan.slabs == 1:
                for o in range(width):
                    target[o] = source[o] + bias[o]
            else:
                other = sums[slab_stride + r * stride + panel * width :]
                for o in range(width):
                    target[o] = source[o] + other[o] + bias[o]
    return 0


@functools.cache
def make_update(code: int, penalised: int) -> Any:
    """Return the stage that makes the gradient of a thread's columns and updates them, or stores it.

    The last thread sees to the biases too.
    """

    @stage
    def update_columns(s: Any, thread: int, n_threads: int, _following: int, n_rows: int, accumulate: int) -> int:
        plan, weights, n_out = s.first_layer.few_outputs.plan, s.weights, s.layout.n_out[0]
        _outer_products(s, thread, n_threads, n_rows, accumulate != 0)
        if thread == n_threads - 1:
            _sum_rows(s, n_rows, accumulate != 0, weights.gradient[biases(plan) : biases(plan) + n_out])
        if code != NONE:
            for i in range(n_out + 1):
                start, count = own_run(plan, i, n_out, thread, n_threads, weights.gradient.itemsize)
                update_run(
                    code, penalised, count if i < n_out else FIRST,
                    Update(s.memory.coefficients[thread], weights.packed, weights.m, weights.v, start),
                    weights.gradient, start, count, VECTOR_BYTES // weights.gradient.itemsize,
                )  # fmt: skip
        return 0

    return update_columns


@inlined
def _outer_products(s: Any, thread: int, n_threads: int, n_rows: int, accumulate: bool) -> None:
    """Gradient of the weights of a thread's columns."""
    own, gradients = s.first_layer.few_outputs, s.memory.gradients
    plan, places, d_at = own.plan, own.places[thread], own.outputs[thread]
    capacity, n_out = s.run.capacity, s.layout.n_out[0]
    v1 = s.layout.values[1] * capacity
    chunk, width = CHUNK_BYTES // gradients.itemsize, TILE_VECTORS * VECTOR_BYTES // gradients.itemsize
    first, last = partition(plan.chunks, thread, n_threads)
    for group in range(plan.groups):
        for i in range(OUTPUTS):
            o = min(group * OUTPUTS + i, n_out - 1)
            d_at[group * OUTPUTS + i] = v1 + o // width * capacity * width + o % width
    tile = first
    while tile < last:
        is_wide = last - tile >= WIDE_CHUNKS
        for group in range(plan.groups):
            g0 = group * OUTPUTS * plan.stride + tile * chunk
            ahead = places[2 * capacity :] if group == 0 else places[3 * capacity :]
            inputs = Chunks(own.rows, places, ahead, tile * chunk)
            numbers = Numbers(gradients, d_at[group * OUTPUTS :], width)
            target = Operand(s.weights.gradient, g0, plan.stride, 1)
            if is_wide:
                wide_outer_tile(inputs, numbers, n_rows, target, accumulate)
            else:
                outer_tile(inputs, numbers, n_rows, target, accumulate)
        tile += WIDE_CHUNKS if is_wide else 1
    if last == plan.chunks:
        _clear_padding(plan, s.layout.n_in[0], n_out, s.weights.gradient)


@inlined
def _clear_padding(plan: Any, n_in: int, n_out: int, gradient: Any) -> None:
    """Zero the gradients of what pads the weights: an infinite one of an output, times a sample's padding, is NaN."""
    for o in range(n_out):
        for k in range(n_in, plan.stride):
            gradient[o * plan.stride + k] = 0


@inlined
def _sum_rows(s: Any, n_rows: int, accumulate: bool, out: Any) -> None:
    """Sum the layer's gradients over the rows of a block, on top of what is stored if it is to accumulate."""
    gradients, capacity, n_out = s.memory.gradients, s.run.capacity, s.layout.n_out[0]
    v1, width = s.layout.values[1] * capacity, TILE_VECTORS * VECTOR_BYTES // gradients.itemsize
    if not accumulate:
        for o in range(n_out):
            out[o] = 0
    for panel in range(panels_of(n_out, gradients.itemsize)):
        target = out[panel * width : min((panel + 1) * width, n_out)]
        for r in range(n_rows):
            row = gradients[v1 + panel * capacity * width + r * width :]
            for o in range(target.size):
                target[o] += row[o]
    for o in range(n_out):
        out[o] *= out.dtype.type(s.run.bias_value)


KIND = Kind(
    gather=(gather_floats, gather_pixels),
    products=dot_products,
    forward=add_sums,
    applies_relu=False,
    output_parallel=False,
    make_update=make_update,
    room=room,
    make=make,
)
