"""`fastnet train --find-lr`."""

from __future__ import annotations

from pathlib import Path

from fastnet.cli.data import Parts
from fastnet.cli.output import print_json, print_rows
from fastnet.training.lr_finder import find_lr
from fastnet.training.trainer import Trainer


def search_rate(trainer: Trainer, parts: Parts, plot: Path | None, json: bool) -> int:
    """Try rising learning rates, and say which one to take."""
    found = find_lr(trainer, parts.X, parts.y)
    if plot is not None:
        from fastnet import plots

        plots.save(plots.lr_finder(found), plot)
    if json:
        print_json({"suggestion": found.suggestion, "lrs": found.lrs.tolist(), "losses": found.losses.tolist()})
        return 0
    least = float(found.lrs[found.losses.argmin()])
    rows = {"rate": f"--lr {found.suggestion:.2g}: the loss falls fastest there, and is least at {least:.2g}"}
    if plot is not None:
        rows["picture"] = str(plot)
    print_rows(rows)
    return 0
