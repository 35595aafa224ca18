"""The suite of tables: errors on rows that were held out, ranks, and seconds, library by library."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator, Sequence
from statistics import fmean
from typing import Any

import numpy as np
import numpy.typing as npt

from fastnet.measure.suites.tabular.models import BOOSTING, MODELS, Model, predict
from fastnet.measure.suites.tabular.tables import TableTask, split
from fastnet.measure.tables import Table, duration, left_out
from fastnet.measure.timing import Harness

SHIFT = 0.01
"""What is added to errors in the geometric mean, so that none of 0 outweighs all others."""

SPLITS = 3
"""Random splits of each table into three quarters to train on and one to test with."""

NOTE = f"""\
Errors on a quarter of the rows, held out at random, the mean over the splits: the share of wrong classes, or the root
of the mean squared error divided by the standard deviation of the numbers. Every library has its defaults, but for
what a name says; rank 1 is the least error, and equal errors share a rank. The mean is geometric, of errors with
{SHIFT:g} added to each. Wins are the share of splits with a smaller error than {BOOSTING}, equal ones count
half. Seconds are those of all fits and predictions, kernels compiled before."""


def measure_all(
    tasks: Iterable[TableTask], harness: Harness, models: Sequence[Model] = MODELS, splits: int = SPLITS
) -> Iterator[dict[str, Any]]:
    """Yield a row for each table and model, ready for JSON: errors and seconds of all splits, or why there are none."""
    ready: set[str] = set()
    for task in tasks:
        for model in models:
            row = {
                "data": task.name, "task": "classes" if task.is_classes else "numbers", "rows": len(task.y),
                "columns": len(task.columns.names), "name": model.name, "version": model.version,
            }  # fmt: skip
            missing = model.missing()
            if missing is not None:
                yield row | {"skipped": missing}
                continue
            harness.progress(f"{task.name}: {model.name}")
            yield row | _measure(task, model, splits, ready)


def _measure(task: TableTask, model: Model, splits: int, ready: set[str]) -> dict[str, Any]:
    errors, seconds = [], []
    kind = f"{model.name} {task.is_classes}"
    try:
        if kind not in ready:  # what compiles or imports at its first fit does so now
            predict(model, task, *split(task, 0), seed=0)
            ready.add(kind)
        for seed in range(splits):
            train, test = split(task, seed)
            start = time.perf_counter()
            predictions = predict(model, task, train, test, seed)
            seconds.append(time.perf_counter() - start)
            errors.append(error_of(task, predictions, test))
    except (ValueError, TypeError, RuntimeError) as error:  # a table that a library does not take
        return {"skipped": f"{model.name} on {task.name}: {str(error).splitlines()[0]:.120}"}
    return {"skipped": None, "errors": errors, "seconds": seconds}


def error_of(task: TableTask, predictions: npt.NDArray[Any], test: npt.NDArray[Any]) -> float:
    """Return the share of wrong classes, or the root of the mean squared error in standard deviations."""
    if task.is_classes:
        return float(np.mean(predictions != task.y[test]))
    return float(np.sqrt(np.mean(np.square(predictions - task.y[test]))) / (task.y.std() or 1.0))


def shifted_mean(errors: Sequence[float]) -> float:
    """Return the geometric mean of errors, shifted.

    Examples
    --------
    >>> round(shifted_mean([0.0, 0.09]), 6)
    0.031623
    """
    return math.exp(fmean(math.log(error + SHIFT) for error in errors))


def ranks(errors: Sequence[float]) -> list[float]:
    """Return ranks from 1, the least error first; equal ones share the mean of theirs.

    Examples
    --------
    >>> ranks([0.3, 0.1, 0.3])
    [2.5, 1.0, 2.5]
    """
    return [
        1 + sum(other < error for other in errors) + (sum(other == error for other in errors) - 1) / 2
        for error in errors
    ]


def section(rows: Sequence[dict[str, Any]], table: Table) -> list[str]:
    """Write the paragraphs of a page: the error of each model on each table, and what that comes to."""
    run = [row for row in rows if not row["skipped"]]
    names = list(dict.fromkeys(row["name"] for row in run))
    found = {(row["data"], row["name"]): row for row in run}
    data = list(dict.fromkeys(row["data"] for row in run))
    lines = []
    for name in data:
        own = {model: found[name, model] for model in names if (name, model) in found}
        first = next(iter(own.values()))
        errors = [f"{fmean(own[model]['errors']):.4f}" if model in own else "-" for model in names]
        lines.append([name, first["task"], f"{first['rows']:,} x {first['columns']}", *errors])
    complete = [name for name in data if all((name, model) in found for model in names)]
    paragraphs = [NOTE, table(["table", "predicted", "size", *names], lines)]
    if complete:
        paragraphs.append(
            table(["library", "mean rank", "mean error", "wins", "seconds"], _summary(found, complete, names))
        )
    return paragraphs + left_out(row["skipped"] for row in rows if row["skipped"])


def _summary(found: dict[tuple[str, str], Any], data: Sequence[str], names: Sequence[str]) -> list[list[str]]:
    """Return a line for each library, over the tables that all of them have learnt from."""
    errors = [[fmean(found[one, name]["errors"]) for name in names] for one in data]
    ranked = [ranks(of_table) for of_table in errors]
    lines = []
    for i, name in enumerate(names):
        mean, rank = shifted_mean([of_table[i] for of_table in errors]), fmean(of_table[i] for of_table in ranked)
        seconds = sum(sum(found[one, name]["seconds"]) for one in data)
        wins = "-" if BOOSTING not in names else f"{_wins(found, data, name):.2f}"
        lines.append([name, f"{rank:.2f}", f"{mean:.4f}", wins, duration(seconds)])
    return lines


def _wins(found: dict[tuple[str, str], Any], data: Sequence[str], name: str) -> float:
    """Return the share of splits in which a library has a smaller error than boosting; equal ones count half."""
    pairs = [zip(found[one, name]["errors"], found[one, BOOSTING]["errors"], strict=True) for one in data]
    return fmean((own < other) + (own == other) / 2 for of_table in pairs for own, other in of_table)
