"""Parse a block of CSV lines: fast where every cell is a short integer, exact where a cell is wrong.

Three parsers, each tried when the one before gives up: passes of NumPy over the bytes (integers of up to
three digits, which is what pixels are), `numpy.loadtxt` (any number), and the csv module cell by cell
(quoted cells, and the line and column of an error).
"""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from fastnet.datasets._dataset import MAX_LABEL, Array, Labels
from fastnet.datasets._files import one_line

_FLOAT32_MAX = float(np.finfo(np.float32).max)
_NEWLINE, _COMMA, _ZERO = b"\n,0"


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


@dataclass(frozen=True)
class BlockParser:
    """Parse blocks of the lines of one file into features and labels."""

    path: Path
    names: list[str]
    label_column: int | None

    def parse(self, body: bytes, line_number: int) -> tuple[Array, Labels]:
        """Return features (uint8 or float32) and labels of `body`, whose first line is `line_number`."""
        n_columns = len(self.names)
        table: Array | None = parse_short_integers(body, n_columns)
        if table is None:
            table = parse_floats(body, n_columns)
            if table is None or not self._usable(table):
                table = self._parse_cells(body, line_number)
        if self.label_column is None:
            return _narrowed(table), np.empty(0, np.int32)
        features = np.delete(table, self.label_column, axis=1)
        return _narrowed(features), table[:, self.label_column].astype(np.int32)

    def _usable(self, table: Array) -> bool:
        if self.label_column is not None:
            labels = table[:, self.label_column]
            if ((labels < 0) | (labels > MAX_LABEL) | (labels != np.floor(labels))).any():
                return False
        return bool((np.abs(table) <= _FLOAT32_MAX).all())

    def _parse_cells(self, body: bytes, line_number: int) -> npt.NDArray[np.float64]:
        lines = body.decode("utf-8", errors="replace").split("\n")
        table = np.empty((len(lines), len(self.names)), np.float64)
        for row, line in enumerate(lines):
            where = f"{self.path}: line {line_number + row}"
            cells = self._cells(line, where)
            table[row] = [self._number(cell, column, where) for column, cell in enumerate(cells)]
        return table

    def _cells(self, line: str, where: str) -> list[str]:
        try:
            cells = next(csv.reader([line], strict=True), [])
        except csv.Error as error:
            raise ValueError(f"{where}: cannot split the row into cells: {one_line(error)}") from error
        if not line.strip():
            raise ValueError(f"{where}: blank line, expected a row of {len(self.names)} cells")
        if len(cells) != len(self.names):
            raise ValueError(f"{where}: {len(cells)} cells, expected {len(self.names)} as in the header")
        return cells

    def _number(self, cell: str, column: int, where: str) -> float:
        shown = repr(one_line(cell, 40))
        where = f"{where}, column {one_line(self.names[column], 40)!r}"
        if not cell.strip():
            raise ValueError(f"{where}: empty cell, expected a number")
        try:
            # float() also takes 1_000 and the digits of other alphabets; the parsers above do not.
            value = float(cell) if cell.isascii() and "_" not in cell else None
        except ValueError:
            value = None
        if value is None:
            raise ValueError(f"{where}: {shown} is text, expected a number")
        if column == self.label_column:
            if not (0 <= value <= MAX_LABEL and value.is_integer()):
                raise ValueError(f"{where}: label {shown}, expected an integer from 0")
        elif not math.isfinite(value) or abs(value) > _FLOAT32_MAX:
            raise ValueError(f"{where}: {shown}, expected a finite number (float32)")
        return value


def _narrowed(table: Array) -> Array:
    """Return `table` as uint8 if that keeps every value, else as float32."""
    if table.min() >= 0 and table.max() <= 255:
        narrow = table.astype(np.uint8)
        if table.dtype == np.uint16 or np.array_equal(narrow, table):
            return narrow
    return table.astype(np.float32)
