"""Register tiles over lists: the entries of one row of A, which is mostly zero, times rows of B in some panels.

A tile of C is one row of a few panels. For each entry of the list, its column says which row of B is loaded; its value
is broadcast. There is nothing to share between rows of A, whose lists differ, so every product comes with a load,
and B should lie in the first-level cache.
"""

from __future__ import annotations

from typing import Any

from numba.core import types

from fastnet._jit import INTERPRETED, emitted
from fastnet.kernels.emit import I32, I64, Vectors, call_intrinsic, llvm_float, loop, phi, whole
from fastnet.kernels.simd import TILE_VECTORS, panel_width


def _make_list_tile(panels: int) -> Any:
    @emitted
    def list_tile(
        _typing: Any, columns: Any, values: Any, start: Any, count: Any, b: Any, b0: Any, b_panel: Any, stored: Any,
        s0: Any, s_panel: Any, goes_on: Any, target: Any, t0: Any, t_panel: Any,
    ) -> Any:  # fmt: skip
        """Write the products of `count` entries with rows of B, or go on from the sums that are stored."""
        i64 = types.int64

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            vec = Vectors(builder, llvm_float(target.dtype))
            index = Vectors(builder, I32)

            def places(i: int) -> list[Any]:
                starts = [builder.add(args[i + 1], builder.mul(args[i + 2], whole(p))) for p in range(panels)]
                return [vec.array(context, signature.args[i], args[i], at) for at in starts]

            def vectors(row: list[Any]) -> list[Any]:
                return [vec.at(panel, v * vec.lanes) for panel in row for v in range(TILE_VECTORS)]

            matrix, width = places(4), whole(TILE_VECTORS * vec.lanes)

            def body(now: list[Any]) -> list[Any]:
                column, value, *chains = now
                row = builder.mul(builder.sext(builder.load(column, align=4, typ=I32), I64), width)
                x = vec.broadcast(value)
                b_row = [vec.load(place) for place in vectors([vec.at(panel, row) for panel in matrix])]
                sums = [call_intrinsic(builder, "fma", x, y, z) for y, z in zip(b_row, chains, strict=True)]
                return [index.at(column, 1), vec.at(value, 1), *sums]

            before = builder.block
            with builder.if_then(args[10]):
                old = [vec.load(place) for place in vectors(places(7))]
                inside = builder.block
            zero = vec.constant(0.0)
            chains = [phi(builder, vec.type, (zero, before), (value, inside)) for value in old]
            first = index.array(context, signature.args[0], args[0], args[2])
            _, _, *chains = loop(
                builder, args[3], [first, vec.array(context, signature.args[1], args[1], args[2]), *chains], body
            )
            for value, place in zip(chains, vectors(places(11)), strict=True):
                vec.store(value, place)
            return context.get_dummy_value()

        return types.void(
            columns, values, i64, i64, b, i64, i64, stored, i64, i64, types.boolean, target, i64, i64
        ), codegen  # fmt: skip

    return list_tile


list_tile_1, list_tile_2, list_tile_3 = _make_list_tile(1), _make_list_tile(2), _make_list_tile(3)
"""For so many panels."""


if INTERPRETED:
    from fastnet.kernels import interpreted

    list_tile_1, list_tile_2, list_tile_3 = (interpreted.make_list_tile(n, panel_width) for n in (1, 2, 3))
