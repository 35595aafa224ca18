"""The register tile on micro-panels, as a training step has them: rows of a product, and weights with their update.

All operands lie in micro-panels (`fastnet.kernels.step.layout` says why): column j of row i is element i * width + j %
width of micro-panel j // width. A tile of C is then one contiguous run, B is read from front to back, and so is A, at
distances that are known while compiling.

A row tile ends in an activation or its gradient, a weight tile in the optimizer's update: on the accumulators, before
they are written. An update spread among the products of the next tile instead, to hide its roots and divisions, took
longer on Zen 3: its stores come among the tile's loads.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba.core import types

from fastnet.compiler.policy import emitted, is_x86, vector_bits
from fastnet.kernels.codegen.ir import BIT, call_intrinsic, lanes, llvm_float, loop, whole
from fastnet.kernels.codegen.optimizer_formulas import NONE
from fastnet.kernels.codegen.optimizer_vectors import VectorUpdate, fields
from fastnet.kernels.codegen.vectors import HALF_BITS, Vectors
from fastnet.kernels.tile.operands import RELU, RELU_BACKWARD
from fastnet.kernels.tile.register_tile import RegisterTile, Strided, rectify, rectify_backward

Rows = Callable[[int], int]
"""Counts the rows of a tile, for elements of so many bytes."""

TILE_ROWS = 8 if vector_bits() == 512 else 4
"""Rows of a tile. The product of rows and vectors is the count of independent accumulators: 8 with AVX2's 16 registers,
16 with the 32 of AVX-512 and NEON, enough to hide the latency of a multiply-add and few enough to stay in
registers with their operands."""

TILE_VECTORS = 2 if is_x86() else 4

WIDE_ROWS = 6 if is_x86() and vector_bits() < 512 else TILE_ROWS
"""Rows of a tile where there are enough: with 16 registers, twelve accumulators hide latencies better than eight."""

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


class _PanelTile:
    """A register tile on micro-panels: where what it works on lies."""

    def __init__(self, context: Any, builder: Any, signature: Any, args: Any, size: tuple[Rows, int, int]) -> None:
        rows_of, self.vectors, bits = size
        element = signature.args[0].types[0].dtype
        self.context, self.signature, self.args = context, signature, args
        self.builder, self.vec = builder, Vectors(builder, llvm_float(element), bits)
        self.width, self.rows = panel_width(element.bitwidth // 8), rows_of(element.bitwidth // 8)

    def panels(self, value: Any, kind: Any) -> tuple[Any, Any]:
        """Return a pointer to the first element of some `Panels`, and their stride."""
        array, start, stride = (self.builder.extract_value(value, i) for i in range(3))
        return self.vec.array(self.context, kind.types[0], array, start), stride

    def argument(self, i: int) -> tuple[Any, Any]:
        """Return those of an argument."""
        return self.panels(self.args[i], self.signature.args[i])

    def tile(self, starts: list[Any] | None = None) -> RegisterTile:
        """Return the tile of a micro-panel's vectors, or of those of several that begin at some offsets."""
        columns = [v * self.vec.lanes for v in range(self.vectors)]
        if starts is None:
            return RegisterTile(self.vec, self.rows, columns)
        return RegisterTile(self.vec, self.rows, [self.builder.add(s, whole(c)) for s in starts for c in columns])

    def rows_at(self, pointer: Any) -> Strided:
        """Return what begins at a pointer, row after row."""
        return Strided(pointer, self.width, 1)

    def multiply(self, tile: RegisterTile, sums: list[Any], unrolled: int) -> list[Any]:
        """Emit rows of A times B: over whole micro-panels of A, then over the columns left in one more."""
        (first_a, a_stride), (first_b, _) = self.argument(0), self.argument(1)
        unrolled = min(unrolled, self.width)

        def panel(now: list[Any]) -> list[Any]:
            a, b, *sums = now
            _, b, sums = tile.reduce(whole(self.width // unrolled), self.rows_at(a), self.rows_at(b), sums, unrolled)
            return [self.vec.at(a, a_stride), b, *sums]

        a, b, *sums = loop(self.builder, self.args[2], [first_a, first_b, *sums], panel)
        return tile.reduce(self.args[3], self.rows_at(a), self.rows_at(b), sums, 1)[2]

    def finish(self, tile: RegisterTile, sums: list[Any], epilogue: Any, kind: Any, c: Any) -> None:
        """Apply an epilogue to the accumulators, and store them."""
        code = self.builder.extract_value(epilogue, 0)
        outputs, _ = self.panels(self.builder.extract_value(epilogue, 1), kind.types[1])

        def backward(values: list[Any]) -> list[Any]:
            y = tile.load_all(self.rows_at(outputs))
            return [rectify_backward(self.vec, *pair) for pair in zip(values, y, strict=True)]

        is_forward, is_backward = (self.builder.icmp_signed("==", code, whole(i)) for i in (RELU, RELU_BACKWARD))
        sums = tile.change_if(is_forward, sums, lambda values: [rectify(self.vec, x) for x in values])
        tile.store_all(tile.change_if(is_backward, sums, backward), self.rows_at(c))


def _make_row_tile(rows_of: Rows, vectors: int, bits: int = vector_bits()) -> Any:
    @emitted
    def row_tile(_typing: Any, a: Any, b: Any, n_panels: Any, n_remaining: Any, c: Any, epilogue: Any) -> Any:
        """Write some rows of C in a micro-panel: rows of A, so many whole micro-panels and columns, times one of B."""

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            own = _PanelTile(context, builder, signature, args, (rows_of, vectors, bits))
            tile, (c_at, _) = own.tile(), own.argument(4)
            accumulate = builder.trunc(builder.extract_value(args[5], 2), BIT)
            sums = own.multiply(tile, tile.begin(own.rows_at(c_at), accumulate), UNROLLED)
            own.finish(tile, sums, args[5], signature.args[5], c_at)
            return context.get_dummy_value()

        return types.void(a, b, types.int64, types.int64, c, epilogue), codegen

    return row_tile


def _make_thin_tile(panels: int) -> Any:
    @emitted
    def thin_tile(_typing: Any, a: Any, b: Any, n_panels: Any, n_remaining: Any, c: Any, epilogue: Any) -> Any:
        """Write a row of C in some micro-panels: a row of A times as many micro-panels of B."""

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            own = _PanelTile(context, builder, signature, args, (lambda _: 1, TILE_VECTORS, vector_bits()))
            (_, b_stride), (c_at, c_stride) = own.argument(1), own.argument(4)
            of_b, of_c = (
                own.tile([builder.mul(stride, whole(i)) for i in range(panels)]) for stride in (b_stride, c_stride)
            )
            sums = own.multiply(of_b, [own.vec.constant(0.0)] * (panels * TILE_VECTORS), UNROLLED // 2)
            own.finish(of_c, sums, args[5], signature.args[5], c_at)
            return context.get_dummy_value()

        return types.void(a, b, types.int64, types.int64, c, epilogue), codegen

    return thin_tile


def _make_weight_tile(rows_of: Rows, vectors: int, bits: int = vector_bits()) -> Any:
    @emitted
    def weight_tile(
        _typing: Any, a: Any, b: Any, n_rows: Any, gradient: Any, accumulate: Any, code: Any, options: Any,
        update: Any, n_weights: Any,
    ) -> Any:  # fmt: skip
        """Update a tile of weights with its gradient, columns of A times a micro-panel of B, or store that.

        It is stored if `code` is NONE, and goes on from what is stored. After its first `n_weights` rows biases follow.
        """

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            own = _PanelTile(context, builder, signature, args, (rows_of, vectors, bits))
            vec, tile, unrolled = own.vec, own.tile(), UNROLLED // 2
            (a_at, _), (b_at, _), (stored, _) = (own.argument(i) for i in (0, 1, 3))
            sums = tile.begin(own.rows_at(stored), builder.trunc(args[4], BIT))
            for count, n_steps in ((builder.sdiv, unrolled), (builder.srem, 1)):
                columns, rows = Strided(a_at, 1, own.width), Strided(b_at, own.width, 1)
                a_at, b_at, sums = tile.reduce(count(args[2], whole(unrolled)), columns, rows, sums, n_steps)
            if code.literal_value == NONE:
                tile.store_all(sums, own.rows_at(stored))
                return context.get_dummy_value()
            coefficients, state = fields(vec, context, signature.args[7], args[7])
            update_vector = VectorUpdate(vec, code.literal_value, options.literal_value, coefficients)
            rows_of_state = [tile.row_pointers(own.rows_at(pointer)) for pointer in state]
            for i, value in enumerate(sums):
                row, offset = i // vectors, i % vectors * vec.lanes
                places = [vec.at(pointers[row], offset) for pointers in rows_of_state]
                update_vector(places, value, builder.icmp_signed("<", whole(row), args[8]))
            return context.get_dummy_value()

        i64 = types.int64
        return types.void(a, b, i64, gradient, types.boolean, code, options, update, i64), codegen

    return weight_tile


@emitted
def weight_rows(_typing: Any, a: Any, b: Any, count: Any, code: Any, options: Any, update: Any, n_weights: Any) -> Any:
    """Update `count` rows of a micro-panel of weights after a single sample: its inputs, one after the other, times b.

    Tiles would have a reduction of one step each, and more to do around it than in it.
    """

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        own = _PanelTile(context, builder, signature, args, (lambda _: 1, TILE_VECTORS, vector_bits()))
        vec, (first, _), (upstream, _) = own.vec, own.argument(0), own.argument(1)
        coefficients, state = fields(vec, context, signature.args[5], args[5])
        update_vector = VectorUpdate(vec, code.literal_value, options.literal_value, coefficients)
        offsets = [v * vec.lanes for v in range(TILE_VECTORS)]
        d = [vec.load(vec.at(upstream, offset)) for offset in offsets]

        def body(now: list[Any]) -> list[Any]:
            row, at, *pointers = now
            x, is_weight = vec.broadcast(at), builder.icmp_signed("<", row, args[6])
            for offset, slope in zip(offsets, d, strict=True):
                gradient = call_intrinsic(builder, "fma", x, slope, vec.constant(0.0))
                update_vector([vec.at(pointer, offset) for pointer in pointers], gradient, is_weight)
            following = [vec.at(pointer, own.width) for pointer in pointers]
            return [builder.add(row, whole(1)), vec.at(at, 1), *following]

        loop(builder, args[2], [whole(0), first, *state], body)
        return context.get_dummy_value()

    return types.void(a, b, types.int64, code, options, update, types.int64), codegen


def _wide_rows(_itemsize: int) -> int:
    return TILE_ROWS


def _widest_rows(_itemsize: int) -> int:
    return WIDE_ROWS


row_tile_wide, row_tile_tall = _make_row_tile(_wide_rows, TILE_VECTORS), _make_row_tile(tall_rows, 1)
row_tile_widest = _make_row_tile(_widest_rows, TILE_VECTORS)
row_tile_rest = _make_row_tile(_wide_rows, 1)
"""For the rows of a micro-panel of one vector that are too few for a tall tile."""

row_tile_half, row_tile_half_rest = (_make_row_tile(rows, 1, HALF_BITS) for rows in (tall_rows, _wide_rows))
"""The same two for columns that fill half a vector."""

THIN_PANELS = 4
"""Micro-panels of a row that are computed at once: enough accumulators to hide the latency of a multiply-add."""

thin_tile_wide, thin_tile_one = _make_thin_tile(THIN_PANELS), _make_thin_tile(1)
"""For so few rows that a tile would be empty for the most part."""

weight_tile_widest = _make_weight_tile(_widest_rows, TILE_VECTORS)
weight_tile_wide, weight_tile_tall = _make_weight_tile(_wide_rows, TILE_VECTORS), _make_weight_tile(tall_rows, 1)
weight_tile_half = _make_weight_tile(tall_rows, 1, HALF_BITS)
