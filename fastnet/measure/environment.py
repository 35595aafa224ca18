"""What a measurement was taken on: processor, threads, libraries. Nothing that tells whose machine it is."""

from __future__ import annotations

import platform
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import fastnet
from fastnet.validation import training as training_checks

THREADING_LAYER = "own team of Python threads, no OpenMP or TBB"
PACKAGES = ("numpy", "numba", "llvmlite", "scikit-learn", "safetensors", "torch", "jax", "jaxlib")
"""Those that are installed are listed; none is imported for it."""


def environment(n_threads: int | None = None, busy: int = 0) -> dict[str, Any]:
    """Describe the machine and the software, ready for JSON.

    Parameters
    ----------
    n_threads : int, optional
        Threads that the measurement uses; as many as the kernels take by themselves if not given.
    busy : int, default 0
        Processes that compute beside the measurement (`fastnet.measure.suites.busy`).

    Returns
    -------
    dict
        date (UTC), platform, machine, cpu, cores (that affinity and CPU quota allow), threads, threading_layer, busy,
        blas (what is loaded now) and versions.

    Raises
    ------
    TypeError, ValueError
        For a number of threads or processes that cannot be.

    Examples
    --------
    >>> facts = environment(n_threads=1)
    >>> sorted(facts)
    ['blas', 'busy', 'cores', 'cpu', 'date', 'machine', 'platform', 'threading_layer', 'threads', 'versions']
    >>> facts["threads"]
    1
    """
    from fastnet.machine.cores import machine_cores
    from fastnet.machine.threads import resolve_threads

    training_checks.whole("busy", busy, 0)
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "platform": platform.platform(),
        "machine": platform.machine(),
        "cpu": _cpu(),
        "cores": machine_cores(),
        "threads": resolve_threads(n_threads),
        "threading_layer": THREADING_LAYER,
        "busy": int(busy),
        "blas": _blas(),
        "versions": {"fastnet": fastnet.__version__, "python": platform.python_version()} | _installed(),
    }


def _cpu() -> dict[str, Any]:
    from fastnet.compiler import codegen, policy

    return {
        "name": codegen.cpu_name(),
        "model": _model(),
        "level": codegen.target().level,
        "vector_bits": policy.vector_bits(),
        "vector_registers": 16 if policy.is_x86() and policy.vector_bits() < 512 else 32,
    }


def _model() -> str:
    """Return what the maker calls the processor, where that is to be had; Linux on Arm, say, tells numbers only."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())


def _blas() -> list[dict[str, Any]]:
    """Return the BLAS libraries that are loaded, as threadpoolctl, which scikit-learn brings, sees them."""
    import numpy as np  # noqa: F401  (loads its BLAS)
    from threadpoolctl import threadpool_info

    return [
        {"name": item["internal_api"], "version": item["version"], "threads": item["num_threads"]}
        for item in threadpool_info()
        if item["user_api"] == "blas"
    ]


def _installed() -> dict[str, str]:
    return {package: found for package in PACKAGES if (found := installed_version(package)) is not None}


def installed_version(package: str) -> str | None:
    """Return the version of a package that is installed, None if it is not; nothing is imported for it."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None
