"""Write tables: CSV and Parquet files with a label column."""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np

from fastnet.datasets.dataset import Dataset
from fastnet.datasets.labels import Array
from fastnet.datasets.tables.parquet import parquet_module
from fastnet.output.atomic import replacing

LABEL = "label"
_PIECE_ROWS = 512
_BYTES_AS_TEXT = np.array([str(value) for value in range(256)], dtype=object)


def column_names(data: Dataset) -> list[str]:
    """Return names for the columns of features: pixels for a square image, which `load` then knows again."""
    if data.feature_names is not None:
        if LABEL in data.feature_names and data.y is not None:
            raise ValueError(f"{data.name}: a feature is called {LABEL!r}, as the column of labels would be")
        return list(data.feature_names)
    shape = data.image_shape or ()
    kind = "pixel" if len(shape) == 2 and shape[0] == shape[1] else "x"
    return [f"{kind}{column}" for column in range(data.X.shape[1])]


def _labels(data: Dataset) -> list[Any]:
    assert data.y is not None
    labels: list[Any] = data.y.tolist()
    return labels if data.label_names is None else [data.label_names[label] for label in labels]


def write_csv(path: Path, data: Dataset) -> None:
    """Write the training part, with as many digits as it takes to read the same numbers back."""
    head = [] if data.y is None else [LABEL]
    with _text(path) as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow([*head, *column_names(data)])
        labels = None if data.y is None else _labels(data)
        for first in range(0, len(data.X), _PIECE_ROWS):
            rows = _as_text(data.X[first : first + _PIECE_ROWS])
            if labels is not None:
                rows = [[label, *row] for label, row in zip(labels[first : first + _PIECE_ROWS], rows, strict=True)]
            writer.writerows(rows)


def _as_text(X: Array) -> list[list[Any]]:
    if X.dtype == np.uint8:
        texts: list[list[Any]] = _BYTES_AS_TEXT[X].tolist()
        return texts
    form = "%.9g" if X.dtype == np.float32 else "%.17g"
    return [[form % value for value in row] for row in X.tolist()]


@contextmanager
def _text(path: Path) -> Iterator[IO[Any]]:
    with replacing(path) as file:
        raw = gzip.GzipFile("", "wb", 6, file, 0) if path.name.lower().endswith(".gz") else file
        stream = io.TextIOWrapper(raw, encoding="utf-8", newline="")
        yield stream
        stream.detach()
        if raw is not file:
            raw.close()  # writes the end of the compressed stream


def write_parquet(path: Path, data: Dataset) -> None:
    """Write the training part; names of classes are a column of text."""
    parquet = parquet_module(str(path))
    import pyarrow as pa

    columns = {LABEL: _labels(data) if data.label_names is not None else data.y} if data.y is not None else {}
    columns |= {name: data.X[:, i] for i, name in enumerate(column_names(data))}
    table = pa.table(columns)
    with replacing(path) as file:
        parquet.write_table(table, file)
