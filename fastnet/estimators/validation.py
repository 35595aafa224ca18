"""What users hand to an estimator, checked as scikit-learn checks it."""

from __future__ import annotations

import math
from numbers import Real
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse
from sklearn.utils import check_array
from sklearn.utils.validation import validate_data

from fastnet.training.samples import Samples
from fastnet.validation.inputs import require_weights_within, to_dtype

_FLOATS = (np.dtype(np.float64), np.dtype(np.float32))


def checked(model: Any, *data: Any, **how: Any) -> Any:
    """Let scikit-learn check data, in silence where numbers beyond a dtype become infinite: its error tells of them."""
    with np.errstate(over="ignore"):
        return validate_data(model, *data, accept_sparse=["csr", "csc"], **how)


def weights_of(sample_weight: Any, n_samples: int, name: str = "sample_weight") -> npt.NDArray[np.float64] | None:
    """Return weights of samples as float64, from one number for all or an array."""
    if sample_weight is None:
        return None
    if isinstance(sample_weight, Real):
        sample_weight = np.full(n_samples, sample_weight)
    weights = check_array(sample_weight, ensure_2d=False, dtype=np.float64, input_name=name)
    if weights.ndim != 1:
        raise ValueError(f"{name} must be a 1-D array or a number, got {weights.ndim} dimensions")
    if weights.shape != (n_samples,):
        raise ValueError(f"{name} must have shape ({n_samples},), got {weights.shape}")
    if not weights.any():
        raise ValueError(f"{name} must contain at least one non-zero number")
    if weights.min() < 0:
        raise ValueError(f"{name} must not be negative, got {weights.min()}")
    with np.errstate(over="ignore"):
        if not np.isfinite(weights.sum()):
            raise ValueError(f"{name} must have a finite sum, got {weights.sum()} for weights up to {weights.max()}")
    return np.ascontiguousarray(weights)


def inputs_to_predict(model: Any, X: Any) -> Any:
    """Check inputs, in a microsecond or two where nothing about them can be wrong."""
    if (
        type(X) is np.ndarray
        and X.ndim == 2
        and X.dtype in _FLOATS
        and X.shape[1] == vars(model).get("n_features_in_")
        and X.shape[0] > 0
        and X.flags.c_contiguous
        and "feature_names_in_" not in vars(model)
        and _is_finite(X)
    ):
        return X
    return checked(model, X, reset=False)


def _is_finite(X: npt.NDArray[Any]) -> bool:
    """Search small arrays, whose squares add up to NaN or infinity then; scikit-learn searches large ones in threads.

    It is asked, too, where a finite sum of squares is too large for the dtype.
    """
    return X.size <= 4096 and bool(np.vdot(X, X) < math.inf)


def samples_of(X: Any, targets: Any, weights: Any, dtype: Any, suffix: str = "") -> Samples:
    """Bring checked samples to a dtype; labels are integers and stay so. Errors add the suffix to names."""
    require_weights_within(f"sample_weight{suffix}", weights, dtype)
    y = targets if targets.dtype.kind == "i" else to_dtype(f"y{suffix}", targets, dtype)
    return Samples(inputs(X, dtype, f"X{suffix}"), y, weights)


def inputs(X: Any, dtype: Any, name: str = "X") -> Any:
    """Return a C-contiguous array, or CSR in canonical format, of the dtype; finite, as they came."""
    if sparse.issparse(X):
        rows = X.tocsr()
        if not rows.has_canonical_format:
            rows = rows.copy()  # the caller's stay as they are
            rows.sum_duplicates()
        if rows.dtype == dtype:
            return rows
        return type(rows)((to_dtype(name, rows.data, dtype), rows.indices, rows.indptr), rows.shape)
    return to_dtype(name, X, dtype)
