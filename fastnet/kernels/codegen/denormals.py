"""Numbers too small to be normal are taken as zero while a team trains, and only in its threads.

A processor takes a hundred cycles or more over an operation on a denormal number. Adam's running mean of a gradient
that has become zero, of a dead ReLU say, decays into their range within some hundred steps and stays there.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import types

from fastnet.compiler.policy import emitted, is_arm, is_x86
from fastnet.kernels.codegen.ir import I32, I64, PTR, call_function, whole

FLUSH_X86 = 0x8040
"""Bits of MXCSR: flush results to zero (15), take operands as zero (6)."""

FLUSH_ARM = 1 << 24
"""Bit of FPCR: both."""

FLUSH = FLUSH_X86 if is_x86() else FLUSH_ARM if is_arm() else 0


def read_state(builder: Any) -> Any:
    """Return the register that says what becomes of denormal numbers, as an int64; 0 where none is known."""
    if is_x86():
        place = builder.alloca(I32)
        call_function(builder, "llvm.x86.sse.stmxcsr", ir.FunctionType(ir.VoidType(), [PTR]), [place])
        return builder.zext(builder.load(place, typ=I32), I64)
    if is_arm():
        return call_function(builder, "llvm.aarch64.get.fpcr", ir.FunctionType(I64, []), [])
    return whole(0)


def write_state(builder: Any, state: Any) -> None:
    """Set that register; nothing where none is known."""
    if is_x86():
        place = builder.alloca(I32)
        builder.store(builder.trunc(state, I32), place)
        call_function(builder, "llvm.x86.sse.ldmxcsr", ir.FunctionType(ir.VoidType(), [PTR]), [place])
    elif is_arm():
        call_function(builder, "llvm.aarch64.set.fpcr", ir.FunctionType(ir.VoidType(), [I64]), [state])


@emitted
def flush(_typing: Any) -> Any:
    """Take denormal numbers as zero in this thread; return the state to restore."""

    def codegen(_context: Any, builder: Any, _signature: Any, _args: Any) -> Any:
        before = read_state(builder)
        write_state(builder, builder.or_(before, whole(FLUSH)))
        return before

    return types.int64(), codegen


@emitted
def restore(_typing: Any, state: Any) -> Any:
    """Go back to the state that `flush` returned."""

    def codegen(context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        write_state(builder, args[0])
        return context.get_dummy_value()

    return types.void(types.int64), codegen
