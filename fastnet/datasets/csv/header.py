"""The first line of a CSV file: the names of its columns, or already a row."""

from __future__ import annotations

import csv
import io
import re
import warnings
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from fastnet.datasets.columns import Label, Wanted, position
from fastnet.datasets.csv.numbers import number
from fastnet.datasets.files import MixedTableError, one_line
from fastnet.validation.contents import HEAD_BYTES, check_kind
from fastnet.validation.frames import listed

SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "vertical bars"}
"""What cells of files that are no CSV are separated by."""

_FEW = 10
"""Numbers that could rise by chance."""

_MAX_LINE_BYTES = 1 << 26
_UNNAMED = re.compile(r"Unnamed: \d+(_level_\d+)?(\.\d+)*")
_INDEX = re.compile(r"Unnamed: 0(\.\d+)*")


def read_line(stream: io.BufferedIOBase, where: str) -> bytes:
    """Read up to the next line end, but no line that would fill the memory."""
    line = stream.readline(_MAX_LINE_BYTES)
    if len(line) == _MAX_LINE_BYTES and not line.endswith(b"\n"):
        raise ValueError(f"{where}: longer than {_MAX_LINE_BYTES} bytes, expected lines of comma-separated cells")
    return line


def read_header(stream: io.BufferedIOBase, path: Path, wanted: Wanted) -> tuple[list[str], bytes]:
    """Return the names of the columns and the first line if it is a row: then columns are called by their position."""
    where = f"{path}: line 1"
    line = read_line(stream, where)
    if not line:
        raise ValueError(f"{path}: empty file, expected a header line and rows")
    blank = not line.removeprefix(b"\xef\xbb\xbf").strip()  # which is an error, but pages may begin so
    check_kind(line + stream.read(HEAD_BYTES) if blank else line, path, "a table in CSV")
    try:
        text = line.decode("utf-8-sig").rstrip("\r\n")
        cells = [cell.strip() for cell in next(csv.reader([text], strict=True), [])]
    except UnicodeDecodeError as error:
        raise MixedTableError(f"{where}: the header is not UTF-8 text: {error.reason}") from error
    except csv.Error as error:
        raise ValueError(f"{where}: cannot read the header: {one_line(error)}") from error
    if not any(cells):
        raise ValueError(f"{where}: blank line, expected a header of column names")
    if len(cells) == 1:
        _check_separator(text, where)
    if not wanted.are_header(cells) and _is_row(cells, wanted.labels):
        return [str(column) for column in range(len(cells))], line.removeprefix(b"\xef\xbb\xbf")
    repeated = [name for name, count in Counter(cells[_leading(cells) :]).items() if count > 1]
    if repeated:
        hint = "; or is it a row of data, without a header?" if may_be_row(cells) else ""
        raise ValueError(f"{where}: duplicated column names: {listed(repeated)}, expected each once{hint}")
    if not wanted.names and may_be_row(cells):  # a model knows its names
        warn_of_row(cells, where, ", or give the label column by position")
    return cells, b""


def warn_of_row(cells: list[str], where: str, otherwise: str = "") -> None:
    """Warn of a first line that is taken for names, and may be a row."""
    warnings.warn(
        f"{where}: read as column names, {listed(cells)}, some of which are numbers; if it is a row of "
        f"data, put a line of names before it{otherwise}",
        stacklevel=3,
    )


def _check_separator(text: str, where: str) -> None:
    """Refuse a line that something else than commas separates."""
    counts = {name: text.count(sign) for sign, name in SEPARATORS.items()}
    name = max(counts, key=lambda one: counts[one])
    if counts[name] and not text.startswith('"'):
        raise MixedTableError(f"{where}: {counts[name]} {name} and no comma, expected cells separated by commas")


def index_columns(names: list[str]) -> list[int]:
    """Return the columns that hold the index of a frame of pandas.

    Those at the beginning have no names in a file that pandas wrote, and are called "Unnamed: 0" in one that it read
    and wrote again.
    """
    leading = _leading(names)
    return [i for i, name in enumerate(names) if i < leading or _INDEX.fullmatch(name)]


def _leading(names: list[str]) -> int:
    """Return how many columns at the beginning have no names."""
    return next((i for i, name in enumerate(names) if name and not _UNNAMED.fullmatch(name)), len(names))


def may_be_row(cells: list[str]) -> bool:
    """Whether some names are numbers, as in a row; columns may be counted beside a name, or be years or wavelengths."""
    numbers = [value for cell in cells if (value := number(cell)) is not None]
    if _leading(cells) or not numbers:
        return False
    counted = len(numbers) < len(cells) and numbers in ([*range(len(numbers))], [*range(1, len(numbers) + 1)])
    rising = len(numbers) >= _FEW and all(a < b for a, b in pairwise(numbers))
    return not (counted or rising)


def _is_row(cells: list[str], labels: Sequence[Label]) -> bool:
    """Whether all cells, but perhaps that of a label known by position, are numbers.

    0, 1, 2, ... are a header nevertheless: pandas calls columns so that have no names.
    """
    index = next((place for label in labels if (place := position(label)) is not None), None)
    if index is not None and -len(cells) <= index < len(cells) and number(cells[index]) is None:
        cells = [cell for column, cell in enumerate(cells) if column != index % len(cells)]
    return all(number(cell) is not None for cell in cells) and cells != [str(i) for i in range(len(cells))]
