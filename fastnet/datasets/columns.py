"""Which columns of a table are features, and which one holds the labels: by their names, or by their positions."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from fastnet.datasets.labels import Names
from fastnet.validation.frames import listed, order_of

Label = str | int

_INTEGER = re.compile(r"-?[0-9]{1,9}")


@dataclass(frozen=True)
class Wanted:
    """What is asked of a table.

    Attributes
    ----------
    labels : tuple of str or int
        What the column of labels may be called, or its position: the first one that is there counts, names before
        positions.
    require_labels : bool
        Whether a table without that column is an error.
    features : tuple of str, int or None
        Names of the features, in the order in which they are wanted; or how many there are: a table of exactly so many
        columns has no labels that are known by position.
    drop_labels : bool
        Whether the column of labels is left out, whatever it holds.
    """

    labels: tuple[Label, ...]
    require_labels: bool
    features: Names | int | None = None
    drop_labels: bool = False

    @property
    def names(self) -> Names:
        """Names of the features, none if they are not known."""
        return self.features if isinstance(self.features, tuple) else ()

    def are_header(self, cells: Sequence[str]) -> bool:
        """Whether the cells of a first line are names, whatever they look like."""
        named = any(label in cells and position(label) is None for label in self.labels)
        return named or (bool(self.names) and set(self.names) <= set(cells))

    def by_position(self) -> Wanted:
        """Return the same of a table without names; the name of a label stays where it can be no position."""
        places = tuple(place for label in self.labels if (place := position(label)) is not None)
        return replace(self, labels=places or self.labels)

    def choose(
        self, names: Sequence[str], index: Sequence[int], where: str, hint: str = "", named: bool = True
    ) -> tuple[int | None, list[int]]:
        """Return the column of labels, None if there is none to be read, and those of the features, in their order.

        Columns of the `index` of a frame are neither, unless their names are wanted. Those that are not `named` are
        known by their positions alone. `hint` ends the error for a name that is not there.
        """
        index = [i for i in index if names[i] not in self.names]
        n_features = self.features if isinstance(self.features, int) else len(self.names) or None
        expected = None if n_features is None else n_features + len(index)
        column = label_column(names, self if named else self.by_position(), where, expected, hint)
        features = [i for i in range(len(names)) if i != column and i not in index]
        if not features:
            raise ValueError(f"{where}: no features: all columns are labels or the index of pandas")
        if named and self.names:
            order = order_of([names[i] for i in features], self.names, where)
            features = [features[place] for place in order]
        return None if self.drop_labels else column, features


def position(label: Label) -> int | None:
    """Return the position that `label` spells, or None if it can only be a name."""
    if isinstance(label, int):
        return label
    return int(label) if _INTEGER.fullmatch(label) else None


def label_column(
    names: Sequence[str], wanted: Wanted, where: str, n_columns: int | None = None, hint: str = ""
) -> int | None:
    """Return the index of the label column of a table with columns `names`, or None for one without labels.

    A name wins over a position, and is none of the features. A table of exactly `n_columns` has no labels that are
    known by position. `hint` ends the error for a name that is not there.
    """
    known = [label for label in wanted.labels if isinstance(label, str) and label in names]
    column = next((names.index(label) for label in known if label not in wanted.names), None)
    if column is None and len(names) != n_columns:
        column = _at(names, wanted.labels, where)
    label = wanted.labels[0]
    if column is None and wanted.require_labels:
        columns = f"the {len(names)} columns are" if len(names) > 1 else "the only column is"
        hint = hint or "; --label, or label= in Python, names another"
        raise ValueError(f"{where}: no label column {label!r}; {columns} {listed(names)}{hint}")
    if column is not None and len(names) == 1:
        raise ValueError(f"{where}: only the label column {names[column]!r}, expected features beside it")
    return column


def _at(names: Sequence[str], labels: Sequence[Label], where: str) -> int | None:
    index, n = next((place for label in labels if (place := position(label)) is not None), None), len(names)
    if index is not None and not -n <= index < n:
        raise ValueError(f"{where}: no label column {index}; expected a name, or a position from {-n} to {n - 1}")
    return None if index is None else index % n
