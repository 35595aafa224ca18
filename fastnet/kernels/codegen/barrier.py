"""How threads in compiled code wait for each other: atomic numbers, and the barrier of a team.

A barrier is a counter and a generation, each on cache lines of its own (Mellor-Crummey and Scott, 1991, section 3, the
centralised barrier with its sense as a number). Waiting threads spin, since the others are microseconds away, and
after a while give up their time slice, so a team larger than the machine makes progress.
"""

from __future__ import annotations

import ctypes
import sys
from typing import Any

import llvmlite.binding as llvm
from llvmlite import ir
from numba.core import types

from fastnet.compiler.policy import called, emitted, inlined
from fastnet.kernels.codegen.ir import I32, I64, call_function, whole
from fastnet.machine.threads import LINE

SPINS = 20_000
"""Looks at what is waited for before a thread gives up its time slice: some tens of microseconds."""

_YIELD, _SLEEP = "fastnet_yield_time_slice", "fastnet_sleep"

_SLEEP_UNIT = 1000 if sys.platform == "win32" else 1
"""Microseconds that the system's call for sleeping counts in."""


def _register_calls() -> None:
    """Give the system's calls for waiting names that compiled and cached code links to."""
    if sys.platform == "win32":
        give_up, sleep = ctypes.windll.kernel32.SwitchToThread, ctypes.windll.kernel32.Sleep
    else:
        process = ctypes.CDLL(None)
        give_up, sleep = process.sched_yield, process.usleep
    for name, call in ((_YIELD, give_up), (_SLEEP, sleep)):
        llvm.add_symbol(name, ctypes.cast(call, ctypes.c_void_p).value)


_register_calls()


def _pointer(context: Any, builder: Any, signature: Any, args: Any) -> Any:
    array = context.make_array(signature.args[0])(context, builder, args[0])
    return builder.gep(array.data, [args[1]], source_etype=I64)


@emitted
def load(_typing: Any, array: Any, index: Any) -> Any:
    """Load an element, and see all that was written before it was stored."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.load_atomic(_pointer(context, builder, signature, args), "acquire", 8, typ=I64)

    return types.int64(array, types.int64), codegen


@emitted
def store(_typing: Any, array: Any, index: Any, value: Any) -> Any:
    """Store an element, and let who loads it see all that was written before."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        pointer = builder.bitcast(_pointer(context, builder, signature, args), I64.as_pointer())
        builder.store_atomic(args[2], pointer, "release", 8)
        return context.get_dummy_value()

    return types.void(array, types.int64, types.int64), codegen


@emitted
def add(_typing: Any, array: Any, index: Any, value: Any) -> Any:
    """Add to an element and return what it was before."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        pointer = _pointer(context, builder, signature, args)
        return builder.atomic_rmw("add", pointer, args[2], "acq_rel")

    return types.int64(array, types.int64, types.int64), codegen


@emitted
def yield_time_slice(_typing: Any) -> Any:
    """Let another thread have this processor, if one wants it."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        call_function(builder, _YIELD, ir.FunctionType(I32, []), [])
        return context.get_dummy_value()

    return types.void(), codegen


@emitted
def sleep(_typing: Any, microseconds: Any) -> Any:
    """Sleep for about as long, some tens of microseconds more at least, and a millisecond at least on Windows."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        units = builder.sdiv(builder.add(args[0], whole(_SLEEP_UNIT - 1)), whole(_SLEEP_UNIT))
        call_function(builder, _SLEEP, ir.FunctionType(I32, [I32]), [builder.trunc(units, I32)])
        return context.get_dummy_value()

    return types.void(types.int64), codegen


@inlined
def wait_a_little(spins: int) -> int:
    """Spin once more, or give up the time slice after many times; return how often it was."""
    if spins > SPINS:
        yield_time_slice()
    return spins + 1


@called
def _wait(control: Any, counter: int, n_threads: int) -> None:
    generation = load(control, counter + LINE)
    if add(control, counter, 1) == n_threads - 1:
        add(control, counter, -n_threads)
        add(control, counter + LINE, 1)
        return
    spins = 0
    while load(control, counter + LINE) == generation:
        spins = wait_a_little(spins)


@inlined
def synchronise(control: Any, counter: int, n_threads: int) -> None:
    """Wait until so many threads have come to the barrier whose counter is this element of the array."""
    if n_threads > 1:
        _wait(control, counter, n_threads)
