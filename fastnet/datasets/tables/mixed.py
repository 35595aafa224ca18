"""Tables of numbers, words and gaps, in files of text or of Arrow."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from fastnet.datasets.csv.dialect import Dialect
from fastnet.datasets.csv.mixed import Keep, parse_mixed
from fastnet.datasets.files import open_binary
from fastnet.datasets.streams import is_stream, open_stream
from fastnet.datasets.tables.arrow import index_columns
from fastnet.datasets.tables.parquet import kind_of_table, read_arrow_table
from fastnet.datasets.tables.reader import table_in
from fastnet.tables.cells import CellTable, Content, cells_of, table_of

_OTHER_TEXT = (".tsv", ".txt", ".tab")
_TEXT = (".csv", *_OTHER_TEXT)
_ARROW = (".parquet", ".feather", ".arrow")


def is_table(path: Path) -> bool:
    """Whether a path stands for a table that can be read here: by its name, or as a stream of text."""
    if path.is_dir():
        return table_in(path, "train") is not None
    return path.name.lower().removesuffix(".gz").endswith((*_TEXT, *_ARROW)) or is_stream(path)


def is_other_text(path: Path) -> bool:
    """Whether a file is, by its name, a table with something else than commas between its cells."""
    return path.name.lower().removesuffix(".gz").endswith(_OTHER_TEXT)


def read_mixed(
    path: str | os.PathLike[str], dialect: Dialect | None = None, known: Mapping[str, Content] | None = None,
    keep: Keep = tuple,
) -> CellTable:  # fmt: skip
    """Read a table, whose columns may hold numbers, booleans, words and gaps.

    Parameters
    ----------
    path : path-like
        A file of text or of Arrow, plain or compressed by gzip; ``-`` is standard input.
    dialect : Dialect, optional
        What is known of how a text file is spelt.
    known : mapping of str to {"number", "bool", "text", "nothing"}, optional
        What columns of text files are to hold, by name.
    keep : callable
        Given the names of all columns, returns those that are wanted; the others may hold anything.

    Returns
    -------
    CellTable
        The columns that are wanted; those of an index of pandas are none, if `known` does not name them.

    Raises
    ------
    ValueError
        For a file that is no table, and cells that are not what is known.
    TypeError
        For columns of Arrow that hold anything else, such as dates.
    """
    path, known = Path(path), known or {}
    with open_stream(path) if is_stream(path) else open_binary(path) as stream:
        content = stream.read()
    if kind_of_table(content[:8]) is None:
        return parse_mixed(content, dialect or Dialect(), str(path), known, keep)
    table = read_arrow_table(path)
    names, columns, n_rows = table_of(str(path), table)
    index, named = index_columns(table), dict(zip(names or (), columns, strict=True))
    kept = keep([name for name in named if name not in index or name in known])
    return CellTable(tuple(kept), tuple(cells_of(str(path), name, named[name]) for name in kept), n_rows)
