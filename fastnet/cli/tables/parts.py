"""Parts of a table to train and test on: read, split, and encoded by what the training part holds."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fastnet import datasets
from fastnet.cli.data import FRACTION, VALIDATION, Parts
from fastnet.cli.errors import as_typed
from fastnet.cli.tables.reading import TrainingTable, dialect_of, parts_of, read_training
from fastnet.datasets.files import stem
from fastnet.datasets.held_out import HeldOut
from fastnet.datasets.tables.mixed import is_other_text, is_table, read_mixed
from fastnet.tables.columns import TableColumns
from fastnet.tables.encoding import TableEncoding
from fastnet.tables.target import Target, read_target, task_of

Array = npt.NDArray[Any]


@dataclass(frozen=True, eq=False, kw_only=True)
class TableParts(Parts):
    """Encoded rows of a table; numbers to predict are standardised: less `centre`, divided by `spread`."""

    table: TableEncoding
    task: str
    centre: float = 0.0
    spread: float = 1.0

    def prepared(self, dtype: str) -> TableParts:
        """Return the data as it is: encoding prepares it."""
        return self

    def with_validation(self, seed: int) -> Parts:
        """Return the data with a share of the training part held out, by which the end of training may be chosen."""
        if self.task == "classification":
            return super().with_validation(seed)
        train, rest = _drawn(len(self.y), round(VALIDATION * len(self.y)), seed, "--patience")
        return replace(self, X=self.X[train], y=self.y[train], validation=(self.X[rest], self.y[rest]))

    def as_json(self) -> dict[str, Any]:
        """Return what the data is."""
        columns = self.table.columns
        return super().as_json() | {
            "task": self.task,
            "classes": self.n_classes if self.label_names else None,
            "columns": dict(zip(columns.names, columns.kinds, strict=True)),
            "target": self.label_name,
        }

    def __str__(self) -> str:
        columns = self.table.columns
        counts = [(len(columns.number_names), "number"), (len(columns.category_names), "category")]
        words = [f"{n:,} {word}" for n, word in counts if n]
        what = f"{self.n_classes:,} classes" if self.label_names else "numbers"
        features = f"{' and '.join(words)} columns"
        return f"{self.samples} of {features}; {what} to predict in {self.label_name!r} ({self.task})"


_PRECISION = 1e-3
"""Of numbers to predict, in their standard deviations: what is lost must be less."""


def is_asked(options: Any) -> bool:
    """Whether options are given that only tables of numbers and categories have, or the name of the file asks so."""
    given = (
        options.task,
        options.columns,
        options.drop,
        options.categories,
        options.delimiter,
        options.decimal,
        options.encoding,
    )
    if any(value is not None for value in given):
        return True
    return options.data is not None and is_other_text(options.data)


def load_table_parts(options: Any) -> TableParts:
    """Read a table and see that it has a test part; `--test-samples` or else a share of the rows is held out."""
    _check_options(options)
    train_path, test_path = parts_of(options.data)
    found = read_training(train_path, options)
    task = str(options.task) if options.task else task_of(found.target)
    target = read_target(found.target, task, str(train_path))
    test = None if test_path is None else _test_part(test_path, found, target, options)
    if test is not None and (options.test_fraction is not None or options.test_samples is not None):
        raise ValueError(f"--test-fraction, --test-samples: {options.data} has a test part of its own")
    held_out = HeldOut() if test is not None else _held_out(target, options)
    rows = np.setdiff1d(np.arange(len(target.values)), held_out.rows(target.values))
    training = found.features.take(rows)
    kind = {"auto": "standardize"}.get(str(options.preprocess), str(options.preprocess))
    columns = TableColumns.learn(training, name=str(train_path))
    try:
        encoding = TableEncoding.fit(training, kind, columns, found.ignored)
    except ValueError as error:
        raise ValueError(f"{train_path}: {error}") from None
    X = encoding(found.features, str(options.dtype), str(train_path))
    if test is None:
        others = held_out.rows(target.values)
        X_test, y_test = X[others], target.values[others]
    else:
        X_test, y_test = encoding(test[0], str(options.dtype), str(test_path)), test[1].values
    parts = TableParts(
        stem(options.data) or str(options.data), X[rows], target.values[rows], X_test, y_test, held_out,
        len(target.labels or (1,)), None, target.labels, encoding.input_names, kind, held_out.noted(X, target.values),
        label_name=target.name, table=encoding, task=task,
    )  # fmt: skip
    return parts if target.labels else _standardised(parts, str(options.dtype), options.no_bias)


def _check_options(options: Any) -> None:
    if options.data is None:
        raise ValueError(
            "--task, --columns, --drop, --categories, --delimiter, --decimal, --encoding are of tables, got no DATA"
        )
    if options.data.exists() and not is_table(options.data):
        raise ValueError(f"{options.data}: no table, expected .csv, .tsv, .txt, .parquet or .feather for these options")
    for option in ("mmap", "cache_data"):
        if getattr(options, option):
            raise ValueError(f"--{option.replace('_', '-')} is of tables of plain numbers and classes")
    if str(options.preprocess) == "scale":
        raise ValueError("--preprocess scale is of integers from 0 to 255, expected standardize, minmax or none")
    if options.test_fraction is not None and options.test_samples is not None:
        raise ValueError("--test-fraction and --test-samples: expected one of them")


def _test_part(
    path: Path, found: TrainingTable, target: Target, options: Any
) -> tuple[Any, Target] | None:  # fmt: skip
    """Return features and targets of a test part; None for one without the column to predict, as Kaggle's."""
    names: list[str] = []

    def keep(columns: list[str]) -> list[str]:
        names.extend(columns)
        return [name for name in columns if name in (*found.names, target.name)]

    known = {name: cells.content for name, cells in zip(found.names, found.features.cells, strict=True)}
    table = read_mixed(path, dialect_of(options), known, keep)
    if target.name not in names:
        return None
    missing = [name for name in found.names if name not in names]
    if missing:
        from fastnet.validation.frames import listed

        raise ValueError(f"{path}: missing columns {listed(missing)}, which the training part has")
    test = read_target(table.column(target.name), target.task, str(path), target.labels)
    return table.select(found.names), test


