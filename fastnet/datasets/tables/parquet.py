"""Parquet and Feather files, through pyarrow."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from types import ModuleType
from typing import Any

from fastnet.datasets.columns import Wanted
from fastnet.datasets.csv.reader import image_shape
from fastnet.datasets.dataset import Dataset, checked_dataset
from fastnet.datasets.files import MixedTableError, one_line, open_binary, read_at_most, stem
from fastnet.datasets.labels import Array
from fastnet.datasets.tables.arrow import check_numbers, decoded, feature_array, index_columns, label_array
from fastnet.validation.frames import listed

PARQUET_MAGIC = b"PAR1"
FEATHER_MAGIC = b"ARROW1"
STREAM_MAGIC = b"\xff\xff\xff\xff"
"""How a stream of Arrow begins, which is what the package datasets keeps in .arrow files."""

MAGICS = {PARQUET_MAGIC: "Parquet", FEATHER_MAGIC: "Feather", STREAM_MAGIC: "Arrow"}
"""Beginnings of files that hold tables of Arrow, and what such files are called."""


def parquet_module(where: str, kind: str = "Parquet") -> ModuleType:
    """Import pyarrow's Parquet module, or say what to install."""
    try:
        import pyarrow.parquet
    except ImportError as error:
        raise ModuleNotFoundError(f"{where}: {kind} needs pyarrow: pip install pyarrow") from error
    module: ModuleType = pyarrow.parquet
    return module


def kind_of_table(head: bytes) -> str | None:
    """Return what a file with a table of Arrow is called, None for any other file."""
    return next((kind for magic, kind in MAGICS.items() if head.startswith(magic)), None)


def read_parquet(path: Path, wanted: Wanted) -> Dataset:
    """Read a table whose label column holds integers from 0 or names, and whose other columns hold numbers.

    The index of a frame of pandas is no feature.
    """
    table = read_arrow_table(path)
    names = list(table.column_names)
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if repeated:
        raise ValueError(f"{path}: duplicated column names: {listed(repeated)}, expected each once")
    index = [names.index(name) for name in index_columns(table)]
    column, features = wanted.choose(names, index, str(path))
    feature_names = tuple(names[i] for i in features)
    X, y = _arrays(table, names, features, column, path)
    return checked_dataset(
        str(path), X, y, name=stem(path), require_labels=wanted.require_labels,
        image_shape=image_shape(feature_names, X), feature_names=feature_names,
        label_name=None if column is None else names[column],
    )  # fmt: skip


def _arrays(
    table: Any, names: list[str], features: list[int], column: int | None, path: Path
) -> tuple[Array, Array | None]:
    """Return features and labels; TypeError for what Arrow cannot convert."""
    from pyarrow import ArrowException

    try:
        check_numbers(table.select(features), [names[i] for i in features], str(path))
        for i in features if column is None else [column, *features]:
            _check_no_gaps(decoded(table.column(i)), names[i], path)
        y = None
        if column is not None:
            y = label_array(table.column(column), f"{path}: column {one_line(names[column], 40)!r}")
        return feature_array(table.select(features)), y
    except ArrowException as error:
        raise TypeError(f"{path}: columns that cannot be numbers: {one_line(error)}") from error


def _check_no_gaps(cells: Any, name: str, path: Path) -> None:
    if cells.null_count:
        row = cells.is_null().to_pylist().index(True)
        raise MixedTableError(
            f"{path}: row {row} (from 0), column {one_line(name, 40)!r}: empty cell, expected a value"
        )


def read_arrow_table(path: Path) -> Any:
    """Return the table of a Parquet or Feather file, or of a stream of Arrow; ValueError for a damaged one."""
    with open_binary(path) as stream:  # errors of opening keep their type: below, an OSError means a damaged file
        kind = kind_of_table(bytes(read_at_most(stream, 8))) or "Parquet"
    parquet = parquet_module(str(path), kind)
    import pyarrow as pa

    try:
        if kind == "Parquet":
            with parquet.ParquetFile(path) as file:
                return file.read()
        with pa.memory_map(str(path)) as source:
            opened = (pa.ipc.open_file if kind == "Feather" else pa.ipc.open_stream)(source)
            return opened.read_all()
    except (pa.ArrowException, OSError, ValueError) as error:
        raise ValueError(f"{path}: damaged {kind} file: {one_line(error)}") from error
