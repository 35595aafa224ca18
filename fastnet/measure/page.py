"""A benchmark's results as a page: for the terminal, or as Markdown for documentation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from fastnet.measure.suites import company, targets
from fastnet.measure.suites.estimators import LABELS
from fastnet.measure.tables import duration, environment_lines, markdown_table, rate, text_table, with_interval
from fastnet.measure.timing import Spread
from fastnet.output.atomic import replacing

METHOD = """\
Everyone trains the same network with the same batches on the same data, which lies in memory as the library wants
it: no loader, no conversion and no compilation inside the timing, and as many threads for each. Rounds go A B C, C B
A; ratios are of times taken in one round. Given are medians, and in brackets the interval that holds the true
median, with a probability of 98 % where there were seven rounds or more (with three it is the range, and 75 %).
The FMA peak is measured before and after every epoch of fastnet; the fraction is FLOP / (time * peak), with
2 * in * out for each of forward, dx and dW of a layer and sample, and no dx in the first layer.
A ratio above 1 means that fastnet is faster."""

ACCURACY = """\
Seconds of training, mean and deviation over the seeds that reached it, until the network gets so many of the test data
right; evaluation is not counted. Everyone had the same four learning rates to choose from. Compilation is that of the
first warm-up in the process, shorter where a library had cached it before."""

ESTIMATORS = """\
`MLPClassifier` of fastnet and of scikit-learn, with default settings but for what is said, fitted from the same seed to
the same arrays. Fits are timed as a user's are, with all that checks and prepares the data; neither stops early. That
the last losses of both are the same, up to rounding, shows that both did the same."""

COMPANY = """\
Samples per second of training beside so many processes that only compute, in the same session and with the same
priority, as other programs of a user have. Everyone trains for about {seconds:g} s at a time, in whole epochs: A B C
alone, beside one process, two and four, and in the next round backwards. Given are medians of the rounds, and in
brackets the interval. Without a number, fastnet has as many threads as it chooses, and others one for each processor.
There are few rows, so that epochs end even where each step waits for a time slice, and the learning rate is
{learning_rate:g}, so that nobody learns them by heart."""

Table = Callable[[Sequence[str], Sequence[Sequence[str]]], str]


def _networks(rows: list[dict[str, Any]], table: Table) -> str:
    keys = {key: peer["label"] for row in rows for key, peer in row["peers"].items() if key != "fastnet"}
    keys = {key: label for key, label in keys.items() if any("ratio" in row["peers"].get(key, {}) for row in rows)}
    heading = ["network", "dtype", "an epoch", "GFLOP/s", "of peak", *(f"{label} / fastnet" for label in keys.values())]
    lines = [
        [
            row["name"], row["dtype"], duration(row["seconds"]), f"{row['gflops']:.0f}",
            with_interval(Spread(**row["fraction_of_peak"])),
            *(_ratio(row["peers"].get(key, {})) for key in keys),
        ]
        for row in rows
    ]  # fmt: skip
    return table(heading, lines)


def _ratio(peer: dict[str, Any]) -> str:
    return with_interval(Spread(**peer["ratio"])) if "ratio" in peer else "-"


def _missing(rows: list[dict[str, Any]]) -> list[str]:
    reasons = {peer["missing"] for row in rows for peer in row["peers"].values() if "missing" in peer}
    return [f"Left out: {reason}." for reason in sorted(reasons)]


def _warm_up(rows: list[dict[str, Any]]) -> list[str]:
    """Say what compiling cost: the longest warm-up of each library."""
    longest: dict[str, float] = {}
    for row in rows:
        for peer in row["peers"].values():
            if "warm_up_seconds" in peer:
                longest[peer["label"]] = max(longest.get(peer["label"], 0.0), peer["warm_up_seconds"])
    words = ", ".join(f"{label} {duration(seconds)}" for label, seconds in longest.items())
    return (
        [f"Longest warm-up, with compilation where it was not cached, outside of all times: {words}."] if words else []
    )


def _losses(rows: list[dict[str, Any]]) -> list[str]:
    """Name every case in which somebody is faster: losses are published beside wins."""
    lost = [
        f"{row['name']} ({row['dtype']}): {peer['label']} is {1 / peer['ratio']['median']:.2f} times faster"
        for row in rows
        for key, peer in row["peers"].items()
        if key != "fastnet1" and peer.get("ratio", {}).get("median", 1.0) < 1.0
    ]
    return [f"Losses: {'; '.join(lost)}."] if lost else ["Losses: none of these."] if rows else []


def _latency(rows: list[dict[str, Any]]) -> list[str]:
    lines = []
    for row in rows:
        text = ", ".join(f"{key} {duration(one['median'])}" for key, one in row["seconds"].items())
        peak = (
            f", {with_interval(Spread(**row['fraction_of_peak']))} of the FMA peak" if "fraction_of_peak" in row else ""
        )
        lines.append(f"Inference, {row['name']}: {text}{peak}.")
    return lines


def _estimators(rows: list[dict[str, Any]], table: Table) -> str:
    heading = ["estimators", "dtype", "threads", "fastnet", "scikit-learn", "scikit-learn / fastnet", "losses"]
    lines = [
        [
            row["name"], row["dtype"], str(row["threads"]), *(duration(row["seconds"][key]) for key in LABELS),
            _ratio(row), ", ".join(f"{row['loss'][key]:.6f}" for key in LABELS) if "loss" in row else "-",
        ]
        for row in rows
    ]  # fmt: skip
    lost = [
        f"{row['name']} ({row['dtype']}, threads: {row['threads']}): scikit-learn is "
        f"{1 / row['ratio']['median']:.2f} times faster"
        for row in rows
        if row["ratio"]["median"] < 1.0
    ]
    return f"{table(heading, lines)}\n\nLosses: {'; '.join(lost) or 'none of these'}."


def _company(rows: list[dict[str, Any]], table: Table) -> str:
    heading = ["network", "library", *map(company.beside, rows[0]["busy"])]
    lines = [
        [row["name"], peer["label"], *(rate(Spread(**one)) for one in peer["samples_per_second"])]
        for row in rows
        for peer in row["peers"].values()
        if "missing" not in peer
    ]
    lost = [loss for row in rows for loss in company.losses(row)]
    rounds = f"Rounds: {', '.join(str(row['rounds']) for row in rows)}."
    note = COMPANY.format(**rows[0])
    return "\n\n".join([note, table(heading, lines), rounds, f"Losses: {'; '.join(lost) or 'none of these'}."])


def _accuracy(rows: list[dict[str, Any]], table: Table) -> str:
    targets: list[dict[str, Any]] = next((row["targets"] for row in rows if not row.get("skipped")), [])
    heading = [
        "data",
        "library",
        "learning rate",
        "best accuracy",
        *(f"to {t['target']:.0%}" for t in targets),
        "compile",
    ]
    lines = []
    for row in rows:
        if row.get("skipped"):
            continue
        reached = [_reached(target) for target in row["targets"]]
        lines.append(
            [
                row["data"], row["name"], f"{row['learning_rate']:g}", f"{row['accuracy']['mean']:.2%}", *reached,
                duration(row["compile_seconds"]),
            ]
        )  # fmt: skip
    return table(heading, lines)


def _reached(target: dict[str, Any]) -> str:
    if target["seconds"] is None:
        return "never"
    deviation = "" if target["spread"] is None else f" ± {duration(target['spread'])}"
    some = "" if target["reached"] == target["of"] else f" ({target['reached']} of {target['of']} seeds)"
    compiled = f", {duration(target['seconds_with_compile'])} with compilation"
    return f"{duration(target['seconds'])}{deviation}{some}{compiled}"


def _operations(rows: list[dict[str, Any]], table: Table) -> str:
    lines = [
        [
            row["operation"], row["size"], row["dtype"], duration(row["reference_seconds"]),
            duration(row["compiled_seconds"]),
            "results differ" if row["ratio"] is None else with_interval(Spread(**row["ratio"])),
        ]
        for row in rows
    ]  # fmt: skip
    return table(["operation", "size", "dtype", "reference", "compiled", "reference / compiled"], lines)


def _parts(document: dict[str, Any], table: Table) -> list[tuple[str, str]]:
    """Return headings and what stands below them."""
    networks, accuracy, operations = document["networks"], document["accuracy"], document["operations"]
    estimators = document["estimators"]
    parts = []
    if networks:
        notes = [*_losses(networks), *_missing(networks), *_warm_up(networks)]
        parts.append(("Training", "\n\n".join([_networks(networks, table), *notes])))
    if estimators:
        parts.append(("Estimators", "\n\n".join([ESTIMATORS, _estimators(estimators, table)])))
    if document["latency"]:
        parts.append(("Inference", "\n\n".join(_latency(document["latency"]))))
    if document["company"]:
        body = [_company(document["company"], table), *_missing(document["company"])]
        parts.append(("In company", "\n\n".join(body)))
    if accuracy:
        skipped = [f"Left out: {row['skipped']}." for row in accuracy if row.get("skipped")]
        body = [ACCURACY, _accuracy(accuracy, table), *dict.fromkeys(skipped)]
        parts.append(("Time to accuracy", "\n\n".join(body)))
    if operations:
        parts.append(("Operations", _operations(operations, table)))
    if document["targets"]:
        parts.append(("Targets", targets.section(document["targets"], table)))
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
    with replacing(path, "w", encoding="utf-8") as file:
        file.write(as_markdown(document, link))
