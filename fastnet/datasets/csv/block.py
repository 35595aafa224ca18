"""Parse a block of CSV lines: fast where every cell is a plain number, exact where a cell is wrong.

What none of the parsers of `_csv_numbers` takes goes through the csv module cell by cell: quoted cells, and the
line and column of an error.
"""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import numpy.typing as npt

from fastnet.datasets.csv.numbers import (
    narrowed,
    number,
    parse_floats,
    parse_floats_by_arrow,
    parse_short_integers,
    without_truths,
)
from fastnet.datasets.files import MixedTableError, one_line
from fastnet.datasets.labels import MAX_LABEL, Array, Labels

_FLOAT32_MAX = float(np.finfo(np.float32).max)
# Importing pyarrow takes as long as loadtxt takes for about so many bytes.
_ARROW_AFTER = 1 << 22
_MAX_NAME = 200
# A block of pixels is parsed by passes over its bytes: 128 KiB and most temporaries stay in the L2 cache.
# A call of pyarrow takes a millisecond for a hundred columns, whatever the block.
_BLOCK_BYTES, _ARROW_BYTES = 1 << 17, 1 << 20


@dataclass
class BlockParser:
    """Parse blocks of the lines of one file into features and labels.

    `named` says that labels are names, which come as a list of str; columns that are `ignored` may hold anything;
    `float_bytes` counts what loadtxt has parsed.
    """

    path: Path
    names: list[str]
    label_column: int | None
    ignored: tuple[int, ...] = ()
    named: bool = False
    float_bytes: int = 0

    @property
    def block_bytes(self) -> int:
        """Bytes of a block that suit what was parsed so far."""
        return _ARROW_BYTES if self._use_arrow() else _BLOCK_BYTES

    def parse(self, body: bytes, line_number: int) -> tuple[Array, Labels | list[str]]:
        """Return features (uint8 or float32) and labels of `body`, whose first line is `line_number`."""
        if self.named:
            return self._parse_named(body, line_number)
        table = self._parse_numbers(body, len(self.names))
        if table is None or not self._usable(table):
            table, _ = self._parse_cells(body, line_number)
        if self.label_column is None:
            return self._features(table), np.empty(0, np.int32)
        return self._features(table), table[:, self.label_column].astype(np.int32)

    def _features(self, table: Array) -> Array:
        """Return the columns of a whole table that are features."""
        others = [*self.ignored] if self.label_column is None else [self.label_column, *self.ignored]
        return narrowed(np.delete(table, others, axis=1) if others else table)

    def first_label(self, body: bytes, line_number: int) -> str:
        """Return the label of the first line of `body`."""
        assert self.label_column is not None
        line = body.partition(b"\n")[0].decode("utf-8", errors="replace")
        return self._cells(line, f"{self.path}: line {line_number}")[self.label_column]

    def _use_arrow(self) -> bool:
        return self.float_bytes >= _ARROW_AFTER and find_spec("pyarrow") is not None

    def _parse_numbers(self, body: bytes, n_columns: int) -> Array | None:
        body = without_truths(body)
        table: Array | None = parse_short_integers(body, n_columns)
        if table is not None:
            return table
        if self._use_arrow():
            return parse_floats_by_arrow(body, n_columns)
        self.float_bytes += len(body)
        return parse_floats(body, n_columns)

    def _parse_named(self, body: bytes, line_number: int) -> tuple[Array, list[str]]:
        assert self.label_column is not None
        parts = _split_off(body, self.label_column, len(self.names))
        if parts is not None:
            labels, rest = parts
            table = self._parse_numbers(rest, len(self.names) - 1)
            named = all(0 < len(label) <= _MAX_NAME for label in labels)
            if named and table is not None and (np.abs(table) <= _FLOAT32_MAX).all():
                rest_ignored = [i - (i > self.label_column) for i in self.ignored]
                return narrowed(np.delete(table, rest_ignored, axis=1) if rest_ignored else table), labels
        table, labels = self._parse_cells(body, line_number)
        return self._features(table), labels

    def _usable(self, table: Array) -> bool:
        if self.label_column is not None:
            labels = table[:, self.label_column]
            if ((labels < 0) | (labels > MAX_LABEL) | (labels != np.floor(labels))).any():
                return False
        return bool((np.abs(table) <= _FLOAT32_MAX).all())

    def _parse_cells(self, body: bytes, line_number: int) -> tuple[npt.NDArray[np.float64], list[str]]:
        lines = body.decode("utf-8", errors="replace").split("\n")
        table, labels = np.empty((len(lines), len(self.names)), np.float64), []
        for row, line in enumerate(lines):
            where = f"{self.path}: line {line_number + row}"
            cells = self._cells(line, where)
            for column in self.ignored:
                cells[column] = "0"
            if self.named:
                assert self.label_column is not None
                labels.append(self._name(cells[self.label_column], where))
                cells[self.label_column] = "0"
            table[row] = [self._number(cell, column, where) for column, cell in enumerate(cells)]
        return table, labels

    def _cells(self, line: str, where: str) -> list[str]:
        try:
            cells = next(csv.reader([line], strict=True), [])
        except csv.Error as error:
            raise MixedTableError(f"{where}: cannot split the row into cells: {one_line(error)}") from error
        if not line.strip():
            raise ValueError(f"{where}: blank line, expected a row of {len(self.names)} cells")
        if len(cells) != len(self.names):
            raise ValueError(f"{where}: {len(cells)} cells, expected {len(self.names)} as in the first line")
        return cells

    def _name(self, cell: str, where: str) -> str:
        if not 0 < len(cell.strip()) <= _MAX_NAME:
            state = "long" if cell.strip() else "empty"
            raise ValueError(f"{where}: {state} label, expected the name of a class, of up to {_MAX_NAME} characters")
        if "\ufffd" in cell:
            raise ValueError(f"{where}: the label {one_line(cell, 40)!r} is not UTF-8 text")
        return cell.strip()

    def _number(self, cell: str, column: int, where: str) -> float:
        shown = repr(one_line(cell, 40))
        where = f"{where}, column {one_line(self.names[column], 40)!r}"
        if not cell.strip():
            raise MixedTableError(f"{where}: empty cell, expected a number")
        value = number(cell)
        if value is None:
            raise MixedTableError(f"{where}: {shown} is text, expected a number")
        if column == self.label_column:
            if not (0 <= value <= MAX_LABEL and value.is_integer()):
                raise MixedTableError(f"{where}: label {shown}, expected an integer from 0")
        elif not abs(value) <= _FLOAT32_MAX:
            refused = MixedTableError if math.isnan(value) else ValueError  # NaN may stand for what is missing
            raise refused(f"{where}: {shown}, expected a finite number (float32)")
        return value


def _split_off(body: bytes, column: int, n_columns: int) -> tuple[list[str], bytes] | None:
    """Return one column's cells and the block without it, or None where cells are quoted, missing or no UTF-8."""
    if b'"' in body:
        return None
    labels, rows = [], []
    from_end = n_columns - column
    for line in body.split(b"\n"):
        # Split from the nearer end, no further than the column.
        cells = line.split(b",", column + 1) if column < from_end else line.rsplit(b",", from_end)
        try:
            labels.append(cells.pop(column if column < from_end else -from_end).decode().strip())
        except (IndexError, UnicodeDecodeError):
            return None
        rows.append(b",".join(cells))
    return labels, b"\n".join(rows)
