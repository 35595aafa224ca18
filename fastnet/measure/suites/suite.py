"""Networks of many shapes, trained by fastnet and by everyone else who is installed."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from fastnet.measure.peers import PEERS, Peer, Run, Unavailable
from fastnet.measure.roofline import fma_peak
from fastnet.measure.timing import Spread, alternate, spread
from fastnet.measure.workloads import Workload

Progress = Callable[[str], object]

PAUSE = 0.1
"""Seconds before a timing in which the threads of the library before it stop spinning."""

NOISY = 0.5
"""Width of an interval, relative to its median, from which on a ratio says little."""

MOVED = 1.25
"""Factor between the peaks before and after from which on the processor's clock was not steady."""


def prepare(
    workload: Workload, peers: Mapping[str, tuple[Peer, int | None]], progress: Progress,
    learning_rate: float | None = None,
) -> tuple[dict[str, Run], dict[str, str], dict[str, float]]:  # fmt: skip
    """Return the runs of libraries with their threads, why others are missing, and what each took to warm up."""
    X, y = workload.data()
    runs: dict[str, Run] = {}
    missing: dict[str, str] = {}
    warm_up: dict[str, float] = {}
    for key, (peer, n_threads) in peers.items():
        reason = peer.missing()
        if reason is not None:
            missing[key] = reason
            continue
        progress(f"{workload.name}: {peer.name} warms up")
        run = peer.prepare(workload, X, y, n_threads, learning_rate=learning_rate)
        try:
            warm_up[key] = run.warm_up()
        except Unavailable as error:
            missing[key] = str(error)
        else:
            runs[key] = run
    return runs, missing, warm_up


def measure(
    workload: Workload, keys: Sequence[str], rounds: int, seconds: float, n_threads: int | None, progress: Progress
) -> dict[str, Any]:
    """Train a network in every library, alternately, and return the row of the results.

    Parameters
    ----------
    workload : Workload
        The network, its batches and data.
    keys : sequence of str
        Of `fastnet.measure.peers.PEERS`; "fastnet" must be among them.
    rounds : int
        Timings of each library; at least two are taken.
    seconds : float
        After which no further round begins.
    n_threads : int, optional
        For everyone.
    progress : callable
        Is told what runs.

    Returns
    -------
    dict
        JSON-ready: the workload, fastnet's seconds per epoch and fraction of the FMA peak, and for each library
        seconds per epoch, seconds of warm-up and the ratio to fastnet, or why it is missing.
    """
    runs, missing, warm_up = prepare(workload, {key: (PEERS[key], n_threads) for key in keys}, progress)
    progress(f"{workload.name}: measuring")
    times: dict[str, list[float]] = {key: [] for key in runs}
    peaks: list[tuple[float, float]] = []

    def timed(key: str) -> float:
        time.sleep(PAUSE)
        if key != "fastnet":
            return runs[key].epoch()
        before = fma_peak(workload.dtype, n_threads, 0.02)
        passed = runs[key].epoch()
        peaks.append((before, fma_peak(workload.dtype, n_threads, 0.02)))
        return passed

    end = time.perf_counter() + seconds
    for i, once in enumerate(alternate({key: lambda k=key: timed(k) for key in runs}, rounds)):  # type: ignore[misc]
        for key, passed in once.items():
            times[key].append(passed)
        if i >= 1 and time.perf_counter() > end:
            break
    return _row(workload, times, peaks, missing, warm_up)


def _row(
    workload: Workload, times: dict[str, list[float]], peaks: list[tuple[float, float]], missing: dict[str, str],
    warm_up: dict[str, float],
) -> dict[str, Any]:  # fmt: skip
    own = times["fastnet"]
    rates = [workload.flop / passed / 1e9 for passed in own]
    fractions = [rate / (sum(pair) / 2) for rate, pair in zip(rates, peaks, strict=True)]
    peers: dict[str, Any] = {}
    for key, values in times.items():
        peers[key] = {
            "label": PEERS[key].name, "version": PEERS[key].version,
            "seconds": statistics.median(values) / workload.repeats, "warm_up_seconds": warm_up[key],
        }  # fmt: skip
        if key != "fastnet":
            ratios = [other / one for one, other in zip(own, values, strict=True)]
            peers[key]["ratio"] = spread(ratios)._asdict()
    peers |= {key: {"label": PEERS[key].name, "missing": reason} for key, reason in missing.items()}
    return {
        **workload.to_dict(), "name": workload.name, "flop": workload.flop, "seconds": peers["fastnet"]["seconds"],
        "gflops": statistics.median(rates), "fraction_of_peak": spread(fractions)._asdict(),
        "peak_gflops": statistics.median([peak for pair in peaks for peak in pair]), "rounds": len(own),
        "clock_moved": max(max(pair) / min(pair) for pair in peaks), "peers": peers,
    }  # fmt: skip


def noise(row: dict[str, Any]) -> list[str]:
    """Say where the machine was too noisy to conclude anything from a row."""
    what = f"{row['name']}, {row['dtype']}"
    found = [
        doubt
        for peer in row["peers"].values()
        if "ratio" in peer
        for doubt in doubts(what, peer["label"], peer["ratio"])
    ]
    if row["clock_moved"] > MOVED:
        found.append(f"{what}: the FMA peak moved by a factor of {row['clock_moved']:.2f} meanwhile")
    return found


def doubts(what: str, label: str, ratio: dict[str, Any]) -> list[str]:
    """Say if the interval of a ratio to another library is too wide."""
    one = Spread(**ratio)
    if one.width <= NOISY:
        return []
    if one.low < 1 < one.high:
        return [f"{what}: too noisy to say who is faster, fastnet or {label}"]
    return [f"{what}: ratio to {label} is uncertain"]


def run_all(
    workloads: Sequence[Workload], keys: Sequence[str], rounds: int, seconds: float, n_threads: int | None,
    progress: Progress,
) -> list[dict[str, Any]]:  # fmt: skip
    """Measure networks one after the other, each for its share of the seconds."""
    end = time.perf_counter() + seconds
    rows = []
    for i, workload in enumerate(workloads):
        left = max(0.0, end - time.perf_counter()) / (len(workloads) - i)
        rows.append(measure(workload, keys, rounds, left, n_threads, progress))
    return rows
