"""A table that a saved model is tried on: its columns found by name, and encoded as the model learnt them."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np

from fastnet.cli.tables.reading import parts_of
from fastnet.datasets import Dataset
from fastnet.datasets.csv.dialect import Dialect
from fastnet.datasets.files import stem
from fastnet.datasets.tables.mixed import is_table, read_mixed
from fastnet.models import Model
from fastnet.tables.cells import CellTable, Content
from fastnet.tables.columns import TableColumns
from fastnet.tables.target import read_target
from fastnet.validation.frames import order_of


def contents_of(columns: TableColumns) -> dict[str, Content]:
    """Return what the columns of a table hold, by name, for readers of text."""
    categories = iter(columns.categories)
    found: dict[str, Content] = {}
    for name, kind in zip(columns.names, columns.kinds, strict=True):
        known = () if kind == "number" else next(categories)
        if kind == "number":
            found[name] = "number"
        elif not known:
            found[name] = "nothing"
        else:
            found[name] = "text" if isinstance(known[0], str) else "bool" if isinstance(known[0], bool) else "number"
    return found


def load_for(
    path: Path, label: str | None, model: Model, dialect: Dialect, require_labels: bool, drop_labels: bool
) -> Dataset:
    """Read a table that a model takes, with its labels if they are there and wanted.

    Columns that were dropped from the training data may be there, and are ignored.

    Raises
    ------
    ValueError
        For missing and unknown columns, and labels that are required and missing, or that the model does not know.
    """
    if not is_table(path) and path.exists():
        raise ValueError(f"{path}: no table, expected .csv, .tsv, .txt, .parquet or .feather, as the model was trained")
    train, test = parts_of(path)
    path = test or train
    table, target = _read(path, label or model.label_name, model, dialect)
    assert model.table is not None
    found = table.select([name for name in table.names if name != target])
    X = model.table(found, model.network.dtype, str(path))
    if not np.isfinite(X).all():
        raise ValueError(f"{path}: numbers too far from those that the model was trained on")
    data = Dataset(X, name=stem(path), feature_names=model.table.input_names, label_names=_texts(model))
    if drop_labels or (target is None and not require_labels):
        return data
    if target is None:
        raise ValueError(f"{path}: no label column {label or model.label_name!r}; --label names another")
    task = "regression" if model.n_classes is None else "classification"
    try:
        values = read_target(table.column(target), task, str(path), _texts(model)).values
    except ValueError as error:
        if require_labels:
            raise
        warnings.warn(f"{error}; the labels are ignored", stacklevel=2)
        return data
    return Dataset(X, values, name=data.name, feature_names=data.feature_names, label_names=data.label_names)


def _texts(model: Model) -> tuple[str, ...] | None:
    return None if model.labels is None or model.n_classes is None else tuple(map(str, model.labels))


def _read(path: Path, label: str | None, model: Model, dialect: Dialect) -> tuple[CellTable, str | None]:
    """Return the columns that a model takes, and what the column of labels is called, if it is there."""
    assert model.table is not None
    wanted, ignored = model.table.columns.names, model.table.ignored
    target: list[str] = []
    by_name = model.table.columns.is_named

    def keep(names: list[str]) -> list[str]:
        target.extend(name for name in names if name == label and name not in wanted)
        if not by_name:
            return names
        features = [name for name in names if name in wanted or name not in (*ignored, *target)]
        order_of(features, wanted, str(path))
        return [*wanted, *target]

    table = read_mixed(path, dialect, contents_of(model.table.columns) if by_name else None, keep)
    return table, target[0] if target else None
