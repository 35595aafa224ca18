"""Vector code that Numba does not write by itself: the register tile.

Numba's SLP vectoriser is off, so unrolled scalar code never becomes a register tile. The intrinsics here
emit LLVM instructions on vectors instead. They are machinery and have no twin in the reference.

The tile. C[rows, columns] = init + sum over k of A(row, k) * B(k, columns), for `TILE_ROWS` rows and one or
two vectors of columns. Its accumulators are SSA values over the whole reduction, so they stay in registers;
A is broadcast one element at a time through two strides, so A and its transpose use the same tile. The tile
knows no edges: callers pad. Each element of C is one chain of fused multiply-adds in ascending k that starts
at `init`; a reduction may therefore be cut anywhere, and continued from what was stored, without changing
a bit of the result.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llvmlite import ir
from numba.core import cgutils, types

from fastnet._jit import INTERPRETED, emitted, vector_bits, vector_registers

TILE_ROWS = 6 if vector_registers() == 16 else 12
"""Rows of a tile. Times two vectors that is 12 accumulators of 16 registers, or 24 of 32: enough chains
to hide the latency of the multiply-adds, with registers left for the operands."""

TILE_VECTORS = 2

PTR, I32, I64 = ir.PointerType(), ir.IntType(32), ir.IntType(64)


def lanes(itemsize: int) -> int:
    """Count the elements in one vector register, for elements of `itemsize` bytes."""
    return vector_bits() // (8 * itemsize)


def panel_width(itemsize: int) -> int:
    """Count the columns in a packed panel, which is the width of the widest tile."""
    return TILE_VECTORS * lanes(itemsize)


def llvm_float(numba_type: Any) -> Any:
    """Return the LLVM type of a Numba float."""
    return {types.float32: ir.FloatType(), types.float64: ir.DoubleType()}[numba_type]


def itemsize(kind: Any) -> int:
    """Return the bytes of an LLVM float."""
    return 4 if isinstance(kind, ir.FloatType) else 8


def call_function(builder: Any, name: str, signature: Any, operands: Sequence[Any]) -> Any:
    """Call a function of the module, of LLVM or of the process by its name."""
    declare: Any = cgutils.get_or_insert_function
    return builder.call(declare(builder.module, signature, name), operands)


def call_intrinsic(builder: Any, name: str, *operands: Any) -> Any:
    """Call LLVM's `llvm.<name>` on operands of one floating-point type, scalar or vector."""
    kind = operands[0].type
    element = kind.element if isinstance(kind, ir.VectorType) else kind
    suffix = f"f{8 * itemsize(element)}"
    if isinstance(kind, ir.VectorType):
        suffix = f"v{kind.count}{suffix}"
    signature = ir.FunctionType(kind, [kind] * len(operands))
    return call_function(builder, f"llvm.{name}.{suffix}", signature, operands)


class _Vectors:
    """Loads, stores and broadcasts of vectors of one element type, at the alignment that NumPy promises."""

    def __init__(self, builder: Any, element: Any) -> None:
        self.builder, self.element, self.align = builder, element, itemsize(element)
        self.lanes = lanes(self.align)
        self.type = ir.VectorType(element, self.lanes)

    def at(self, pointer: Any, offset: Any) -> Any:
        return self.builder.gep(pointer, [offset], source_etype=self.element)

    def row(self, pointer: Any, vectors: int) -> list[Any]:
        return [self.at(pointer, ir.Constant(I64, v * self.lanes)) for v in range(vectors)]

    def rows(self, matrix: tuple[Any, Any], vectors: int) -> list[list[Any]]:
        pointer, stride = matrix
        starts = (self.at(pointer, self.builder.mul(stride, ir.Constant(I64, i))) for i in range(TILE_ROWS))
        return [self.row(start, vectors) for start in starts]

    def load(self, pointer: Any) -> Any:
        return self.builder.load(pointer, align=self.align, typ=self.type)

    def store(self, value: Any, pointer: Any) -> None:
        # llvmlite checks what a pointer points to, though LLVM's have long had no type
        self.builder.store(value, self.builder.bitcast(pointer, self.type.as_pointer()), align=self.align)

    def constant(self, value: float) -> Any:
        return ir.Constant(self.type, [ir.Constant(self.element, float(value))] * self.lanes)

    def broadcast(self, pointer: Any) -> Any:
        return self.splat(self.builder.load(pointer, align=self.align, typ=self.element))

    def splat(self, scalar: Any) -> Any:
        undefined = ir.Constant(self.type, ir.Undefined)
        first = self.builder.insert_element(undefined, scalar, ir.Constant(I32, 0))
        zeros = ir.Constant(ir.VectorType(I32, self.lanes), None)
        return self.builder.shuffle_vector(first, undefined, zeros)


def _phi(builder: Any, kind: Any, *incoming: Any) -> Any:
    value = builder.phi(kind)
    for pair in incoming:
        value.add_incoming(*pair)
    return value


