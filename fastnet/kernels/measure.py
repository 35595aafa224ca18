"""What speed is measured with: a clock that costs some cycles, and multiply-adds with nothing else to do."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import types

from fastnet._jit import INTERPRETED, emitted, is_x86
from fastnet.kernels.emit import I32, I64, Vectors, call_function, call_intrinsic, loop

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
        total = chains[0]
        for value in chains[1:]:
            total = builder.fadd(total, value)
        return builder.extract_element(total, ir.Constant(I32, 0))

    return start(types.int64, start), codegen


@emitted
def clock(_typing: Any) -> Any:
    """Ticks of a counter that runs at a steady rate, the same for all threads."""

    def codegen(_context: Any, builder: Any, _signature: Any, _args: Any) -> Any:
        if is_x86():
            return call_function(builder, "llvm.readcyclecounter", ir.FunctionType(I64, []), [])
        read = ir.InlineAsm(ir.FunctionType(I64, []), "mrs $0, cntvct_el0", "=r", side_effect=True)
        return builder.call(read, [])

    return types.int64(), codegen


if INTERPRETED:
    from fastnet.kernels import interpreted

    fma_chains, clock = interpreted.fma_chains, interpreted.clock
