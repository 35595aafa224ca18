"""The dense first layer: samples are gathered into micro-panels, and all else is as in other layers."""

from __future__ import annotations

from typing import Any

from fastnet.compiler.policy import inlined, stage
from fastnet.kernels.runtime.arrays import LINE_BYTES
from fastnet.kernels.step.first_layer.interface import FirstLayer, Given, Kind, Working
from fastnet.kernels.step.layers import multiply, write_bias_column
from fastnet.kernels.step.layout import Room, room_of_panels
from fastnet.kernels.tile.micro_panels import TILE_VECTORS
from fastnet.kernels.tile.moves import PART_BYTES, copy_part, copy_row, prefetch
from fastnet.kernels.tile.packing import FIRST, VECTOR_BYTES

SHORT_ROW, PREFETCH_DISTANCE = 256, 16
"""Bytes of a sample up to which those that follow are prefetched while some are gathered, and how many rows ahead;
longer ones are prefetched during the update before, where there is more time."""


@stage
def gather_floats(s: Any, _thread: int, _n_threads: int, start: int, first: int, last: int, _n_rows: int) -> int:
    """Copy rows [first, last) of the block of samples at `start` into micro-panels, scaled."""
    _gather(s, s.samples.x, start, first, last)
    return 0


@stage
def gather_pixels(s: Any, _thread: int, _n_threads: int, start: int, first: int, last: int, _n_rows: int) -> int:
    """Copy rows of pixels, converted and scaled."""
    _gather(s, s.samples.bytes, start, first, last)
    return 0


@inlined
def _gather(s: Any, x: Any, start: int, first: int, last: int) -> None:
    samples, values = s.samples, s.memory.values
    width, size = TILE_VECTORS * VECTOR_BYTES // values.itemsize, PART_BYTES // values.itemsize
    n_in, stride = s.layout.n_in[0], s.run.capacity * width
    real = values.dtype.type
    scale, whole = real(samples.scale), n_in // width * width
    row_bytes = n_in * samples.itemsize
    lines = row_bytes // LINE_BYTES + 1 if row_bytes <= SHORT_ROW else FIRST
    for r in range(first, last):
        sample = samples.order[start + r]
        at = sample * n_in
        prefetch(samples.labels, sample * samples.labels.itemsize)  # for the loss
        ahead = samples.order[min(start + r + PREFETCH_DISTANCE, samples.order.size - 1)] * row_bytes
        for line in range(lines):
            prefetch(samples.bytes, ahead + line * LINE_BYTES)
        for panel in range(n_in // width):
            copy_row(x, at + panel * width, values, panel * stride + r * width, scale)
        target = (n_in // width) * stride + r * width
        for j in range(0, n_in - whole, size):
            source, remaining = at + whole + j, n_in - whole - j
            if source + size <= x.size:
                copy_part(x, source, values, target + j, scale, remaining)
            else:  # there is no whole part at the end of the samples
                for i in range(remaining):
                    values[target + j + i] = real(x[source + i]) * scale
    write_bias_column(s.run.bias_value, n_in, first, last, values, s.layout.values[0], stride)


def _room(given: Given) -> Room:
    return room_of_panels(given.n_in, given.n_out, given.dtype.itemsize)


def _make(empty: FirstLayer, _given: Given, _working: Working) -> FirstLayer:
    return empty


KIND = Kind(
    gather=(gather_floats, gather_pixels),
    products=None,
    forward=multiply,
    applies_relu=True,
    output_parallel=True,
    make_update=None,
    room=_room,
    make=_make,
)
