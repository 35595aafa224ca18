"""The dataset that every reader returns, and the one place where features and labels are checked."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from fastnet.datasets.files import MixedTableError
from fastnet.datasets.labels import Array, Labels, Names, as_labels, check_names, without_names
from fastnet.datasets.numbering import without_gaps, without_one_hot
from fastnet.output.reprs import short_repr
from fastnet.validation.frames import listed, order_of

# Rows are searched for NaN in pieces of about this many elements, so that the mask stays in the cache.
_CHECK_ELEMENTS = 1 << 18


@dataclass(frozen=True, eq=False)
class Dataset:
    """Features and labels, as the readers of `fastnet.datasets` return them.

    Attributes
    ----------
    X : ndarray of shape (n_samples, n_features)
        Features, C-contiguous, uint8, float32 or float64. Pixels read as uint8 stay uint8. A `numpy.memmap` where
        that was asked for.
    y : ndarray of shape (n_samples,), int32, or None
        Class labels counted from 0; None when the source has none.
    X_test : ndarray of shape (n_test_samples, n_features), or None
        Features of the test part; None when the source has no test part.
    y_test : ndarray of shape (n_test_samples,), int32, or None
        Labels of the test part.
    name : str
        What the data is called: the file's stem, the directory's name or ``"digits"``.
    image_shape : tuple of int, or None
        The shape that a row of X had before it was flattened, such as ``(28, 28)``.
    feature_names : tuple of str, or None
        One name per column of X, where the source has names.
    label_names : tuple of str, or None
        The name of each class, where the source names classes instead of numbering them; or the number that the
        source gives it, where those have gaps or do not begin with 0.
    label_name : str, or None
        What the column of labels is called in a table; its position, where columns have no names.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnet.datasets import Dataset
    >>> data = Dataset(X=np.zeros((3, 2), np.float32), y=np.array([0, 2, 1], np.int32))
    >>> data.n_classes
    3
    """

    X: Array
    y: Labels | None = None
    X_test: Array | None = None
    y_test: Labels | None = None
    name: str = ""
    image_shape: tuple[int, ...] | None = None
    feature_names: tuple[str, ...] | None = None
    label_names: tuple[str, ...] | None = None
    label_name: str | None = None

    __repr__ = short_repr

    @property
    def n_classes(self) -> int:
        """Count of the names of classes; without names, the largest label of both parts plus one.

        A dataset without labels raises ValueError.
        """
        if self.label_names is not None:
            return len(self.label_names)
        parts = [labels for labels in (self.y, self.y_test) if labels is not None and labels.size]
        if not parts:
            raise ValueError(f"{self.name}: the dataset has no labels, so it has no classes")
        return 1 + max(int(labels.max()) for labels in parts)


def _feature_dtype(X: Array, where: str) -> type[np.generic]:
    if X.dtype.kind not in "buif":
        raise TypeError(f"{where}: features of dtype {X.dtype}, expected integers or floats")
    if X.dtype.kind == "f":
        return np.float32 if X.dtype.itemsize <= 4 else np.float64
    if X.dtype in (np.bool_, np.uint8) or (X.min() >= 0 and X.max() <= 255):
        return np.uint8
    return np.float32


def _check_finite(X: Array, where: str) -> None:
    step = max(1, _CHECK_ELEMENTS // X.shape[1])
    for start in range(0, X.shape[0], step):
        finite = np.isfinite(X[start : start + step])
        if not finite.all():
            row, column = (int(i) for i in np.argwhere(~finite)[0])
            value = X[start + row, column]
            raise MixedTableError(
                f"{where}: row {start + row}, column {column} (from 0): {value}, expected a finite number"
            )


def as_features(X: Array, where: str) -> Array:
    """Return `X` flattened to two dimensions, C-contiguous, as uint8, float32 or float64, and finite."""
    if not 2 <= X.ndim <= 4:
        raise ValueError(f"{where}: features of shape {X.shape}, expected 2 dimensions (3 or 4 for images)")
    n_samples, n_features = X.shape[0], math.prod(X.shape[1:])
    if n_samples == 0 or n_features == 0:
        raise ValueError(f"{where}: features of shape {X.shape}, expected at least one row and one column")
    if isinstance(X, np.memmap):  # of a dtype that need not change, too large to be read once more than need be
        return X.reshape(n_samples, n_features)
    dtype = _feature_dtype(X, where)
    with np.errstate(over="ignore"):  # a long double too large for float64 becomes an infinity, found below
        X = np.ascontiguousarray(X, dtype=dtype).reshape(n_samples, n_features)
    if X.dtype.kind == "f":
        _check_finite(X, where)
    return X


def _checked_part(X: Array, y: Array | None, where: str, part: str) -> tuple[Array, Labels | None]:
    features = as_features(X, where)
    if y is None:
        return features, None
    labels = as_labels(y, where)
    if len(labels) != len(features):
        raise ValueError(f"{where}: {len(labels)} labels{part} for {len(features)} rows of features, expected as many")
    return features, labels


def checked_dataset(
    where: str,
    X: Array,
    y: Array | None,
    X_test: Array | None = None,
    y_test: Array | None = None,
    *,
    name: str,
    require_labels: bool,
    image_shape: tuple[int, ...] | None = None,
    feature_names: Names | None = None,
    label_names: Names | None = None,
    label_name: str | None = None,
) -> Dataset:
    """Check and convert what a reader found; `where` (the path) begins every error."""
    if require_labels and y is None:
        raise ValueError(f"{where}: no labels, expected some (require_labels=False reads features only)")
    if X_test is None and y_test is not None:
        raise ValueError(f"{where}: test labels without test features")
    y, y_test = without_one_hot(y, y_test, where)
    y, y_test, found = without_names(y, y_test, where)
    image_shape = X.shape[1:] if X.ndim > 2 else image_shape
    features, labels = _checked_part(X, y, where, "")
    features_test: Array | None = None
    labels_test: Labels | None = None
    if X_test is not None:
        features_test, labels_test = _checked_part(X_test, y_test, where, " in the test part")
        if features_test.shape[1] != features.shape[1]:
            raise ValueError(
                f"{where}: {features_test.shape[1]} features in the test part, "
                f"expected {features.shape[1]} as in the training part"
            )
    if feature_names is not None and len(feature_names) != features.shape[1]:
        raise ValueError(f"{where}: {len(feature_names)} names for {features.shape[1]} features, expected as many")
    label_names = found or label_names
    if label_names is not None:
        check_names(label_names, (labels, labels_test), where)
    labels, labels_test, label_names = without_gaps(labels, labels_test, label_names, where)
    return Dataset(
        features, labels, features_test, labels_test, name, image_shape, feature_names, label_names, label_name
    )  # fmt: skip


def with_features(data: Dataset, names: Names, where: object) -> Dataset:
    """Return data with its features in the order of `names`, if there are any; ValueError where others are there."""
    n_features = data.X.shape[1]
    if not names or data.feature_names == names:
        return data
    if data.feature_names is None:
        if n_features != len(names):
            raise ValueError(f"{where}: {n_features} features, expected {len(names)}: {listed(names)}")
        return data
    order = order_of(data.feature_names, names, str(where))
    if isinstance(data.X, np.memmap):
        raise ValueError(f"{where}: features in another order cannot be mapped, expected {listed(names)}")
    X, X_test = (None if part is None else np.ascontiguousarray(part[:, order]) for part in (data.X, data.X_test))
    assert X is not None
    return replace(data, X=X, X_test=X_test, feature_names=names)
