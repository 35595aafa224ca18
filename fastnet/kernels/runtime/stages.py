"""Stages of a step: compiled one by one, on demand, and called through their addresses.

Numba links what a function calls into it and optimises all of it anew, at every level of calls: a training step written
that way took half a minute to compile. A stage is compiled once, for the state of a team (`fastnet.kernels.step.state`)
and its own few whole numbers; the driver that takes the steps holds its address only. So a process compiles just the
optimizer, the loss and the activations that it uses, and others cost it nothing.

A stage takes a reference to the state, and loads from it what it uses, when it uses it: loops want that in variables of
their own. It returns a whole number. A call costs some ten nanoseconds, against a hundred for passing the arrays.
"""

from __future__ import annotations

import ctypes
import functools
import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NamedTuple

import numba.extending as extending
import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.core.datamodel import models
from numba.core.imputils import lower_getattr_generic
from numba.core.sigutils import normalize_signature
from numba.core.typing import templates

from fastnet.compiler.kernel_cache import KernelCache
from fastnet.compiler.policy import emitted, kernel
from fastnet.kernels.codegen.ir import I8, I32, I64, PTR, whole

STATE_BYTES = 8192
"""Room for a state: some sixty arrays and as many numbers."""

NAMED: Any = (types.NamedTuple, types.NamedUniTuple)


class Reference(types.Type):
    """Type of a reference to a named tuple in memory: its fields that are named tuples are references too."""

    def __init__(self, target: Any) -> None:
        self.target = target
        super().__init__(f"Reference({target})")

    def field(self, name: str) -> Any:
        """Return the place of a field, and its type as it is stored."""
        place = self.target.fields.index(name)
        return place, self.target.types[place]


@extending.register_model(Reference)
class _ReferenceModel(models.PrimitiveModel):
    def __init__(self, manager: Any, reference: Any) -> None:
        super().__init__(manager, reference, I8.as_pointer())  # type: ignore[no-untyped-call]


@templates.infer_getattr
class _ReferenceFields(templates.AttributeTemplate):
    key = Reference

    def generic_resolve(self, reference: Any, name: str) -> Any:  # type: ignore[override]
        if name not in reference.target.fields:
            return None
        _, kind = reference.field(name)
        return Reference(kind) if isinstance(kind, NAMED) else kind


@lower_getattr_generic(Reference)  # type: ignore[untyped-decorator]
def _load_field(context: Any, builder: Any, reference: Any, value: Any, name: str) -> Any:
    manager = context.data_model_manager
    tuples = builder.bitcast(value, manager[reference.target].get_data_type().as_pointer())
    index, kind = reference.field(name)
    place = cgutils.gep_inbounds(builder, tuples, 0, index)
    if isinstance(kind, NAMED):
        return builder.bitcast(place, I8.as_pointer())
    return manager[kind].load_from_data_pointer(builder, place)


