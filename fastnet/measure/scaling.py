"""How training scales over ranks: measured costs of a network, what the model makes of them, and a check by MPI."""

from __future__ import annotations

import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from fastnet.distributed.connecting import require, world
from fastnet.distributed.cost import Costs, Link, Step, efficiency, predict, shards_for
from fastnet.distributed.steps import ShardedSteps
from fastnet.measure.tables import Table, duration
from fastnet.measure.timing import in_loops, limited_threads
from fastnet.measure.workloads import Workload
from fastnet.network import Network
from fastnet.optimizers import Adam
from fastnet.training.loop import Layers, Task
from fastnet.training.trainer import Trainer

SECONDS = 0.3
"""Time for each measurement."""

MOST_SECONDS = 300
"""Seconds after which a check counts as hung."""

PING, PINGS = 8, 200
"""Bytes of a small message, and how many are sent to find the latency."""


class Scaling(NamedTuple):
    """What is planned.

    Attributes
    ----------
    sizes : tuple of int
        Layer sizes of the network.
    n_batch : int
        Samples of a batch.
    shards : int
        Shards of it, at least.
    n_threads : int
        Threads of a rank.
    """

    sizes: tuple[int, ...]
    n_batch: int
    shards: int
    n_threads: int

    @property
    def name(self) -> str:
        """The network and its batch."""
        return f"{'-'.join(map(str, self.sizes))}, batch {self.n_batch:,}"

    def rows_of(self, ranks: int) -> int:
        """Return the samples of a shard where so many ranks share them."""
        return -(-self.n_batch // shards_for(ranks, self.shards))

    def fits(self, ranks: int) -> bool:
        """Tell whether every rank has rows."""
        return shards_for(ranks, self.shards) <= self.n_batch


def make_steps(plan: Scaling, ranks: str | None = None) -> ShardedSteps:
    """Return what takes steps of Adam over one batch of random samples, compiled."""
    X, y = Workload(plan.sizes, plan.n_batch, samples=plan.n_batch).data()
    network = Network(plan.sizes, seed=0)
    trainer = Trainer(
        network, Adam(), batch_size=plan.n_batch, seed=0, n_threads=plan.n_threads, shards=plan.shards, ranks=ranks
    )
    data = trainer.prepare(X, y)
    steps = Task(Layers.of(network), trainer.settings, trainer.state, data.samples).in_shards(plan.n_batch)
    assert steps is not None
    steps(np.empty(0, np.int64))
    return steps


def measure(plan: Scaling, ranks: Sequence[int], seconds: float = SECONDS) -> Costs:
    """Measure what a step is made of, in this process."""
    gradient, update, vector = make_steps(plan).parts
    order, other = np.arange(plan.n_batch), np.zeros_like(vector)
    sizes = sorted({plan.rows_of(p) for p in (1, *ranks) if plan.fits(p)}, reverse=True)
    with limited_threads(plan.n_threads):
        gradients = _least({rows: partial(gradient, order[:rows], 0) for rows in sizes}, seconds)
        add = in_loops(lambda: np.add(vector, other, out=other), seconds / 10)
        take = in_loops(lambda: update(1, float(plan.n_batch), None), seconds / 10)
        return Costs(gradients, add(), take(), vector.nbytes)


def _least(calls: Mapping[int, Callable[[], object]], seconds: float) -> dict[int, float]:
    """Return the least time of each call, taken in turns: what else the machine does then hits all of them alike."""
    timed = {name: in_loops(call, seconds / 30) for name, call in calls.items()}
    least, end = dict.fromkeys(calls, math.inf), time.perf_counter() + seconds * len(calls)
    while math.inf in least.values() or time.perf_counter() < end:
        for name, run in timed.items():
            least[name] = min(least[name], run())
    return least


def predictions(plan: Scaling, costs: Costs, links: Sequence[Link], ranks: Sequence[int]) -> list[dict[str, Any]]:
    """Return a row for each link and number of ranks that has rows for all."""
    rows = []
    for link in links:
        one = predict(costs, link, plan.n_batch, 1, plan.shards)
        for p in ranks:
            if plan.fits(p):
                step = predict(costs, link, plan.n_batch, p, shards_for(p, plan.shards))
                rows.append({"link": link.name, **_row(step), "efficiency": efficiency(one, step)})
    return rows


def _row(step: Step) -> dict[str, Any]:
    parts = {"compute": step.compute, "exchange": step.exchange, "update": step.update, "step": step.seconds}
    return {"ranks": step.ranks, "shards": step.shards, **{f"{name}_ms": 1e3 * value for name, value in parts.items()}}


def describe(plan: Scaling, costs: Costs) -> dict[str, Any]:
    """Return the plan and what was measured for it, JSON-ready."""
    return {
        "network": "-".join(map(str, plan.sizes)), "batch_size": plan.n_batch, "threads": plan.n_threads,
        "parameters_bytes": costs.n_bytes, "add_ms": 1e3 * costs.add, "update_ms": 1e3 * costs.update,
        "gradient_ms": {str(rows): 1e3 * seconds for rows, seconds in costs.gradient.items()},
    }  # fmt: skip


def check(plan: Scaling, costs: Costs, seconds: float = SECONDS) -> list[dict[str, Any]]:
    """Train by 1 and by 2 ranks over MPI on this machine; return predicted and measured times of a step.

    Raises
    ------
    OSError
        If there is no `mpiexec`, or it fails.
    """
    found = [_launch(plan, n_ranks, seconds) for n_ranks in (1, 2)]
    link = Link("measured", found[1]["latency"], found[1]["bandwidth"])
    rows = []
    for n_ranks, one in zip((1, 2), found, strict=True):
        predicted = predict(costs, link, plan.n_batch, n_ranks, plan.shards).seconds
        rows.append({"ranks": n_ranks, "predicted_ms": 1e3 * predicted, "measured_ms": 1e3 * one["step"]})
    for row in rows:
        for kind in ("predicted", "measured"):
            row[f"{kind}_efficiency"] = rows[0][f"{kind}_ms"] / (row["ranks"] * row[f"{kind}_ms"])
    rows[1] |= {"latency_us": 1e6 * link.latency, "bandwidth_gbit": 8e-9 * link.bandwidth}
    return rows


def require_mpi() -> None:
    """Refuse a check where mpi4py or `mpiexec` is missing, before anything is measured for it."""
    require()
    mpiexec()


def mpiexec() -> str:
    """Find what starts ranks: beside this Python, as the package mpich puts it there, or on the path."""
    beside = Path(sys.executable).with_name("mpiexec")
    found = str(beside) if beside.exists() else shutil.which("mpiexec")
    if found is None:
        raise FileNotFoundError("mpiexec is not on the path: install an MPI, such as the package mpich")
    return found


def _launch(plan: Scaling, n_ranks: int, seconds: float) -> dict[str, float]:
    """Have so many ranks train on this machine, and return what the first one measured."""
    root = str(Path(__file__).parents[2])
    path = os.pathsep.join([root, *filter(None, [os.environ.get("PYTHONPATH")])])
    # Names of sockets, which some MPIs make in the folder of temporary files, have a limit of length.
    environment = {**os.environ, "PYTHONPATH": path, "TMPDIR": tempfile.gettempdir()}
    command = [mpiexec(), "-n", str(n_ranks), sys.executable, "-m", __spec__.name, json.dumps([plan, seconds])]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=MOST_SECONDS, env=environment, stdin=subprocess.DEVNULL
        )
    except subprocess.TimeoutExpired:
        raise OSError(f"{n_ranks} ranks over MPI were not done within {MOST_SECONDS} s") from None
    if done.returncode:
        last = (done.stderr.strip() or done.stdout.strip()).splitlines()[:1]
        raise OSError(f"{n_ranks} ranks over MPI failed: {' '.join(last) or f'exit code {done.returncode}'}")
    result: dict[str, float] = json.loads(done.stdout)
    return result


