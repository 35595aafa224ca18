"""Parquet files, through pyarrow."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from fastnet.datasets.columns import Label, label_column
from fastnet.datasets.csv.reader import image_shape
from fastnet.datasets.dataset import Dataset, checked_dataset
from fastnet.datasets.files import one_line, open_binary, stem
from fastnet.datasets.labels import Array

PARQUET_MAGIC = b"PAR1"
# Columns become rows in pieces of so many samples: a piece of hundreds of columns stays in the cache.
_PIECE_ROWS = 4096


def parquet_module(where: str) -> ModuleType:
    """Import pyarrow's Parquet module, or say what to install."""
    try:
        import pyarrow.parquet
    except ImportError as error:
        raise ModuleNotFoundError(f"{where}: Parquet needs pyarrow: pip install 'fastnet[data]'") from error
    module: ModuleType = pyarrow.parquet
    return module


def read_parquet(path: Path, label: Label, require_labels: bool, n_features: int | None = None) -> Dataset:
    """Read a table whose label column holds integers from 0 or names, and whose other columns hold numbers."""
    table = _read_table(path)
    names = list(table.column_names)
    column = label_column(names, label, require_labels, str(path), n_features)
    for name, cells in zip(names, table.columns, strict=True):
        if cells.null_count:
            row = cells.is_null().to_pylist().index(True)
            raise ValueError(f"{path}: row {row} (from 0), column {one_line(name, 40)!r}: empty cell, expected a value")
    y = None if column is None else _labels(table.column(column))
    features = tuple(name for i, name in enumerate(names) if i != column)
    X = _features(table if column is None else table.remove_column(column), path)
    return checked_dataset(
        str(path),
        X,
        y,
        name=stem(path),
        require_labels=require_labels,
        image_shape=image_shape(features, X),
        feature_names=features,
    )


def _read_table(path: Path) -> Any:
    with open_binary(path):
        pass  # errors of opening keep their type: below, an OSError means a damaged file
    parquet = parquet_module(str(path))
    from pyarrow import ArrowException

    try:
        with parquet.ParquetFile(path) as file:
            return file.read()
    except (ArrowException, OSError, ValueError) as error:
        raise ValueError(f"{path}: damaged Parquet file: {one_line(error)}") from error


def _labels(cells: Any) -> Array:
    import pyarrow as pa

    kind = cells.type
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind  # a category of pandas
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return np.array([text.strip() for text in cells.to_pylist()], np.str_)
    return np.asarray(cells.to_numpy())


def _features(table: Any, path: Path) -> Array:
    """Return the columns as an array: uint8 if they are integers that fit, else float32, or float64 if one is that."""
    import pyarrow as pa

    no_rows = table.schema.empty_table()  # whose arrays have the dtypes, for which pyarrow may want pandas
    dtypes = {name: no_rows[name].to_numpy().dtype for name in no_rows.column_names}
    text = next((name for name, dtype in dtypes.items() if dtype.kind not in "buif"), None)
    if text is not None:
        kind = table.schema.field(text).type
        raise TypeError(f"{path}: column {one_line(text, 40)!r} of type {kind}, expected numbers")
    dtype: type[np.generic] = np.float64 if np.float64 in dtypes.values() else np.float32
    if all(dtype.kind != "f" for dtype in dtypes.values()):
        try:
            table = table.cast(pa.schema([(name, pa.uint8()) for name in table.column_names]))
            dtype = np.uint8
        except pa.ArrowInvalid:  # an integer that does not fit
            pass
    X = np.empty((table.num_rows, table.num_columns), dtype)
    first = 0
    for piece in table.to_batches(max_chunksize=_PIECE_ROWS):
        for column, cells in enumerate(piece.columns):
            X[first : first + piece.num_rows, column] = cells.to_numpy(zero_copy_only=False)
        first += piece.num_rows
    return X
