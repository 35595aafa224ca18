"""Vector code that Numba does not write by itself: the register tiles of forward, backward and update.

Numba's SLP vectoriser is off, so unrolled scalar code never becomes a register tile. The intrinsics here emit
LLVM instructions on vectors instead. They are machinery and have no twin in the reference.

A tile of C = A @ B, `TILE_ROWS` rows by a panel of columns, is kept in registers over the whole reduction; a
row of B is loaded once, A is broadcast one element at a time. All three lie in panels (`fastnet.kernels.layout`
says why): column j of row i is element i * width + j % width of panel j // width. A tile of C is then one
contiguous run, B is read from front to back, and so is A.

Each element of C is one chain of fused multiply-adds in ascending order of the reduction, whatever the width of
the vectors. A reduction may therefore be cut anywhere, and continued from what was stored, without
changing a bit of the result.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from llvmlite import ir
from numba.core import types

from fastnet._jit import INTERPRETED, emitted, is_x86, vector_bits
from fastnet.kernels.emit import (
    I32,
    I64,
    PTR,
    Vectors,
    call_function,
    call_intrinsic,
    lanes,
    llvm_float,
    loop,
    phi,
    whole,
)
from fastnet.kernels.updates import FORMULAS, N_COEFFICIENTS

TILE_ROWS = 8 if vector_bits() == 512 else 4
"""Rows of a tile. The product of rows and vectors is the count of independent chains: 8 with AVX2's 16 registers,
16 with the 32 of AVX-512 and NEON, enough to hide the latency of a multiply-add and few enough to stay in
registers with their operands."""

TILE_VECTORS = 2 if is_x86() else 4

N_VECTORS = TILE_ROWS * TILE_VECTORS

UNROLLED = 8
"""Steps of a reduction that are emitted one after the other, with constant offsets."""


def panel_width(itemsize: int) -> int:
    """Count the columns of a panel."""
    return TILE_VECTORS * lanes(itemsize)


class _Tile:
    """Emits one tile; `at_a(pointer, row, k)` says where A lies relative to a pointer that moves along."""

    def __init__(self, builder: Any, element: Any, vectors: int) -> None:
        self.vec, self.builder, self.vectors = Vectors(builder, element), builder, vectors
        self.width = TILE_VECTORS * self.vec.lanes

    def columns(self, pointer: Any, row: int) -> list[Any]:
        return [self.vec.at(pointer, row * self.width + v * self.vec.lanes) for v in range(self.vectors)]

    def places(self, pointer: Any) -> list[Any]:
        return [place for row in range(TILE_ROWS) for place in self.columns(pointer, row)]

    def start(self, goes_on: Any, pointer: Any) -> list[Any]:
        """Chains that start at zero, or go on from what is stored."""
        zero = self.vec.constant(0.0)
        before = self.builder.block
        with self.builder.if_then(goes_on):
            stored = [self.vec.load(place) for place in self.places(pointer)]
            inside = self.builder.block
        return [phi(self.builder, self.vec.type, (zero, before), (value, inside)) for value in stored]

    def steps(self, a: Any, b: Any, chains: list[Any], count: int, a_row: int, a_step: int) -> list[Any]:
        """Add `count` products to every chain, from A and B that lie at constant distances."""
        for k in range(count):
            b_row = [self.vec.load(place) for place in self.columns(b, k)]
            sums = []
            for row in range(TILE_ROWS):
                x = self.vec.broadcast(self.vec.at(a, row * a_row + k * a_step))
                old = chains[row * self.vectors : (row + 1) * self.vectors]
                sums += [call_intrinsic(self.builder, "fma", x, y, z) for y, z in zip(b_row, old, strict=True)]
            chains = sums
        return chains

    def run(
        self, count: Any, a: Any, b: Any, chains: list[Any], n_steps: int, a_row: int, a_step: int
    ) -> tuple[Any, Any, list[Any]]:
        """Repeat `steps` in a loop; return A, B and the chains after it."""

        def body(carried: list[Any]) -> list[Any]:
            a, b, *chains = carried
            chains = self.steps(a, b, chains, n_steps, a_row, a_step)
            return [self.vec.at(a, n_steps * a_step), self.vec.at(b, n_steps * self.width), *chains]

        a, b, *chains = loop(self.builder, count, [a, b, *chains], body)
        return a, b, chains


def _emit_row_tile(tile: _Tile, a: Any, a_panel: Any, b: Any, n_panels: Any, n_left: Any, c: Any, goes_on: Any) -> None:
    """Rows of A times a panel of B: over whole panels of A, then over the columns left in one more."""
    unrolled = min(UNROLLED, tile.width)

    def body(carried: list[Any]) -> list[Any]:
        a, b, *chains = carried
        _, b, chains = tile.run(whole(tile.width // unrolled), a, b, chains, unrolled, tile.width, 1)
        return [tile.vec.at(a, a_panel), b, *chains]

    a, b, *chains = loop(tile.builder, n_panels, [a, b, *tile.start(goes_on, c)], body)
    _, _, chains = tile.run(n_left, a, b, chains, 1, tile.width, 1)
    for value, place in zip(chains, tile.places(c), strict=True):
        tile.vec.store(value, place)


def _emit_weight_tile(
    tile: _Tile, a: Any, b: Any, n_rows: Any, goes_on: Any, stored: Any, target: Any, update: _Update
) -> None:
    """Columns of A times a panel of B, summed over rows; meanwhile, the update of the tile before.

    An update is a chain of square root and division, or waits for the second-level cache; in the shade of products
    that are independent of it, one vector every few steps, it costs little.
    """
    builder, width, unrolled = tile.builder, tile.width, UNROLLED // 2
    rounds = builder.sdiv(n_rows, whole(unrolled))
    shaded = builder.select(builder.icmp_signed("<", rounds, whole(N_VECTORS)), rounds, whole(N_VECTORS))
    carried = [a, b, *tile.start(goes_on, stored)]
    joined, arrivals = builder.append_basic_block("joined"), [([whole(0), *carried], builder.block)]
    switch = builder.switch(update.code, joined)
    blocks: dict[Any, Any] = {}
    for number, (formula, n_slots) in FORMULAS.items():
        if formula not in blocks:
            blocks[formula] = builder.append_basic_block(formula.__name__)
            builder.position_at_end(blocks[formula])
            arrivals.append((_emit_shaded(tile, shaded, carried, formula, n_slots, update), builder.block))
            builder.branch(joined)
        switch.add_case(whole(number), blocks[formula])
    builder.position_at_end(joined)
    done, a, b, *chains = (
        phi(builder, values[0].type, *((value, block) for value, (_, block) in zip(values, arrivals, strict=True)))
        for values in zip(*(values for values, _ in arrivals), strict=True)
    )
    a, b, chains = tile.run(builder.sub(rounds, done), a, b, chains, unrolled, 1, width)
    _, _, chains = tile.run(builder.srem(n_rows, whole(unrolled)), a, b, chains, 1, 1, width)
    for value, place in zip(chains, tile.places(target), strict=True):
        tile.vec.store(value, place)


class _Update(NamedTuple):
    """The tile whose gradient is known: its code, coefficients, parameters, slots and gradient."""

    code: Any
    coefficients: Any
    state: list[Any]
    gradient: Any


def _update_vectors(vec: Vectors, formula: Any, n_slots: int, update: _Update) -> Callable[[Any], Any]:
    """Return what emits the update of one vector of the tile, and returns the index of the next."""
    builder = vec.builder
    constants = [vec.broadcast(vec.at(update.coefficients, i)) for i in range(N_COEFFICIENTS)]

    def update_vector(index: Any) -> Any:
        place = builder.mul(index, whole(vec.lanes))
        gradient = vec.load(vec.at(update.gradient, place))
        places = [vec.at(array, place) for array in update.state[: 1 + n_slots]]
        state = [vec.load(own) for own in places] + [gradient] * (2 - n_slots)
        for value, own in zip(formula(builder, tuple(state), gradient, constants.__getitem__), places, strict=False):
            vec.store(value, own)
        return builder.add(index, whole(1))

    return update_vector


def _emit_shaded(
    tile: _Tile, rounds: Any, carried: list[Any], formula: Any, n_slots: int, update: _Update
) -> list[Any]:
    """Products for some rounds, in each one vector of the update, and then what is left of the update."""
    builder, vec, unrolled = tile.builder, tile.vec, UNROLLED // 2
    update_vector = _update_vectors(vec, formula, n_slots, update)

    def body(now: list[Any]) -> list[Any]:
        index, a, b, *chains = now
        chains = tile.steps(a, b, chains, unrolled, 1, tile.width)
        return [update_vector(index), vec.at(a, unrolled * tile.width), vec.at(b, unrolled * tile.width), *chains]

    done, *carried = loop(builder, rounds, [whole(0), *carried], body)
    loop(builder, builder.sub(whole(N_VECTORS), done), [done], lambda now: [update_vector(now[0])])
    return [rounds, *carried]


@emitted
def update_tile(
    _typing: Any, code: Any, coefficients: Any, p: Any, slot0: Any, slot1: Any, u0: Any, g: Any, g0: Any
) -> Any:
    """Update a tile with its gradient."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        vec = Vectors(builder, llvm_float(p.dtype))

        def array(i: int, start: Any) -> Any:
            return vec.array(context, signature.args[i], args[i], start)

        update = _Update(args[0], array(1, whole(0)), [array(i, args[5]) for i in (2, 3, 4)], array(6, args[7]))
        end = builder.append_basic_block("updated")
        switch = builder.switch(update.code, end)
        for number, (formula, n_slots) in FORMULAS.items():
            block = builder.append_basic_block(formula.__name__)
            switch.add_case(whole(number), block)
            builder.position_at_end(block)
            update_vector = _update_vectors(vec, formula, n_slots, update)
            loop(builder, whole(N_VECTORS), [whole(0)], lambda now: [update_vector(now[0])])  # noqa: B023, called at once
            builder.branch(end)
        builder.position_at_end(end)
        return context.get_dummy_value()

    i64 = types.int64
    return types.void(i64, coefficients, p, slot0, slot1, i64, g, i64), codegen


