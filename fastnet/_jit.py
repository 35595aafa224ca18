"""The one place for Numba policy: decorators, flags, the cache, the vector width.

A kernel says only which policy it follows (`kernel`, `part`, `inlined` or `called`); no flag is spelled anywhere else.

* No fast-math: a NaN stays a NaN, and no sum is reordered. Fused multiply-adds are asked for by name
  (LLVM's `fma`), so results do not depend on what a compiler chose to contract.
* No reference counting inside kernels: they allocate nothing, and threads never meet at a counter.
* What was compiled is kept for the next process (`fastnet._kernel_cache`).
"""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import llvmlite
import llvmlite.binding as llvm
import numba
import numba.core
import numba.extending

from fastnet import _kernel_cache

Function = TypeVar("Function", bound=Callable[..., Any])

config: Any = numba.core.config
njit: Any = numba.njit

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


def architecture() -> str:
    """Return LLVM's name of what code is compiled for: this process, whatever machine may emulate it on another."""
    return str(llvm.get_process_triple()).partition("-")[0]


def is_x86() -> bool:
    """Tell whether this is an x86 processor, with 16 vector registers unless it has AVX-512."""
    return architecture() in ("x86_64", "i386", "i686")


def is_arm() -> bool:
    """Tell whether this is a 64-bit Arm processor."""
    return architecture() in ("aarch64", "arm64")


def _features() -> set[str]:
    if config.CPU_FEATURES is not None:
        return {name[1:] for name in config.CPU_FEATURES.split(",") if name.startswith("+")}
    return {name for name, present in llvm.get_host_cpu_features().items() if present}


@functools.cache
def vector_bits() -> int:
    """Width of the vector registers that kernels are written for, in bits: 128, 256 or 512.

    `FASTNET_VECTOR_BITS` overrides what the processor says; results are the same bits for every width.
    `NUMBA_CPU_NAME` stands for a processor without AVX-512.
    """
    asked = os.environ.get("FASTNET_VECTOR_BITS")
    if asked:
        if asked not in ("128", "256", "512"):
            raise ValueError(f"FASTNET_VECTOR_BITS must be 128, 256 or 512, got {asked!r}")
        return int(asked)
    if not is_x86() or config.CPU_NAME == "generic":
        return 128
    features = _features()
    if "avx512f" in features and config.CPU_NAME is None:
        return 512
    return 256 if "avx2" in features else 128


def cpu_name() -> str:
    """Return the name by which LLVM knows the processor that kernels are compiled for."""
    return str(config.CPU_NAME or llvm.get_host_cpu_name())


def digest() -> str:
    """Return a digest of everything that compiled code depends on."""
    versions, target = (numba.__version__, llvmlite.__version__, sys.version), (architecture(), cpu_name())
    return _kernel_cache.digest(
        *versions, *target, str(vector_bits()), ",".join(sorted(_features())), repr(sorted(_FLAGS.items()))
    )


@functools.cache
def cache_directory() -> Path | None:
    """Folder of the compiled kernels, which need not exist yet; None where there is no place for one."""
    try:
        return _kernel_cache.cache_root() / f"kernels-{digest()}"
    except RuntimeError as error:  # of Path.home(), without a home
        _kernel_cache.warn_once(str(error))
        return None


def require_compiler(what: str) -> None:
    """Raise ImportError where nothing is compiled, for what has no twin in the reference."""
    if not COMPILES:
        raise ImportError(f"{what} needs compiled kernels, and NUMBA_DISABLE_JIT is set: unset it")


def _compiled(function: Function, **flags: Any) -> Function:
    require_compiler(function.__module__)
    compiled, folder = njit(**_FLAGS, **flags)(function), cache_directory()
    if folder is not None and function.__module__ in _kernel_cache.sources():  # else no digest covers it
        compiled._cache = _kernel_cache.KernelCache(function, folder)
    return compiled  # type: ignore[no-any-return]


def kernel(function: Function) -> Function:
    """Compile on first call and cache: for what Python calls."""
    return _compiled(function)


def part(function: Function) -> Function:
    """Compile on demand and cache: for what drivers call through its address (`fastnet.kernels.parts`)."""
    return _compiled(function, no_cpython_wrapper=True)


def emitted(function: Callable[..., Any]) -> Any:
    """Make a function that emits LLVM code callable from kernels (Numba's `intrinsic`)."""
    return numba.extending.intrinsic(prefer_literal=True)(function)


def inlined(function: Function) -> Function:
    """Compile into the kernels that call it, always inlined; never called from Python, so never cached apart.

    A call passes every field of every array and named tuple on the stack: more than a tile's worth of time.
    """
    return njit(no_cpython_wrapper=True, forceinline=True, **_FLAGS)(function)  # type: ignore[no-any-return]


def called(function: Function) -> Function:
    """Compile for the kernels that call it, never inlined: for what a kernel calls at many places, not in its loops.

    Numba passes a caller's wish to inline on to what it calls, unless that is refused.
    """
    return njit(no_cpython_wrapper=True, forceinline=False, **_FLAGS)(function)  # type: ignore[no-any-return]
