"""The register tile on operands as they lie: rows by vectors of C, in registers while the reduction goes on.

A is read one element at a time, through two strides, so it may be transposed; the columns of B and C lie one after the
other. Each element of C is one accumulator of fused multiply-adds in ascending order of the reduction, as in the tile
on micro-panels (`fastnet.kernels.tile.micro_panels`): results are the same bits. It ends in an epilogue, on the
accumulators: a bias is added, ReLU applied, and C is written once.

The last vector of a row begins so that it ends with the row, over columns of the one before, which are then computed
twice, to the same bits. Rows that are shorter than a vector are loaded and stored in part.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from numba.core import types

from fastnet._jit import emitted, inlined, is_x86, vector_bits
from fastnet.kernels.codegen.ir import BIT, call_intrinsic, llvm_float, loop, opaque, phi, whole
from fastnet.kernels.codegen.vectors import Vectors

MOST_VECTORS = 3
"""Vectors of a tile's row: three loads of B for as many broadcasts of A as there are rows."""

N_REGISTERS = 16 if is_x86() and vector_bits() < 512 else 32

UNROLLED = 4
"""Steps of the reduction that are emitted one after the other."""


class Operand(NamedTuple):
    """A matrix within a flat array: element (i, j) is array[start + i * row_stride + j * column_stride]."""

    array: Any
    start: int
    row_stride: int
    column_stride: int


class Epilogue(NamedTuple):
    """What is done to C before it is written: bias[start:] is added to each row, if there is one; then ReLU.

    Products that `accumulate` are added to what C holds.
    """

    bias: Any
    start: int
    relu: bool
    accumulate: bool


class _Operands:
    """An operand in LLVM's values: a pointer to its first element, and its strides."""

    def __init__(self, vec: Vectors, context: Any, kind: Any, value: Any) -> None:
        extract = vec.builder.extract_value
        self.row, self.column = extract(value, 2), extract(value, 3)
        self.pointer = vec.array(context, kind.types[0], extract(value, 0), extract(value, 1))


class _Tile:
    """Emits a tile: `last` is where its last vector begins, or the length of rows that are shorter than a vector."""

    def __init__(self, vec: Vectors, rows: int, vectors: int, is_short: bool, last: Any) -> None:
        self.vec, self.builder, self.rows = vec, vec.builder, rows
        self.offsets = [*(v * vec.lanes for v in range(vectors - 1)), 0 if is_short else last]
        self._mask = vec.mask_below(last) if is_short else None

    def load(self, pointer: Any) -> list[Any]:
        """Load a row's vectors."""
        if self._mask is None:
            return [self.vec.load(self.vec.at(pointer, offset)) for offset in self.offsets]
        return [self.vec.load_where(self._mask, pointer)]

    def store(self, values: list[Any], pointer: Any) -> None:
        """Store a row's vectors."""
        if self._mask is None:
            for value, offset in zip(values, self.offsets, strict=True):
                self.vec.store(value, self.vec.at(pointer, offset))
        else:
            self.vec.store_where(self._mask, values[0], pointer)

    def begin(self, c: _Operands, accumulate: Any) -> list[Any]:
        """Return the accumulators at the beginning: zero, or what C holds."""
        before = self.builder.block
        with self.builder.if_then(accumulate):
            rows = [self.vec.at(c.pointer, self.builder.mul(c.row, whole(i))) for i in range(self.rows)]
            stored = [value for row in rows for value in self.load(row)]
            inside = self.builder.block
        return self._either([self.vec.constant(0.0)] * len(stored), before, stored, inside)

    def reduce(self, a: _Operands, b: _Operands, depth: Any, accumulators: list[Any]) -> list[Any]:
        """Return the accumulators after `depth` products more."""
        vec, builder, n = self.vec, self.builder, len(self.offsets)
        rows = [builder.mul(a.row, whole(i)) for i in range(self.rows)]

        def repeat(count: Any, carried: list[Any], n_steps: int) -> list[Any]:
            def body(now: list[Any]) -> list[Any]:
                a_at, b_at, *accumulators = now
                for _ in range(n_steps):
                    a_at, b_at = opaque(builder, a_at), opaque(builder, b_at)
                    b_row = self.load(b_at)
                    added = []
                    for i, row in enumerate(rows):
                        x = vec.broadcast(vec.at(a_at, row))
                        own = accumulators[i * n : (i + 1) * n]
                        added += [call_intrinsic(builder, "fma", x, y, z) for y, z in zip(b_row, own, strict=True)]
                    accumulators = added
                    a_at, b_at = vec.at(a_at, a.column), vec.at(b_at, b.row)
                return [a_at, b_at, *accumulators]

            return loop(builder, count, carried, body)

        carried = [a.pointer, b.pointer, *accumulators]
        carried = repeat(builder.udiv(depth, whole(UNROLLED)), carried, UNROLLED)
        return repeat(builder.urem(depth, whole(UNROLLED)), carried, 1)[2:]

    def apply_epilogue(self, accumulators: list[Any], bias: Any, has_bias: Any, relu: Any) -> list[Any]:
        """Apply the epilogue to the accumulators, row after row."""
        builder, zero = self.builder, self.vec.constant(0.0)
        before = builder.block
        with builder.if_then(has_bias):
            added = self.load(bias) * self.rows
            changed = [builder.fadd(x, y) for x, y in zip(accumulators, added, strict=True)]
            inside = builder.block
        accumulators = self._either(accumulators, before, changed, inside)
        before = builder.block
        with builder.if_then(relu):
            changed = [builder.select(builder.fcmp_ordered("<=", x, zero), zero, x) for x in accumulators]
            inside = builder.block
        return self._either(accumulators, before, changed, inside)

    def _either(self, values: list[Any], before: Any, others: list[Any], inside: Any) -> list[Any]:
        pairs = zip(values, others, strict=True)
        return [phi(self.builder, self.vec.type, (value, before), (other, inside)) for value, other in pairs]