def _make_row_tile(vectors: int) -> Any:
    @emitted
    def row_tile(
        _typing: Any, a: Any, a0: Any, a_panel: Any, b: Any, b0: Any, n_panels: Any, n_left: Any,
        c: Any, c0: Any, goes_on: Any,
    ) -> Any:  # fmt: skip
        i64 = types.int64

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            tile = _Tile(builder, llvm_float(c.dtype), vectors)
            a_at, b_at, c_at = (tile.vec.array(context, signature.args[i], args[i], args[i + 1]) for i in (0, 3, 7))
            _emit_row_tile(tile, a_at, args[2], b_at, args[5], args[6], c_at, args[9])
            return context.get_dummy_value()

        return types.void(a, i64, i64, b, i64, i64, i64, c, i64, types.boolean), codegen

    return row_tile


def _make_weight_tile(vectors: int) -> Any:
    @emitted
    def weight_tile(
        _typing: Any, a: Any, a0: Any, b: Any, b0: Any, n_rows: Any, goes_on: Any, gradient: Any, w0: Any,
        target: Any, t0: Any, code: Any, coefficients: Any, p: Any, slot0: Any, slot1: Any, u0: Any, g: Any, g0: Any,
    ) -> Any:  # fmt: skip
        i64 = types.int64

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            tile = _Tile(builder, llvm_float(p.dtype), vectors)

            def array(i: int, start: Any) -> Any:
                return tile.vec.array(context, signature.args[i], args[i], start)

            state = [array(i, args[15]) for i in (12, 13, 14)]
            update = _Update(args[10], array(11, whole(0)), state, array(16, args[17]))
            _emit_weight_tile(
                tile, array(0, args[1]), array(2, args[3]), args[4], args[5], array(6, args[7]), array(8, args[9]),
                update,
            )  # fmt: skip
            return context.get_dummy_value()

        return types.void(
            a, i64, b, i64, i64, types.boolean, gradient, i64, target, i64, i64, coefficients, p, slot0, slot1, i64,
            g, i64,
        ), codegen  # fmt: skip

    return weight_tile


