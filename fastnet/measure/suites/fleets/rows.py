"""The rows of the suite: who is measured at what, beside which targets, and the page that tells of it."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

from fastnet.machine.threads import resolve_threads
from fastnet.measure.peers.own import blas_threads
from fastnet.measure.suites.fleets import entrants
from fastnet.measure.suites.fleets.entrants import Digits, Entrant
from fastnet.measure.suites.fleets.work import ManyNetworks
from fastnet.measure.tables import Table, duration, is_noisy, left_out, losses, wins_of, with_interval
from fastnet.measure.timing import Harness, limited_threads, ratios_to, settle, spread

NOTE = """\
Many networks at once, by fastnet and by others that do the same work: as many epochs, steps and networks, with the same
number of threads or processes, but JAX has the threads of its process. Trainings are timed from data in memory to the
last step; a fleet checks and converts its data each time. Nothing is compiled and no process started within a timing.
Ratios are of times from the same round, medians with the confidence interval in brackets."""


class Case(NamedTuple):
    """Some work: who of fastnet does it, and others, with the ratio to them that is aimed for, if any is."""

    work: Any
    own: Entrant
    others: tuple[tuple[Entrant, float | None], ...]


CASES = (
    Case(
        ManyNetworks(16, (784, 10, 10), 128, 16_384, 5),
        Entrant("fleet", "fastnet", entrants.fleet),
        (
            (entrants.LOOP, 2.5), (entrants.JAX_VMAP, 5.0), (entrants.TORCH_LOOP, 10.0), (entrants.TORCH_VMAP, None),
        ),
    ),
    Case(
        ManyNetworks(32, (20, 64, 64, 1), 64, 2_048, 5, "adam", own_order=True),
        Entrant("fleet", "fastnet", entrants.fleet),
        (
            (entrants.ONE_THREAD, 1.8), (entrants.TORCH_VMAP, 10.0), (entrants.JAX_VMAP, None),
            (entrants.TORCH_LOOP, None),
        ),
    ),
    Case(
        Digits("ensemble of 16 networks on the digits, 20 epochs", 20),
        Entrant("MLPEnsembleClassifier", "fastnet", entrants.ensemble),
        ((entrants.BAGGING, 8.0),),
    ),
    Case(
        Digits("grid search of 24 fits on the digits, 20 epochs", 20),
        Entrant("MLPClassifier, threads", "fastnet", entrants.search),
        ((entrants.SEARCH, 5.0),),
    ),
)  # fmt: skip
"""A fleet of the same batches, one of rows and orders of their own, an ensemble, and a search."""


def measure(case: Case, keys: Sequence[str], harness: Harness) -> dict[str, Any]:
    """Measure a case as often and for as long as a harness says; return the row of the results.

    Parameters
    ----------
    case : Case
        Such as one of `CASES`.
    keys : sequence of str
        Libraries that were asked for, of `fastnet.measure.peers.PEERS`.
    harness : Harness
        How often, for how long, with how many threads.

    Returns
    -------
    dict
        JSON-ready: what is done, the threads, the seconds that fastnet takes, and for each other its seconds, the ratio
        with the target and whether it is met, or why it is missing.
    """
    threads = resolve_threads(harness.n_threads)
    told = {one: one.missing() for one, _ in case.others if one.peer in keys}
    runs: dict[str, Callable[[], float]] = {}
    with limited_threads(harness.n_threads):
        for one in (case.own, *(one for one, reason in told.items() if reason is None)):
            harness.progress(f"{case.work.name}: {one.label} warms up")
            runs[one.label] = partial(_seconds, one.prepare(case.work, threads), threads)
            runs[one.label]()
        harness.progress(case.work.name)
        times = harness.times(runs)
    own = times[case.own.label]
    others = {
        one.label: {"missing": told[one]} if told[one] else _compared(own, times[one.label], wanted)
        for one, wanted in case.others
        if one in told
    }
    return {
        "name": case.work.name, "own": case.own.label, "threads": threads, "rounds": len(own), "seconds": spread(own),
        "others": others,
    }  # fmt: skip


def measure_all(cases: Sequence[Case], keys: Sequence[str], harness: Harness) -> Iterator[dict[str, Any]]:
    """Measure cases one after the other, each for its share of the seconds."""
    for case, share in harness.shares(cases):
        yield measure(case, keys, share)


def _seconds(call: Callable[[], object], threads: int) -> float:
    """Time a call, when the threads of the one before have stopped spinning; that nothing converged is no matter."""
    settle()
    with blas_threads(threads), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        start = time.perf_counter()
        call()
        return time.perf_counter() - start


def _compared(own: Sequence[float], other: Sequence[float], wanted: float | None) -> dict[str, Any]:
    ratio = ratios_to(own, other)
    found = {"seconds": spread(other), "ratio": ratio, "target": wanted}
    return found | {"met": None if wanted is None else ratio["median"] >= wanted}


def doubts(row: dict[str, Any]) -> list[str]:
    """Say which ratios of a row are too noisy to conclude anything from."""
    return [
        f"{row['name']}: the ratio of {label} is uncertain"
        for label, one in row["others"].items()
        if "missing" not in one and is_noisy(one["ratio"])
    ]


def section(rows: Sequence[dict[str, Any]], table: Table) -> list[str]:
    """Write the paragraphs of a page: a line for each other and case, and how many targets were met."""
    heading = [
        "work",
        "threads",
        "fastnet",
        "seconds",
        "other",
        "seconds of it",
        "other / fastnet",
        "wanted",
        "verdict",
    ]
    pairs = [(row, label, one) for row in rows for label, one in row["others"].items()]
    there = [pair for pair in pairs if "missing" not in pair[2]]
    lines = [
        [
            row["name"], str(row["threads"]), row["own"], duration(row["seconds"]["median"]), label,
            duration(one["seconds"]["median"]), with_interval(one["ratio"]), _wanted(one["target"]), _verdict(one),
        ]
        for row, label, one in there
    ]  # fmt: skip
    met = [one["met"] for _, _, one in there if one["met"] is not None]
    found = [loss for row, label, one in there for loss in wins_of(label, row["name"], one["ratio"])]
    missing = left_out(one["missing"] for _, _, one in pairs if "missing" in one)
    counts = f"Met: {met.count(True)}; missed: {met.count(False)}."
    return [NOTE, table(heading, lines), counts, losses(found), *missing]


def _wanted(target: float | None) -> str:
    return "-" if target is None else f"at least {target:g}"


def _verdict(one: dict[str, Any]) -> str:
    return "-" if one["met"] is None else "met" if one["met"] else "missed"