def _emit_tile(builder: Any, vec: _Vectors, vectors: int, a: Any, b: Any, n_red: Any, init: Any, c: Any) -> None:
    """Emit one tile; `a` is (pointer, row stride, reduction stride), `b`, `init`, `c` are (pointer, stride)."""
    (a_start, a_row, a_red), (b_start, b_red) = a, b
    initial = [[vec.load(p) for p in row] for row in vec.rows(init, vectors)]
    a_offsets = [builder.mul(a_row, ir.Constant(I64, i)) for i in range(TILE_ROWS)]
    entry = builder.block
    loop, done = builder.append_basic_block("reduce"), builder.append_basic_block("reduced")
    builder.cbranch(builder.icmp_signed(">", n_red, ir.Constant(I64, 0)), loop, done)

    builder.position_at_end(loop)
    k = _phi(builder, I64, (ir.Constant(I64, 0), entry))
    a_k, b_k = _phi(builder, PTR, (a_start, entry)), _phi(builder, PTR, (b_start, entry))
    chains = [[_phi(builder, vec.type, (start, entry)) for start in row] for row in initial]
    b_vectors = [vec.load(p) for p in vec.row(b_k, vectors)]
    sums = []
    for offset, row in zip(a_offsets, chains, strict=True):
        x = vec.broadcast(vec.at(a_k, offset))
        sums.append([call_intrinsic(builder, "fma", x, y, z) for y, z in zip(b_vectors, row, strict=True)])
    k_next = builder.add(k, ir.Constant(I64, 1))
    for phi, following in ((k, k_next), (a_k, vec.at(a_k, a_red)), (b_k, vec.at(b_k, b_red))):
        phi.add_incoming(following, loop)
    for row, sum_row in zip(chains, sums, strict=True):
        for phi, following in zip(row, sum_row, strict=True):
            phi.add_incoming(following, loop)
    builder.cbranch(builder.icmp_signed("<", k_next, n_red), loop, done)

    builder.position_at_end(done)
    results = [
        [_phi(builder, vec.type, (start, entry), (total, loop)) for start, total in zip(*rows, strict=True)]
        for rows in zip(initial, sums, strict=True)
    ]
    for row, pointers in zip(results, vec.rows(c, vectors), strict=True):
        for value, pointer in zip(row, pointers, strict=True):
            vec.store(value, pointer)


def _make_tile(vectors: int) -> Any:
    @emitted
    def tile(
        _typing: Any, a: Any, a0: Any, a_row: Any, a_red: Any, b: Any, b0: Any, b_red: Any, n_red: Any,
        init: Any, init0: Any, init_row: Any, c: Any, c0: Any, c_row: Any,
    ) -> Any:  # fmt: skip
        whole = types.int64
        signature = types.void(a, whole, whole, whole, b, whole, whole, whole, init, whole, whole, c, whole, whole)

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            vec = _Vectors(builder, llvm_float(c.dtype))

            def start(index: int) -> Any:
                array = context.make_array(signature.args[index])(context, builder, args[index])
                return vec.at(array.data, args[index + 1])

            _emit_tile(
                builder, vec, vectors,
                a=(start(0), args[2], args[3]), b=(start(4), args[6]), n_red=args[7],
                init=(start(8), args[10]), c=(start(11), args[13]),
            )  # fmt: skip
            return context.get_dummy_value()

        return signature, codegen

    return tile


tile_wide, tile_narrow = _make_tile(TILE_VECTORS), _make_tile(1)


@emitted
def fma_chains(_typing: Any, rounds: Any, start: Any) -> Any:
    """Run as many chains of multiply-adds as a tile has, with nothing to load: the roof of the tile."""

    def codegen(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        vec = _Vectors(builder, args[1].type)
        x = vec.splat(args[1])
        entry = builder.block
        loop, done = builder.append_basic_block("loop"), builder.append_basic_block("done")
        builder.branch(loop)
        builder.position_at_end(loop)
        k = _phi(builder, I64, (ir.Constant(I64, 0), entry))
        chains = [_phi(builder, vec.type, (vec.constant(i), entry)) for i in range(TILE_ROWS * TILE_VECTORS)]
        sums = [call_intrinsic(builder, "fma", x, chain, x) for chain in chains]
        k_next = builder.add(k, ir.Constant(I64, 1))
        for phi, following in zip([k, *chains], [k_next, *sums], strict=True):
            phi.add_incoming(following, loop)
        builder.cbranch(builder.icmp_signed("<", k_next, args[0]), loop, done)
        builder.position_at_end(done)
        total = sums[0]
        for value in sums[1:]:
            total = builder.fadd(total, value)
        return builder.extract_element(total, ir.Constant(I32, 0))

    return start(types.int64, start), codegen


if INTERPRETED:
    from fastnet.kernels import interpreted

    fma_chains = interpreted.fma_chains
    tile_wide, tile_narrow = (interpreted.make_tile(TILE_ROWS, width) for width in (panel_width, lanes))
