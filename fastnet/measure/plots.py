"""Results as one picture: how much faster than others, and how near the roof. Needs matplotlib (extra `plot`)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fastnet.measure.tables import environment_lines

BAR, GAP = 0.16, 0.55
"""Height of a bar, and what a group of them is apart from the next, in inches."""


def draw(document: dict[str, Any], path: Path) -> None:
    """Draw the networks of a document: bars of the ratios to other libraries, and the roofline.

    Parameters
    ----------
    document : dict
        Of `fastnet.measure.results`, with at least one network.
    path : Path
        The picture, whose ending says what it is.

    Raises
    ------
    ValueError
        If there is no network to draw.
    """
    from matplotlib.figure import Figure

    from fastnet.plots.figure import save

    rows = document["networks"]
    if not rows:
        raise ValueError(f"--plot {path}: there is no network in the results to draw")
    peers = {key: peer["label"] for row in rows for key, peer in _ratios(row).items()}
    height = max(4.5, sum(GAP + BAR * len(_ratios(row)) for row in rows) + 1.2)
    figure = Figure(figsize=(13, height), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(3, 2))
    _draw_bars(left, rows, peers)
    _draw_roofline(right, rows, document)
    figure.suptitle("\n".join(environment_lines(document["environment"])), fontsize=8)
    save(figure, path, dpi=110)


def _ratios(row: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {key: peer for key, peer in row["peers"].items() if "ratio" in peer and key != "fastnet1"}


def _draw_bars(axes: Any, rows: list[dict[str, Any]], peers: dict[str, str]) -> None:
    """Time of a peer / time of fastnet, a group of bars for each network, on a scale of factors."""
    place, ticks = 0.0, []
    shown: set[str] = set()
    for number, row in enumerate(rows, 1):
        begin = place
        for i, key in enumerate(peers):
            if key not in _ratios(row):
                continue
            ratio = row["peers"][key]["ratio"]
            error = [[ratio["median"] - ratio["low"]], [ratio["high"] - ratio["median"]]]
            label = None if key in shown else peers[key]
            shown.add(key)
            axes.barh(
                place, ratio["median"] - 1, BAR * 0.92, left=1, color=f"C{i}", label=label, xerr=error, ecolor="0.3",
                error_kw={"elinewidth": 0.8},
            )  # fmt: skip
            axes.annotate(
                f"{ratio['median']:.1f}", (ratio["high"], place), xytext=(3, 0), textcoords="offset points",
                va="center", fontsize=7,
            )  # fmt: skip
            place += BAR
        ticks.append(((begin + place - BAR) / 2, f"{row['name']}  [{number}]"))
        place += GAP
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}x")
    axes.set_yticks([at for at, _ in ticks], [text for _, text in ticks], fontsize=8)
    axes.invert_yaxis()
    axes.axvline(1, color="0.2", linewidth=1)
    axes.set_xlabel("time of an epoch / that of fastnet (right of the line, fastnet is faster)")
    axes.margins(x=0.08)
    if peers:
        axes.legend(loc="lower right", fontsize=8)


def _draw_roofline(axes: Any, rows: list[dict[str, Any]], document: dict[str, Any]) -> None:
    """Rate against operations per byte of the samples, which have to be read from memory once an epoch."""
    import numpy as np

    roof = document["settings"]["roofline"]
    intensity = np.geomspace(0.5, 5000, 100)
    for dtype, style in (("float32", "-"), ("float64", "--")):
        if any(row["dtype"] == dtype for row in rows):
            peak = roof[f"{dtype}_gflops"]
            axes.plot(
                intensity, np.minimum(peak, intensity * roof["memory_gbytes"]), f"k{style}", label=f"roof, {dtype}"
            )
    for i, row in enumerate(rows):
        itemsize = np.dtype(row["dtype"]).itemsize
        x = row["flop"] / row["repeats"] / (row["samples"] * row["sizes"][0] * itemsize)
        y = row["flop"] / row["repeats"] / row["seconds"] / 1e9
        axes.plot(x, y, "o" if row["dtype"] == "float32" else "s", color=f"C{i % 10}")
        axes.annotate(str(i + 1), (x, y), xytext=(5, 3), textcoords="offset points", fontsize=8)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("operations per byte of the samples")
    axes.set_ylabel("GFLOP/s of an epoch")
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right", fontsize=8)
