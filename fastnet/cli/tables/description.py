"""What the columns of a table hold, for people who are about to train on it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from fastnet.cli.tables.reading import parts_of
from fastnet.datasets.csv.dialect import Dialect
from fastnet.datasets.tables.mixed import read_mixed
from fastnet.tables.cells import Cells
from fastnet.tables.target import task_of
from fastnet.validation.frames import listed

SHOWN = 6
"""Categories that are listed, at most."""


def facts_of_table(path: Path, label: str | None, dialect: Dialect) -> dict[str, Any]:
    """Return rows and columns of a table, ready for JSON; of a folder, those of its training part."""
    train, _ = parts_of(path)
    table = read_mixed(train, dialect)
    if label is not None and label not in table.names:
        raise ValueError(f"{train}: no label column {label!r}; the columns are {listed(table.names)}")
    columns = [_facts_of_column(name, cells) for name, cells in zip(table.names, table.cells, strict=True)]
    task = None if label is None else task_of(table.column(label))
    return {"data": str(path), "rows": table.n_rows, "label": label, "task": task, "columns": columns}


def _facts_of_column(name: str, cells: Cells) -> dict[str, Any]:
    if isinstance(cells.values, np.ndarray):
        present = cells.values[~np.isnan(cells.values)]
        ends = (float(present.min()), float(present.max())) if present.size else (None, None)
        gaps = len(cells.values) - len(present)
        different = len(np.unique(present))
        return {"column": name, "holds": "number", "gaps": gaps, "different": different, "min": ends[0], "max": ends[1]}
    values = [value for value in cells.values if isinstance(value, (str, bool))]
    known = sorted(set(values))
    return {"column": name, "holds": cells.content, "gaps": len(cells.values) - len(values), "different": len(known),
            "first": [str(one) for one in known[:SHOWN]]}  # fmt: skip


def print_table(facts: dict[str, Any]) -> None:
    """Print a line for each column."""
    from fastnet.cli.output import print_rows

    rows = {"data": f"{facts['data']}: a table of {facts['rows']:,} rows and {len(facts['columns']):,} columns"}
    if facts["label"] is not None:
        rows["task"] = f"{facts['task']} of {facts['label']!r}"
    print_rows(rows)
    width = max(6, *(len(one["column"]) for one in facts["columns"]))
    print(f"\n{'column':<{width}}  {'holds':<8}{'gaps':>8}{'different':>11}")
    for one in facts["columns"]:
        print(f"{one['column']:<{width}}  {one['holds']:<8}{one['gaps']:>8,}{one['different']:>11,}  {_values(one)}")


def _values(column: dict[str, Any]) -> str:
    if column["holds"] == "number":
        return "" if column["min"] is None else f"from {column['min']:g} to {column['max']:g}"
    more = ", ..." if column["different"] > SHOWN else ""
    return listed(column["first"]) + more
