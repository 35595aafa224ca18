"""The first layer whose inputs have trainable factors: a dense one that multiplies samples with rows of W scaled.

With y = (x * s) @ W, and G = x.T @ dy the gradient of a dense layer on the inputs as they are, that of row k of W is
s[k] * G[k], and that of s[k] is the sum of W[k] * G[k]. So samples are gathered as ever, the products forward are those
of the rows s[k] * W[k], kept beside W, and no gradient of the inputs is made. The gradient G is stored while other
layers are updated; after a barrier each thread updates some rows of W, their factors, and the products of the two.

The factors lie behind the layers' parameters in the flat vectors, and are updated there.
"""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import numpy as np

from fastnet.compiler.policy import inlined, stage
from fastnet.kernels.codegen.optimizer_formulas import ADAM, ADAMW, MOMENTUM, N_COEFFICIENTS, NONE, SGD
from fastnet.kernels.codegen.optimizer_vectors import Update, update_run
from fastnet.kernels.optimizers import adam, adamw, momentum, sgd
from fastnet.kernels.runtime import arrays
from fastnet.kernels.runtime.claims import partition
from fastnet.kernels.step.first_layer.dense import gather_floats, gather_pixels
from fastnet.kernels.step.first_layer.interface import FirstLayer, Given, Kind, Working
from fastnet.kernels.step.first_layer.weights import N_PARTIAL_SUMS
from fastnet.kernels.step.layers import follows, multiply_rows
from fastnet.kernels.step.layout import Room, room_of_panels
from fastnet.kernels.step.update import Prefetched, lines_per_tile, rows_to_prefetch, update_layer
from fastnet.kernels.tile.micro_panels import TILE_VECTORS
from fastnet.kernels.tile.operands import NOTHING, RELU, PanelEpilogue, Panels
from fastnet.kernels.tile.packing import FIRST, VECTOR_BYTES, panels_of

ROWS = 16
"""Rows of W that are updated together: a run of each micro-panel, and all of them stay in the first-level cache."""


class Scaled(NamedTuple):
    """What the stages of a scaled first layer work on."""

    weights: Any  # in micro-panels as W and b lie, but each row of W multiplied by its factor
    gradient: Any  # of the factors


def empty(dtype: Any) -> Scaled:
    """Return what there is where inputs have no factors."""
    return Scaled(np.empty(0, dtype), np.empty(0, dtype))


@stage
def multiply(s: Any, _layer: int, first: int, last: int, first_panel: int, last_panel: int, _back: int) -> int:
    """Write the layer's sums, some micro-panels of some rows."""
    layout, values, capacity = s.layout, s.memory.values, s.run.capacity
    width = TILE_VECTORS * VECTOR_BYTES // values.itemsize
    stride, rows = capacity * width, first * width
    inputs = Panels(values, layout.values[0] * capacity + rows, stride)
    outputs = Panels(values, layout.values[1] * capacity + rows, stride)
    weights = Panels(s.first_layer.scaled.weights, FIRST, layout.depth[0] * width)
    epilogue = PanelEpilogue(RELU if follows(s, FIRST, s.stages.activation) else NOTHING, inputs, False)
    multiply_rows(
        s, inputs, weights, layout.n_in[0] + 1, outputs, layout.n_out[0], first, last, first_panel, last_panel, epilogue
    )
    return 0


@functools.cache
def make_store(_code: int, _options: int) -> Any:
    """Return the stage that stores the gradient of a dense layer on the inputs as they are."""
    return store


@stage
def store(s: Any, thread: int, n_threads: int, following: int, n_rows: int, accumulate: int) -> int:
    """Store the gradient of the thread's tiles of the layer's weights."""
    prefetched: Prefetched = rows_to_prefetch(s, following, thread, n_threads)
    at_once = lines_per_tile(s, prefetched, n_threads)
    update_layer(NONE, 0, s, FIRST, thread, n_threads, n_rows, accumulate != 0, at_once, prefetched)
    return 0


@functools.cache
def make_scaled_update(code: int, options: int) -> Any:
    """Return the stage that updates some rows of W and b, and their factors, with the stored gradient.

    Unless it `updates`, it only multiplies rows and factors, as has to be done once they are packed.
    """

    @stage
    def update_scaled(s: Any, thread: int, n_threads: int, updates: int) -> int:
        first, last = partition(s.layout.n_in[0] + 1, thread, n_threads)
        for row in range(first, last, ROWS):
            end = min(row + ROWS, last)
            if updates != 0:
                _find_gradients(s, thread, row, end)
                _update_factors(code, s, thread, row, end)
                _update_rows(code, options, s, thread, row, end)
            _multiply_rows(s, s.weights.packed, s.first_layer.scaled.weights, row, end)
        return 0

    return update_scaled


