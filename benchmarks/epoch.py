"""Time an epoch of training: the compiled kernels against the NumPy reference, alternately, in one process.

    python benchmarks/epoch.py --help

Times on a shared machine mean little; the ratio of two that were taken one after the other, in the order A B B A,
means more. So does the fraction of the FMA peak, which is measured right before and after each compiled epoch.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import sys
import time
from collections.abc import Callable
from itertools import pairwise

import numpy as np

import fastnet
from fastnet._jit import cpu_name, vector_bits
from fastnet._threads import resolve_threads
from fastnet.roofline import fma_peak

OPTIMIZERS = {"sgd": fastnet.SGD(0.01), "momentum": fastnet.SGD(0.01, 0.9), "adam": fastnet.Adam()}


def epoch_flop(sizes: list[int], n_samples: int) -> int:
    """Forward, dx and dW are each 2 * in * out operations a sample; the first layer needs no dx."""
    layers = [6 * n_in * n_out for n_in, n_out in pairwise(sizes)]
    return n_samples * (sum(layers) - 2 * sizes[0] * sizes[1])


def trainer(backend: str, sizes: list[int], batch_size: int, args: argparse.Namespace) -> fastnet.Trainer:
    network = fastnet.Network(sizes, seed=0, dtype=args.dtype)
    threads = args.threads if backend == "numba" else None
    return fastnet.Trainer(
        network, OPTIMIZERS[args.optimizer], batch_size=batch_size, backend=backend, n_threads=threads, seed=0
    )


def seconds(run: Callable[[], fastnet.History]) -> float:
    return run().seconds[0]


def measure(sizes: list[int], batch_size: int, args: argparse.Namespace) -> dict[str, float]:
    rng = np.random.default_rng(0)
    X = rng.random((args.samples, sizes[0]), dtype=np.float32).astype(args.dtype)
    y = rng.integers(0, sizes[-1], args.samples)
    runs = {name: trainer(name, sizes, batch_size, args) for name in ("numba", "numpy")}
    losses = {name: run.fit(X, y, epochs=1).loss[0] for name, run in runs.items()}
    if not np.isclose(losses["numba"], losses["numpy"], rtol=1e-3):
        sys.exit(f"the backends disagree: {losses}")
    flop = epoch_flop(sizes, args.samples)
    ratios, fractions, times = [], [], {"numba": [], "numpy": []}
    for _ in range(args.rounds):
        for order in (("numba", "numpy"), ("numpy", "numba")):
            pair = {}
            for name in order:
                before = fma_peak(args.dtype, args.threads, 0.02)
                pair[name] = seconds(lambda name=name: runs[name].fit(X, y, epochs=1))
                peak = (before + fma_peak(args.dtype, args.threads, 0.02)) / 2
                times[name].append(pair[name])
                if name == "numba":
                    fractions.append(flop / pair[name] / 1e9 / peak)
            ratios.append(pair["numpy"] / pair["numba"])
    return {
        "numpy_seconds": statistics.median(times["numpy"]),
        "numba_seconds": statistics.median(times["numba"]),
        "ratio": statistics.median(ratios),
        "lowest": min(ratios),
        "highest": max(ratios),
        "fraction": statistics.median(fractions),
    }


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--networks", nargs="+", default=["784-10-10", "784-128-10"], metavar="IN-HIDDEN-OUT")
    parser.add_argument("--batch-sizes", nargs="+", type=int, default=[128])
    parser.add_argument("--samples", type=int, default=60_000)
    parser.add_argument("--rounds", type=int, default=3, help="each is two epochs of both, in the order A B B A")
    parser.add_argument("--threads", type=int, default=None)
    parser.add_argument("--dtype", choices=["float32", "float64"], default="float32")
    parser.add_argument("--optimizer", choices=list(OPTIMIZERS), default="sgd")
    parser.add_argument("--fail-under", type=float, default=0.0, help="exit with 1 if a ratio is lower")
    return parser.parse_args()


def main() -> None:
    args = arguments()
    threads = resolve_threads(args.threads)
    print(
        f"{platform.machine()} {cpu_name()}, {vector_bits()}-bit vectors, {threads} threads; "
        f"NumPy {np.__version__}; {args.samples:,} samples, {args.dtype}, {args.optimizer}, ReLU"
    )
    print(f"{'network':>18} {'batch':>6} {'NumPy':>8} {'compiled':>9} {'ratio':>7} {'spread':>14} {'of peak':>8}")
    failed = False
    for network in args.networks:
        for batch_size in args.batch_sizes:
            start = time.perf_counter()
            row = measure([int(size) for size in network.split("-")], batch_size, args)
            failed |= row["ratio"] < args.fail_under
            print(
                f"{network:>18} {batch_size:>6} {row['numpy_seconds']:>7.3f}s {row['numba_seconds']:>8.3f}s "
                f"{row['ratio']:>6.2f}x {row['lowest']:>6.2f} - {row['highest']:<5.2f} {row['fraction']:>7.0%}"
                f"   ({time.perf_counter() - start:.0f} s)",
                flush=True,
            )
    if failed:
        sys.exit(1)


if __name__ == "__main__":
    main()
