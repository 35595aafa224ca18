"""Where the time of a training step goes, and how near each part comes to what the machine can do.

    python -m fastnet.measure.profile --network 784-128-10 --batch-size 128

The compiled kernels count the ticks of every phase as they train, so what is printed is a real run, taken apart.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from fastnet.network import Network
from fastnet.optimizers import SGD, Adam, Optimizer

OPTIMIZERS: dict[str, Optimizer] = {"sgd": SGD(0.01), "momentum": SGD(0.01, 0.9), "adam": Adam()}


class Phase(NamedTuple):
    """A part of a step: its time, and its share of the FMA peak (None where it multiplies nothing)."""

    name: str
    microseconds: float
    of_peak: float | None


class Profile(NamedTuple):
    """A step, taken apart: the phases are means over its threads, and sum up to the step."""

    phases: list[Phase]
    step_microseconds: float
    of_peak: float
    peak_gflops: float
    n_threads: int


def step_flop(sizes: Sequence[int]) -> dict[str, int]:
    """Count the operations of each phase for one sample, a multiply-add as two; the first layer needs no dx."""
    layers = [2 * n_in * n_out for n_in, n_out in pairwise(sizes)]
    return {"forward": sum(layers), "backward": sum(layers[1:]), "update": sum(layers)}


def profile(
    sizes: Sequence[int], batch_size: int, activation: str = "relu", optimizer: str = "sgd", dtype: str = "float32",
    n_threads: int | None = None, n_samples: int = 60_000, pixels: bool = False,
) -> Profile:  # fmt: skip
    """Train an epoch on random data and take its steps apart.

    Parameters
    ----------
    sizes : sequence of int
        Layer sizes (in, hidden..., out).
    batch_size : int
        Samples per step.
    activation, optimizer, dtype : str
        As in `Network`; "sgd", "momentum" or "adam"; "float32" or "float64".
    n_threads : int, optional
        Threads; as many as the kernels take by themselves if not given.
    n_samples : int
        Samples of the epoch.
    pixels : bool
        Inputs of uint8 instead of `dtype`.

    Returns
    -------
    Profile
        Times of the phases, and fractions of the FMA peak that was measured before and after.

    Examples
    --------
    >>> from fastnet.measure.profile import profile
    >>> [phase.name for phase in profile([8, 4, 2], 16, n_samples=64).phases][:3]
    ['gather', 'forward', 'loss']
    """
    from fastnet.kernels.step.block import PHASES
    from fastnet.kernels.step.driver.epochs import Data
    from fastnet.kernels.step.driver.teams import Task
    from fastnet.kernels.training import phase_ticks
    from fastnet.machine.threads import resolve_threads
    from fastnet.measure.roofline import fma_peak

    team = resolve_threads(n_threads)
    rng = np.random.default_rng(0)
    network = Network(sizes, activation, seed=0, dtype=dtype)
    settings = OPTIMIZERS[optimizer]
    state = tuple(np.zeros_like(network.parameters) for _ in settings.state_names)
    x = rng.integers(0, 256, (n_samples, sizes[0]), np.uint8) if pixels else rng.random((n_samples, sizes[0]))
    x = x if pixels else x.astype(dtype)
    y, order = rng.integers(0, sizes[-1], n_samples).astype(np.int32), rng.permutation(n_samples)
    task = Task(network.sizes, network.activations, "cross_entropy", 0.0, settings.as_tuple(), batch_size)
    arguments = task, network.parameters, state, Data(x, y)
    phase_ticks(*arguments, order[:0], team)  # compiles
    before = fma_peak(dtype, team)
    start = time.perf_counter()
    ticks = phase_ticks(*arguments, order, team).mean(axis=0)
    seconds = time.perf_counter() - start
    peak = (before + fma_peak(dtype, team)) / 2
    n_steps = -(-n_samples // batch_size)
    per_tick = seconds / max(ticks.sum(), 1) / n_steps
    flop = {name: count * n_samples / n_steps for name, count in step_flop(sizes).items()}

    def fraction(count: float, seconds: float) -> float:
        return count / seconds / peak / 1e9 if seconds else 0.0

    phases = [
        Phase(name, 1e6 * n * per_tick, fraction(flop[name], n * per_tick) if flop.get(name) else None)
        for name, n in zip(PHASES, ticks, strict=True)
    ]
    step = seconds / n_steps
    return Profile(phases, 1e6 * step, fraction(sum(flop.values()), step), peak, team)


def main() -> None:
    """Print a profile."""
    parser = argparse.ArgumentParser(prog="python -m fastnet.measure.profile", description=__doc__.splitlines()[0])
    parser.add_argument("--network", default="784-128-10", metavar="IN-HIDDEN-OUT")
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--activation", choices=["relu", "sigmoid", "tanh", "identity"], default="relu")
    parser.add_argument("--optimizer", choices=list(OPTIMIZERS), default="sgd")
    parser.add_argument("--dtype", choices=["float32", "float64"], default="float32")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--samples", type=int, default=60_000)
    parser.add_argument("--pixels", action="store_true", help="inputs of uint8")
    args = parser.parse_args()
    result = profile(
        [int(size) for size in args.network.split("-")], args.batch_size, args.activation, args.optimizer, args.dtype,
        args.threads, args.samples, args.pixels,
    )  # fmt: skip
    print(
        f"{args.network}, batch {args.batch_size}, {args.optimizer}, {args.dtype}, {result.n_threads} threads; "
        f"FMA peak {result.peak_gflops:.0f} GFLOP/s"
    )
    for phase in result.phases:
        share = phase.microseconds / result.step_microseconds
        of_peak = "" if phase.of_peak is None else f"{phase.of_peak:>9.0%} of peak"
        print(f"{phase.name:<18}{phase.microseconds:>10.1f} us{share:>7.1%}{of_peak}")
    print(f"{'step':<18}{result.step_microseconds:>10.1f} us{'':>7}{result.of_peak:>9.0%} of peak")


if __name__ == "__main__":
    main()
