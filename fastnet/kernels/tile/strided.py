"""The register tile on operands as they lie: A and C where they are, B too, or packed row after row.

A is read through two strides, so it may be transposed; the columns of B and C lie one after the other. A tile ends in
an epilogue, on its accumulators: a bias is added, ReLU applied, and C is written once.

The last vector of a row begins so that it ends with the row, over columns of the one before, which are then computed
twice, to the same bits. Rows that are shorter than a vector are loaded and stored in part.
"""

from __future__ import annotations

from typing import Any

from numba.core import types

from fastnet.compiler.policy import emitted, inlined, is_x86, vector_bits
from fastnet.kernels.codegen.ir import BIT, llvm_float, whole
from fastnet.kernels.codegen.vectors import HALF_BITS, Vectors
from fastnet.kernels.tile.operands import below
from fastnet.kernels.tile.register_tile import RegisterTile, Strided, rectify

MOST_VECTORS = 3
"""Vectors of a tile's row: three loads of B for as many broadcasts of A as there are rows."""

N_REGISTERS = 16 if is_x86() and vector_bits() < 512 else 32

UNROLLED = 4
"""Steps of the reduction that are emitted one after the other."""


def _strided(vec: Vectors, context: Any, kind: Any, value: Any) -> Strided:
    """Return an `Operand` in LLVM's values."""
    extract = vec.builder.extract_value
    pointer = vec.array(context, kind.types[0], extract(value, 0), extract(value, 1))
    return Strided(pointer, extract(value, 2), extract(value, 3))


def _tile(vec: Vectors, rows: int, vectors: int, is_short: bool, last: Any) -> RegisterTile:
    """Return a tile whose last vector begins at `last`, or whose rows of that length are shorter than a vector."""
    if is_short:
        return RegisterTile(vec, rows, [0], vec.mask_below(last))
    return RegisterTile(vec, rows, [*(v * vec.lanes for v in range(vectors - 1)), last])


def _reduce(tile: RegisterTile, a: Strided, b: Strided, depth: Any, sums: list[Any]) -> list[Any]:
    """Return the accumulators after `depth` products."""
    rounds = tile.builder.udiv(depth, whole(UNROLLED))
    a_at, b_at, sums = tile.reduce(rounds, a, b, sums, UNROLLED)
    rest = tile.builder.urem(depth, whole(UNROLLED))
    return tile.reduce(rest, a._replace(pointer=a_at), b._replace(pointer=b_at), sums, 1)[2]


def _emit_tile(context: Any, tile: RegisterTile, kinds: Any, args: Any, reduce: Any = _reduce) -> None:
    """Emit a tile: what C holds, or zeros; the products that `reduce` adds; a bias, ReLU, and C."""
    vec, builder = tile.vec, tile.builder
    a, b, c = (_strided(vec, context, kinds[i], args[i]) for i in (0, 1, 3))
    bias, start, relu, accumulate = (builder.extract_value(args[5], i) for i in range(4))
    added = context.make_array(kinds[5].types[0])(context, builder, bias)
    has_bias = builder.icmp_signed(">", added.nitems, whole(0))
    sums = reduce(tile, a, b, args[2], tile.begin(c, builder.trunc(accumulate, BIT)))

    def add_bias(values: list[Any]) -> list[Any]:
        row = tile.load(vec.at(added.data, start)) * tile.rows
        return [builder.fadd(x, y) for x, y in zip(values, row, strict=True)]

    sums = tile.change_if(has_bias, sums, add_bias)
    sums = tile.change_if(builder.trunc(relu, BIT), sums, lambda values: [rectify(vec, x) for x in values])
    tile.store_all(sums, c)


def _make_tile(rows: int, vectors: int, is_short: bool, bits: int) -> Any:
    @emitted
    def tile(_typing: Any, a: Any, b: Any, depth: Any, c: Any, last: Any, epilogue: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            vec = Vectors(builder, llvm_float(c.types[0].dtype), bits)
            _emit_tile(context, _tile(vec, rows, vectors, is_short, args[4]), signature.args, args)
            return context.get_dummy_value()

        return types.void(a, b, types.int64, c, types.int64, epilogue), codegen

    return tile


def _tile_rows(vectors: int) -> tuple[int, int, int]:
    """Return the rows of tiles of so many vectors: what registers hold beside a row of B and an element of A; fewer."""
    if N_REGISTERS == 32:
        return (16, 8, 4) if vectors == 1 else (8, 4, 2)
    return {1: (8, 4, 2), 2: (6, 4, 2), 3: (4, 2, 1)}[vectors]


def _make_rows(vectors: int, is_short: bool = False, bits: int = vector_bits()) -> Any:
    """Make what multiplies all rows of A by a micro-panel of B: tiles of as many rows as fit, fewer for the rest."""
    most, some, few = _tile_rows(vectors)
    tall, half, quarter, one = (_make_tile(rows, vectors, is_short, bits) for rows in (most, some, few, 1))

    @inlined
    def multiply_rows(a: Any, b: Any, depth: int, c: Any, n_rows: int, last: int, epilogue: Any) -> None:
        i = 0
        while i + most <= n_rows:
            tall(below(a, i), b, depth, below(c, i), last, epilogue)
            i += most
        if i + some <= n_rows:
            half(below(a, i), b, depth, below(c, i), last, epilogue)
            i += some
        while i + few <= n_rows:
            quarter(below(a, i), b, depth, below(c, i), last, epilogue)
            i += few
        while i < n_rows:
            one(below(a, i), b, depth, below(c, i), last, epilogue)
            i += 1

    return multiply_rows


def _make_packing_tile(vectors: int) -> Any:
    """Make the tile of the first rows, which copies a micro-panel of B, row after row, and returns how many rows.

    Its loads are those of the products anyway, and its stores find a place beside them.
    """
    rows = _tile_rows(vectors)[0]

    @emitted
    def multiply_and_pack(
        _typing: Any, a: Any, b: Any, depth: Any, c: Any, last: Any, epilogue: Any, packed: Any
    ) -> Any:  # fmt: skip
        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            vec = Vectors(builder, llvm_float(c.types[0].dtype))
            target = _strided(vec, context, signature.args[6], args[6])

            def reduce(tile: RegisterTile, a: Strided, b: Strided, depth: Any, sums: list[Any]) -> list[Any]:
                return tile.reduce_and_copy(depth, a, b, sums, target)

            _emit_tile(context, _tile(vec, rows, vectors, False, args[4]), signature.args, args, reduce)
            return whole(rows)

        return types.int64(a, b, types.int64, c, types.int64, epilogue, packed), codegen

    return multiply_and_pack


pack_by_3, pack_by_2, pack_by_1 = map(_make_packing_tile, (3, 2, 1))

rows_by_3, rows_by_2, rows_by_1, rows_by_part = (
    _make_rows(3), _make_rows(2), _make_rows(1), _make_rows(1, is_short=True),
)  # fmt: skip

rows_by_half = _make_rows(1, is_short=True, bits=HALF_BITS)
"""For rows that fill half a vector, or less."""