@inlined
def _start_of_factors(s: Any) -> int:
    """Return where in the flat vectors the factors lie."""
    return s.layout.start[-1] + (s.layout.n_in[-1] + 1) * s.layout.n_out[-1]  # type: ignore[no-any-return]


@inlined
def _multiply_rows(s: Any, source: Any, target: Any, first: int, last: int) -> None:
    """Write some rows of a matrix in micro-panels times their factors; that of the biases has none."""
    n_in, factors, start = s.layout.n_in[0], s.weights.flat, _start_of_factors(s)
    width = TILE_VECTORS * VECTOR_BYTES // source.itemsize
    for panel in range(panels_of(s.layout.n_out[0], source.itemsize)):
        at = panel * s.layout.depth[0] * width
        for r in range(first, last):
            factor = factors[start + r] if r < n_in else source.dtype.type(1)
            given, run = source[at + r * width :], target[at + r * width :]
            for j in range(width):
                run[j] = given[j] * factor


@inlined
def _find_gradients(s: Any, thread: int, first: int, last: int) -> None:
    """Write the gradients of some factors, and turn the stored gradient into that of their rows of W."""
    layout, own = s.layout, s.memory.partial_sums[thread]
    packed, gradient = s.weights.packed, s.weights.gradient
    width = TILE_VECTORS * VECTOR_BYTES // packed.itemsize
    for r in range(first, min(last, layout.n_in[0])):
        for panel in range(panels_of(layout.n_out[0], packed.itemsize)):
            at, column = (panel * layout.depth[0] + r) * width, panel * width
            w, g, sums = packed[at : at + width], gradient[at : at + width], own[column % N_PARTIAL_SUMS :]
            for j in range(min(width, layout.n_out[0] - column)):
                sums[j] += np.float64(w[j]) * np.float64(g[j])
        size = N_PARTIAL_SUMS // 2
        while size > 0:
            for i in range(size):
                own[i] += own[i + size]
                own[i + size] = 0
            size //= 2
        s.first_layer.scaled.gradient[r] = packed.dtype.type(own[0])
        own[0] = 0
    _multiply_rows(s, gradient, gradient, first, last)


@inlined
def _update_factors(code: int, s: Any, thread: int, first: int, last: int) -> None:
    """Update some factors by an optimizer's formula."""
    weights, layout, gradient, start = s.weights, s.layout, s.first_layer.scaled.gradient, _start_of_factors(s)
    own = s.memory.coefficients[thread, 2 * N_COEFFICIENTS * layout.n_in.size :]
    c = (own[0], own[1], own[2], own[3], own[4], own[5], own[6], own[7])
    p, m, v = weights.flat, weights.flat_m, weights.flat_v
    for r in range(first, min(last, layout.n_in[0])):
        i, g = start + r, gradient[r]
        if code == SGD:
            p[i], _, _ = sgd(p[i], g, g, g, c)
        elif code == MOMENTUM:
            p[i], m[i], _ = momentum(p[i], m[i], g, g, c)
        elif code == ADAM:
            p[i], m[i], v[i] = adam(p[i], m[i], v[i], g, c)
        elif code == ADAMW:
            p[i], m[i], v[i] = adamw(p[i], m[i], v[i], g, c)


@inlined
def _update_rows(code: int, options: int, s: Any, thread: int, first: int, last: int) -> None:
    """Update some rows of W, and b behind the last one, with their gradient."""
    weights, layout, lanes = s.weights, s.layout, VECTOR_BYTES // s.weights.packed.itemsize
    width, coefficients = TILE_VECTORS * lanes, s.memory.coefficients[thread]
    n_weights, n_vectors = (layout.n_in[0] - first) * TILE_VECTORS, (last - first) * TILE_VECTORS
    for panel in range(panels_of(layout.n_out[0], weights.packed.itemsize)):
        at = (panel * layout.depth[0] + first) * width
        update = Update(coefficients, weights.packed, weights.m, weights.v, at)
        update_run(code, options, n_weights, update, weights.gradient, at, n_vectors, lanes)


def _room(given: Given) -> Room:
    room = room_of_panels(given.n_in, given.n_out, given.dtype.itemsize)
    return room._replace(gradient=room.packed)


def _make(empty: FirstLayer, given: Given, _working: Working) -> FirstLayer:
    weights = arrays.zeros(_room(given).packed, given.dtype)
    return empty._replace(scaled=Scaled(weights, arrays.zeros(given.n_in, given.dtype)))


KIND = Kind(
    gather=(gather_floats, gather_pixels),
    products=None,
    forward=multiply,
    applies_relu=True,
    output_parallel=True,
    make_update=make_store,
    room=_room,
    make=_make,
)
