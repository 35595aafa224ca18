"""The one place for Numba policy: decorators, flags, the cache, the vector width.

A kernel says only which policy it follows (`kernel`, `part`, `inlined` or `called`); no flag is spelled anywhere else.

* No fast-math: a NaN stays a NaN, and no sum is reordered. Fused multiply-adds are asked for by name
  (`fastnet.kernels.simd.fma`), so results do not depend on what a compiler chose to contract.
* No reference counting inside kernels: they allocate nothing, and threads never meet at a counter.
* The cache lives in a folder whose name is a digest of everything that compiled code depends on: the
  kernels' sources, the versions, the processor, the vector width. Numba's own key holds none of the
  first, so an edit in one file could leave a stale kernel in the cache of another. Where no folder
  can be written, kernels are compiled in memory, with one warning.
"""

from __future__ import annotations

import functools
import hashlib
import os
import platform
import sys
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import llvmlite
import llvmlite.binding as llvm
import numba
import numba.core
import numba.extending
import numpy as np

Function = TypeVar("Function", bound=Callable[..., Any])

config: Any = numba.core.config
njit: Any = numba.njit

INTERPRETED = bool(config.DISABLE_JIT)
"""True where NUMBA_DISABLE_JIT is set: kernels then run as plain Python, for coverage."""

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
    return platform.machine().lower() in ("x86_64", "amd64", "i686", "x86")


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


@functools.cache
def _digest() -> str:
    package = Path(__file__).parent
    sources = [Path(__file__), *sorted((package / "kernels").glob("*.py"))]
    parts = [numba.__version__, llvmlite.__version__, sys.version, cpu_name(), str(vector_bits())]
    parts += [",".join(sorted(_features())), repr(sorted(_FLAGS.items()))]
    digest = hashlib.sha256("\0".join(parts).encode())
    for source in sources:
        digest.update(source.read_bytes())
    return digest.hexdigest()[:16]


def cache_root() -> Path:
    """Folder of the compiled kernels of all versions, processors and settings."""
    for name in ("FASTNET_CACHE_DIR", "NUMBA_CACHE_DIR"):
        if os.environ.get(name):
            return Path(os.environ[name]) / "fastnet"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home()) / "fastnet"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "fastnet"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "fastnet"


@functools.cache
def cache_directory() -> Path | None:
    """Folder of the compiled kernels, made if need be; None where it cannot be written."""
    try:
        folder = cache_root() / f"kernels-{_digest()}"
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except (OSError, RuntimeError) as error:  # Path.home() raises RuntimeError without a home
        warnings.warn(
            f"compiled kernels are not cached, each process compiles anew: {error}; "
            "set FASTNET_CACHE_DIR to a folder that can be written",
            RuntimeWarning,
            stacklevel=2,
        )
        return None


def _compiled(function: Function, **flags: Any) -> Function:
    if INTERPRETED:
        return np.errstate(all="ignore")(function)  # compiled code does not warn
    folder = cache_directory()
    if folder is None:
        return njit(**_FLAGS, **flags)(function)  # type: ignore[no-any-return]
    asked, config.CACHE_DIR = config.CACHE_DIR, str(folder)  # read once, while decorating
    try:
        return njit(cache=True, **_FLAGS, **flags)(function)  # type: ignore[no-any-return]
    finally:
        config.CACHE_DIR = asked


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
