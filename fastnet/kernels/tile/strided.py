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
from fastnet.kernels.codegen.ir import BIT, llvm_float, loop, whole
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


def _make_tile(rows: int, vectors: int, is_short: bool, bits: int) -> Any:
    @emitted
    def tile(_typing: Any, a: Any, b: Any, depth: Any, c: Any, last: Any, epilogue: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            vec = Vectors(builder, llvm_float(c.types[0].dtype), bits)
            a_in, b_in, c_in = (_strided(vec, context, signature.args[i], args[i]) for i in (0, 1, 3))
            emitter = _tile(vec, rows, vectors, is_short, args[4])
            bias, start, relu, accumulate = (builder.extract_value(args[5], i) for i in range(4))
            added = context.make_array(epilogue.types[0])(context, builder, bias)
            has_bias = builder.icmp_signed(">", added.nitems, whole(0))
            sums = _reduce(emitter, a_in, b_in, args[2], emitter.begin(c_in, builder.trunc(accumulate, BIT)))

            def add_bias(values: list[Any]) -> list[Any]:
                row = emitter.load(vec.at(added.data, start)) * rows
                return [builder.fadd(x, y) for x, y in zip(values, row, strict=True)]

            sums = emitter.change_if(has_bias, sums, add_bias)
            sums = emitter.change_if(builder.trunc(relu, BIT), sums, lambda values: [rectify(vec, x) for x in values])
            emitter.store_all(sums, c_in)
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


def _make_pack(vectors: int) -> Any:
    """Make what copies a micro-panel of B of so many vectors, row after row."""

    @emitted
    def pack(_typing: Any, b: Any, depth: Any, target: Any, last: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            vec = Vectors(builder, llvm_float(target.types[0].dtype))
            source, packed = (_strided(vec, context, signature.args[i], args[i]) for i in (0, 2))
            tile = _tile(vec, 1, vectors, False, args[3])

            def body(now: list[Any]) -> list[Any]:
                tile.store(tile.load(now[0]), now[1])
                return [vec.at(now[0], source.row), vec.at(now[1], packed.row)]

            loop(builder, args[1], [source.pointer, packed.pointer], body)
            return context.get_dummy_value()

        return types.void(b, types.int64, target, types.int64), codegen

    return pack


pack_3, pack_2, pack_1 = map(_make_pack, (3, 2, 1))

rows_by_3, rows_by_2, rows_by_1, rows_by_part = (
    _make_rows(3), _make_rows(2), _make_rows(1), _make_rows(1, is_short=True),
)  # fmt: skip

rows_by_half = _make_rows(1, is_short=True, bits=HALF_BITS)
"""For rows that fill half a vector, or less."""
