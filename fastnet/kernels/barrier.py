"""The barrier at which the threads of a team meet inside compiled code.

A counter and a generation, each on cache lines of its own (Mellor-Crummey and Scott, 1991, section 3, the
centralised barrier with its sense as a number). Waiting threads spin briefly, since the others are
microseconds away, and then give up their time slice, so a team larger than the machine makes progress.
"""

from __future__ import annotations

import ctypes
import sys
from typing import Any

import llvmlite.binding as llvm
from llvmlite import ir
from numba.core import types

from fastnet._jit import called, emitted, inlined
from fastnet._threads import LINE, STOP
from fastnet.kernels.emit import I64, call_function

SPINS = 500
"""Looks at the generation before a waiting thread gives up its time slice: some ten microseconds."""

_YIELD = "fastnet_yield_time_slice"


def _register_yield() -> None:
    """Give the system's call for giving up a time slice one name that compiled and cached code links to."""
    if sys.platform == "win32":
        call = ctypes.windll.kernel32.SwitchToThread
    else:
        call = ctypes.CDLL(None).sched_yield
    llvm.add_symbol(_YIELD, ctypes.cast(call, ctypes.c_void_p).value)


_register_yield()


def _pointer(context: Any, builder: Any, signature: Any, args: Any) -> Any:
    array = context.make_array(signature.args[0])(context, builder, args[0])
    return builder.gep(array.data, [args[1]], source_etype=I64)


@emitted
def _load(_typing: Any, array: Any, index: Any) -> Any:
    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.load_atomic(_pointer(context, builder, signature, args), "acquire", 8, typ=I64)

    return types.int64(array, types.int64), codegen


@emitted
def _add(_typing: Any, array: Any, index: Any, value: Any) -> Any:
    """Add to an element and return what it was before."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        pointer = _pointer(context, builder, signature, args)
        return builder.atomic_rmw("add", pointer, args[2], "acq_rel")

    return types.int64(array, types.int64, types.int64), codegen


@emitted
def _yield_time_slice(_typing: Any) -> Any:
    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kind = ir.FunctionType(ir.IntType(32), [])
        call_function(builder, _YIELD, kind, [])
        return context.get_dummy_value()

    return types.void(), codegen


@called
def _wait(barrier: Any, n_threads: int) -> bool:
    generation = _load(barrier, LINE)
    if _add(barrier, 0, 1) == n_threads - 1:
        _add(barrier, 0, -n_threads)
        _add(barrier, LINE, 1)
        return True
    spins = 0
    while _load(barrier, LINE) == generation:
        if _load(barrier, STOP) != 0:
            return False
        spins += 1
        if spins > SPINS:
            _yield_time_slice()
    return True


@inlined
def meet(barrier: Any, n_threads: int) -> bool:
    """Wait until every thread of the team has come here; False if the team was told to stop."""
    return n_threads == 1 or _wait(barrier, n_threads)
