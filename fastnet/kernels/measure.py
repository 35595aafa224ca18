"""What speed is measured with: a clock, multiply-adds with nothing to load, loads with nothing to compute."""

from __future__ import annotations

import functools
from typing import Any

from llvmlite import ir
from numba.core import types

from fastnet._jit import emitted, is_arm, is_x86, kernel
from fastnet._threads import LINE
from fastnet.kernels.barrier import meet
from fastnet.kernels.emit import I32, I64, Vectors, call_function, call_intrinsic, llvm_float, loop
from fastnet.kernels.gemm import share

FMA_CHAINS = 12
"""Independent chains of multiply-adds: more than hide the latency of one, and few enough for 16 registers."""


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
        return builder.extract_element(functools.reduce(builder.fadd, chains), ir.Constant(I32, 0))

    return start(types.int64, start), codegen


READ_CHAINS = 8
"""Vectors that are loaded one after the other, each added to a sum of its own."""


@emitted
def read_vectors(_typing: Any, array: Any, start: Any, rounds: Any) -> Any:
    """Load `rounds` times `READ_CHAINS` vectors from array[start:] and return a sum, so that the loads are needed."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        vec = Vectors(builder, llvm_float(array.dtype))

        def body(now: list[Any]) -> list[Any]:
            place, *sums = now
            loads = [vec.load(vec.at(place, i * vec.lanes)) for i in range(READ_CHAINS)]
            added = [builder.fadd(total, value) for total, value in zip(sums, loads, strict=True)]
            return [vec.at(place, READ_CHAINS * vec.lanes), *added]

        first = vec.array(context, signature.args[0], args[0], args[1])
        _, *sums = loop(builder, args[2], [first, *[vec.constant(0.0)] * READ_CHAINS], body)
        return builder.extract_element(functools.reduce(builder.fadd, sums), ir.Constant(I32, 0))

    return array.dtype(array, types.int64, types.int64), codegen


@kernel
def compute(thread: int, n_threads: int, barrier: Any, rounds: int, out: Any) -> None:
    """Run chains of multiply-adds in every thread of a team at once."""
    if meet(barrier, n_threads):
        out[LINE * thread] = fma_chains(rounds, out[LINE * thread])


@kernel
def read(thread: int, n_threads: int, barrier: Any, array: Any, times: int, step: int, out: Any) -> None:
    """Read a thread's share of the array, `step` elements at a time, some times."""
    first, last = share(array.size // step, thread, n_threads)
    if meet(barrier, n_threads):
        for _ in range(times):
            out[LINE * thread] += read_vectors(array, first * step, last - first)


@emitted
def clock(_typing: Any) -> Any:
    """Ticks of a counter that runs at a steady rate, the same for all threads."""

    def codegen(_context: Any, builder: Any, _signature: Any, _args: Any) -> Any:
        if is_arm():  # whose counter of time LLVM offers by the register's name only
            kind, register = ir.FunctionType(I64, [ir.MetaDataType()]), builder.module.add_metadata(["cntvct_el0"])
            return call_function(builder, "llvm.read_volatile_register.i64", kind, [register])
        # the steady one is not to be had on x86, whose cycle counter is steady; where LLVM knows neither, it gives 0
        name = "llvm.readcyclecounter" if is_x86() else "llvm.readsteadycounter"
        return call_function(builder, name, ir.FunctionType(I64, []), [])

    return types.int64(), codegen
