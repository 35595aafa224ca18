"""`fastnet plan`: how the training of networks scales over ranks."""

from __future__ import annotations

import math
from typing import Annotated, Any

import typer

from fastnet.cli import options
from fastnet.cli.options import optional

EXAMPLES = """\b
Examples:
  fastnet plan 784-512-512-10 --batch-size 8192
  fastnet plan 784-512-512-10 --batch-size 8192 --bandwidth 100 --latency 2
  fastnet plan 784-512-512-10 --batch-size 8192 --ranks 2 --check
"""

DEFAULT_RANKS = "2,4,8,16,32,64,128,256,512,1024"

NetworkSizes = Annotated[
    list[str], typer.Argument(metavar="NETWORK...", help="Layer sizes, such as 784-512-512-10.", show_default=False)
]
BatchSizes = Annotated[
    str, typer.Option(metavar="N", help="Samples per step: one number for all networks, or one each: 1024,8192.")
]
RankCounts = Annotated[str, typer.Option("--ranks", metavar="N", help="Numbers of ranks, powers of two.")]
Shards = Annotated[
    int, typer.Option(min=1, metavar="N", help="Shards of a batch, a power of two; more where there are more ranks.")
]
Threads = Annotated[int, typer.Option(min=1, metavar="N", help="Threads of a rank.")]
Bandwidth = Annotated[
    float | None, optional("GBIT", "Bandwidth of a rank's link in Gbit/s, instead of three usual links.")
]
Latency = Annotated[float | None, optional("US", "Latency of a message in microseconds.  [default: 10]")]
Check = Annotated[
    bool, typer.Option("--check", help="Also train by 1 and 2 ranks over MPI here, and compare with the prediction.")
]


def plan(
    networks: NetworkSizes, batch_size: BatchSizes = "8192", ranks: RankCounts = DEFAULT_RANKS, shards: Shards = 8,
    threads: Threads = 1, bandwidth: Bandwidth = None, latency: Latency = None, check: Check = False,
    json: options.Json = False, markdown: options.MarkdownFile = None,
) -> int:  # fmt: skip
    """Predict how training scales over ranks, from measurements on this machine.

    The gradient of a shard, an addition and an update are measured here; what ranks exchange is a matter of latency and
    bandwidth. Each rank is taken to have a processor core for each of its threads, and a link, of its own.
    """
    from fastnet.cli.output import answer, check_writable

    plans, counts, links = _plans(networks, batch_size, shards, threads), _counts(ranks), _links(bandwidth, latency)
    if check and (shards < 2 or any(one.n_batch < shards for one in plans)):
        raise ValueError("--check needs two shards at least, and a sample for each")
    if check:
        from fastnet.measure.scaling import require_mpi

        require_mpi()
    check_writable(markdown, None, None, "--markdown")
    document = _measure(plans, counts, links, check)
    if markdown is not None:
        _write(document, markdown)
    return answer(document, json, _show)


def _measure(plans: list[Any], counts: list[int], links: list[Any], check: bool) -> dict[str, Any]:
    from fastnet.cli.progress import steps
    from fastnet.measure import scaling
    from fastnet.measure.environment import environment

    rows = []
    with steps(len(plans), "measuring") as step:
        for one in plans:
            step(one.name)
            costs = scaling.measure(one, counts)
            row = {**scaling.describe(one, costs), "rows": scaling.predictions(one, costs, links, counts)}
            rows.append(row | ({"check": scaling.check(one, costs)} if check else {}))
    told = [{"name": x.name, "latency_us": 1e6 * x.latency, "bandwidth_gbit": 8e-9 * x.bandwidth} for x in links]
    return {"environment": environment(plans[0].n_threads), "links": told, "networks": rows}


def _plans(networks: list[str], batch_size: str, shards: int, threads: int) -> list[Any]:
    from fastnet.measure.scaling import Scaling
    from fastnet.validation.inputs import parse_sizes

    if shards & (shards - 1):
        raise ValueError(f"--shards must be a power of two, got {shards}")
    batches = _numbers("--batch-size", batch_size)
    if len(batches) not in (1, len(networks)):
        raise ValueError(f"--batch-size must be one number, or one for each of {len(networks)} networks")
    batches = batches * len(networks) if len(batches) == 1 else batches
    plans = [
        Scaling(parse_sizes("NETWORK", text), n, shards, threads) for text, n in zip(networks, batches, strict=True)
    ]
    for one in plans:
        if one.n_batch < shards:
            raise ValueError(f"--batch-size must be at least {shards}, the shards of a batch, got {one.n_batch}")
    return plans


def _counts(text: str) -> list[int]:
    counts = _numbers("--ranks", text)
    for count in counts:
        if count & (count - 1):
            raise ValueError(f"--ranks must be powers of two, got {count}")
    return list(dict.fromkeys(counts))


def _numbers(option: str, text: str) -> list[int]:
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isascii() and part.isdigit() and 0 < int(part) < 1 << 31 for part in parts):
        raise ValueError(f"{option} must be whole numbers from 1 on, with commas between, got {text!r}")
    return [int(part) for part in parts]


def _links(bandwidth: float | None, latency: float | None) -> list[Any]:
    from fastnet.distributed.cost import LINKS, Link

    if bandwidth is None:
        if latency is not None:
            raise ValueError("--latency needs --bandwidth: both are those of one link")
        return list(LINKS)
    latency = 10.0 if latency is None else latency
    if not 0 < bandwidth < math.inf:
        raise ValueError(f"--bandwidth must be more than 0, got {bandwidth}")
    if not 0 <= latency < math.inf:
        raise ValueError(f"--latency must be at least 0, got {latency}")
    return [Link.of(f"{bandwidth:g} Gbit/s, {latency:g} us", latency, bandwidth)]


def _parts(document: dict[str, Any], table: Any) -> list[str]:
    from fastnet.measure.scaling import section

    links = [f"{one['name']}: {one['latency_us']:g} us, {one['bandwidth_gbit']:g} Gbit/s" for one in document["links"]]
    said = f"Efficiency of ranks, and time of a step; a rank has its own link. {'; '.join(links)}."
    return [said, *(part for row in document["networks"] for part in section(row, table))]


def _show(document: dict[str, Any]) -> None:
    from fastnet.measure.tables import text_table

    print("\n\n".join(_parts(document, text_table)))


def _write(document: dict[str, Any], path: Any) -> None:
    """Write the page that the documentation shows."""
    from fastnet.measure.results import write_text
    from fastnet.measure.tables import environment_lines, markdown_table

    head = ["# Scaling, predicted", "Written by `fastnet plan`; not edited by hand. [Scaling](scaling.md) explains it."]
    head.append("\n".join(f"- {line}" for line in environment_lines(document["environment"])))
    write_text(path, "\n\n".join([*head, *_parts(document, markdown_table)]) + "\n")
