"""Register tiles over lists: the entries of one row of A, which is mostly zero, times a matrix B in panels, or its row.

There is nothing to share between rows of A, whose entries lie elsewhere. So a tile is as wide as registers allow, and
its matrix should lie in the first-level cache: every product comes with a load, in `scatter_tile` with a store too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba.core import types

from fastnet._jit import INTERPRETED, emitted
from fastnet.kernels.emit import I32, I64, Vectors, call_intrinsic, llvm_float, loop, phi, whole
from fastnet.kernels.simd import TILE_VECTORS, panel_width

Entry = Callable[[Any, Any, list[Any]], list[Any]]


def _vectors_at(vec: Vectors, array: Callable[[Any], Any], start: Any, step: Any, panels: int) -> list[Any]:
    """Where the vectors of one row of some panels lie, which are `step` elements apart."""
    rows = [array(vec.builder.add(start, vec.builder.mul(step, whole(panel)))) for panel in range(panels)]
    return [vec.at(row, v * vec.lanes) for row in rows for v in range(TILE_VECTORS)]


def _for_entries(vec: Vectors, columns: Any, values: Any, count: Any, carried: list[Any], entry: Entry) -> list[Any]:
    """Emit a loop over entries: `entry` gets where the row of an entry's column begins, its value, and what is carried."""
    width = whole(TILE_VECTORS * vec.lanes)

    def body(now: list[Any]) -> list[Any]:
        i, *rest = now
        column = vec.builder.load(vec.builder.gep(columns, [i], source_etype=I32), align=4, typ=I32)
        row = vec.builder.mul(vec.builder.sext(column, I64), width)
        return [vec.builder.add(i, whole(1)), *entry(row, vec.broadcast(vec.at(values, i)), rest)]

    _, *carried = loop(vec.builder, count, [whole(0), *carried], body)
    return carried


def _make_tile(panels: int, emit: Callable[..., None]) -> Any:
    @emitted
    def tile(
        _typing: Any, columns: Any, values: Any, start: Any, count: Any, matrix: Any, m0: Any, m_panel: Any, row: Any,
        r0: Any, r_panel: Any, goes_on: Any,
    ) -> Any:  # fmt: skip
        i64 = types.int64

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            vec = Vectors(builder, llvm_float(matrix.dtype))

            def vectors(i: int) -> list[Any]:
                def array(at: Any) -> Any:
                    return vec.array(context, signature.args[i], args[i], at)

                return _vectors_at(vec, array, args[i + 1], args[i + 2], panels)

            data = context.make_array(signature.args[0])(context, builder, args[0]).data
            first = builder.gep(data, [args[2]], source_etype=I32)
            entries = vec.array(context, signature.args[1], args[1], args[2])
            emit(vec, first, entries, args[3], vectors(4), vectors(7), args[10])
            return context.get_dummy_value()

        return types.void(
            columns, values, i64, i64, matrix, i64, i64, row, i64, i64, types.boolean
        ), codegen  # fmt: skip

    return tile


def _emit_gather(
    vec: Vectors, columns: Any, values: Any, count: Any, matrix: list[Any], row: list[Any], goes_on: Any
) -> None:
    """row = entries @ matrix, or row += that."""
    builder, zero = vec.builder, vec.constant(0.0)
    before = builder.block
    with builder.if_then(goes_on):
        old = [vec.load(place) for place in row]
        inside = builder.block
    chains = [phi(builder, vec.type, (zero, before), (value, inside)) for value in old]

    def entry(offset: Any, x: Any, chains: list[Any]) -> list[Any]:
        b = [vec.load(vec.at(place, offset)) for place in matrix]
        return [call_intrinsic(builder, "fma", x, y, z) for y, z in zip(b, chains, strict=True)]

    for value, place in zip(_for_entries(vec, columns, values, count, chains, entry), row, strict=True):
        vec.store(value, place)


def _emit_scatter(
    vec: Vectors, columns: Any, values: Any, count: Any, matrix: list[Any], row: list[Any], _goes_on: ir.Value
) -> None:
    """matrix[column] += value * row, for each entry."""
    factors = [vec.load(place) for place in row]

    def entry(offset: Any, x: Any, carried: list[Any]) -> list[Any]:
        for place, factor in zip(matrix, factors, strict=True):
            target = vec.at(place, offset)
            vec.store(call_intrinsic(vec.builder, "fma", x, factor, vec.load(target)), target)
        return carried

    _for_entries(vec, columns, values, count, [], entry)


gather_tile_1, gather_tile_2, gather_tile_3, gather_tile_4 = (_make_tile(n, _emit_gather) for n in (1, 2, 3, 4))
"""For so many panels."""

scatter_tile_1, scatter_tile_2, scatter_tile_3, scatter_tile_4 = (_make_tile(n, _emit_scatter) for n in (1, 2, 3, 4))


if INTERPRETED:
    from fastnet.kernels import interpreted

    gather_tile_1, gather_tile_2, gather_tile_3, gather_tile_4 = (interpreted.make_gather_tile(n, panel_width) for n in (1, 2, 3, 4))
    scatter_tile_1, scatter_tile_2, scatter_tile_3, scatter_tile_4 = (interpreted.make_scatter_tile(n, panel_width) for n in (1, 2, 3, 4))
