"""Vector code that Numba does not write by itself: the register tiles of forward, backward and update.

Numba's SLP vectoriser is off, so unrolled scalar code never becomes a register tile. The intrinsics here emit
LLVM instructions on vectors instead. They are machinery and have no twin in the reference.

A tile of C = A @ B, `TILE_ROWS` rows by a micro-panel of columns, is kept in registers while the reduction goes on; a
row of B is loaded once, A is broadcast one element at a time. Then the tile is stored: what follows a product, such as
an activation, or the update of weights with their gradient, reads it from memory.

All three lie in micro-panels (`fastnet.kernels.step.layout` says why): column j of row i is element i * width + j %
width of micro-panel j // width. A tile of C is then one contiguous run, B is read from front to back, and so is A.

Each element of C is one accumulator of fused multiply-adds in ascending order of the reduction, whatever the width of
the vectors. A reduction may therefore be cut anywhere, and continued from what was stored, without changing a bit of
the result: `fastnet.kernels.tile.products` cuts long ones, so that what they read of B stays in the first-level cache.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba.core import types

from fastnet._jit import emitted, is_x86, vector_bits
from fastnet.kernels.codegen.ir import call_intrinsic, lanes, llvm_float, loop, phi, whole
from fastnet.kernels.codegen.vectors import Vectors
from fastnet.kernels.tile.optimizer_formulas import NONE
from fastnet.kernels.tile.optimizer_vectors import VectorUpdate, fields

TILE_ROWS = 8 if vector_bits() == 512 else 4
"""Rows of a tile. The product of rows and vectors is the count of independent accumulators: 8 with AVX2's 16 registers,
16 with the 32 of AVX-512 and NEON, enough to hide the latency of a multiply-add and few enough to stay in
registers with their operands."""

TILE_VECTORS = 2 if is_x86() else 4

WIDE_ROWS = 6 if is_x86() and vector_bits() < 512 else TILE_ROWS

N_VECTORS = TILE_ROWS * TILE_VECTORS


def tall_rows(itemsize: int) -> int:
    """Count the rows of the tall tile, for micro-panels of whose columns one vector holds all that there are.

    Twice those of the wide one, or its accumulators would be too few to hide the latency; but no more than a
    micro-panel has columns, since the rows of a tile of weights are columns of the activations.
    """
    return min(2 * TILE_ROWS, panel_width(itemsize))


UNROLLED = 8
"""Steps of a reduction that are emitted one after the other, with constant offsets."""


def panel_width(itemsize: int) -> int:
    """Count the columns of a micro-panel."""
    return TILE_VECTORS * lanes(itemsize)


class _Tile:
    """Emits the parts of a tile: where its vectors lie, how its accumulators start, and steps of the reduction."""

    def __init__(self, builder: Any, element: Any, rows: int, vectors: int) -> None:
        self.vec, self.builder, self.rows, self.vectors = Vectors(builder, element), builder, rows, vectors
        self.width = TILE_VECTORS * self.vec.lanes

    def columns(self, pointer: Any, row: int) -> list[Any]:
        """Where the vectors of a row of a micro-panel lie."""
        return [self.vec.at(pointer, row * self.width + v * self.vec.lanes) for v in range(self.vectors)]

    def places(self, pointer: Any) -> list[Any]:
        """Where all vectors of a tile lie."""
        return [place for row in range(self.rows) for place in self.columns(pointer, row)]

    def start(self, accumulate: Any, pointer: Any) -> list[Any]:
        """Accumulators that start at zero, or go on from what is stored."""
        zero = self.vec.constant(0.0)
        before = self.builder.block
        with self.builder.if_then(accumulate):
            stored = [self.vec.load(place) for place in self.places(pointer)]
            inside = self.builder.block
        return [phi(self.builder, self.vec.type, (zero, before), (value, inside)) for value in stored]

    def steps(self, a: Any, b: Any, accumulators: list[Any], count: int, a_row: int, a_stride: int) -> list[Any]:
        """Add `count` products to every accumulator, from A and B that lie at constant distances."""
        for k in range(count):
            b_row = [self.vec.load(place) for place in self.columns(b, k)]
            sums = []
            for row in range(self.rows):
                x = self.vec.broadcast(self.vec.at(a, row * a_row + k * a_stride))
                old = accumulators[row * self.vectors : (row + 1) * self.vectors]
                sums += [call_intrinsic(self.builder, "fma", x, y, z) for y, z in zip(b_row, old, strict=True)]
            accumulators = sums
        return accumulators

    def run(
        self, count: Any, a: Any, b: Any, accumulators: list[Any], n_steps: int, a_row: int, a_stride: int
    ) -> tuple[Any, Any, list[Any]]:
        """Repeat `steps` in a loop; return A, B and the accumulators after it."""

        def body(carried: list[Any]) -> list[Any]:
            a, b, *accumulators = carried
            accumulators = self.steps(a, b, accumulators, n_steps, a_row, a_stride)
            return [self.vec.at(a, n_steps * a_stride), self.vec.at(b, n_steps * self.width), *accumulators]

        a, b, *accumulators = loop(self.builder, count, [a, b, *accumulators], body)
        return a, b, accumulators


def _emit_row_tile(
    tile: _Tile, a: Any, a_panel: Any, b: Any, n_panels: Any, n_remaining: Any, c: Any, accumulate: Any
) -> None:
    """Rows of A times a micro-panel of B: over whole micro-panels of A, then over the columns left in one more."""
    unrolled = min(UNROLLED, tile.width)

    def body(carried: list[Any]) -> list[Any]:
        a, b, *accumulators = carried
        _, b, accumulators = tile.run(whole(tile.width // unrolled), a, b, accumulators, unrolled, tile.width, 1)
        return [tile.vec.at(a, a_panel), b, *accumulators]

    a, b, *accumulators = loop(tile.builder, n_panels, [a, b, *tile.start(accumulate, c)], body)
    _, _, accumulators = tile.run(n_remaining, a, b, accumulators, 1, tile.width, 1)
    for value, place in zip(accumulators, tile.places(c), strict=True):
        tile.vec.store(value, place)


def _emit_gradient(tile: _Tile, a: Any, b: Any, n_rows: Any, sums: list[Any]) -> list[Any]:
    """Columns of A times a micro-panel of B, summed over rows."""
    builder, width, unrolled = tile.builder, tile.width, UNROLLED // 2
    a, b, sums = tile.run(builder.sdiv(n_rows, whole(unrolled)), a, b, sums, unrolled, 1, width)
    return tile.run(builder.srem(n_rows, whole(unrolled)), a, b, sums, 1, 1, width)[2]


def _make_row_tile(rows_of: Callable[[int], int], vectors: int) -> Any:
    @emitted
    def row_tile(
        _typing: Any, a: Any, a0: Any, a_panel: Any, b: Any, b0: Any, n_panels: Any, n_remaining: Any,
        c: Any, c0: Any, accumulate: Any,
    ) -> Any:  # fmt: skip
        i64 = types.int64

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            tile = _Tile(builder, llvm_float(c.dtype), rows_of(c.dtype.bitwidth // 8), vectors)
            a_at, b_at, c_at = (tile.vec.array(context, signature.args[i], args[i], args[i + 1]) for i in (0, 3, 7))
            _emit_row_tile(tile, a_at, args[2], b_at, args[5], args[6], c_at, args[9])
            return context.get_dummy_value()

        return types.void(a, i64, i64, b, i64, i64, i64, c, i64, types.boolean), codegen

    return row_tile


def _make_thin_tile(panels: int) -> Any:
    @emitted
    def thin_tile(
        _typing: Any, a: Any, a0: Any, a_panel: Any, b: Any, b0: Any, b_panel: Any, n_panels: Any, n_remaining: Any,
        c: Any, c0: Any, c_panel: Any,
    ) -> Any:  # fmt: skip
        """Write a row of C in some micro-panels: a row of A times micro-panels of B that lie `b_panel` apart."""
        i64 = types.int64

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            tile = _Tile(builder, llvm_float(c.dtype), 1, TILE_VECTORS)
            vec = tile.vec
            a_at, b_at, c_at = (vec.array(context, signature.args[i], args[i], args[i + 1]) for i in (0, 3, 8))
            b_starts, c_starts = ([builder.mul(args[i], whole(p)) for p in range(panels)] for i in (5, 10))

            def repeat(count: Any, carried: list[Any], n_steps: int) -> list[Any]:
                def body(now: list[Any]) -> list[Any]:
                    a, b, *sums = now
                    for k in range(n_steps):
                        x = vec.broadcast(vec.at(a, k))
                        places = [place for start in b_starts for place in tile.columns(vec.at(b, start), k)]
                        rows = [vec.load(place) for place in places]
                        sums = [call_intrinsic(builder, "fma", x, y, z) for y, z in zip(rows, sums, strict=True)]
                    return [vec.at(a, n_steps), vec.at(b, n_steps * tile.width), *sums]

                return loop(builder, count, carried, body)

            def whole_panel(now: list[Any]) -> list[Any]:
                unrolled = min(UNROLLED // 2, tile.width)
                _, *following = repeat(whole(tile.width // unrolled), now, unrolled)
                return [vec.at(now[0], args[2]), *following]

            zeros = [vec.constant(0.0)] * (panels * TILE_VECTORS)
            carried = loop(builder, args[6], [a_at, b_at, *zeros], whole_panel)
            _, _, *sums = repeat(args[7], carried, 1)
            targets = [place for start in c_starts for place in tile.columns(vec.at(c_at, start), 0)]
            for value, place in zip(sums, targets, strict=True):
                vec.store(value, place)
            return context.get_dummy_value()

        return types.void(a, i64, i64, b, i64, i64, i64, i64, c, i64, i64), codegen

    return thin_tile


def _make_weight_tile(rows_of: Callable[[int], int], vectors: int) -> Any:
    @emitted
    def weight_tile(
        _typing: Any, code: Any, penalised: Any, a: Any, a0: Any, b: Any, b0: Any, n_rows: Any, accumulate: Any,
        gradient: Any, update: Any, n_penalised: Any,
    ) -> Any:  # fmt: skip
        """Update a tile of weights with its gradient, columns of A times a micro-panel of B; or store that, if code is NONE.

        The gradient goes on from what is stored of it. Its first `n_penalised` rows have a penalty.
        """

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            tile = _Tile(builder, llvm_float(gradient.dtype), rows_of(gradient.dtype.bitwidth // 8), vectors)
            vec = tile.vec
            a_at, b_at = (vec.array(context, signature.args[i], args[i], args[i + 1]) for i in (2, 4))
            coefficients, state = fields(vec, context, signature.args[9], args[9])
            stored = vec.array(context, signature.args[8], args[8], builder.extract_value(args[9], 4))
            sums = _emit_gradient(tile, a_at, b_at, args[6], tile.start(args[7], stored))
            if code.literal_value == NONE:
                for value, place in zip(sums, tile.places(stored), strict=True):
                    vec.store(value, place)
                return context.get_dummy_value()
            update_vector = VectorUpdate(vec, code.literal_value, bool(penalised.literal_value), coefficients)
            for i, (value, *places) in enumerate(zip(sums, *map(tile.places, state), strict=True)):
                update_vector(places, value, builder.icmp_signed("<", whole(i // vectors), args[10]))
            return context.get_dummy_value()

        i64, bit = types.int64, types.boolean
        return types.void(code, penalised, a, i64, b, i64, i64, bit, gradient, update, i64), codegen

    return weight_tile


def _wide_rows(_itemsize: int) -> int:
    return TILE_ROWS


def _widest_rows(_itemsize: int) -> int:
    return WIDE_ROWS


row_tile_wide, row_tile_tall = _make_row_tile(_wide_rows, TILE_VECTORS), _make_row_tile(tall_rows, 1)
row_tile_widest = _make_row_tile(_widest_rows, TILE_VECTORS)
row_tile_rest = _make_row_tile(_wide_rows, 1)
"""For the rows of a micro-panel of one vector that are too few for a tall tile."""

THIN_PANELS = 4
"""Micro-panels of a row that are computed at once: enough accumulators to hide the latency of a multiply-add."""

thin_tile_wide, thin_tile_one = _make_thin_tile(THIN_PANELS), _make_thin_tile(1)
"""For so few rows that a tile would be empty for the most part."""

weight_tile_widest = _make_weight_tile(_widest_rows, TILE_VECTORS)
weight_tile_wide, weight_tile_tall = _make_weight_tile(_wide_rows, TILE_VECTORS), _make_weight_tile(tall_rows, 1)
