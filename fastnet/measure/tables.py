"""Results as tables of text: for a terminal, and as Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastnet.measure.gate import Change, Verdict
from fastnet.measure.timing import Spread


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
    return f"{value.median:{form}} ({value.low:{form}}-{value.high:{form}})"


def processes(busy: int) -> str:
    """Write how many busy processes there are."""
    return f"{busy} busy process{'' if busy == 1 else 'es'}"


def rate(value: Spread) -> str:
    """Write a rate, three digits of it, with its interval."""
    median, low, high = (f"{float(f'{one:.3g}'):,.0f}" for one in value[:3])
    return f"{median} ({low}-{high})"


def duration(seconds: float) -> str:
    """Write a time with a unit that suits it."""
    for unit, factor in (("s", 1.0), ("ms", 1e3), ("us", 1e6)):
        if seconds * factor >= 1:
            return f"{seconds * factor:.3g} {unit}"
    return f"{seconds * 1e9:.0f} ns"


def _ratio(ratio: Spread | None) -> str:
    return "-" if ratio is None else with_interval(ratio)


def verdicts_table(verdicts: Sequence[Verdict]) -> str:
    """Show every operation, those that fell short last, where a reader of a log looks first."""
    rows = [
        [
            verdict.row.operation, verdict.row.size, verdict.row.dtype, duration(verdict.row.reference),
            duration(verdict.row.compiled), _ratio(verdict.row.ratio), f"{verdict.limit:.2f}", _said(verdict),
        ]
        for verdict in sorted(verdicts, key=lambda verdict: not verdict.passed)
    ]  # fmt: skip
    heading = ["operation", "size", "dtype", "reference", "compiled", "ratio", "limit", "verdict"]
    return text_table(heading, rows)


def _said(verdict: Verdict | Change) -> str:
    return verdict.reason if verdict.passed else f"FAILED: {verdict.reason}"


def changes_table(changes: Sequence[Change]) -> str:
    """Show every operation's ratio before and after, those that fell short last."""
    rows = [
        [*change.key, _ratio(change.before), _ratio(change.after), _said(change)]
        for change in sorted(changes, key=lambda change: not change.passed)
    ]
    return text_table(["operation", "size", "dtype", "before", "after", "verdict"], rows)


def environment_lines(environment: dict[str, Any]) -> list[str]:
    """Say on what it was measured, in a few lines."""
    cpu = environment["cpu"]
    blas = "; ".join(f"{one['name']} {one['version']} with {one['threads']} threads" for one in environment["blas"])
    versions = ", ".join(f"{name} {version}" for name, version in environment["versions"].items())
    busy = environment.get("busy", 0)  # earlier results do not say
    company = [f"in company: everything was measured beside {processes(busy)}, which only compute"] if busy else []
    return [
        f"{cpu.get('model') or cpu['name']} ({environment['machine']} {cpu['name']}), "
        f"{cpu['vector_bits']}-bit vectors, {environment['threads']} of {environment['cores']} processors used",
        f"{environment['platform']}; {environment['date']}",
        f"threads of fastnet: {environment['threading_layer']}; BLAS of NumPy: {blas or 'unknown'}",
        versions,
        *company,
    ]
