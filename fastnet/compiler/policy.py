"""The one place for Numba policy: decorators, flags, the cache, the processor that code is compiled for.

A kernel says only which policy it follows (`kernel`, `stage`, `inlined` or `called`); no flag is spelled anywhere else.

* No fast-math: a NaN stays a NaN, and no sum is reordered. Fused multiply-adds are asked for by name
  (LLVM's `fma`), so results do not depend on what a compiler chose to contract.
* No reference counting inside kernels: they allocate nothing, and threads share no counter.
* Kernels are compiled for the processor's level (`fastnet.compiler.levels`, `fastnet.compiler.codegen`), not for its
  model, and what was compiled is kept for the next process (`fastnet.compiler.kernel_cache`) on any machine of that
  level.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from typing import Any, TypeVar

import llvmlite
import llvmlite.binding as llvm
import numba
import numba.extending

from fastnet.compiler import kernel_cache, levels
from fastnet.compiler.codegen import Dispatcher, architecture, config, features, target

Function = TypeVar("Function", bound=Callable[..., Any])

COMPILES = not config.DISABLE_JIT
"""False where NUMBA_DISABLE_JIT is set: `fastnet.kernels` is then the reference."""

_FLAGS: dict[str, Any] = {
    "nogil": True,  # the threads of a team are Python threads
    "error_model": "numpy",  # 1/0 is inf, as in the reference
    "fastmath": False,
    "boundscheck": False,
    "_nrt": False,
    "no_cfunc_wrapper": True,  # nobody takes their address
}


def is_x86() -> bool:
    """Tell whether this is an x86 processor, with 16 vector registers unless it has AVX-512."""
    return architecture() in ("x86_64", "i386", "i686")


def is_arm() -> bool:
    """Tell whether this is a 64-bit Arm processor."""
    return architecture() in ("aarch64", "arm64")


@functools.cache
def vector_bits() -> int:
    """Width of the vector registers that kernels are written for, in bits: 128, 256 or 512.

    It is the level's, or the processor's; `FASTNET_VECTOR_BITS` overrides it. Results are the same bits for every
    width. `NUMBA_CPU_NAME` stands for a processor without AVX-512.
    """
    asked = os.environ.get("FASTNET_VECTOR_BITS")
    if asked:
        if asked not in ("128", "256", "512"):
            raise ValueError(f"FASTNET_VECTOR_BITS must be 128, 256 or 512, got {asked!r}")
        return int(asked)
    level = levels.named(target().level, architecture())
    if level is not None:
        return level.vector_bits
    if not is_x86() or config.CPU_NAME == "generic":
        return 128
    of_processor = features()
    if "avx512f" in of_processor and config.CPU_NAME is None:
        return 512
    return 256 if "avx2" in of_processor else 128


_CONFIGURED = ("BOUNDSCHECK", "DEBUGINFO_DEFAULT", "LOOP_VECTORIZE", "OPT", "SLP_VECTORIZE")
"""Numba's settings that change code, and that an environment variable changes."""


def digest() -> str:
    """Return a digest of everything that compiled code depends on, and of nothing else that tells machines apart."""
    versions = numba.__version__, llvmlite.__version__, str(llvm.llvm_version_info)
    python = EXTENSION_SUFFIXES[0]  # names its version, its flags, and the system
    settings = [str(getattr(config, name)) for name in _CONFIGURED]
    return kernel_cache.digest(
        *versions, python, architecture(), *target(), str(vector_bits()), *settings, repr(sorted(_FLAGS.items()))
    )


@functools.cache
def cache_directory() -> Path | None:
    """Folder of the compiled kernels, which need not exist yet; None where there is no place for one."""
    try:
        return kernel_cache.cache_root() / kernel_cache.folder_name(target().level, vector_bits(), digest())
    except RuntimeError as error:  # of Path.home(), without a home
        kernel_cache.warn_once(str(error))
        return None


def require_compiler(what: str) -> None:
    """Raise ImportError where nothing is compiled, for what has no twin in the reference."""
    if not COMPILES:
        raise ImportError(f"{what} needs compiled kernels, and NUMBA_DISABLE_JIT is set: unset it")


def compile_lazily(function: Callable[..., Any], **flags: Any) -> Any:
    """Return a function that is compiled as kernels are, when it is first called, and not cached."""
    require_compiler(function.__module__)
    return Dispatcher(function, targetoptions={"nopython": True, **_FLAGS, **flags})


def _cached(function: Function, **flags: Any) -> Function:
    compiled, folder = compile_lazily(function, **flags), cache_directory()
    if folder is not None and function.__module__ in kernel_cache.sources():  # else no digest covers it
        compiled._cache = kernel_cache.KernelCache(function, folder)
    return compiled  # type: ignore[no-any-return]


def kernel(function: Function) -> Function:
    """Compile on first call and cache: for what Python calls."""
    return _cached(function)


def stage(function: Function) -> Function:
    """Compile on demand and cache: for what drivers call through its address (`runtime.stages`)."""
    return _cached(function, no_cpython_wrapper=True)


def emitted(function: Callable[..., Any]) -> Any:
    """Make a function that emits LLVM code callable from kernels (Numba's `intrinsic`)."""
    return numba.extending.intrinsic(prefer_literal=True)(function)


def inlined(function: Function) -> Function:
    """Compile into the kernels that call it, always inlined; never called from Python, so never cached apart.

    A call passes every field of every array and named tuple on the stack: more than a tile's worth of time.
    """
    return compile_lazily(function, no_cpython_wrapper=True, forceinline=True)  # type: ignore[no-any-return]


def called(function: Function) -> Function:
    """Compile for the kernels that call it, never inlined: for what a kernel calls at many places, not in its loops.

    Numba passes a caller's wish to inline on to what it calls, unless that is refused.
    """
    return compile_lazily(function, no_cpython_wrapper=True, forceinline=False)  # type: ignore[no-any-return]