def as_rank(plan: Scaling, seconds: float) -> dict[str, float]:
    """Train with the other ranks, and measure a step; with two ranks the link between them too."""
    comm = world()
    steps, order = make_steps(plan, "mpi"), np.arange(plan.n_batch)
    times, end = [], time.perf_counter() + max(seconds, 1e-3)
    with limited_threads(plan.n_threads):
        for i in range(10_000):
            start = time.perf_counter()
            steps(order, i)
            times.append(time.perf_counter() - start)
            if steps.ranks.any(i > 1 and time.perf_counter() > end):
                break
    link = {} if comm.Get_size() == 1 else _measure_link(comm, steps.parts[2])
    return {"step": min(times), **link}


def _measure_link(comm: Any, vector: Any) -> dict[str, float]:
    """Exchange small messages, and half of a vector, with the rank beside this one."""
    other, half = comm.Get_rank() ^ 1, vector[: max(vector.size // 2, 1)]
    small, received = np.zeros(PING, np.uint8), np.empty_like(half)

    def exchange(sent: Any, room: Any, count: int) -> float:
        comm.Barrier()
        start = time.perf_counter()
        for _ in range(count):
            comm.Sendrecv(sent, other, recvbuf=room, source=other)
        return (time.perf_counter() - start) / count

    exchange(half, received, 3)
    latency = min(exchange(small, small.copy(), PINGS) for _ in range(5))
    seconds = min(exchange(half, received, 5) for _ in range(5))
    return {"latency": latency, "bandwidth": half.nbytes / max(seconds - latency, 1e-9)}


def section(row: dict[str, Any], table: Table) -> list[str]:
    """Write what was planned for a network: costs, a table of steps and efficiencies, a check if there was one."""
    plan = Scaling(tuple(map(int, row["network"].split("-"))), row["batch_size"], 1, row["threads"])
    largest = max(map(int, row["gradient_ms"]))
    said = (
        f"{plan.name}: {row['parameters_bytes'] / 1e6:.2f} MB of parameters; {plan.n_threads} "
        f"thread{'s' * (plan.n_threads > 1)} of a rank took {duration(row['gradient_ms'][str(largest)] / 1e3)} for the "
        f"gradient of {largest:,} samples and {duration(row['update_ms'] / 1e3)} for an update."
    )
    links = list(dict.fromkeys(one["link"] for one in row["rows"]))
    numbers = list(dict.fromkeys(one["ranks"] for one in row["rows"]))
    cells = {(one["ranks"], one["link"]): one for one in row["rows"]}
    lines = [
        [f"{p:,}", f"{cells[p, links[0]]['shards']:,}", duration(cells[p, links[0]]["compute_ms"] / 1e3),
         *(_cell(cells[p, link]) for link in links)]
        for p in numbers
    ]  # fmt: skip
    parts = [said, table(["ranks", "shards", "compute", *links], lines)]
    if row.get("check"):
        parts.append(table(
            ["ranks", "predicted", "measured", "predicted efficiency", "measured efficiency"],
            [[str(one["ranks"]), *(duration(one[f"{kind}_ms"] / 1e3) for kind in ("predicted", "measured")),
              *(f"{one[f'{kind}_efficiency']:.2f}" for kind in ("predicted", "measured"))] for one in row["check"]],
        ))  # fmt: skip
        link = row["check"][1]
        parts.append(f"Between two ranks: {link['latency_us']:.1f} us, {link['bandwidth_gbit']:.0f} Gbit/s.")
    return parts


def _cell(one: dict[str, Any]) -> str:
    return f"{one['efficiency']:.2f} ({duration(one['step_ms'] / 1e3)})"


if __name__ == "__main__":
    planned, allowed = json.loads(sys.argv[1])
    measured = as_rank(Scaling(tuple(planned[0]), *planned[1:]), allowed)
    if world().Get_rank() == 0:
        print(json.dumps(measured))
