"""A table as options ask for it: which columns are features, and which one is predicted."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from fastnet.cli.tables.options import dialect
from fastnet.datasets.columns import Wanted, label_column
from fastnet.datasets.csv.dialect import Dialect
from fastnet.datasets.tables.mixed import is_table, read_mixed
from fastnet.datasets.tables.reader import table_in
from fastnet.tables.cells import Cells, CellTable
from fastnet.validation.frames import Names, listed

LABEL = "label"


@dataclass(frozen=True, eq=False)
class TrainingTable:
    """What a network is to learn from: features, the column that is predicted, and columns that are left out."""

    features: CellTable
    target: Cells
    ignored: Names

    @property
    def names(self) -> Names:
        """Names of the features."""
        return self.features.names


def may_be_mixed(options: Any) -> bool:
    """Whether data that is not all numbers can be read as a table of numbers and categories."""
    is_plain = options.mmap or options.cache_data or str(options.preprocess) == "scale" or str(options.data) == "-"
    return options.data is not None and is_table(options.data) and not is_plain


def dialect_of(options: Any) -> Dialect:
    """Return what the options say of how a table is spelt."""
    return dialect(options.delimiter, options.decimal, options.encoding)


def parts_of(path: Path) -> tuple[Path, Path | None]:
    """Return where the training part of a table is, and its test part, if there is one."""
    if not path.is_dir():
        return path, None
    train = table_in(path, "train")
    assert train is not None
    return train, table_in(path, "test")


def names_listed(option: str, text: str | None) -> Names | None:
    """Read names with commas between; None if there are none."""
    if text is None:
        return None
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    if not names:
        raise ValueError(f"{option}: expected names of columns with commas between, got {text!r}")
    return names


def read_training(path: Path, options: Any) -> TrainingTable:
    """Read a table whose columns are chosen by `--label`, `--columns` and `--drop`."""
    label = LABEL if options.label is None else options.label
    columns, drop = names_listed("--columns", options.columns), names_listed("--drop", options.drop)
    if columns is not None and drop is not None:
        raise ValueError("--columns and --drop: expected one of them")
    found: dict[str, Names] = {}

    def keep(names: list[str]) -> Sequence[str]:
        place = label_column(names, Wanted((label,), True), str(path))
        assert place is not None
        _check_there("--columns", columns, names, names[place], path)
        _check_there("--drop", drop, names, names[place], path)
        _check_there("--categories", categories, names, names[place], path)
        features = list(columns or [name for name in names if name not in (names[place], *(drop or ()))])
        if not features:
            raise ValueError(f"{path}: no features: all columns but {names[place]!r} are dropped")
        found["ignored"] = tuple(name for name in names if name not in (names[place], *features))
        return [*features, names[place]]

    categories = names_listed("--categories", options.categories) or ()
    table = read_mixed(path, dialect_of(options), dict.fromkeys(categories, "text"), keep)
    *features, target = table.names
    chosen = table.select(features)
    check_categories(chosen, path, categories)
    cells = [replace(one, is_category=one.is_category or one.name in categories) for one in chosen.cells]
    return TrainingTable(replace(chosen, cells=tuple(cells)), table.column(target), found["ignored"])


def _check_there(option: str, asked: Names | None, names: Sequence[str], target: str, path: Path) -> None:
    missing = [name for name in asked or () if name not in names]
    if missing:
        raise ValueError(f"{option}: {path} has no column {listed(missing)}, but {listed(names)}")
    if asked and target in asked:
        raise ValueError(f"{option}: {target!r} is the column to predict, expected others")
    if len(set(asked or ())) != len(asked or ()):
        raise ValueError(f"{option}: expected each column once, got {listed(asked or ())}")


def check_categories(table: CellTable, path: Path, asked: Names = ()) -> None:
    """Refuse columns of words that are almost as many as there are rows: names and numbers of things, or free text."""
    wordy = []
    for name, cells in zip(table.names, table.cells, strict=True):
        if cells.content == "text" and name not in asked:
            present = [value for value in cells.values if isinstance(value, str)]
            n_different = len(set(present))
            if n_different > MANY and 2 * n_different > len(present):
                wordy.append(name)
    if wordy:
        is_one = len(wordy) == 1
        what = f"column {listed(wordy)} holds" if is_one else f"columns {listed(wordy)} hold"
        raise ValueError(
            f"{path}: {what} a different text in most rows, expected categories that come again; "
            f"--drop {shlex.quote(','.join(wordy))} leaves {'it' if is_one else 'them'} out"
        )


MANY = 20
"""Texts that may differ in every row."""
