"""Options of tables."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from fastnet.cli.options import optional

if TYPE_CHECKING:
    from fastnet.datasets.csv.dialect import Dialect

Task = StrEnum("Task", ["classification", "regression"])
"""What is predicted."""

TaskOption = Annotated[
    Task | None,
    typer.Option(
        help="Whether the label column of a table holds classes, or numbers to predict.  [default: classification for "
        "text, true and false, and whole numbers of which there are at most 100 different ones, or 100 rows of each on "
        "average; else regression]",
        show_default=False,
    ),
]
Columns = Annotated[
    str | None, optional("NAMES", "Columns of a table to learn from, with commas between.  [default: all others]")
]
Drop = Annotated[
    str | None, optional("NAMES", "Columns of a table to leave out, with commas between, such as those of an id.")
]
Categories = Annotated[
    str | None,
    optional(
        "NAMES",
        "Columns of a table that hold categories though they look like numbers, with commas between.  [default: text, "
        "true and false]",
    ),
]
Delimiter = Annotated[
    str | None,
    optional(
        "SIGN", "What stands between the cells of a text file: comma, semicolon, tab or pipe.  [default: as found]"
    ),
]
Decimal = Annotated[
    str | None, optional("SIGN", "Decimal sign of the numbers in a text file: . or ,  [default: as found]")
]
Encoding = Annotated[
    str | None,
    optional("NAME", "Encoding of a text file, such as latin-1.  [default: UTF-8, or UTF-16 if its mark is there]"),
]


def dialect(delimiter: str | None, decimal: str | None, encoding: str | None) -> Dialect:
    """Return what these options say of how a table is spelt."""
    from fastnet.cli.errors import as_typed
    from fastnet.datasets.csv.dialect import Dialect

    with as_typed({name: f"--{name}" for name in ("delimiter", "decimal", "encoding")}):
        return Dialect(delimiter, decimal, encoding)
