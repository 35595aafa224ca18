"""`fastnet info`."""

from __future__ import annotations

import platform
from importlib import import_module
from importlib.metadata import version
from typing import Any

from fastnet import __version__
from fastnet.cli import _options as options

PACKAGES = ("numpy", "numba", "llvmlite", "scikit-learn", "safetensors")


def info(json: options.Json = False) -> int:
    """Show versions, processor, threads and measured peak."""
    from fastnet.cli._output import print_json, print_rows

    facts = _facts()
    if json:
        print_json(facts)
        return 0
    cpu, threads, peak, blas = facts["cpu"], facts["threads"], facts["fma_peak_gflops"], facts["blas"]
    rows = dict(facts["versions"])
    rows |= {
        "platform": facts["platform"],
        "processor": f"{cpu['name']}, {cpu['vector_registers']} vector registers of {cpu['vector_bits']} bits",
        "threads": f"{threads['available']} available; {threads['layer']}",
        "kernel cache": facts["kernel_cache"] or "none can be written: every process compiles anew",
        "NumPy's BLAS": "; ".join(f"{b['name']} {b['version']}, {b['threads']} threads" for b in blas) or "unknown",
        "FMA peak": f"{peak['one_thread']:.0f} GFLOP/s with one thread, {peak['all_threads']:.0f} with all (float32)",
    }
    print_rows(rows)
    return 0


def _facts() -> dict[str, Any]:
    from fastnet import _jit
    from fastnet._threads import available_cores
    from fastnet.roofline import fma_peak

    cache = _jit.cache_directory()
    versions = {"fastnet": __version__, "python": platform.python_version()}
    return {
        "versions": versions | {package: version(package) for package in PACKAGES},
        "platform": platform.platform(),
        "cpu": {
            "name": _jit.cpu_name(),
            "vector_bits": _jit.vector_bits(),
            "vector_registers": 16 if _jit.is_x86() and _jit.vector_bits() < 512 else 32,
        },
        "threads": {
            "available": available_cores(),
            "layer": "own team of Python threads, no OpenMP or TBB",
        },
        "kernel_cache": None if cache is None else str(cache),
        "blas": _blas(),
        "fma_peak_gflops": {
            "dtype": "float32",
            "one_thread": fma_peak(n_threads=1),
            "all_threads": fma_peak(),
        },
    }


def _blas() -> list[dict[str, Any]]:
    """Return the BLAS libraries that NumPy has loaded, as threadpoolctl, which scikit-learn brings, sees them."""
    found = import_module("threadpoolctl").threadpool_info()
    return [
        {"name": item["internal_api"], "version": item["version"], "threads": item["num_threads"]}
        for item in found
        if item["user_api"] == "blas"
    ]
