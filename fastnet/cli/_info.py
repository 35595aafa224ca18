"""`fastnet info`."""

from __future__ import annotations

from typing import Any

from fastnet.cli import _options as options


def info(json: options.Json = False) -> int:
    """Show versions, processor, threads and measured peak."""
    from fastnet.cli._output import print_json, print_rows

    facts = _facts()
    if json:
        print_json(facts)
        return 0
    cpu, threads, peak, blas = facts["cpu"], facts["threads"], facts["fma_peak_gflops"], facts["blas"]
    name = f"{cpu['model']} ({cpu['name']})" if cpu["model"] else cpu["name"]
    rows = dict(facts["versions"])
    rows |= {
        "platform": facts["platform"],
        "processor": f"{name}, {cpu['vector_registers']} vector registers of {cpu['vector_bits']} bits",
        "threads": f"{threads['available']} available; {threads['layer']}",
        "kernel cache": facts["kernel_cache"] or "none can be written: every process compiles anew",
        "NumPy's BLAS": "; ".join(f"{b['name']} {b['version']}, {b['threads']} threads" for b in blas) or "unknown",
        "FMA peak": f"{peak['one_thread']:.0f} GFLOP/s with one thread, {peak['all_threads']:.0f} with all (float32)",
    }
    print_rows(rows)
    return 0


def _facts() -> dict[str, Any]:
    from fastnet import _jit
    from fastnet.bench.environment import environment
    from fastnet.roofline import fma_peak

    machine, cache = environment(), _jit.cache_directory()
    return {key: machine[key] for key in ("versions", "platform", "cpu", "blas")} | {
        "threads": {"available": machine["cores"], "layer": machine["threading_layer"]},
        "kernel_cache": None if cache is None else str(cache),
        "fma_peak_gflops": {
            "dtype": "float32",
            "one_thread": fma_peak(n_threads=1),
            "all_threads": fma_peak(),
        },
    }
