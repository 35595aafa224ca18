"""A benchmark's results as a page: for the terminal, or as Markdown for documentation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from fastnet.measure.results import write_text
from fastnet.measure.suites import accuracy, company, estimators, fleets, inference, networks, operations, targets
from fastnet.measure.suites.tabular import suite as tabular
from fastnet.measure.tables import Table, environment_lines, markdown_table, text_table

METHOD = """\
All libraries train the same network with the same batches, the same data and the same number of threads. The data is in
memory in the format that the library needs: no data loading, conversion or compilation is timed. Rounds alternate the
order, A B C and then C B A; ratios are of times from the same round. Numbers are medians, with a confidence interval of
the median in brackets: 98 % for seven rounds or more (with three, the range, which is 75 %). The FMA peak is measured
before and after every epoch of fastnet; the fraction of it is FLOP / (time * peak), counting 2 * in * out for each of
forward, dx and dW per layer and sample, without dx in the first layer. A ratio above 1 means that fastnet is faster."""

PARTS: dict[str, tuple[str, Callable[[Sequence[dict[str, Any]], Table], list[str]]]] = {
    "networks": ("Training", networks.section),
    "estimators": ("Estimators", estimators.section),
    "latency": ("Inference", inference.section),
    "company": ("On a busy machine", company.section),
    "accuracy": ("Time to accuracy", accuracy.section),
    "operations": ("Operations", operations.section),
    "targets": ("Targets", targets.section),
    "fleets": ("Many networks at once", fleets.section),
    "tabular": ("Tables", tabular.section),
}
"""Sections of a document, with their headings and what writes their paragraphs."""


def _parts(document: dict[str, Any], table: Table) -> list[tuple[str, str]]:
    """Return headings and what stands below them."""
    parts = [
        (heading, "\n\n".join(section(document[name], table)))
        for name, (heading, section) in PARTS.items()
        if document[name]
    ]
    if document["warnings"]:
        parts.append(("Warnings", "\n".join(f"- {warning}" for warning in document["warnings"])))
    return parts


def as_text(document: dict[str, Any]) -> str:
    """Write results for a terminal."""
    parts = [f"{heading}\n\n{body}" for heading, body in _parts(document, text_table)]
    return "\n\n".join(["\n".join(environment_lines(document["environment"])), *parts])


def as_markdown(document: dict[str, Any], picture: str | None = None) -> str:
    """Write results as a page of Markdown, with a picture if there is one."""
    roof = document["settings"].get("roofline")
    lines = ["# Benchmarks", "Written by `fastnet bench` from its saved results; not edited by hand."]
    lines.append("\n".join(f"- {line}" for line in environment_lines(document["environment"])))
    if roof:
        lines.append(
            f"This machine computed {roof['float32_gflops']:.0f} GFLOP/s of fused multiply-adds in float32 and "
            f"{roof['float64_gflops']:.0f} in float64, and read {roof['l2_gbytes']:.0f} GB/s from its second-level "
            f"caches and {roof['memory_gbytes']:.0f} GB/s from memory."
        )
    lines.append(METHOD)
    if picture is not None:
        lines.append(f"![Speed-up over other libraries, and the roofline]({picture})")
    lines += [f"## {heading}\n\n{body}" for heading, body in _parts(document, markdown_table)]
    return "\n\n".join(lines) + "\n"


def write_markdown(document: dict[str, Any], path: Path, picture: Path | None = None) -> None:
    """Write the page, whole or not at all; the picture is linked relative to it."""
    link = None
    if picture is not None:
        try:
            link = picture.resolve().relative_to(path.resolve().parent).as_posix()
        except ValueError:
            link = picture.resolve().as_posix()
    write_text(path, as_markdown(document, link))