row_tile_wide, row_tile_narrow = _make_row_tile(TILE_VECTORS), _make_row_tile(1)
weight_tile_wide, weight_tile_narrow = _make_weight_tile(TILE_VECTORS), _make_weight_tile(1)


@emitted
def transpose_tile(_typing: Any, a: Any, a0: Any, b: Any, b0: Any) -> Any:
    """Write a tile of a panel, contiguous at a[a0:], with its rows as columns of the panel at b[b0:]."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        tile = _Tile(builder, llvm_float(a.dtype), TILE_VECTORS)
        vec = tile.vec
        source, target = (vec.array(context, signature.args[i], args[i], args[i + 1]) for i in (0, 2))
        for v in range(TILE_VECTORS):
            rows = [vec.load(tile.columns(source, row)[v]) for row in range(TILE_ROWS)]
            for lane, column in enumerate(_transposed(builder, rows, vec.lanes)):
                vec.store(column, vec.at(target, (v * vec.lanes + lane) * tile.width))
        return context.get_dummy_value()

    return types.void(a, types.int64, b, types.int64), codegen


def _shuffle(builder: Any, x: Any, y: Any, indices: list[int]) -> Any:
    mask = ir.Constant(ir.VectorType(I32, len(indices)), [ir.Constant(I32, i) for i in indices])
    return builder.shuffle_vector(x, y, mask)


def _transposed(builder: Any, rows: list[Any], count: int) -> list[Any]:
    """Turn rows into columns: interleave rows half their number apart until each column is contiguous."""
    n = len(rows)
    while len(rows) > 1:
        half, size = len(rows) // 2, rows[0].type.count
        indices = [index for i in range(size) for index in (i, size + i)]
        rows = [_shuffle(builder, rows[i], rows[i + half], indices) for i in range(half)]
    return [_shuffle(builder, rows[0], rows[0], list(range(i * n, (i + 1) * n))) for i in range(count)]


@emitted
def copy_scaled(_typing: Any, source: Any, s0: Any, target: Any, t0: Any, scale: Any) -> Any:
    """Copy one panel's width of elements, converted from uint8 if they are that, times `scale`."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        vec = Vectors(builder, llvm_float(target.dtype))
        element = vec.element if source.dtype == target.dtype else ir.IntType(8)
        data = context.make_array(source)(context, builder, args[0]).data
        place, factor = vec.array(context, target, args[2], args[3]), vec.splat(args[4])
        for v in range(TILE_VECTORS):
            at = builder.gep(data, [builder.add(args[1], whole(v * vec.lanes))], source_etype=element)
            align = 1 if element != vec.element else vec.align
            value = builder.load(at, align=align, typ=ir.VectorType(element, vec.lanes))
            if element != vec.element:
                value = builder.uitofp(value, vec.type)
            vec.store(builder.fmul(value, factor), vec.at(place, v * vec.lanes))
        return context.get_dummy_value()

    return types.void(source, types.int64, target, types.int64, scale), codegen


