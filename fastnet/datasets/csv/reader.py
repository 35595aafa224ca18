"""CSV files as Kaggle publishes them: a header line, a label column, features."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fastnet.datasets.columns import Label, Wanted
from fastnet.datasets.csv.block import BlockParser
from fastnet.datasets.csv.header import index_columns, read_header, read_line
from fastnet.datasets.csv.numbers import TRUTHS, number
from fastnet.datasets.dataset import Dataset, checked_dataset
from fastnet.datasets.files import PathLike, open_binary, stem
from fastnet.datasets.labels import Array

_PIXEL = re.compile(r"pixel.*|\d+x\d+", re.IGNORECASE)


def _blocks(stream: io.BufferedIOBase, parser: BlockParser, row: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield (number of the first line, whole lines without the last line end), blank lines at the end cut.

    `row` is the first line where it is no header.
    """
    path, line_number = parser.path, 1 if row else 2
    blank_line = None
    while block := row + stream.read(parser.block_bytes):
        row = b""
        n_ended = block.count(b"\n")
        if not block.endswith(b"\n"):
            rest = read_line(stream, f"{path}: line {line_number + n_ended}")
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


def image_shape(names: tuple[str, ...], X: Array) -> tuple[int, int] | None:
    """Return the square image that columns ``pixel0, pixel1, ...`` or ``1x1, 1x2, ...`` spell, row by row."""
    side = math.isqrt(len(names))
    square = side * side == len(names) and side > 1
    is_image = square and X.dtype == np.uint8 and all(_PIXEL.fullmatch(name) for name in names)
    return (side, side) if is_image else None


def _parse(stream: io.BufferedIOBase, parser: BlockParser, row: bytes) -> tuple[Array, Array | None]:
    """Return features and labels, int32 or text: the first one says which."""
    blocks = _blocks(stream, parser, row)
    first = next(blocks, None)
    if first is None:
        raise ValueError(f"{parser.path}: a header without rows, expected at least one row")
    if parser.label_column is not None:
        label = parser.first_label(first[1], first[0])
        parser.named = bool(label.strip()) and (number(label) is None or label.strip() in TRUTHS)
    parts = [parser.parse(body, line_number) for line_number, body in chain([first], blocks)]
    X = _joined([table for table, _ in parts])
    if parser.label_column is None:
        return X, None
    labels: list[Any] = [labels for _, labels in parts]
    return X, _named(list(chain(*labels))) if parser.named else np.concatenate(labels)


def _named(labels: list[str]) -> Array:
    """Return labels that begin with a word as text; as 1 and 0 if all of them are true or false."""
    if all(label in TRUTHS for label in set(labels)):
        return np.array([TRUTHS[label] for label in labels], np.int32)
    return np.array(labels, np.str_)


def read_csv(path: PathLike, label: Label = "label", require_labels: bool = True) -> Dataset:
    r"""Read a CSV file with a label column, as Kaggle publishes them.

    Parameters
    ----------
    path : str or path
        The file, UTF-8, plain or gzip-compressed.
    label : str or int
        The label column, by its name, or by its position: 0 is the first column, -1 the last one. A name that is
        there wins over a position. The other columns are features.
    require_labels : bool
        Whether a file without that column is an error; otherwise its `y` is None.

    Returns
    -------
    Dataset
        X is uint8 if the values of all features are integers from 0 to 255, otherwise float32; True is 1, False is 0.
        The index of a frame of pandas, which is a column without a name, is no feature. Labels are integers from 0,
        or names, if the first of them is text: then, and for integers with gaps, `label_names` has the names in
        order, and `y` their places. `image_shape` is set for columns named ``pixel...`` or ``1x1, 1x2, ...`` whose
        number is a square.

    Raises
    ------
    ValueError
        No such column, no rows, or a cell, row or label that cannot be used; names the line, from 1.
    OSError
        The file is missing, a directory, or cannot be read.

    Notes
    -----
    The first line is taken for a row, not for a header, if all its cells are numbers, but perhaps that of a label
    known by position. 0, 1, 2, ... are a header nevertheless, since pandas writes that for columns without names. A
    header that has numbers among its names, and could as well be a row, is warned of.

    Large files of decimal fractions are parsed by pyarrow if it is installed, to the same values.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from fastnet.datasets import read_csv
    >>> with tempfile.TemporaryDirectory() as directory:
    ...     path = Path(directory) / "train.csv"
    ...     _ = path.write_text("width,label,height\n0.5,oak,2\n1.5,elm,3\n")
    ...     data = read_csv(path)
    >>> data.X.tolist(), data.feature_names
    ([[0.5, 2.0], [1.5, 3.0]], ('width', 'height'))
    >>> data.y.tolist(), data.label_names
    ([1, 0], ('elm', 'oak'))
    """
    return read_columns(Path(path), Wanted((label,), require_labels))


def read_columns(path: Path, wanted: Wanted) -> Dataset:
    """Read a CSV file."""
    with open_binary(path) as stream:
        return parse_table(stream, path, wanted)


def parse_table(stream: io.BufferedIOBase, path: Path, wanted: Wanted) -> Dataset:
    """Read an open CSV file, or a stream of one; the index of a frame of pandas is no feature."""
    names, row = read_header(stream, path, wanted)
    index = [] if row else index_columns(names)
    hint = " (line 1 is all numbers, a row: expected a position, such as 0 or -1)" if row else ""
    column, places = wanted.choose(names, index, f"{path}: line 1", hint, named=not row)
    ignored = tuple(sorted(set(range(len(names))) - {column, *places}))
    X, y = _parse(stream, BlockParser(path, names, column, ignored), row)
    order, features = np.argsort(np.argsort(places)), tuple(names[i] for i in places)
    return checked_dataset(
        str(path), in_order(X, order), y, name=stem(path), require_labels=wanted.require_labels,
        image_shape=image_shape(features, X), feature_names=None if row else features,
        label_name=None if column is None else names[column],
    )  # fmt: skip


def in_order(X: Array, order: npt.ArrayLike) -> Array:
    """Return columns in some order: as they are, where it is theirs already."""
    places = np.asarray(order)
    return X if np.array_equal(places, np.arange(X.shape[1])) else X[:, places]
