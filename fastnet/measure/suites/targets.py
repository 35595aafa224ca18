"""Targets: what fastnet is meant to reach, and what it reaches on the machine at hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from fastnet.machine.threads import resolve_threads
from fastnet.measure.cases.case import label_of
from fastnet.measure.peers import Unavailable
from fastnet.measure.suites.estimators import Fit
from fastnet.measure.suites.target_runs import (
    Runs,
    TableFit,
    fit_of_peak,
    one_row,
    over_jax,
    over_numpy,
    over_reference,
    table_fit_of_peak,
    training_of_peak,
)
from fastnet.measure.tables import Table, is_noisy, with_interval
from fastnet.measure.timing import Harness, limited_threads, spread
from fastnet.measure.workloads import Workload

NOTE = """\
Performance targets, and what was reached: medians of the rounds, with the confidence interval in brackets; the median
decides whether a target is met. Everything is float32 and single-threaded, including BLAS, unless the row says
otherwise. Both sides of a ratio are timed in each round, A B and then B A; so are a row and the FMA peak for the same
number of threads. Training is timed as prepared epochs over random data, a fit with all its checks and conversions.
FLOP are 2 * in * out for each of forward, dx and dW per layer and sample, without dx in the first layer. JAX uses the
threads of its process."""


class Kind(NamedTuple):
    """What targets of a kind have in common."""

    measured: str
    """What is measured, with its unit."""

    prepare: Callable[[Any], Runs]
    """Makes, of what is measured, what is timed; raises `Unavailable` where that cannot be."""

    name: Callable[[Any], str]
    """Of what is measured."""

    n_threads: int | None = 1
    """None for as many as the kernels take by themselves."""

    at_most: bool = False
    """Whether less is better."""

    peer: str = "fastnet"
    """The library, of `fastnet.measure.peers.PEERS`, without which there is nothing to measure."""


KINDS = {
    "matmul": Kind("np.matmul / fastnet", over_numpy, lambda shapes: f"matmul {label_of(shapes)}"),
    "reference": Kind("numpy / numba", over_reference, " ".join),
    "training": Kind("fraction of the peak", training_of_peak, lambda workload: f"training, {workload.name}"),
    "one row": Kind(
        "microseconds a call", one_row, lambda sizes: f"Predictor, a row of {'-'.join(map(str, sizes))}", at_most=True
    ),
    "fit": Kind("fraction of the peak, all threads", fit_of_peak, lambda fit: f"MLPClassifier, {fit.name}", None),
    "table fit": Kind(
        "fraction of the peak, all threads", table_fit_of_peak, lambda fit: f"TabularMLPClassifier, {fit.name}", None
    ),
    "jax": Kind("JAX / fastnet", over_jax, lambda workload: f"training, {workload.name}", peer="jax"),
}


class Target(NamedTuple):
    """A number that is to be reached: a key of `KINDS`, what is measured, as the kind takes it, and the number."""

    kind: str
    of: Any
    wanted: float

    @property
    def name(self) -> str:
        """What is measured."""
        return KINDS[self.kind].name(self.of)


TARGETS = (
    Target("matmul", ((16, 64, 64), (16, 64, 64)), 1.05),
    Target("matmul", ((64, 16, 16), (64, 16, 16)), 1.05),
    Target("matmul", ((4, 256, 256), (4, 256, 256)), 1.05),
    Target("matmul", ((32, 32, 128), (32, 128, 10)), 1.05),
    Target("reference", ("linear_forward", "128x784x10"), 1.3),
    Target("reference", ("linear_backward", "128x784x10"), 1.3),
    Target("reference", ("softmax_forward", "32x1000"), 2.0),
    Target("reference", ("binary_cross_entropy_forward", "32x1000"), 2.0),
    Target("reference", ("predict_logits", "64x20-16-3-relu-floats"), 1.5),
    Target("reference", ("predict_logits", "64x64-128-64-10-relu-relu-floats"), 1.5),
    Target("reference", ("predict_logits", "64x784-128-10-relu-floats"), 1.5),
    Target("one row", (784, 128, 10), 3.0),
    Target("training", Workload((784, 10, 10), 128), 0.5),
    Target("training", Workload((784, 10, 10), 0), 0.5),
    Target("training", Workload((6, 24, 12, 3), 0, optimizer="adam", samples=10_000), 0.4),
    Target("training", Workload((32, 64, 32, 10), 0, optimizer="adam", samples=10_000), 0.4),
    Target("training", Workload((100, 50, 50, 50, 50, 50, 3), 16, optimizer="adam", samples=4_000), 0.5),
    Target("training", Workload((13, 7, 1021, 5), 57, optimizer="adam", samples=8_000), 0.5),
    Target("training", Workload((128, 64, 1000), 64, optimizer="adam", samples=8_192), 0.7),
    Target("training", Workload((784, 128, 10), 128, samples=16_384), 0.85),
    Target("training", Workload((784, 128, 10), 32, optimizer="adam", samples=8_192), 0.75),
    Target("training", Workload((784, 1024, 1024, 10), 128, optimizer="adam", samples=2_048), 0.92),
    Target("training", Workload((784, 1024, 1024, 10), 512, optimizer="adam", samples=4_096), 0.92),
    Target("training", Workload((512, 2048, 2048, 100), 256, optimizer="adam", samples=1_024), 0.92),
    Target("fit", Fit(60_000, 784, 3), 0.8),
    Target("table fit", TableFit(10_000, 50, 16), 0.65),
    Target("jax", Workload((784, 300, 100, 10), 1, samples=4_000), 1.5),
)
"""Products and operations by themselves, inference, training from narrow to wide, the default classifiers, and JAX."""


def measure(target: Target, harness: Harness) -> dict[str, Any]:
    """Measure what a target is of, as often and for as long as a harness says; return the row of the results."""
    kind = KINDS[target.kind]
    harness.progress(f"targets: {target.name}")
    with limited_threads(kind.n_threads):
        try:
            runs = kind.prepare(target.of)
        except Unavailable as error:
            return row_of(target, str(error))
        times = harness.times(runs.turns)
        values = [runs.value(dict(zip(times, once, strict=True))) for once in zip(*times.values(), strict=True)]
        return row_of(target, values)


def row_of(target: Target, found: Sequence[float] | str) -> dict[str, Any]:
    """Return the row of a target that was measured so often, or was not for the reason given.

    Returns
    -------
    dict
        JSON-ready: what was measured, with how many threads, what was wanted, the median with its interval, and
        whether it is met; or why there is none.

    Examples
    --------
    >>> from fastnet.measure.suites.targets import TARGETS, row_of
    >>> row = row_of(TARGETS[0], [1.0, 1.2, 1.1])
    >>> row["name"], row["target"], row["value"]["median"], row["met"]
    ('matmul 16x64x64 @ 16x64x64', 1.05, 1.1, True)
    """
    kind = KINDS[target.kind]
    row = {
        "name": target.name, "measured": kind.measured, "threads": resolve_threads(kind.n_threads),
        "target": target.wanted, "at_most": kind.at_most,
    }  # fmt: skip
    if isinstance(found, str):
        return row | {"missing": found}
    value = spread(found)
    met = value["median"] <= target.wanted if kind.at_most else value["median"] >= target.wanted
    return row | {"value": value, "met": met}


def measure_all(targets: Sequence[Target], keys: Sequence[str], harness: Harness) -> Iterator[dict[str, Any]]:
    """Measure targets one after the other, each for its share of the seconds; those of libraries that were asked for.

    Parameters
    ----------
    targets : sequence of Target
        Such as `TARGETS`.
    keys : sequence of str
        Of `fastnet.measure.peers.PEERS`; "fastnet" must be among them.
    harness : Harness
        How often, and for how long all together.

    Yields
    ------
    dict
        A row for each.
    """
    wanted = [target for target in targets if KINDS[target.kind].peer in keys]
    for target, share in harness.shares(wanted):
        yield measure(target, share)


def doubts(row: dict[str, Any]) -> list[str]:
    """Say if the machine was too noisy to conclude anything from a row."""
    uncertain = "value" in row and is_noisy(row["value"])
    return [f"target {row['name']}: {row['measured']} is uncertain"] if uncertain else []


def section(rows: Sequence[dict[str, Any]], table: Table) -> list[str]:
    """Write the paragraphs of a page: a row for each target, and how many were met."""
    heading = ["target", "measured", "wanted", "reached", "verdict"]
    lines = [[row["name"], row["measured"], _wanted(row), _reached(row), _verdict(row)] for row in rows]
    met = [row["met"] for row in rows if "value" in row]
    counts = f"Met: {met.count(True)}; missed: {met.count(False)}; not measured: {len(rows) - len(met)}."
    return [NOTE, table(heading, lines), counts]


def _wanted(row: dict[str, Any]) -> str:
    return f"at {'most' if row['at_most'] else 'least'} {row['target']:g}"


def _reached(row: dict[str, Any]) -> str:
    # three decimals: what misses by little must not look like the target
    return with_interval(row["value"], ".3f") if "value" in row else "-"


def _verdict(row: dict[str, Any]) -> str:
    if "missing" in row:
        return f"not measured: {row['missing']}"
    return "met" if row["met"] else "missed"
