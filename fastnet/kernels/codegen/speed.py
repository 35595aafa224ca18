"""What speed is measured with: a clock, multiply-adds with nothing to load, loads with nothing to compute."""

from __future__ import annotations

import functools
from typing import Any

from llvmlite import ir
from numba.core import types

from fastnet.compiler.policy import emitted, is_arm, is_x86
from fastnet.kernels.codegen.ir import I32, I64, call_function, call_intrinsic, llvm_float, loop
from fastnet.kernels.codegen.vectors import Vectors

FMA_ACCUMULATORS = 12
"""Independent accumulators: more than hide the latency of a multiply-add, and few enough for 16 registers."""


@emitted
def multiply_adds(_typing: Any, rounds: Any, start: Any) -> Any:
    """Run multiply-adds on as many accumulators as hide their latency, with nothing to load: the roof of a tile."""

    def codegen(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        vec = Vectors(builder, args[1].type)
        x = vec.splat(args[1])
        accumulators = [vec.constant(i) for i in range(FMA_ACCUMULATORS)]
        accumulators = loop(
            builder,
            args[0],
            accumulators,
            lambda now: [call_intrinsic(builder, "fma", x, accumulator, x) for accumulator in now],
        )
        return builder.extract_element(functools.reduce(builder.fadd, accumulators), ir.Constant(I32, 0))

    return start(types.int64, start), codegen


READ_ACCUMULATORS = 8
"""Vectors that are loaded one after the other, each added to a sum of its own."""


@emitted
def read_vectors(_typing: Any, array: Any, start: Any, rounds: Any) -> Any:
    """Load `rounds` times `READ_ACCUMULATORS` vectors from array[start:]; return a sum, so that they are needed."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        vec = Vectors(builder, llvm_float(array.dtype))

        def body(now: list[Any]) -> list[Any]:
            place, *sums = now
            loads = [vec.load(vec.at(place, i * vec.lanes)) for i in range(READ_ACCUMULATORS)]
            added = [builder.fadd(total, value) for total, value in zip(sums, loads, strict=True)]
            return [vec.at(place, READ_ACCUMULATORS * vec.lanes), *added]

        first = vec.array(context, signature.args[0], args[0], args[1])
        _, *sums = loop(builder, args[2], [first, *[vec.constant(0.0)] * READ_ACCUMULATORS], body)
        return builder.extract_element(functools.reduce(builder.fadd, sums), ir.Constant(I32, 0))

    return array.dtype(array, types.int64, types.int64), codegen


def read_clock(builder: Any) -> Any:
    """Read a counter that runs at a steady rate, the same for all threads; 0 where none is known."""
    if is_arm():
        kind, name = ir.FunctionType(I64, [ir.MetaDataType()]), builder.module.add_metadata(["cntvct_el0"])
        return call_function(builder, "llvm.read_volatile_register.i64", kind, [name])
    name = "llvm.readcyclecounter" if is_x86() else "llvm.readsteadycounter"  # of cycles, yet steady, on x86
    return call_function(builder, name, ir.FunctionType(I64, []), [])


@emitted
def clock(_typing: Any) -> Any:
    """Return the ticks of `read_clock`."""

    def codegen(_context: Any, builder: Any, _signature: Any, _args: Any) -> Any:
        return read_clock(builder)

    return types.int64(), codegen
