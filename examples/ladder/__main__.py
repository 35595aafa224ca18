"""From a naive loop to a training step at the roof, in eight rungs: each is checked against NumPy, and timed.

    python examples/ladder [SECONDS]

prints for each the best rate in some seconds, and what fraction that is of the peak: the rate at which the processor
completes fused multiply-adds of numbers that are in registers.
"""

import argparse
import importlib

from problem import check, gflops

from fastnet.measure.roofline import fma_peak

RUNGS = ("loop", "vectors", "tile", "packing", "epilogue", "update", "threads", "step")


def main(seconds: float) -> None:
    """Climb."""
    peaks = {}
    print("rung              GFLOP/s   of the peak   what it is")
    for number, name in enumerate(RUNGS, 1):
        module = importlib.import_module(f"rung{number}_{name}")
        rung = module.rung()
        check(rung)
        if rung.n_threads not in peaks:
            peaks[rung.n_threads] = fma_peak("float32", rung.n_threads, seconds=seconds)
        rate, title = gflops(rung, seconds), module.__doc__.partition("\n")[0].rstrip(".:")
        print(f"{number} {name:<12}{rate:>11.1f}{rate / peaks[rung.n_threads]:>14.0%}   {title}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python examples/ladder", description=__doc__.partition("\n")[0])
    parser.add_argument("seconds", nargs="?", type=float, default=0.5, help="time for each rung (default: 0.5)")
    main(parser.parse_args().seconds)
