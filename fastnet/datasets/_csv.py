"""A Kaggle-style CSV file: a header line, a label column, features."""

from __future__ import annotations

import csv
import io
import math
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from fastnet.datasets._csv_block import BlockParser
from fastnet.datasets._dataset import Array, Dataset, checked_dataset
from fastnet.datasets._files import PathLike, one_line, open_binary, stem

# A block is parsed by passes over its bytes: 128 KiB and most temporaries stay in the L2 cache.
_BLOCK_BYTES = 1 << 17
_MAX_LINE_BYTES = 1 << 26


def _read_line(stream: io.BufferedIOBase, where: str) -> bytes:
    line = stream.readline(_MAX_LINE_BYTES)
    if len(line) == _MAX_LINE_BYTES and not line.endswith(b"\n"):
        raise ValueError(f"{where}: longer than {_MAX_LINE_BYTES} bytes, expected lines of comma-separated cells")
    return line


def _read_names(stream: io.BufferedIOBase, path: Path) -> list[str]:
    where = f"{path}: line 1"
    line = _read_line(stream, where)
    if not line:
        raise ValueError(f"{path}: empty file, expected a header line and rows")
    try:
        text = line.decode("utf-8-sig").rstrip("\r\n")
        names = [name.strip() for name in next(csv.reader([text], strict=True), [])]
    except UnicodeDecodeError as error:
        raise ValueError(f"{where}: the header is not UTF-8 text: {error.reason}") from error
    except csv.Error as error:
        raise ValueError(f"{where}: cannot read the header: {one_line(error)}") from error
    if not any(names):
        raise ValueError(f"{where}: blank line, expected a header of column names")
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if repeated:
        raise ValueError(f"{where}: duplicated column names: {_listed(repeated)}, expected each once{_hint(names)}")
    return names


def _listed(names: list[str]) -> str:
    shown = [repr(one_line(name, 40)) for name in names]
    if len(shown) > 8:
        shown[5:-2] = ["..."]
    return ", ".join(shown)


def _hint(names: list[str]) -> str:
    numbers = all(name.replace(".", "", 1).isdecimal() for name in names)
    return " (all are numbers: is the header line missing?)" if numbers else ""


def _label_column(names: list[str], label: str, require_labels: bool, path: Path) -> int | None:
    if label in names:
        if len(names) == 1:
            raise ValueError(f"{path}: line 1: only the label column {label!r}, expected features beside it")
        return names.index(label)
    if not require_labels:
        return None
    raise ValueError(
        f"{path}: line 1: no label column {label!r}; the {len(names)} columns are {_listed(names)}{_hint(names)}"
    )


def _blocks(stream: io.BufferedIOBase, path: Path) -> Iterator[tuple[int, bytes]]:
    """Yield (number of the first line, whole lines without the last line end), blank lines at the end cut."""
    line_number = 2
    blank_line = None
    while block := stream.read(_BLOCK_BYTES):
        n_ended = block.count(b"\n")
        if not block.endswith(b"\n"):
            rest = _read_line(stream, f"{path}: line {line_number + n_ended}")
            block += rest
            n_ended += rest.endswith(b"\n")
        body = block.rstrip()
        if body:
            if blank_line is not None:
                raise ValueError(f"{path}: line {blank_line}: blank line, expected a row")
            yield line_number, body.replace(b"\r\n", b"\n") if b"\r" in body else body
        n_lines = n_ended + (not block.endswith(b"\n"))
        n_blank = block.count(b"\n", len(body)) - block.endswith(b"\n") if body else n_lines
        if blank_line is None and n_blank:
            blank_line = line_number + n_lines - n_blank
        line_number += n_lines


def _joined(tables: list[Array]) -> Array:
    """Return one table: uint8 if all blocks are, else float32."""
    dtype = np.uint8 if all(table.dtype == np.uint8 for table in tables) else np.float32
    return np.concatenate(tables, dtype=dtype)


def _image_shape(names: tuple[str, ...], X: Array) -> tuple[int, int] | None:
    """Return the square image that Kaggle's columns ``pixel0, pixel1, ...`` spell, row by row."""
    side = math.isqrt(len(names))
    square = side * side == len(names) and side > 1
    is_image = square and X.dtype == np.uint8 and all(name.lower().startswith("pixel") for name in names)
    return (side, side) if is_image else None


def read_csv(path: PathLike, label: str = "label", require_labels: bool = True) -> Dataset:
    r"""Read a CSV file with a header line and a label column, as Kaggle publishes them.

    Parameters
    ----------
    path : str or path
        The file, UTF-8, plain or gzip-compressed.
    label : str
        Name of the label column, wherever it stands; the other columns are features.
    require_labels : bool
        Whether a file without that column is an error; otherwise its `y` is None.

    Returns
    -------
    Dataset
        X is uint8 if the values of all features are integers from 0 to 255, otherwise float32.
        `image_shape` is set for columns named ``pixel...`` whose number is a square.

    Raises
    ------
    ValueError
        No such column, no rows, or a cell, row or label that cannot be used; names the line, from 1.
    OSError
        The file is missing, a directory, or cannot be read.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from fastnet.datasets import read_csv
    >>> with tempfile.TemporaryDirectory() as directory:
    ...     path = Path(directory) / "train.csv"
    ...     _ = path.write_text("width,label,height\n0.5,1,2\n1.5,0,3\n")
    ...     data = read_csv(path)
    >>> data.X.tolist(), data.y.tolist(), data.feature_names
    ([[0.5, 2.0], [1.5, 3.0]], [1, 0], ('width', 'height'))
    """
    path = Path(path)
    with open_binary(path) as stream:
        names = _read_names(stream, path)
        label_column = _label_column(names, label, require_labels, path)
        parser = BlockParser(path, names, label_column)
        parts = [parser.parse(body, line_number) for line_number, body in _blocks(stream, path)]
    if not parts:
        raise ValueError(f"{path}: a header without rows, expected at least one row")
    X = _joined([table for table, _ in parts])
    y = None if label_column is None else np.concatenate([labels for _, labels in parts])
    features = tuple(name for column, name in enumerate(names) if column != label_column)
    return checked_dataset(
        str(path),
        X,
        y,
        name=stem(path),
        require_labels=require_labels,
        image_shape=_image_shape(features, X),
        feature_names=features,
    )
