"""Training in company: beside so many processes that only compute, by fastnet and by others.

A step of several threads ends when the last of them does. Where something else computes, one of them may be without a
processor for milliseconds, many times what a step takes: then more threads can be slower than one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from fastnet.machine.cores import available_cores
from fastnet.measure.peers import PEERS, Peer, Run
from fastnet.measure.peers.own import ChoosingRun, WaitingRun
from fastnet.measure.suites.busy import Busy
from fastnet.measure.suites.suite import PAUSE, prepare
from fastnet.measure.timing import spread
from fastnet.measure.workloads import Workload

BUSY = (0, 1, 2, 4)
"""Numbers of processes beside which everyone trains."""

SECONDS = 0.5
"""Of training in one timing: hundreds of a scheduler's time slices."""

LEARNING_RATE = 1e-6
"""So low that nobody learns the few samples by heart, after which gradients would be denormal and slow."""

OTHERS = ("sklearn", "torch", "jax")
"""Libraries that take part, of those that were asked for."""

WORKLOADS = (
    Workload((784, 128, 10), 32, optimizer="adam", samples=2_048),
    Workload((784, 512, 512, 10), 128, optimizer="adam", samples=4_096),
    Workload((20, 16, 3), 32, optimizer="adam", samples=4_096),
)
"""Whole batches, and so few of them that an epoch ends in seconds even if each waits for a time slice."""

Progress = Callable[[str], object]


def entrants(keys: Sequence[str]) -> dict[str, tuple[Peer, int | None]]:
    """Return who trains with how many threads: fastnet as it likes and as it is told, and others with all and two.

    Parameters
    ----------
    keys : sequence of str
        Libraries that were asked for; those of `OTHERS` among them take part.

    Returns
    -------
    dict
        Peers and their threads, None for as many as there are processors. fastnet itself is "fastnet"; what has two
        threads is there if that are not all, or if it is fastnet, whose two then wait for each other;
        JAX's threads are those of its process.
    """
    own, cores = PEERS["fastnet"], available_cores()
    found: dict[str, tuple[Peer, int | None]] = {"fastnet": (replace(own, start=ChoosingRun), None)}
    if cores > 1:
        found |= {"fastnet1": (PEERS["fastnet1"], None), "fastnet2": (replace(_named(own, 2), start=WaitingRun), 2)}
    for key in OTHERS:
        if key in keys:
            found[key] = PEERS[key], None
            if cores > 2 and key != "jax":
                found[f"{key}2"] = _named(PEERS[key], 2), 2
    return found


def _named(peer: Peer, n_threads: int) -> Peer:
    return replace(peer, name=f"{peer.name}, {n_threads} threads")


def measure(workload: Workload, keys: Sequence[str], rounds: int, seconds: float, progress: Progress) -> dict[str, Any]:
    """Train a network in every library beside none, one, two and four busy processes; return the row of the results.

    Parameters
    ----------
    workload : Workload
        The network, its batches and data.
    keys : sequence of str
        Of `fastnet.measure.peers.PEERS`; see `entrants`.
    rounds : int
        Timings of each library beside each number of processes; at least two are taken. Within a round everything
        goes forwards, in the next backwards.
    seconds : float
        After which no further round begins.
    progress : callable
        Is told what runs.

    Returns
    -------
    dict
        JSON-ready: the workload, the numbers of processes, for each library its samples per second beside each number
        of them, or why it is missing, and what is to be doubted.
    """
    peers = entrants(keys)
    runs, missing, _ = prepare(workload, peers, lambda text: progress(f"in company, {text}"), LEARNING_RATE)
    progress(f"in company, {workload.name}: measuring")
    rates, doubts = _timed(runs, rounds, seconds)
    results: dict[str, dict[str, Any]] = {
        key: {"samples_per_second": [spread(values)._asdict() for values in beside.values()]}
        for key, beside in rates.items()
    }
    results |= {key: {"missing": reason} for key, reason in missing.items()}
    head = {key: {"label": peer.name, "version": peer.version} for key, (peer, _) in peers.items()}
    return {
        **workload.to_dict(), "name": workload.name, "busy": list(BUSY), "rounds": len(rates["fastnet"][0]),
        "seconds": SECONDS, "learning_rate": LEARNING_RATE, "peers": {key: head[key] | results[key] for key in head},
        "doubts": [f"in company, {workload.name}: {doubt}" for doubt in doubts],
    }  # fmt: skip


def _timed(runs: dict[str, Run], rounds: int, seconds: float) -> tuple[dict[str, dict[int, list[float]]], list[str]]:
    """Return the rates of each run beside each number of processes, and what is to be doubted of them."""
    rates: dict[str, dict[int, list[float]]] = {key: {n: [] for n in BUSY} for key in runs}
    doubts: dict[str, None] = {}
    end = time.perf_counter() + seconds
    for i in range(rounds):
        direction = 1 if i % 2 == 0 else -1
        for n in BUSY[::direction]:
            with Busy(n) as busy:
                for key in list(runs)[::direction]:
                    time.sleep(PAUSE)
                    rates[key][n].append(runs[key].train_for(SECONDS))
            doubts |= dict.fromkeys(busy.doubts())
        if i >= 1 and time.perf_counter() > end:
            break
    return rates, list(doubts)


def measure_all(
    workloads: Sequence[Workload], keys: Sequence[str], rounds: int, seconds: float, progress: Progress
) -> list[dict[str, Any]]:
    """Measure networks one after the other, each for its share of the seconds."""
    return [measure(workload, keys, rounds, seconds / len(workloads), progress) for workload in workloads]


def losses(row: dict[str, Any]) -> list[str]:
    """Name who is faster than fastnet, and beside how many processes: others, and fastnet itself with one thread."""
    found = []
    for key, peer in row["peers"].items():
        if key in ("fastnet", "fastnet2") or "missing" in peer:
            continue
        rates = zip(row["busy"], row["peers"]["fastnet"]["samples_per_second"], peer["samples_per_second"], strict=True)
        faster = [
            f"{theirs['median'] / ours['median']:.2f} times {beside(n)}"
            for n, ours, theirs in rates
            if theirs["median"] > ours["median"]
        ]
        if faster:
            found.append(f"{row['name']}: {peer['label']} is faster, {', '.join(faster)}")
    return found


def beside(n: int) -> str:
    """Write beside how many processes something was measured."""
    return f"beside {n}" if n else "alone"
