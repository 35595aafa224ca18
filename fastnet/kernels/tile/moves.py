"""Moving data: tiles are transposed, rows converted and scaled, cache lines prefetched. Machinery, emitted."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import types

from fastnet.compiler.policy import emitted, vector_bits
from fastnet.kernels.codegen.ir import itemsize, llvm_float, prefetch_line, shuffle, whole
from fastnet.kernels.codegen.vectors import Vectors
from fastnet.kernels.tile.micro_panels import TILE_ROWS, TILE_VECTORS

CHUNK_BYTES = 64
"""A cache line, and a whole number of registers of any width."""

PANEL_BYTES = TILE_VECTORS * vector_bits() // 8
PART_BYTES = min(CHUNK_BYTES, PANEL_BYTES)
"""A chunk, or a micro-panel's row where that is shorter."""


@emitted
def transpose_tile(_typing: Any, a: Any, a0: Any, b: Any, b0: Any) -> Any:
    """Write a tile of a micro-panel, contiguous at a[a0:], with its rows as columns of the micro-panel at b[b0:]."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        vec = Vectors(builder, llvm_float(a.dtype))
        width = TILE_VECTORS * vec.lanes
        source, target = (vec.array(context, signature.args[i], args[i], args[i + 1]) for i in (0, 2))
        for v in range(TILE_VECTORS):
            rows = [vec.load(vec.at(source, row * width + v * vec.lanes)) for row in range(TILE_ROWS)]
            for lane, column in enumerate(transposed(builder, rows, vec.lanes)):
                vec.store(column, vec.at(target, (v * vec.lanes + lane) * width))
        return context.get_dummy_value()

    return types.void(a, types.int64, b, types.int64), codegen


@emitted
def transpose_square(_typing: Any, a: Any, a0: Any, a_row: Any, b: Any, b0: Any, b_row: Any) -> Any:
    """Write as many rows of vectors as these have lanes, from a[a0:] at distances of `a_row`, as columns at b[b0:]."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        vec = Vectors(builder, llvm_float(a.dtype))
        source, target = (vec.array(context, signature.args[i], args[i], args[i + 1]) for i in (0, 3))
        rows = [vec.load(vec.at(source, builder.mul(args[2], whole(row)))) for row in range(vec.lanes)]
        for i, column in enumerate(transposed(builder, rows, vec.lanes)):
            vec.store(column, vec.at(target, builder.mul(args[5], whole(i))))
        return context.get_dummy_value()

    i64 = types.int64
    return types.void(a, i64, i64, b, i64, i64), codegen


def transposed(builder: Any, rows: list[Any], count: int) -> list[Any]:
    """Turn rows into `count` columns: first within groups of 16 bytes, then whole groups.

    Both are shuffles of two registers that processors have an instruction for. Rows and lanes are powers of two, and
    there are no fewer rows than a group has elements.
    """
    n, lanes = len(rows), rows[0].type.count
    if n > lanes:
        upper, lower = (transposed(builder, part, count) for part in (rows[: n // 2], rows[n // 2 :]))
        return [shuffle(builder, x, y, range(n)) for x, y in zip(upper, lower, strict=True)]
    group = 16 // itemsize(rows[0].type)
    # squares[g][c] holds, in each group of lanes, column c of that group in the rows from g * group on
    squares = [_interleaved(builder, rows[g : g + group], 1, group) for g in range(0, n, group)]
    # runs[c] holds columns c, c + group, c + 2 * group and so on, one after the other
    runs = [_interleaved(builder, [square[c] for square in squares], group, lanes) for c in range(group)]
    columns = []
    for i in range(count):
        vector, start = divmod(i // group * n, lanes)
        source = runs[i % group][vector]
        columns.append(shuffle(builder, source, source, range(start, start + n)))
    return columns


def _interleaved(builder: Any, rows: list[Any], size: int, span: int) -> list[Any]:
    """Interleave rows, `size` lanes of each at a time, within every `span` of lanes; there are as many vectors after.

    Rows half their number apart are interleaved, until there is one run of vectors.
    """
    runs, lanes = [[row] for row in rows], rows[0].type.count
    starts = [(s, s + i) for s in range(0, lanes, span) for i in range(0, span // 2, size)]
    lower = [k for s, at in starts for source in (0, lanes) for k in range(source + at, source + at + size)]
    upper = [k + span // 2 for k in lower]
    while len(runs) > 1:
        half = len(runs) // 2
        runs = [
            [shuffle(builder, x, y, k) for x, y in zip(runs[i], runs[i + half], strict=True) for k in (lower, upper)]
            for i in range(half)
        ]
    return runs[0]


def _emit_copy(size: int, context: Any, builder: Any, kinds: Any, args: Any, count: Any = None) -> Any:
    """Copy `size` bytes of the target's; where there is a count, zeros instead of the elements from it on."""
    vec = Vectors(builder, llvm_float(kinds[2].dtype))
    element = vec.element if kinds[0].dtype == kinds[2].dtype else ir.IntType(8)
    data = context.make_array(kinds[0])(context, builder, args[0]).data
    place, factor = vec.array(context, kinds[2], args[2], args[3]), vec.splat(args[4])
    for v in range(size // (vec.lanes * vec.align)):
        at = builder.gep(data, [builder.add(args[1], whole(v * vec.lanes))], source_etype=element)
        align = 1 if element != vec.element else vec.align
        value = builder.load(at, align=align, typ=ir.VectorType(element, vec.lanes))
        if element != vec.element:
            value = builder.uitofp(value, vec.type)
        value = builder.fmul(value, factor)
        if count is not None:
            mask = vec.mask_below(builder.sub(count, whole(v * vec.lanes)))
            value = builder.select(mask, value, vec.constant(0.0))
        vec.store(value, vec.at(place, v * vec.lanes))
    return context.get_dummy_value()


def _make_copy(size: int) -> Any:
    @emitted
    def copy(_typing: Any, source: Any, s0: Any, target: Any, t0: Any, scale: Any) -> Any:
        """Copy elements that are `size` bytes of the target's, converted from uint8 if they are that, times `scale`."""

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            return _emit_copy(size, context, builder, signature.args, args)

        return types.void(source, types.int64, target, types.int64, scale), codegen

    return copy


copy_row, copy_chunk = _make_copy(PANEL_BYTES), _make_copy(CHUNK_BYTES)


@emitted
def copy_part(_typing: Any, source: Any, s0: Any, target: Any, t0: Any, scale: Any, count: Any) -> Any:
    """Copy the first `count` elements of a part, and write zeros after them; what is read is the whole part."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return _emit_copy(PART_BYTES, context, builder, signature.args, args, args[5])

    return types.void(source, types.int64, target, types.int64, scale, types.int64), codegen


@emitted
def prefetch(_typing: Any, array: Any, offset: Any) -> Any:
    """Ask for the cache line that holds byte `offset` of an array, which need not be within it."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, args[0]).data
        place = builder.gep(data, [args[1]], source_etype=ir.IntType(8))
        prefetch_line(builder, place)
        return context.get_dummy_value()

    return types.void(array, types.int64), codegen
