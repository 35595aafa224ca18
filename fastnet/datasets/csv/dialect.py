"""How a text file spells a table: its encoding, what stands between cells, and the decimal sign of numbers."""

from __future__ import annotations

import codecs
import csv
import io
import re
from dataclasses import dataclass
from itertools import islice

from fastnet.datasets.files import one_line
from fastnet.validation.contents import HEAD_BYTES, check_kind

DELIMITERS = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|"}
"""What may stand between cells, by name."""

_BYTE_ORDER_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF32_LE: "utf-32", codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16",
}  # fmt: skip
"""Beginnings of files that name their encoding; the longer ones first."""

_UTF_16 = "--encoding utf-16-le or utf-16-be reads it"

_LINES = 50
"""Lines that a delimiter is told from."""

_ROWS = 1000
"""Rows that the decimal sign is told from."""

_WITH_COMMA = re.compile(r"\s*[+-]?\d*,\d+(?:[eE][+-]?\d+)?\s*")
_WITH_POINT = re.compile(r"\s*[+-]?\d*\.\d+(?:[eE][+-]?\d+)?\s*")


@dataclass(frozen=True)
class Dialect:
    """What is known of how a file spells a table; what is None is found in the file.

    Parameters
    ----------
    delimiter : str, optional
        What stands between cells: ``,``, ``;``, a tab, ``|``, or their names.
    decimal : {".", ","}, optional
        The decimal sign.
    encoding : str, optional
        Of the text, by the name that Python has for it.

    Raises
    ------
    ValueError
        For anything else.

    Examples
    --------
    >>> Dialect("semicolon").delimiter
    ';'
    """

    delimiter: str | None = None
    decimal: str | None = None
    encoding: str | None = None

    def __post_init__(self) -> None:
        if self.delimiter is not None:
            delimiter = DELIMITERS.get(self.delimiter, "\t" if self.delimiter == "\\t" else self.delimiter)
            if delimiter not in DELIMITERS.values():
                raise ValueError(f"delimiter must be {', '.join(DELIMITERS)} or the sign, got {self.delimiter!r}")
            object.__setattr__(self, "delimiter", delimiter)
        if self.decimal not in (None, ".", ","):
            raise ValueError(f"decimal must be . or , (a point or a comma), got {self.decimal!r}")
        if self.encoding is not None:
            try:
                is_text = codecs.lookup(self.encoding)._is_text_encoding
            except LookupError:
                is_text = False
            if not is_text:
                raise ValueError(f"encoding must be one such as utf-8, utf-16 or latin-1, got {self.encoding!r}")

    @property
    def is_given(self) -> bool:
        """Whether anything is said."""
        return self != Dialect()


def decoded(content: bytes, dialect: Dialect, where: str) -> str:
    """Return the text of a file; ValueError for what is not in its encoding."""
    check_kind(content[:HEAD_BYTES], where, "a table of text")
    encoding = dialect.encoding or next(
        (name for mark, name in _BYTE_ORDER_MARKS.items() if content.startswith(mark)), "utf-8"
    )
    try:
        text = content.decode(encoding).removeprefix("\ufeff")
    except UnicodeError as error:
        start = error.start if isinstance(error, UnicodeDecodeError) else 0
        line = content.count(b"\n", 0, start) + 1
        if b"\0" in content[:HEAD_BYTES]:
            raise ValueError(f"{where}: not {_shown(encoding)} text, but perhaps UTF-16: {_UTF_16}") from None
        hint = "" if dialect.encoding else "; --encoding latin-1 reads text of Western Europe, cp1252 that of Windows"
        raise ValueError(f"{where}: line {line}: not {_shown(encoding)} text{hint}") from None
    if "\0" in text[:HEAD_BYTES]:
        raise ValueError(f"{where}: not {_shown(encoding)} text, but perhaps UTF-16: {_UTF_16}")
    return text


def _shown(encoding: str) -> str:
    return encoding.upper().removesuffix("-SIG")


def split(text: str, delimiter: str, where: str) -> tuple[list[list[str]], list[int]]:
    """Return the rows of a text as cells, without blank lines at the end, and the numbers of their first lines."""
    reader, rows, lines = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True), [], [1]
    try:
        for cells in reader:
            rows.append(cells)
            lines.append(reader.line_num + 1)
    except csv.Error as error:
        raise ValueError(f"{where}: line {reader.line_num}: cannot split the row: {one_line(error)}") from None
    while rows and not any(cell.strip() for cell in rows[-1]):
        rows.pop()
    return rows, lines[: len(rows)]


def delimiter_of(text: str) -> str:
    r"""Return what stands between cells: that which cuts the first lines into most cells, as many in each.

    Examples
    --------
    >>> delimiter_of("a;b;c\n1,5;2;3\n")
    ';'
    """
    lines = list(islice(io.StringIO(text, newline=""), _LINES))
    best, most = ",", 1
    for delimiter in DELIMITERS.values():
        try:
            counts = {len(row) for row in csv.reader(lines, delimiter=delimiter) if row}
        except csv.Error:
            continue
        if len(counts) == 1 and (count := counts.pop()) > most:
            best, most = delimiter, count
    if most == 1 and lines:  # rows of several lengths, which are reported
        return max(DELIMITERS.values(), key=lines[0].count)
    return best


def decimal_of(rows: list[list[str]], where: str) -> str:
    """Return the decimal sign of numbers; ValueError where some have a comma and others a point."""
    some = [cell for row in rows[:_ROWS] for cell in row]
    with_comma = next((cell for cell in some if _WITH_COMMA.fullmatch(cell)), None)
    if with_comma is None:
        return "."
    with_point = next((cell for cell in some if _WITH_POINT.fullmatch(cell)), None)
    if with_point is not None:
        raise ValueError(f"{where}: numbers such as {with_comma!r} and {with_point!r}: expected --decimal , or .")
    return ","