def _make_tile(rows: int, vectors: int, is_short: bool) -> Any:
    @emitted
    def tile(_typing: Any, a: Any, b: Any, depth: Any, c: Any, last: Any, epilogue: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            vec = Vectors(builder, llvm_float(c.types[0].dtype))
            a_in, b_in, c_in = (_Operands(vec, context, signature.args[i], args[i]) for i in (0, 1, 3))
            emitter = _Tile(vec, rows, vectors, is_short, args[4])
            bias, start, relu, accumulate = (builder.extract_value(args[5], i) for i in range(4))
            added = context.make_array(epilogue.types[0])(context, builder, bias)
            has_bias = builder.icmp_signed(">", added.nitems, whole(0))
            relu, accumulate = (x if x.type == BIT else builder.trunc(x, BIT) for x in (relu, accumulate))
            sums = emitter.reduce(a_in, b_in, args[2], emitter.begin(c_in, accumulate))
            finished = emitter.apply_epilogue(sums, vec.at(added.data, start), has_bias, relu)
            for i in range(rows):
                place = vec.at(c_in.pointer, builder.mul(c_in.row, whole(i)))
                emitter.store(finished[i * vectors : (i + 1) * vectors], place)
            return context.get_dummy_value()

        return types.void(a, b, types.int64, c, types.int64, epilogue), codegen

    return tile


def _tile_rows(vectors: int) -> tuple[int, int, int]:
    """Return the rows of tiles of so many vectors: what registers hold beside a row of B and an element of A; fewer."""
    if N_REGISTERS == 32:
        return (16, 8, 4) if vectors == 1 else (8, 4, 2)
    return {1: (8, 4, 2), 2: (6, 4, 2), 3: (4, 2, 1)}[vectors]


def _make_rows(vectors: int, is_short: bool = False) -> Any:
    """Make what multiplies all rows of A by a micro-panel of B: tiles of as many rows as fit, fewer for the rest."""
    most, some, few = _tile_rows(vectors)
    tall, half, quarter, one = (_make_tile(rows, vectors, is_short) for rows in (most, some, few, 1))

    @inlined
    def multiply_rows(a: Any, b: Any, depth: int, c: Any, n_rows: int, last: int, epilogue: Any) -> None:
        i = 0
        while i + most <= n_rows:
            tall(_below(a, i), b, depth, _below(c, i), last, epilogue)
            i += most
        if i + some <= n_rows:
            half(_below(a, i), b, depth, _below(c, i), last, epilogue)
            i += some
        while i + few <= n_rows:
            quarter(_below(a, i), b, depth, _below(c, i), last, epilogue)
            i += few
        while i < n_rows:
            one(_below(a, i), b, depth, _below(c, i), last, epilogue)
            i += 1

    return multiply_rows


@inlined
def _below(x: Any, n_rows: int) -> Any:
    """Return the operand that begins so many rows further down."""
    return Operand(x.array, x.start + n_rows * x.row_stride, x.row_stride, x.column_stride)


def _make_pack(vectors: int) -> Any:
    """Make what copies a micro-panel of B of so many vectors, row after row."""

    @emitted
    def pack(_typing: Any, b: Any, depth: Any, target: Any, last: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            vec = Vectors(builder, llvm_float(target.types[0].dtype))
            source, packed = (_Operands(vec, context, signature.args[i], args[i]) for i in (0, 2))
            tile = _Tile(vec, 1, vectors, False, args[3])

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
