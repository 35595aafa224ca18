"""Training on a busy machine: beside processes that only compute, by fastnet and by others.

A step of several threads ends when the last of them does. Where something else computes, one of them may be without a
processor for milliseconds, many times what a step takes: then more threads can be slower than one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from fastnet.machine.cores import available_cores
from fastnet.measure.peers import PEERS, Peer, Run
from fastnet.measure.peers.own import ChoosingRun, WaitingRun
from fastnet.measure.suites.busy import Busy
from fastnet.measure.suites.networks import prepare
from fastnet.measure.tables import Table, left_out, losses, rate
from fastnet.measure.timing import Harness, settle, spread
from fastnet.measure.workloads import Workload

BUSY = (0, 1, 2, 4)
"""Numbers of processes beside which everyone trains."""

SECONDS = 0.5
"""Of training in one timing: hundreds of a scheduler's time slices."""

LEARNING_RATE = 1e-6
"""So low that nobody overfits the few samples, after which gradients would be denormal and slow."""

OTHERS = ("sklearn", "torch", "jax")
"""Libraries that take part, of those that were asked for."""

WORKLOADS = (
    Workload((784, 128, 10), 32, optimizer="adam", samples=2_048),
    Workload((784, 512, 512, 10), 128, optimizer="adam", samples=4_096),
    Workload((20, 16, 3), 32, optimizer="adam", samples=4_096),
)
"""Whole batches, and so few of them that an epoch ends in seconds even if each waits for a time slice."""

NOTE = """\
Training speed in samples per second beside zero, one, two and four busy processes, which run in the same session and
with the same priority, as other programs of a user do. Each library trains for about {seconds:g} s at a time, in whole
epochs: A B C alone, then beside one process, two and four, and in the next round in reverse order. Numbers are medians
of the rounds, with the confidence interval in brackets. Where no number of threads is given, fastnet chooses it, and
others have one for each processor. There are few rows, so that epochs end even if each step waits for a time slice, and
the learning rate is {learning_rate:g}, so that nobody overfits them."""


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


def measure(workload: Workload, keys: Sequence[str], harness: Harness) -> dict[str, Any]:
    """Train a network in every library beside none, one, two and four busy processes; return the row of the results.

    Parameters
    ----------
    workload : Workload
        The network, its batches and data.
    keys : sequence of str
        Of `fastnet.measure.peers.PEERS`; see `entrants`.
    harness : Harness
        How often and for how long. Within a round everything goes forwards, in the next backwards.

    Returns
    -------
    dict
        JSON-ready: the workload, the numbers of processes, for each library its samples per second beside each number
        of them, or why it is missing, and what is to be doubted.
    """
    peers = entrants(keys)
    told = replace(harness, progress=lambda text: harness.progress(f"on a busy machine, {text}"))
    runs, missing, _ = prepare(workload, peers, told, LEARNING_RATE)
    rates, found = _timed(runs, harness)
    results: dict[str, dict[str, Any]] = {
        key: {"samples_per_second": [spread(values) for values in beside.values()]} for key, beside in rates.items()
    }
    results |= {key: {"missing": reason} for key, reason in missing.items()}
    head = {key: {"label": peer.name, "version": peer.version} for key, (peer, _) in peers.items()}
    return {
        **workload.to_dict(), "name": workload.name, "busy": list(BUSY), "rounds": len(rates["fastnet"][0]),
        "seconds": SECONDS, "learning_rate": LEARNING_RATE, "peers": {key: head[key] | results[key] for key in head},
        "doubts": [f"on a busy machine, {workload.name}: {doubt}" for doubt in found],
    }  # fmt: skip


def _timed(runs: dict[str, Run], harness: Harness) -> tuple[dict[str, dict[int, list[float]]], list[str]]:
    """Return the rates of each run beside each number of processes, and what is to be doubted of them."""
    rates: dict[str, dict[int, list[float]]] = {key: {n: [] for n in BUSY} for key in runs}
    found: dict[str, None] = {}
    for turn in harness.turns():
        for n in BUSY[::turn]:
            with Busy(n) as busy:
                for key in list(runs)[::turn]:
                    harness.check()
                    settle()
                    rates[key][n].append(runs[key].train_for(SECONDS))
            found |= dict.fromkeys(busy.doubts())
    return rates, list(found)


def doubts(row: dict[str, Any]) -> list[str]:
    """Say which company was lost."""
    return list(row["doubts"])


def section(rows: Sequence[dict[str, Any]], table: Table) -> list[str]:
    """Write the paragraphs of a page: a line for each library and network, and who is faster than fastnet."""
    heading = ["network", "library", *map(beside, rows[0]["busy"])]
    peers = [(row, peer) for row in rows for peer in row["peers"].values()]
    lines = [
        [row["name"], peer["label"], *map(rate, peer["samples_per_second"])]
        for row, peer in peers
        if "missing" not in peer
    ]
    rounds = f"Rounds: {', '.join(str(row['rounds']) for row in rows)}."
    missing = left_out(peer["missing"] for _, peer in peers if "missing" in peer)
    found = [loss for row in rows for loss in _faster(row)]
    return [NOTE.format(**rows[0]), table(heading, lines), rounds, losses(found), *missing]


def _faster(row: dict[str, Any]) -> list[str]:
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
