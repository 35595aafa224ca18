"""Parsers of a block of CSV lines, each the fastest for some kind of numbers, that leave other blocks to the next one.

Passes of NumPy over the bytes (integers of up to three digits, which is what pixels are), pyarrow where it is
there, and `numpy.loadtxt` (any number). All of them round decimal fractions to the nearest float64.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fastnet.datasets.labels import Array

_NEWLINE, _COMMA, _ZERO = b"\n,0"


def number(cell: str) -> float | None:
    """Return the number that a cell spells, or None for text."""
    try:
        # float() also takes 1_000 and the digits of other alphabets; the parsers below do not.
        return float(cell) if cell.isascii() and "_" not in cell else None
    except ValueError:
        return None


def parse_short_integers(body: bytes, n_columns: int) -> npt.NDArray[np.uint16] | None:
    """Return the table of a block whose cells are all one to three digits, or None for any other block."""
    characters = np.frombuffer(body + b"\n", np.uint8)
    digits = characters - np.uint8(_ZERO)  # what is not a digit wraps round to more than 9
    ends = np.flatnonzero(digits > 9)
    if ends.size % n_columns:
        return None
    separators = characters[ends].reshape(-1, n_columns)
    if (separators[:, :-1] != _COMMA).any() or (separators[:, -1] != _NEWLINE).any():
        return None
    widths = np.diff(ends, prepend=-1) - 1
    if widths.min() < 1 or widths.max() > 3:
        return None
    values = digits[ends - 1].astype(np.uint16)
    wide = np.flatnonzero(widths >= 2)
    values[wide] += digits[ends[wide] - 2] * np.uint16(10)
    wide = wide[widths[wide] == 3]
    values[wide] += digits[ends[wide] - 3] * np.uint16(100)
    return values.reshape(-1, n_columns)


def parse_floats(body: bytes, n_columns: int) -> npt.NDArray[np.float64] | None:
    """Return the table of a block of unquoted finite numbers, or None for any other block."""
    try:
        lines = body.decode("ascii").split("\n")
        table = np.loadtxt(lines, delimiter=",", comments=None, dtype=np.float64, ndmin=2)
    except ValueError:
        return None
    # loadtxt skips blank lines: a table with fewer rows than lines has one.
    return table if table.shape == (len(lines), n_columns) and np.isfinite(table).all() else None


def parse_floats_by_arrow(body: bytes, n_columns: int) -> npt.NDArray[np.float64] | None:
    """Do what `parse_floats` does, on several times as many bytes a second where there are many."""
    import pyarrow as pa
    from pyarrow import csv

    names = [str(column) for column in range(n_columns)]
    if not body.isascii():
        return None
    try:
        table = csv.read_csv(
            pa.BufferReader(body),
            read_options=csv.ReadOptions(use_threads=False, column_names=names, block_size=len(body) + 1),
            parse_options=csv.ParseOptions(quote_char=False, ignore_empty_lines=False),
            convert_options=csv.ConvertOptions(column_types=dict.fromkeys(names, pa.float64()), null_values=[]),
        )
    except pa.ArrowInvalid:
        return None
    if table.num_rows != body.count(b"\n") + 1:  # a carriage return alone also ends a line there
        return None
    values = np.empty((table.num_rows, n_columns))
    for column, cells in enumerate(table.itercolumns()):
        values[:, column] = cells.to_numpy()
    return values if np.isfinite(values).all() else None


def narrowed(table: Array) -> Array:
    """Return `table` as uint8 if that keeps every value, else as float32."""
    if table.min() >= 0 and table.max() <= 255:
        narrow = table.astype(np.uint8)
        if table.dtype == np.uint16 or np.array_equal(narrow, table):
            return narrow
    return table.astype(np.float32)
