"""CSV whose columns hold numbers, words or nothing: cells of text as columns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from math import isinf
from typing import Any, NamedTuple

import numpy as np

from fastnet.datasets.csv.dialect import Dialect, decimal_of, decoded, delimiter_of, split
from fastnet.datasets.csv.header import index_columns, may_be_row, warn_of_row
from fastnet.datasets.csv.numbers import TRUTHS, number
from fastnet.datasets.files import one_line
from fastnet.tables.cells import Cells, CellTable, Content
from fastnet.validation.frames import listed

Keep = Callable[[list[str]], Sequence[str]]

GAPS = frozenset(
    ("", "NA", "N/A", "n/a", "#N/A", "<NA>", "NaN", "nan", "NAN", "-nan", "NULL", "null", "None", "?")
)  # fmt: skip
"""Cells that stand for what is missing."""

_MOSTLY = 0.5
"""A column of which so many cells are numbers is one of numbers, and its words are mistakes."""


def parse_mixed(
    content: bytes, dialect: Dialect, where: str, known: Mapping[str, Content] | None = None, keep: Keep = tuple
) -> CellTable:
    """Return a table of text as columns of numbers, booleans and words.

    Parameters
    ----------
    content : bytes
        Of the file.
    dialect : Dialect
        What is known of how it is spelt.
    where : str
        What the file is called: begins every error.
    known : mapping of str to {"number", "bool", "text", "nothing"}, optional
        What columns are to hold, by name; others are what all of their cells are.
    keep : callable
        Given the names of all columns but those without names, returns those that are wanted.

    Returns
    -------
    CellTable
        Columns without names, as those of a frame's index, are left out.

    Raises
    ------
    ValueError
        For text that is no table, and cells that are not what is known; names the line, from 1.
    """
    text = decoded(content, dialect, where)
    delimiter = dialect.delimiter or delimiter_of(text)
    rows, lines = split(text, delimiter, where)
    if not rows or not any(cell.strip() for cell in rows[0]):
        raise ValueError(f"{where}: {'line 1: blank line' if rows else 'empty file'}, expected names of columns")
    names = [cell.strip() for cell in rows.pop(0)]
    if not rows:
        raise ValueError(f"{where}: a header without rows, expected at least one row")
    if all(number(name) is not None for name in names):
        raise ValueError(f"{where}: line 1 is all numbers, expected names of columns")
    if not known and may_be_row(names):
        warn_of_row(names, f"{where}: line 1")
    _check_lengths(rows, lines[1:], len(names), where)
    left_out = index_columns(names)
    repeated = [name for name, count in Counter(names).items() if count > 1 and names.index(name) not in left_out]
    if repeated:
        raise ValueError(f"{where}: line 1: duplicated column names: {listed(repeated)}, expected each once")
    decimal = dialect.decimal or decimal_of(rows, where)
    known, columns = known or {}, list(zip(*rows, strict=True))
    kept = keep([name for i, name in enumerate(names) if i not in left_out or name in known])
    text_of = _Text(decimal, where, lines[1:])
    cells = [_column(name, columns[names.index(name)], text_of, known.get(name)) for name in kept]
    return CellTable(tuple(kept), tuple(cells), len(rows))


def _check_lengths(rows: Sequence[Sequence[str]], lines: Sequence[int], n_columns: int, where: str) -> None:
    for line, row in zip(lines, rows, strict=True):
        if len(row) != n_columns:
            what = f"{len(row)} cells, expected {n_columns} as in the first line" if row else "blank line"
            raise ValueError(f"{where}: line {line}: {what}")


class _Text(NamedTuple):
    """What columns are read with: the decimal sign, and where their cells stand."""

    decimal: str
    where: str
    lines: Sequence[int]


def _column(name: str, cells: Sequence[str], text: _Text, known: Content | None) -> Cells:
    """Return a column as what is known of it, or as what all of its cells are."""
    stripped = [cell.strip() for cell in cells]
    if known == "text":
        return _words(name, stripped)
    present = [cell for cell in stripped if cell not in GAPS]
    if not present:
        return Cells(name, known or "nothing", known is None or known == "bool", _gaps(len(cells), known))
    if known in (None, "bool") and all(cell in TRUTHS for cell in present):
        return Cells(name, "bool", True, [bool(TRUTHS[one]) if one in TRUTHS else None for one in stripped])
    numbers = [np.nan if one in GAPS else _number(one, text.decimal) for one in stripped]
    words = sum(value is None for value in numbers)
    wrong = [i for i, value in enumerate(numbers) if value is None or isinf(value)]
    if known in (None, "nothing") and words > (1 - _MOSTLY) * len(present):
        return _words(name, stripped)
    if wrong and known != "bool":
        first, where = wrong[0], f"{text.where}: line {text.lines[wrong[0]]}, column {one_line(name, 40)!r}"
        kind = "is text, expected a number" if numbers[first] is None else "expected a finite number"
        raise ValueError(f"{where}: {one_line(stripped[first], 40)!r} {kind}, as the column holds, or an empty cell")
    if wrong:
        return _words(name, stripped)
    return Cells(name, "number", False, np.array(numbers, np.float64))


def _words(name: str, cells: Sequence[str]) -> Cells:
    return Cells(name, "text", True, [None if cell in GAPS else cell for cell in cells])


def _gaps(n_rows: int, known: Content | None) -> Any:
    return np.full(n_rows, np.nan) if known == "number" else [None] * n_rows


def _number(cell: str, decimal: str) -> float | None:
    return number(cell if decimal == "." else cell.replace(",", ".", 1) if "." not in cell else "")
