"""Emitting LLVM code from Numba intrinsics: types, vectors, loops. Machinery, without a twin in the reference."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from llvmlite import ir
from numba.core import cgutils, types

from fastnet.compiler.policy import vector_bits

PTR, BIT, I8, I32, I64 = ir.PointerType(), *(ir.IntType(bits) for bits in (1, 8, 32, 64))


def lanes(itemsize: int) -> int:
    """Count the elements in one vector register, for elements of `itemsize` bytes."""
    return vector_bits() // (8 * itemsize)


def whole(value: int) -> Any:
    """Return an int64 constant."""
    return ir.Constant(I64, value)


def llvm_float(numba_type: Any) -> Any:
    """Return the LLVM type of a Numba float."""
    return {types.float32: ir.FloatType(), types.float64: ir.DoubleType()}[numba_type]


def itemsize(kind: Any) -> int:
    """Return the bytes of an LLVM float, or of an element of an LLVM vector of floats."""
    element = kind.element if isinstance(kind, ir.VectorType) else kind
    return 4 if isinstance(element, ir.FloatType) else 8


def call_function(builder: Any, name: str, signature: Any, operands: Sequence[Any]) -> Any:
    """Call a function of LLVM or of the process by its name."""
    declare: Any = cgutils.get_or_insert_function
    return builder.call(declare(builder.module, signature, name), operands)


def call_intrinsic(builder: Any, name: str, *operands: Any) -> Any:
    """Call LLVM's `llvm.<name>` on operands of one floating-point type, scalar or vector."""
    kind = operands[0].type
    prefix = f"v{kind.count}" if isinstance(kind, ir.VectorType) else ""
    signature = ir.FunctionType(kind, [kind] * len(operands))
    return call_function(builder, f"llvm.{name}.{prefix}f{8 * itemsize(kind)}", signature, operands)


def shuffle(builder: Any, x: Any, y: Any, indices: Sequence[int]) -> Any:
    """Return the chosen lanes of two vectors, those of y counted on from those of x."""
    mask = ir.Constant(ir.VectorType(I32, len(indices)), [ir.Constant(I32, i) for i in indices])
    return builder.shuffle_vector(x, y, mask)


def prefetch_line(builder: Any, place: Any) -> None:
    """Ask for the cache line of an address, which need not be one of this process."""
    signature = ir.FunctionType(ir.VoidType(), [PTR, I32, I32, I32])
    read, keep, data_cache = (ir.Constant(I32, value) for value in (0, 2, 1))
    call_function(builder, "llvm.prefetch.p0", signature, [place, read, keep, data_cache])


def opaque(builder: Any, pointer: Any) -> Any:
    """Return a pointer that LLVM knows nothing of.

    From pointers that it sees through it makes a recurrence for each place that a loop reads, more than there are
    registers for.
    """
    kind = ir.FunctionType(pointer.type, [pointer.type])
    return builder.call(ir.InlineAsm(kind, "", "=r,0"), [pointer])


def phi(builder: Any, kind: Any, *incoming: tuple[Any, Any]) -> Any:
    """Return a value that depends on the block it was reached from."""
    value = builder.phi(kind)
    for pair in incoming:
        value.add_incoming(*pair)
    return value


def loop(builder: Any, count: Any, carried: Sequence[Any], body: Callable[[list[Any]], Sequence[Any]]) -> list[Any]:
    """Emit `for _ in range(count): carried = body(carried)`, with everything carried in registers."""

    def step(now: list[Any]) -> list[Any]:
        return [builder.add(now[0], whole(1)), *body(now[1:])]

    return loop_while(builder, lambda now: builder.icmp_signed("<", now[0], count), [whole(0), *carried], step)[1:]


def loop_while(
    builder: Any, condition: Callable[[list[Any]], Any], carried: Sequence[Any],
    body: Callable[[list[Any]], Sequence[Any]],
) -> list[Any]:  # fmt: skip
    """Emit `while condition(carried): carried = body(carried)`, with everything carried in registers."""
    entry = builder.block
    start, end = builder.append_basic_block("loop"), builder.append_basic_block("end")
    builder.cbranch(condition(list(carried)), start, end)
    builder.position_at_end(start)
    now = [phi(builder, value.type, (value, entry)) for value in carried]
    following = body(now)
    last = builder.block
    for value, after in zip(now, following, strict=True):
        value.add_incoming(after, last)
    builder.cbranch(condition(list(following)), start, end)
    builder.position_at_end(end)
    return [
        phi(builder, before.type, (before, entry), (after, last))
        for before, after in zip(carried, following, strict=True)
    ]
