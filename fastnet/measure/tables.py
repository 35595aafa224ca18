"""What results are written with: tables for a terminal and of Markdown, numbers, and sentences that suites share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from fastnet.measure.timing import Spread

NOISY = 0.5
"""Width of an interval, relative to its median, from which on a ratio says little."""

Table = Callable[[Sequence[str], Sequence[Sequence[str]]], str]
"""Writes a table of a heading and lines: `text_table` or `markdown_table`."""


def text_table(heading: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Lay out columns of a width that fits: the first to the left, others to the right if they hold numbers."""
    table = [heading, *rows]
    widths = [max(len(row[i]) for row in table) for i in range(len(heading))]
    numeric = [i > 0 and all(row[i][:1] in "0123456789-" for row in rows if row[i]) for i in range(len(heading))]
    lines = [
        "  ".join(
            cell.rjust(width) if number else cell.ljust(width)
            for cell, width, number in zip(row, widths, numeric, strict=True)
        ).rstrip()
        for row in table
    ]
    return "\n".join(lines)


def markdown_table(heading: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Write a table of Markdown."""
    lines = [heading, ["---"] * len(heading), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def with_interval(value: Spread, form: str = ".2f") -> str:
    """Write a median with its interval."""
    return f"{value['median']:{form}} ({value['low']:{form}}-{value['high']:{form}})"


def ratio_of(row: Mapping[str, Any], name: str = "ratio") -> str:
    """Write the ratio that a row holds, if it holds one."""
    return with_interval(row[name]) if row.get(name) else "-"


def rate(value: Spread) -> str:
    """Write a rate, three digits of it, with its interval."""
    median, low, high = (f"{float(f'{one:.3g}'):,.0f}" for one in (value["median"], value["low"], value["high"]))
    return f"{median} ({low}-{high})"


def duration(seconds: float) -> str:
    """Write a time with a unit that suits it."""
    for unit, factor in (("s", 1.0), ("ms", 1e3), ("us", 1e6)):
        if seconds * factor >= 1:
            return f"{seconds * factor:.3g} {unit}"
    return f"{seconds * 1e9:.0f} ns"


def is_noisy(value: Spread) -> bool:
    """Tell whether an interval is too wide to conclude anything from."""
    return (value["high"] - value["low"]) / value["median"] > NOISY


def too_noisy(what: str, label: str, ratio: Spread | None) -> list[str]:
    """Say if the interval of a ratio to another library, where there is one, is too wide."""
    if ratio is None or not is_noisy(ratio):
        return []
    if ratio["low"] < 1 < ratio["high"]:
        return [f"{what}: too noisy to say who is faster, fastnet or {label}"]
    return [f"{what}: ratio to {label} is uncertain"]


def wins_of(label: str, what: str, ratio: Spread | None) -> list[str]:
    """Say if another library is faster: losses are published beside wins."""
    if ratio is None or ratio["median"] >= 1:
        return []
    return [f"{what}: {label} is {1 / ratio['median']:.2f} times faster"]


def losses(found: Sequence[str]) -> str:
    """Write what `wins_of` found in all rows."""
    return f"Faster than fastnet: {'; '.join(found) or 'none of these'}."


def left_out(reasons: Iterable[str]) -> list[str]:
    """Say who could not be measured, once each."""
    return [f"Left out: {reason}." for reason in sorted(set(reasons))]


def environment_lines(environment: dict[str, Any]) -> list[str]:
    """Say on what it was measured, in a few lines."""
    cpu = environment["cpu"]
    blas = "; ".join(f"{one['name']} {one['version']} with {one['threads']} threads" for one in environment["blas"])
    versions = ", ".join(f"{name} {version}" for name, version in environment["versions"].items())
    busy = environment.get("busy", 0)  # earlier results do not say
    beside = f"{busy} busy process{'' if busy == 1 else 'es'}"
    return [
        f"{cpu.get('model') or cpu['name']} ({environment['machine']} {cpu['name']}), "
        f"{cpu['vector_bits']}-bit vectors, {environment['threads']} of {environment['cores']} processors used",
        f"{environment['platform']}; {environment['date']}",
        f"threads of fastnet: {environment['threading_layer']}; BLAS of NumPy: {blas or 'unknown'}",
        versions,
        *([f"busy machine: everything was measured beside {beside}"] if busy else []),
    ]
