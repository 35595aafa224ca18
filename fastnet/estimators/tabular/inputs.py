"""Tables that users hand to an estimator, checked as scikit-learn checks arrays, and read column by column."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse
from sklearn.utils import check_array
from sklearn.utils.validation import validate_data

from fastnet.tables.columns import TableColumns

Array = npt.NDArray[Any]


def columns_of(model: Any, X: Any) -> TableColumns:
    """Learn what the columns of a table are, and note their names in the estimator as scikit-learn does."""
    X = checked(model, X, reset=True)
    try:
        return TableColumns.learn(X, model.categorical_features)
    except TypeError as error:
        raise TypeError(f"{error}; each argument must be a string, a boolean or a real number") from error


def read(model: Any, X: Any, name: str = "X") -> tuple[Array, Array]:
    """Return a table's numbers, NaN where they are missing, and the places of its categories, -1 for others."""
    return model.columns_.read(checked(model, X, reset=False, name=name), name)  # type: ignore[no-any-return]


def checked(model: Any, X: Any, reset: bool, name: str = "X") -> Any:
    """Return a data frame as it is, anything else as an array; what scikit-learn would reject raises its errors."""
    if sparse.issparse(X):
        raise TypeError(f"Sparse data was passed for {name}, but dense data is required: use '.toarray()'")
    if not _is_frame(X):
        X = _array(model, X, name)
    validate_data(model, X, reset=reset, skip_check_array=True)
    return X


def _is_frame(X: Any) -> bool:
    return hasattr(X, "columns") or hasattr(X, "column_names") or hasattr(X, "__dataframe__")


def _array(model: Any, X: Any, name: str) -> Array:
    if isinstance(X, list | tuple) and any(isinstance(row, list | tuple) and _mixed(row) for row in X):
        X = np.array(X, dtype=object)  # else NumPy makes texts of numbers that are beside texts
    array: Array = check_array(
        X, dtype=None, ensure_all_finite=False, estimator=model, input_name=name, ensure_min_features=1
    )
    if array.dtype.kind == "f":
        check_array(array, dtype=None, ensure_all_finite="allow-nan", estimator=model, input_name=name)
    return array


def _mixed(row: Any) -> bool:
    return any(isinstance(value, str) or value is None for value in row)
