"""Tables to learn from: scikit-learn's own, and those of a folder: CSV, Parquet and KEEL files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from fastnet.datasets.csv.dialect import Dialect
from fastnet.datasets.csv.mixed import parse_mixed
from fastnet.datasets.tables.mixed import is_table, read_mixed
from fastnet.tables.cells import CellTable
from fastnet.tables.columns import TableColumns
from fastnet.tables.target import read_target, task_of

Array = npt.NDArray[Any]

TARGETS = ("target", "class", "label", "y")
"""Names of the column to predict, in lower case; it is the last one if none of these is there."""


class TableTask(NamedTuple):
    """A table, read, and what is to be predicted."""

    name: str
    columns: TableColumns
    numbers: Array  # NaN where they are missing
    codes: Array  # of categories, -1 where they are missing
    y: Array
    is_classes: bool


def own() -> Iterator[TableTask]:
    """Yield the tables that scikit-learn comes with."""
    from sklearn import datasets

    for name in ("iris", "wine", "breast_cancer", "digits", "diabetes"):
        X, y = getattr(datasets, f"load_{name}")(return_X_y=True)
        columns = TableColumns.learn(X)
        yield TableTask(name, columns, *columns.read(X), y, name != "diabetes")


def in_folder(folder: Path) -> Iterator[TableTask]:
    """Yield the tables of a folder, in the order of their names.

    The column to predict is called target, class, label or y, or is the last one, or that of KEEL's `@outputs`.

    Raises
    ------
    ValueError
        For a path that is no folder, a folder without tables, and tables that cannot be read.
    """
    if not folder.is_dir():
        raise ValueError(f"{folder}: no folder, expected one with .csv, .parquet or KEEL .dat files")
    paths = sorted(path for path in folder.iterdir() if path.is_file() and (is_table(path) or _is_keel(path)))
    if not paths:
        raise ValueError(f"{folder}: no .csv, .parquet or KEEL .dat files in it, expected one or more")
    for path in paths:
        yield read(path)


def read(path: Path) -> TableTask:
    """Read a table, and see what is to be predicted."""
    table, target = _read_keel(path) if _is_keel(path) else (read_mixed(path), "")
    if len(table.names) < 2:
        raise ValueError(f"{path}: one column, expected some to learn from and one to predict")
    if not target:
        target = next((name for name in table.names if name.lower() in TARGETS), table.names[-1])
    cells = table.column(target)
    task = task_of(cells)
    values = read_target(cells, task, str(path)).values
    features = table.select([name for name in table.names if name != target])
    columns = TableColumns.learn(features, name=str(path))
    return TableTask(path.stem, columns, *columns.read(features, str(path)), values, task == "classification")


def _is_keel(path: Path) -> bool:
    return path.suffix.lower() == ".dat"


def _read_keel(path: Path) -> tuple[CellTable, str]:
    """Read a file of KEEL: its header says what columns are called and which one is to be predicted."""
    head, mark, body = path.read_text("utf-8", errors="replace").partition("@data")
    names = re.findall(r"^\s*@attribute\s+('[^']+'|[^\s{\[]+)", head, flags=re.MULTILINE | re.IGNORECASE)
    outputs = re.search(r"^\s*@outputs?\s+(.+?)\s*$", head, flags=re.MULTILINE | re.IGNORECASE)
    lines = [",".join(cell.strip() for cell in line.split(",")) for line in body.splitlines() if line.strip()]
    if not mark or len(names) < 2 or not lines:
        raise ValueError(f"{path}: no file of KEEL, expected @attribute lines and rows after @data")
    text = "\n".join([",".join(names), *lines]).replace("<null>", "")
    target = outputs.group(1).strip() if outputs and outputs.group(1).strip() in names else names[-1]
    return parse_mixed(text.encode(), Dialect(delimiter=","), str(path)), target


def split(task: TableTask, seed: int, share: float = 0.25) -> tuple[Array, Array]:
    """Return rows to train on and rows to test with; a class of one row is trained on."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(task.y))
    n_test = max(1, round(share * len(order)))
    if not task.is_classes:
        return order[n_test:], order[:n_test]
    firsts = np.unique(task.y[order], return_index=True)[1]  # one of each class
    rest = np.setdiff1d(np.arange(len(order)), firsts)
    return order[np.concatenate([firsts, rest[n_test:]])], order[rest[:n_test]]
