"""Columns by name: which of those found are the ones that are wanted, and data frames as arrays in that order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from numbers import Real
from typing import Any

import numpy as np
import numpy.typing as npt

Names = tuple[str, ...]

_LONGEST_NAME = 40


def listed(names: Sequence[str]) -> str:
    """Return names for an error message, the middle ones left out where there are many.

    Examples
    --------
    >>> listed([str(i) for i in range(100)])
    "'0', '1', '2', '3', '4', ..., '98', '99'"
    """
    lines = [" ".join(name.split()) for name in names]
    shown = [repr(name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 3]}...") for name in lines]
    if len(shown) > 8:
        shown[5:-2] = ["..."]
    return ", ".join(shown)


def order_of(found: Sequence[str], wanted: Sequence[str], where: str) -> list[int]:
    """Return where each of the columns that are wanted stands among those found.

    Raises
    ------
    ValueError
        That lists what is missing, what is not known, and what is there more than once; `where` begins it.

    Examples
    --------
    >>> order_of(["height", "width"], ["width", "height"], "t.csv")
    [1, 0]
    """
    places = {name: place for place, name in enumerate(found)}
    known = set(wanted)
    wrong = {
        "missing": [name for name in wanted if name not in places],
        "unknown": [name for name in places if name not in known],
        "repeated": [name for name, count in Counter(found).items() if count > 1],
    }
    facts = [f"{kind} column{'s' * (len(names) > 1)} {listed(names)}" for kind, names in wrong.items() if names]
    if facts:
        raise ValueError(f"{where}: {' and '.join(facts)}; expected {listed(wanted)}, in any order")
    return [places[name] for name in wanted]


def names_of(name: str, values: Any) -> Names | None:
    """Return the names of the columns of a data frame; None for an array, and for columns that have only numbers.

    Raises
    ------
    TypeError
        If some columns are called by text and others are not.
    """
    if type(values) in (np.ndarray, list, tuple):
        return None
    columns = getattr(values, "column_names", None)  # of Arrow, whose columns are the values themselves
    columns = getattr(values, "columns", None) if columns is None else columns
    if columns is None or callable(columns):
        return None
    found = tuple(columns)
    texts = sum(isinstance(column, str) for column in found)
    if 0 < texts < len(found):
        raise TypeError(f"{name} must have columns that are all called by text, got {texts} of {len(found)}")
    return found if texts else None


def by_name(name: str, values: Any, wanted: Names | None = None, label: str | None = None) -> Any:
    """Return the columns of a data frame as an array, those that are wanted in their order; anything else as it is.

    A column called `label` is left out, if it is not wanted.

    Raises
    ------
    ValueError
        For other columns than those that are wanted, which it lists.
    TypeError
        For columns that hold no numbers.
    """
    found = names_of(name, values)
    if found is None:
        return values
    return _array(name, values, _chosen(name, found, wanted, label))


def without(name: str, values: Any, label: str | None, features: Sequence[str]) -> Any:
    """Return a data frame without its column of labels, if it is none of the features; anything else as it is."""
    found = names_of(name, values)
    if found is None or label not in found or label in features:
        return values
    import narwhals as nw

    return nw.from_native(values, eager_only=True).drop([label]).to_native()


def row_by_name(name: str, values: Any, wanted: Names | None, label: str | None = None) -> Any:
    """Return one row of a data frame, as pandas hands it out, as `by_name` returns many; anything else as it is."""
    index = getattr(values, "index", None)
    if wanted is None or index is None or callable(index):  # the latter is a method of sequences
        return values
    found = tuple(index)
    if not all(isinstance(column, str) for column in found):
        return values
    return _array(name, values, _chosen(name, found, wanted, label)).reshape(-1)


def _chosen(name: str, found: Names, wanted: Names | None, label: str | None) -> Names:
    """Return the columns that are features, in their order."""
    features = tuple(column for column in found if column != label or column in (wanted or ()))
    order_of(features, features if wanted is None else wanted, name)
    return features if wanted is None else wanted


def _array(name: str, frame: Any, columns: Names) -> npt.NDArray[Any]:
    """Return columns side by side: each may be of a type of its own, truths among them."""
    arrays = [_numbers(np.asarray(frame[column])) for column in columns]
    wrong = [column for column, array in zip(columns, arrays, strict=True) if array.dtype.kind not in "buif"]
    if wrong:
        kinds = dict.fromkeys(str(array.dtype) for array in arrays if array.dtype.kind not in "buif")
        raise TypeError(f"{name} must hold numbers, got {', '.join(kinds)} in {listed(wrong)}")
    return np.column_stack(arrays)


def _numbers(column: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return numbers that stand among objects, as pandas keeps those that may be missing, as numbers."""
    if column.dtype.kind == "O" and all(isinstance(value, Real | np.bool) for value in column):
        return column.astype(np.float64)
    return column


def check_names(name: str, names: Any, n_features: int) -> Names | None:
    """Return names of features as a tuple: a text for each, no two the same; None stands for none.

    Raises
    ------
    TypeError, ValueError
        For anything else.
    """
    if names is None:
        return None
    if isinstance(names, str) or not isinstance(names, Sequence) or not all(isinstance(one, str) for one in names):
        raise TypeError(f"{name} must be a sequence of names, got {names!r:.80}")
    if len(names) != n_features or len(set(names)) != n_features:
        raise ValueError(f"{name} must be {n_features} different names, one for each feature, got {listed(names)}")
    return tuple(names)
