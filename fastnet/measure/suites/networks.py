"""Networks of many shapes, trained by fastnet and by everyone else who is installed."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from fastnet.measure.peers import PEERS, Peer, Run, Unavailable
from fastnet.measure.roofline import beside_peak
from fastnet.measure.tables import Table, duration, left_out, losses, ratio_of, too_noisy, wins_of, with_interval
from fastnet.measure.timing import Harness, ratios_to, settle, spread
from fastnet.measure.workloads import Workload

MOVED = 1.25
"""Factor between the peaks before and after from which on the processor's clock was not steady."""


def prepare(
    workload: Workload, peers: Mapping[str, tuple[Peer, int | None]], harness: Harness,
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
        harness.progress(f"{workload.name}: {peer.name} warms up")
        run = peer.prepare(workload, X, y, n_threads, learning_rate=learning_rate)
        try:
            warm_up[key] = run.warm_up()
        except Unavailable as error:
            missing[key] = str(error)
        else:
            runs[key] = run
    harness.progress(f"{workload.name}: measuring")
    return runs, missing, warm_up


def measure(workload: Workload, keys: Sequence[str], harness: Harness) -> dict[str, Any]:
    """Train a network in every library, alternately, and return the row of the results.

    Parameters
    ----------
    workload : Workload
        The network, its batches and data.
    keys : sequence of str
        Of `fastnet.measure.peers.PEERS`; "fastnet" must be among them.
    harness : Harness
        How often, for how long, and with how many threads for everyone.

    Returns
    -------
    dict
        JSON-ready: the workload, fastnet's seconds per epoch and fraction of the FMA peak, and for each library
        seconds per epoch, seconds of warm-up and the ratio to fastnet, or why it is missing.
    """
    runs, missing, warm_up = prepare(workload, {key: (PEERS[key], harness.n_threads) for key in keys}, harness)
    peaks: list[tuple[float, float]] = []

    def epoch(key: str) -> float:
        settle()
        if key != "fastnet":
            return runs[key].epoch()
        passed, pair = beside_peak(runs[key].epoch, workload.dtype, harness.n_threads)
        peaks.append(pair)
        return passed

    times = harness.times({key: partial(epoch, key) for key in runs})
    rates = [workload.flop / passed / 1e9 for passed in times["fastnet"]]
    fractions = [rate / (sum(pair) / 2) for rate, pair in zip(rates, peaks, strict=True)]
    peers = _peers(workload, times, missing, warm_up)
    return {
        **workload.to_dict(), "name": workload.name, "flop": workload.flop, "seconds": peers["fastnet"]["seconds"],
        "gflops": statistics.median(rates), "fraction_of_peak": spread(fractions),
        "peak_gflops": statistics.median([peak for pair in peaks for peak in pair]), "rounds": len(rates),
        "clock_moved": max(max(pair) / min(pair) for pair in peaks), "peers": peers,
    }  # fmt: skip


def _peers(
    workload: Workload, times: dict[str, list[float]], missing: dict[str, str], warm_up: dict[str, float]
) -> dict[str, Any]:
    peers: dict[str, Any] = {}
    for key, values in times.items():
        peers[key] = {
            "label": PEERS[key].name, "version": PEERS[key].version,
            "seconds": statistics.median(values) / workload.repeats, "warm_up_seconds": warm_up[key],
        }  # fmt: skip
        if key != "fastnet":
            peers[key]["ratio"] = ratios_to(times["fastnet"], values)
    return peers | {key: {"label": PEERS[key].name, "missing": reason} for key, reason in missing.items()}


def doubts(row: dict[str, Any]) -> list[str]:
    """Say where the machine was too noisy to conclude anything from a row."""
    what = f"{row['name']}, {row['dtype']}"
    found = [doubt for peer in row["peers"].values() for doubt in too_noisy(what, peer["label"], peer.get("ratio"))]
    if row["clock_moved"] > MOVED:
        found.append(f"{what}: the FMA peak moved by a factor of {row['clock_moved']:.2f} meanwhile")
    return found


def section(rows: Sequence[dict[str, Any]], table: Table) -> list[str]:
    """Write the paragraphs of a page: a line for each network, who is faster, who is missing, what compiling cost."""
    keys = {key: peer["label"] for row in rows for key, peer in row["peers"].items() if "ratio" in peer}
    heading = ["network", "dtype", "an epoch", "GFLOP/s", "of peak", *(f"{label} / fastnet" for label in keys.values())]
    lines = [
        [
            row["name"], row["dtype"], duration(row["seconds"]), f"{row['gflops']:.0f}",
            with_interval(row["fraction_of_peak"]), *(ratio_of(row["peers"].get(key, {})) for key in keys),
        ]
        for row in rows
    ]  # fmt: skip
    found = [
        loss
        for row in rows
        for key, peer in row["peers"].items()
        if key != "fastnet1"
        for loss in wins_of(peer["label"], f"{row['name']} ({row['dtype']})", peer.get("ratio"))
    ]
    missing = {peer["missing"] for row in rows for peer in row["peers"].values() if "missing" in peer}
    return [table(heading, lines), losses(found), *left_out(missing), _warm_up(rows)]


def _warm_up(rows: Sequence[dict[str, Any]]) -> str:
    """Say what compiling cost: the longest warm-up of each library."""
    longest: dict[str, float] = {}
    for row in rows:
        for peer in row["peers"].values():
            if "warm_up_seconds" in peer:
                longest[peer["label"]] = max(longest.get(peer["label"], 0.0), peer["warm_up_seconds"])
    words = ", ".join(f"{label} {duration(seconds)}" for label, seconds in longest.items())
    return f"Longest warm-up, with compilation where it was not cached, outside of all times: {words}."