def _held_out(target: Target, options: Any) -> HeldOut:
    """Return how rows are held out: some of every class, or any."""
    fraction, count = options.test_fraction, options.test_samples
    share = FRACTION if fraction is None and count is None else fraction
    if target.labels is not None:
        held_out = HeldOut("stratified", share, count, options.seed)
        with as_typed({"fraction": "--test-fraction", "count": "--test-samples", "y": str(options.data)}):
            datasets.stratified_split(target.values, share, options.seed, count=count)
        return held_out
    n = len(target.values)
    if share is not None and not 0 < share < 1:
        raise ValueError(f"--test-fraction: got {share}, expected a number between 0 and 1, both excluded")
    count = max(1, round(share * n)) if count is None and share is not None else count
    option = "--test-samples" if options.test_samples else "--test-fraction"
    _drawn(n, count or 0, options.seed, option)
    return HeldOut("drawn", count=count, seed=options.seed)


def _drawn(n: int, count: int, seed: int, option: str) -> tuple[Array, Array]:
    """Return rows to train on, and rows that are held out."""
    if not 0 < count < n:
        raise ValueError(f"{option}: cannot hold {count} of {n} rows out")
    order = np.random.default_rng(seed).permutation(n)
    return np.sort(order[count:]), np.sort(order[:count])


def _standardised(parts: TableParts, dtype: str, no_bias: bool) -> TableParts:
    """Return parts whose numbers to predict have mean 0 and standard deviation 1; mean as it is without biases."""
    y = parts.y.astype(np.float64)
    centre = 0.0 if no_bias else float(y.mean())
    spread = float(np.sqrt(np.mean(np.square(y - centre))))
    if not np.isfinite([centre, spread]).all():
        raise ValueError(f"{parts.name}: column {parts.label_name!r}: its numbers are too large")
    if y.min() == y.max():
        raise ValueError(f"{parts.name}: column {parts.label_name!r}: all values are {y[0]:g}, nothing to predict")
    if np.finfo(dtype).eps * abs(centre) > _PRECISION * spread:
        what = f"values about {centre:g} that differ by {spread:g}"
        raise ValueError(
            f"{parts.name}: column {parts.label_name!r}: {what} are too close for {dtype}; --dtype float64"
        )
    first, second = (((one - centre) / spread).astype(dtype) for one in (y, parts.y_test.astype(np.float64)))
    return replace(parts, y=first, y_test=second, centre=centre, spread=spread)