@emitted
def fma_chains(_typing: Any, rounds: Any, start: Any) -> Any:
    """Run as many chains of multiply-adds as hide their latency, with nothing to load: the roof of a tile."""

    def codegen(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        vec = Vectors(builder, args[1].type)
        x = vec.splat(args[1])
        chains = [vec.constant(i) for i in range(FMA_CHAINS)]
        chains = loop(
            builder, args[0], chains, lambda now: [call_intrinsic(builder, "fma", x, chain, x) for chain in now]
        )
        total = chains[0]
        for value in chains[1:]:
            total = builder.fadd(total, value)
        return builder.extract_element(total, ir.Constant(I32, 0))

    return start(types.int64, start), codegen


FMA_CHAINS = 12


@emitted
def clock(_typing: Any) -> Any:
    """Ticks of a counter that runs at a steady rate, the same for all threads."""

    def codegen(_context: Any, builder: Any, _signature: Any, _args: Any) -> Any:
        if is_x86():
            return call_function(builder, "llvm.readcyclecounter", ir.FunctionType(I64, []), [])
        read = ir.InlineAsm(ir.FunctionType(I64, []), "mrs $0, cntvct_el0", "=r", side_effect=True)
        return builder.call(read, [])

    return types.int64(), codegen


@emitted
def prefetch(_typing: Any, array: Any, offset: Any) -> Any:
    """Ask for the cache line that holds byte `offset` of an array, which need not be within it."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, args[0]).data
        place = builder.gep(data, [args[1]], source_etype=ir.IntType(8))
        signature_ = ir.FunctionType(ir.VoidType(), [PTR, I32, I32, I32])
        read, keep, data_cache = (ir.Constant(I32, value) for value in (0, 2, 1))
        call_function(builder, "llvm.prefetch.p0", signature_, [place, read, keep, data_cache])
        return context.get_dummy_value()

    return types.void(array, types.int64), codegen


if INTERPRETED:
    from fastnet.kernels import interpreted

    fma_chains, transpose_tile = interpreted.fma_chains, interpreted.make_transpose(TILE_ROWS, panel_width)
    clock, prefetch = interpreted.clock, interpreted.prefetch
    update_tile = interpreted.make_update(TILE_ROWS, panel_width)
    copy_scaled = interpreted.make_copy(panel_width)
    row_tile_wide, row_tile_narrow = (
        interpreted.make_row_tile(TILE_ROWS, panel_width, width) for width in (panel_width, lanes)
    )
    weight_tile_wide, weight_tile_narrow = (
        interpreted.make_weight_tile(TILE_ROWS, panel_width, width) for width in (panel_width, lanes)
    )
