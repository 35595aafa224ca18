"""Which column of a table holds the labels: by its name, or by its position."""

from __future__ import annotations

import re

from fastnet.datasets.files import one_line

Label = str | int

_INTEGER = re.compile(r"-?[0-9]{1,9}")


def position(label: Label) -> int | None:
    """Return the position that `label` spells, or None if it can only be a name."""
    if isinstance(label, int):
        return label
    return int(label) if _INTEGER.fullmatch(label) else None


def label_column(
    names: list[str], label: Label, require_labels: bool, where: str, n_features: int | None = None, hint: str = ""
) -> int | None:
    """Return the index of the label column of a table with columns `names`, or None for one without labels.

    A name wins over a position. A table of exactly `n_features` columns has no labels that are known by position.
    `hint` ends the error for a name that is not there.
    """
    column = names.index(label) if isinstance(label, str) and label in names else None
    if column is None and len(names) != n_features:
        column = _at(names, label, where)
    if column is None and require_labels:
        columns = f"the {len(names)} columns are" if len(names) > 1 else "the only column is"
        hint = hint or "; --label, or label= in Python, names another"
        raise ValueError(f"{where}: no label column {label!r}; {columns} {listed(names)}{hint}")
    if column is not None and len(names) == 1:
        raise ValueError(f"{where}: only the label column {label!r}, expected features beside it")
    return column


def _at(names: list[str], label: Label, where: str) -> int | None:
    index, n = position(label), len(names)
    if index is not None and not -n <= index < n:
        raise ValueError(f"{where}: no label column {index}; expected a name, or a position from {-n} to {n - 1}")
    return None if index is None else index % n


def listed(names: list[str]) -> str:
    """Return names for an error message, the middle ones left out where there are many."""
    shown = [repr(one_line(name, 40)) for name in names]
    if len(shown) > 8:
        shown[5:-2] = ["..."]
    return ", ".join(shown)
