"""`fastnet bench`: what this machine does, and what others do on it."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from fastnet.cli import options
from fastnet.cli.options import optional
from fastnet.cli.signals import INTERRUPTED

EXAMPLES = """\b
Examples:
  fastnet bench
  fastnet bench --suite full --data mnist --json r.json
  fastnet bench --networks 784-128-10 --busy 2
  fastnet bench --suite company
  fastnet bench --suite targets
  fastnet bench --suite fleets
  fastnet bench --suite tabular --data tables
  fastnet bench --from r.json --markdown r.md --plot r.png
"""

Suite = StrEnum("Suite", ["quick", "full", "company", "targets", "fleets", "tabular"])
"""What is measured."""

SuiteOption = Annotated[
    Suite,
    typer.Option(
        help="quick: a first look within a minute; full: networks of all shapes; company: while other processes load "
        "the processor; targets: measured performance beside its targets; fleets: many networks at once; tabular: "
        "errors and seconds on tables."
    ),
]
Networks = Annotated[
    str | None,
    optional("SIZES", "Layer sizes of networks to measure instead of the suite's, such as 784-128-10,64-32-10."),
]
BatchSizes = Annotated[
    str | None, optional("N", "Samples per step for --networks, such as 32,128,full.  [default: 128]")
]
Peers = Annotated[
    str | None,
    optional(
        "NAMES",
        "Libraries to compare with, separated by commas: numpy, sklearn, torch, torch-compile, jax; or none.  "
        "[default: numpy,sklearn; all for --suite full]",
    ),
]
Rounds = Annotated[int | None, optional("N", "Repetitions of each measurement.  [default: 9]", min=2)]
BusyOption = Annotated[
    int, typer.Option("--busy", min=0, metavar="N", help="Run N busy processes beside the measurement.")
]
DataOption = Annotated[
    Path | None,
    optional("DATA", "Also measure time to accuracy on this data, such as MNIST; for tabular, a folder of tables."),
]
From = Annotated[Path | None, optional("FILE", "Show saved results instead of measuring.", "--from")]
Plot = Annotated[Path | None, optional("FILE", "Plot the results: .png, .svg or .pdf.")]


def bench(
    suite: SuiteOption = Suite.quick, networks: Networks = None, batch_sizes: BatchSizes = None, peers: Peers = None,
    threads: options.Threads = None, rounds: Rounds = None, busy: BusyOption = 0, data: DataOption = None,
    saved: From = None, json: options.JsonFile = None, markdown: options.MarkdownFile = None, plot: Plot = None,
) -> int:  # fmt: skip
    """Benchmark training and inference against other libraries.

    Speeds are also given as a fraction of the peak that this machine reaches. Ctrl-C stops early: what was measured
    until then is shown, and written to the file of --json.
    """
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
        document, interrupted = results.load(saved), False
    else:
        if suite is Suite.company and busy:
            raise ValueError("--busy: the suite company has numbers of processes of its own")
        if suite is Suite.tabular and any(option is not None for option in (networks, batch_sizes, peers, rounds)):
            raise ValueError("--suite tabular: has libraries, networks and rounds of its own; only --data can be given")
        if suite in (Suite.company, Suite.targets, Suite.fleets, Suite.tabular) and plot is not None:
            raise ValueError(f"--plot: draws networks that were alone, and the suite {suite.value} has none")
        if suite in (Suite.targets, Suite.fleets) and networks is not None:
            raise ValueError(f"--networks: the suite {suite.value} has networks of its own")
        document, interrupted = _measure(suite, networks, batch_sizes, peers, threads, rounds, busy, data, json)
    if json is not None:
        results.save(document, json)
    if plot is not None and (document["networks"] or not interrupted):
        draw(document, plot)
    if markdown is not None:
        page.write_markdown(document, markdown, plot)
    print(page.as_text(document))
    if interrupted:
        print("fastnet: interrupted; what was measured by then is shown", file=sys.stderr)
    return INTERRUPTED if interrupted else 0


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
        return list({Suite.quick: QUICK, Suite.full: FULL, Suite.company: IN_COMPANY}.get(suite, ()))
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
    rounds: int | None, busy: int, data: Path | None, json: Path | None,
) -> tuple[dict[str, Any], bool]:  # fmt: skip
    """Return what was measured, and whether that was interrupted; the file of --json grows with each row."""
    from fastnet.cli.progress import steps
    from fastnet.cli.signals import prompt_interrupt
    from fastnet.measure import results
    from fastnet.measure.environment import environment
    from fastnet.measure.roofline import roofline
    from fastnet.measure.session import SECONDS, Session
    from fastnet.measure.suites.busy import Busy
    from fastnet.measure.timing import Harness, limited_threads
    from fastnet.output.targets import is_special

    keys, workloads = _keys(peers, suite), _workloads(suite, networks, batch_sizes)
    splits = [] if suite is Suite.tabular else _splits(suite, data)
    tables = _tables(data) if suite is Suite.tabular else []
    with limited_threads(threads), steps(None, "measuring") as step, prompt_interrupt() as check, Busy(busy) as beside:
        interrupted = False
        settings = {"command": "bench", "suite": suite.value, "roofline": roofline(threads)._asdict()}
        document = results.new_document(environment(threads, busy), settings)

        def keep() -> None:
            if json is not None and not is_special(json):
                results.save(document, json)

        harness = Harness(rounds or 9, SECONDS[suite.value], threads, step, check)
        session = Session(suite.value, workloads, keys, harness, networks is None, not busy, document, keep)
        try:
            session.measure(splits)
            session.measure_tables(tables)
        except KeyboardInterrupt:
            if not any(document[section] for section in results.SECTIONS):
                raise
            interrupted = True
    document["warnings"] += beside.doubts()
    if interrupted:
        document["warnings"].append("interrupted: what is missing was not measured")
    return document, interrupted


def _tables(data: Path | None) -> list[Any]:
    """Return what the suite of tables learns from: those of a folder, or scikit-learn's own."""
    from fastnet.measure.suites.tabular import tables

    return list(tables.own() if data is None else tables.in_folder(data))


def _splits(suite: Suite, data: Path | None) -> list[tuple[str, Any]]:
    """Return what is trained on until it is accurate: the digits in the full suite, and the data given."""
    from fastnet.measure.suites.accuracy import digits, split

    splits = [("digits", digits())] if suite is Suite.full else []
    if data is not None:
        from fastnet.datasets import load

        splits.append((data.name, split(load(data))))
    return splits