@emitted
def _store(_typing: Any, state: Any, target: Any) -> Any:
    """Store a named tuple at the beginning of an array."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        model = context.data_model_manager[signature.args[0]]
        kind = model.get_data_type()
        assert context.get_abi_sizeof(kind) <= STATE_BYTES
        data = context.make_array(signature.args[1])(context, builder, args[1]).data
        builder.store(model.as_data(builder, args[0]), builder.bitcast(data, kind.as_pointer()))
        return context.get_dummy_value()

    return types.void(state, target), codegen


@kernel
def _place(state: Any, target: Any) -> None:
    _store(state, target)


@emitted
def call(_typing: Any, address: Any, state: Any, numbers: Any) -> Any:
    """Call the stage at an address with a reference to the state and a tuple of whole numbers."""

    def codegen(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        operands = cgutils.unpack_tuple(builder, args[2])
        kind = ir.FunctionType(I32, [PTR, PTR, PTR, *[I64] * len(operands)])  # Numba's: results, then arguments
        function = builder.inttoptr(args[0], kind.as_pointer())
        returned, raised = cgutils.alloca_once(builder, I64), cgutils.alloca_once(builder, PTR)
        pointers = [builder.bitcast(value, PTR) for value in (returned, raised, args[1])]
        builder.call(function, [*pointers, *operands])  # stages raise nothing
        return builder.load(returned, typ=I64)

    i64: Any = types.int64
    return i64(i64, state, types.UniTuple(i64, len(numbers))), codegen


@emitted
def reference_at(_typing: Any, like: Any, addresses: Any, i: Any) -> Any:
    """Refer to the i-th of the states whose addresses lie one after the other; it has the type of a state at hand."""

    def codegen(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        place = builder.add(args[1], builder.mul(args[2], whole(8)))
        return builder.inttoptr(builder.load(builder.inttoptr(place, I64.as_pointer()), typ=I64), I8.as_pointer())

    return like(like, types.int64, types.int64), codegen


class NotCompiledError(Exception):
    """Something has not been compiled yet, and is not to be now."""


_never_compiles: ContextVar[bool] = ContextVar("_never_compiles", default=False)


@contextmanager
def nothing_compiled() -> Iterator[None]:
    """Let `NotCompiledError` be raised for stages that are neither compiled nor in the cache."""
    token = _never_compiles.set(True)
    try:
        yield
    finally:
        _never_compiles.reset(token)


def nothing_is_compiled() -> bool:
    """Tell whether nothing is to be compiled now."""
    return _never_compiles.get()


class Form(NamedTuple):
    """A function, and the types of what it is called with: what is compiled, and kept in the cache."""

    function: Any
    signature: Any  # as the function is asked for it: it is part of the cache's key

    @property
    def name(self) -> str:
        """Tell forms of the same types apart; the same in every process."""
        code = self.function.py_func.__code__
        constants = [cell.cell_contents for cell in self.function.py_func.__closure__ or ()]
        numbers = [str(constant) for constant in constants if isinstance(constant, int)]
        return " ".join([self.function.py_func.__module__, code.co_qualname, *numbers])

    def is_kept(self) -> bool:
        """Tell whether it is in the cache."""
        cache = self.function._cache
        return isinstance(cache, KernelCache) and cache.holds(self.signature, self.function.targetctx)

    def is_at_hand(self) -> bool:
        """Tell whether it has been compiled here, or is in the cache."""
        arguments, _ = normalize_signature(self.signature)
        return arguments in self.function.overloads or self.is_kept()

    def compile(self) -> Any:
        """Compile it, or load it from the cache."""
        self.function.compile(self.signature)
        return self.function.overloads[normalize_signature(self.signature)[0]]


def form_of(stage: Any, state_type: Any) -> Form:
    """Return the form of a stage for a type of state."""
    n_numbers = len(inspect.signature(stage.py_func).parameters) - 1
    return Form(stage, types.int64(Reference(state_type), *[types.int64] * n_numbers))


def form_of_place(state_type: Any) -> Form:
    """Return the form of what puts a state into memory."""
    return Form(_place, (state_type, types.Array(types.int64, 1, "C")))


@functools.cache
def address_of(stage: Any, state_type: Any) -> Any:
    """Compile a stage for a type of state, or load it from the cache, and return its address."""
    compiled = form_of(stage, state_type).compile()
    return compiled.library.get_pointer_to_function(compiled.fndesc.llvm_func_name)


def place(state: Any) -> Any:
    """Put a state into memory; return what refers to it as long as it is kept, and the state's arrays are."""
    memory = np.empty(STATE_BYTES // 8, np.int64)
    _place(state, memory)
    return memory


@functools.cache
def _function(address: int, n_numbers: int) -> Any:
    pointers = [ctypes.c_void_p] * 3
    return ctypes.CFUNCTYPE(ctypes.c_int32, *pointers, *[ctypes.c_int64] * n_numbers)(address)


def invoke(address: Any, memory: Any, *numbers: int) -> None:
    """Call a stage from Python, without the interpreter's lock."""
    results = np.empty(2, np.int64)
    at = results.ctypes.data
    _function(address, len(numbers))(at, at + 8, memory.ctypes.data, *numbers)
