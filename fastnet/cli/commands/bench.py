"""`fastnet bench`: what this machine does, and what others do on it."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fastnet.cli import options
from fastnet.cli.options import optional

if TYPE_CHECKING:
    from fastnet.measure.timing import Harness

EXAMPLES = """Examples:

  fastnet bench\t\ta first look, within a minute

  fastnet bench --suite full --data mnist --json r.json\t\teverything, kept

  fastnet bench --networks 784-128-10 --busy 2\t\tbeside two processes that compute

  fastnet bench --suite company\t\tbeside none, one, two and four

  fastnet bench --suite targets\t\twhat fastnet is meant to reach, and what it reaches

  fastnet bench --from r.json --markdown r.md --plot r.png\t\ta page of what was kept"""

Suite = StrEnum("Suite", ["quick", "full", "company", "targets"])
"""What is measured."""

SuiteOption = Annotated[
    Suite,
    typer.Option(
        help="A first look within a minute, or networks of all shapes, or some beside processes that only compute, or "
        "what fastnet is meant to reach."
    ),
]
Networks = Annotated[str | None, optional("SIZES", "Networks instead of the suite's, such as 784-128-10,64-32-10.")]
BatchSizes = Annotated[
    str | None, optional("N", "Samples per step for --networks, such as 32,128,full.  [default: 128]")
]
Peers = Annotated[
    str | None,
    optional(
        "NAMES",
        "Whom to compare with, with commas between: numpy, sklearn, torch, torch-compile, jax; or none.  "
        "[default: numpy, sklearn, and in the full suite all]",
    ),
]
Rounds = Annotated[int | None, optional("N", "Timings of each.  [default: 9]", min=2)]
BusyOption = Annotated[
    int, typer.Option("--busy", min=0, metavar="N", help="Measure beside so many processes that only compute.")
]
DataOption = Annotated[Path | None, optional("DATA", "Also train on this data, such as MNIST, until it is accurate.")]
From = Annotated[Path | None, optional("FILE", "Show these saved results; nothing is measured.", "--from")]
Plot = Annotated[Path | None, optional("FILE", "Draw them here: .png, .svg or .pdf.")]

SECONDS = {Suite.quick: 22.0, Suite.full: 1800.0, Suite.company: 120.0, Suite.targets: 180.0}
"""After which no further round begins; the full suite takes those of company and targets besides."""


def bench(
    suite: SuiteOption = Suite.quick, networks: Networks = None, batch_sizes: BatchSizes = None, peers: Peers = None,
    threads: options.Threads = None, rounds: Rounds = None, busy: BusyOption = 0, data: DataOption = None,
    saved: From = None, json: options.JsonFile = None, markdown: options.MarkdownFile = None, plot: Plot = None,
) -> int:  # fmt: skip
    """Measure training and inference against other libraries, and against the peak of this machine."""
    from fastnet.cli.output import check_picture, check_writable
    from fastnet.measure import page, results
    from fastnet.measure.plots import draw

    for option, path in (("--json", json), ("--markdown", markdown), ("--plot", plot)):
        check_writable(path, None, None, option)
    check_picture(plot, "--plot")
    if saved is not None:
        if busy or any(option is not None for option in (networks, batch_sizes, peers, rounds, data, threads)):
            raise ValueError(
                "--from: shows saved results as they are; options of a measurement cannot be given with it"
            )
        document = results.load(saved)
    else:
        if suite is Suite.company and busy:
            raise ValueError("--busy: the suite company has numbers of processes of its own")
        if suite in (Suite.company, Suite.targets) and plot is not None:
            raise ValueError(f"--plot: draws networks that were alone, and the suite {suite.value} has none")
        if suite is Suite.targets and networks is not None:
            raise ValueError("--networks: the suite targets has networks of its own")
        document = _measure(suite, networks, batch_sizes, peers, threads, rounds, busy, data)
    if json is not None:
        results.save(document, json)
    if plot is not None:
        draw(document, plot)
    if markdown is not None:
        page.write_markdown(document, markdown, plot)
    print(page.as_text(document))
    return 0


def _keys(peers: str | None, suite: Suite) -> list[str]:
    """Read --peers; fastnet and its reference are always measured."""
    from fastnet.measure.peers import PEERS

    if peers is None:
        peers = "sklearn" if suite is Suite.quick else "fastnet1,sklearn,torch,torch-compile,jax"
    named = ",".join(name for name in peers.split(",") if name.strip() not in ("", "none"))
    return options.names_in("--peers", f"fastnet,numpy,{named}".rstrip(","), tuple(PEERS))


def _workloads(suite: Suite, networks: str | None, batch_sizes: str | None) -> list[Any]:
    from fastnet.measure.suites.company import WORKLOADS as IN_COMPANY
    from fastnet.measure.workloads import FULL, QUICK, Workload
    from fastnet.validation.inputs import parse_sizes

    if networks is None:
        if batch_sizes is not None:
            raise ValueError("--batch-sizes: is of --networks, and none were given")
        return list({Suite.quick: QUICK, Suite.full: FULL, Suite.company: IN_COMPANY, Suite.targets: ()}[suite])
    batches = []
    for text in (batch_sizes or "128").split(","):
        if text.strip() != "full" and not (text.strip().isascii() and text.strip().isdigit() and int(text) > 0):
            raise ValueError(f"--batch-sizes must be whole numbers or full, with commas between, got {text!r}")
        batches.append(0 if text.strip() == "full" else int(text))
    sizes = [parse_sizes("--networks", text) for text in networks.split(",")]
    samples = {Suite.quick: 10_000, Suite.full: 60_000, Suite.company: IN_COMPANY[0].samples}[suite]
    return [Workload(one, batch, samples=samples) for one in sizes for batch in batches]


def _measure(
    suite: Suite, networks: str | None, batch_sizes: str | None, peers: str | None, threads: int | None,
    rounds: int | None, busy: int, data: Path | None,
) -> dict[str, Any]:  # fmt: skip
    import warnings

    from fastnet.cli.progress import steps
    from fastnet.measure import results
    from fastnet.measure.environment import environment
    from fastnet.measure.roofline import roofline
    from fastnet.measure.suites import company, estimators, targets
    from fastnet.measure.suites import networks as training
    from fastnet.measure.suites.busy import Busy
    from fastnet.measure.timing import Harness, limited_threads

    keys, workloads = _keys(peers, suite), _workloads(suite, networks, batch_sizes)
    splits = _splits(suite, data)
    with limited_threads(threads), steps(None, "measuring") as step, Busy(busy) as beside:
        settings = {"command": "bench", "suite": suite.value, "roofline": roofline(threads)._asdict()}
        document = results.new_document(environment(threads, busy), settings)
        harness = Harness(rounds or 9, SECONDS[suite], threads, step)
        document |= _sections(suite, workloads, keys, harness, whole=networks is None, alone=not busy)
        for name, split in splits:
            document["accuracy"] += _accuracy(name, split, keys, harness)
    parts = {"networks": training, "estimators": estimators, "company": company, "targets": targets}
    found = [text for section, part in parts.items() for row in document[section] for text in part.doubts(row)]
    document["warnings"] = [*found, *beside.doubts()]
    for warning in document["warnings"]:
        warnings.warn(warning, stacklevel=2)
    return document


def _sections(
    suite: Suite, workloads: list[Any], keys: list[str], harness: Harness, whole: bool, alone: bool
) -> dict[str, list[dict[str, Any]]]:
    """Measure what a suite consists of, some of it if not the whole suite is asked for or if it is not alone."""
    from fastnet.measure.suites import company, estimators, inference, networks, targets

    def lasting(seconds: float) -> Harness:
        return replace(harness, seconds=seconds)

    sections: dict[str, list[dict[str, Any]]] = {}
    full = whole and suite is Suite.full
    if suite in (Suite.quick, Suite.full):
        sections["networks"] = [networks.measure(one, keys, share) for one, share in harness.shares(workloads)]
        if whole and "sklearn" in keys:
            fits, seconds = (estimators.FULL, 600.0) if full else (estimators.QUICK, 6.0)
            sections["estimators"] = estimators.measure_all(fits, lasting(seconds))
        sections["latency"] = inference.measure_all(keys, harness)
    if suite is Suite.targets or full:
        sections["targets"] = targets.measure_all(targets.TARGETS, keys, lasting(SECONDS[Suite.targets]))
    if suite is Suite.company or (full and alone):
        those = list(company.WORKLOADS) if full else workloads
        shares = lasting(SECONDS[Suite.company]).shares(those)
        sections["company"] = [company.measure(one, keys, share) for one, share in shares]
    return sections


def _splits(suite: Suite, data: Path | None) -> list[tuple[str, Any]]:
    """Return what is trained on until it is accurate: the digits in the full suite, and the data given."""
    from fastnet.measure.suites.accuracy import digits, split

    splits = [("digits", digits())] if suite is Suite.full else []
    if data is not None:
        from fastnet.datasets import load

        splits.append((data.name, split(load(data))))
    return splits


def _accuracy(name: str, split: Any, keys: list[str], harness: Harness) -> list[dict[str, Any]]:
    from fastnet.measure.suites.accuracy import time_to_accuracy
    from fastnet.measure.workloads import Workload

    sizes = (split.X.shape[1], 128, int(split.y.max()) + 1)
    workload = Workload(sizes, 32, optimizer="adam", samples=len(split.X))
    told = replace(harness, progress=lambda text: harness.progress(f"{name}: {text}"))
    rows = time_to_accuracy([key for key in keys if key != "fastnet1"], split, workload, told)
    return [{"data": name, **row} for row in rows]
