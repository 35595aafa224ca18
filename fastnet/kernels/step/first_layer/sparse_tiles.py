"""Register tiles over the non-zeros of a sparse matrix: their places come from bitmasks.

There is nothing to share between rows, whose non-zeros lie elsewhere. So a tile is one row of as many micro-panels as
registers allow, and the other matrix should lie in the first-level cache, since every product comes with a load.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from numba.core import types

from fastnet.compiler.policy import emitted
from fastnet.kernels.codegen.bits import WORD, emit_lowest
from fastnet.kernels.codegen.ir import I64, call_intrinsic, llvm_float, loop, loop_while, whole
from fastnet.kernels.codegen.vectors import Vectors
from fastnet.kernels.tile.micro_panels import TILE_VECTORS

MOST_PANELS = 7
"""Micro-panels of a tile: of 16 registers, fourteen hold sums and one a product's factor."""


class Bitmasks(NamedTuple):
    """A sample's bitmasks of a block of columns: the first is bitmasks[start], the others follow at a distance.

    The value of the first non-zero of each is that at the place that `positions` says in the same way.
    """

    bitmasks: Any
    positions: Any
    start: int
    stride: int
    n_bitmasks: int


class _Tile:
    """One row of some micro-panels: where its vectors lie, and its accumulators."""

    def __init__(self, context: Any, builder: Any, signature: Any, args: Any, element: Any, vectors: int) -> None:
        self.context, self.builder, self.signature, self.args = context, builder, signature, args
        self.vec, self.vectors = Vectors(builder, llvm_float(element)), vectors

    def data(self, i: int) -> Any:
        """Point at the beginning of array i."""
        return self.context.make_array(self.signature.args[i])(self.context, self.builder, self.args[i]).data

    def row(self, i: int) -> list[Any]:
        """Where the vectors of a row lie that begins with `Panels`."""
        array, start, stride = (self.builder.extract_value(self.args[i], field) for field in range(3))
        first = self.vec.array(self.context, self.signature.args[i].types[0], array, start)
        panels = [self.vec.at(first, self.builder.mul(stride, whole(p))) for p in range(MOST_PANELS)]
        places = [self.vec.at(panel, v * self.vec.lanes) for panel in panels for v in range(TILE_VECTORS)]
        return places[: self.vectors]

    def add(self, matrix: list[Any], index: Any, x: Any, accumulators: list[Any]) -> list[Any]:
        """Add to the accumulators a number times the row of that index."""
        offset = self.builder.mul(index, whole(TILE_VECTORS * self.vec.lanes))
        row = [self.vec.load(self.vec.at(place, offset)) for place in matrix]
        return [call_intrinsic(self.builder, "fma", x, y, z) for y, z in zip(row, accumulators, strict=True)]

    def for_bits(self, bitmask: Any, carried: list[Any], body: Callable[[Any, list[Any]], list[Any]]) -> list[Any]:
        """Emit a loop over the bits of a bitmask that are set, lowest first; the body gets their index."""

        def step(now: list[Any]) -> list[Any]:
            remaining, *rest = now
            rest = body(emit_lowest(self.builder, remaining), rest)
            return [self.builder.and_(remaining, self.builder.sub(remaining, whole(1))), *rest]

        def condition(now: list[Any]) -> Any:
            return self.builder.icmp_unsigned("!=", now[0], whole(0))

        return loop_while(self.builder, condition, [bitmask, *carried], step)[1:]


def _for_vectors(builder: Any, vectors: Any, emit: Callable[[int], None]) -> None:
    """Emit code for each count of vectors that a tile may have, and the choice among them."""
    end = builder.append_basic_block("end")
    choice = builder.switch(vectors, end)
    for count in range(1, MOST_PANELS * TILE_VECTORS + 1):
        block = builder.append_basic_block("vectors")
        choice.add_case(whole(count), block)
        builder.position_at_end(block)
        emit(count)
        builder.branch(end)
    builder.position_at_end(end)


@emitted
def row_sums(_typing: Any, vectors: Any, bitmasks: Any, values: Any, b: Any, c: Any) -> Any:
    """Add the rows of B that the bits of `Bitmasks` pick, times their values, to a row of C: its first vectors.

    B and C are `Panels`.
    """

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        def emit(count: int) -> None:
            tile = _Tile(context, builder, signature, args, c.types[0].dtype, count)
            vec, index = tile.vec, Vectors(builder, I64)
            matrix, target, numbers = tile.row(3), tile.row(4), tile.data(2)
            *arrays, start, stride, n_bitmasks = (builder.extract_value(args[1], i) for i in range(5))
            first = [
                index.at(context.make_array(kind)(context, builder, array).data, start)
                for kind, array in zip(bitmasks.types, arrays, strict=False)
            ]

            def nonzero(bit: Any, now: list[Any]) -> list[Any]:
                value, matrix_row, *accumulators = now
                rows = [vec.at(place, matrix_row) for place in matrix]
                return [vec.at(value, 1), matrix_row, *tile.add(rows, bit, vec.broadcast(value), accumulators)]

            def bitmask(now: list[Any]) -> list[Any]:
                bitmask, position, row, *accumulators = now
                value = vec.at(numbers, builder.load(position, align=8, typ=I64))
                bits = builder.load(bitmask, align=8, typ=I64)
                _, _, *accumulators = tile.for_bits(bits, [value, row, *accumulators], nonzero)
                following = builder.add(row, whole(WORD * TILE_VECTORS * vec.lanes))
                return [index.at(bitmask, stride), index.at(position, stride), following, *accumulators]

            begin = [*first, whole(0), *[vec.load(place) for place in target]]
            _, _, _, *accumulators = loop(builder, n_bitmasks, begin, bitmask)
            for value, place in zip(accumulators, target, strict=True):
                vec.store(value, place)

        _for_vectors(builder, args[0], emit)
        return context.get_dummy_value()

    return types.void(types.int64, bitmasks, values, b, c), codegen


@emitted
def column_sums(_typing: Any, vectors: Any, bitmask: Any, cursors: Any, values: Any, b: Any, c: Any) -> Any:
    """Add the rows of B that the bits of a bitmask pick, times their values, to a row of C: its first vectors.

    The value of bit i is that where cursors[i] stands, which then moves on to the row's next non-zero. B and C are
    `Panels`.
    """

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        def emit(count: int) -> None:
            tile = _Tile(context, builder, signature, args, c.types[0].dtype, count)
            vec, index = tile.vec, Vectors(builder, I64)
            matrix, target, places, numbers = tile.row(4), tile.row(5), tile.data(2), tile.data(3)

            def nonzero(bit: Any, accumulators: list[Any]) -> list[Any]:
                cursor = index.at(places, bit)
                place = builder.load(cursor, align=8, typ=I64)
                builder.store(builder.add(place, whole(1)), builder.bitcast(cursor, I64.as_pointer()), align=8)
                return tile.add(matrix, bit, vec.broadcast(vec.at(numbers, place)), accumulators)

            accumulators = tile.for_bits(args[1], [vec.load(place) for place in target], nonzero)
            for value, place in zip(accumulators, target, strict=True):
                vec.store(value, place)

        _for_vectors(builder, args[0], emit)
        return context.get_dummy_value()

    return types.void(types.int64, types.uint64, cursors, values, b, c), codegen
