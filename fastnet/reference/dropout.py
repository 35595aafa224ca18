"""Dropout whose mask is a function of a key and of the place in the batch, so that nobody has to keep it.

A counter-based generator (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011) needs no state: the
backward draws the forward's mask anew, and threads agree on it however they share out the rows.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from fastnet.validation import operations as checks
from fastnet.validation import training as training_checks
from fastnet.validation.operations import FloatArray

__all__ = ["dropout_backward", "dropout_forward", "dropout_key"]

Words = npt.NDArray[np.uint32]

GOLDEN = 0x9E3779B9  # 2**32 divided by the golden ratio: keeps the hash of the first row, or layer, from being 0


def dropout_key(seed: int, step: int, layer: int) -> int:
    """Key of the mask of one layer in one step of training, for `dropout_forward` and `dropout_backward`.

    Parameters
    ----------
    seed : int
        In [0, 2**64).
    step : int
        Number of the step, in [0, 2**64); training counts from 1.
    layer : int
        Index of the hidden layer, in [0, 2**32).

    Returns
    -------
    int
        In [0, 2**32).

    Raises
    ------
    TypeError, ValueError
        For anything but an integer; for one out of range.

    References
    ----------
    Appleby, MurmurHash3, 2011: its 32-bit finaliser mixes in the words of the step and the seed, one by one.

    Examples
    --------
    >>> dropout_key(seed=0, step=1, layer=0) == dropout_key(seed=0, step=2, layer=0)
    False
    """
    training_checks.word("seed", seed, 64)
    training_checks.word("step", step, 64)
    training_checks.word("layer", layer, 32)
    words = [int(number) >> shift & 0xFFFFFFFF for number in (step, seed) for shift in (0, 32)]
    key = _mix(np.array([(int(layer) + GOLDEN) & 0xFFFFFFFF], np.uint32))
    for word in words:
        key = _mix(key ^ np.uint32(word))
    return int(key[0])


@np.errstate(all="ignore")
def dropout_forward(x: FloatArray, rate: float, key: int, out: FloatArray | None = None) -> FloatArray:
    """Replace a random share of the elements by 0, and divide the others by 1 - rate: inverted dropout.

    With u = mix(mix(key ^ (row + 0x9e3779b9)) ^ column) in 32-bit arithmetic, an element is kept where
    u >= floor(rate * 2**32).

    Parameters
    ----------
    x : ndarray of float32 or float64, shape (n_samples, n_features)
        Outputs of a layer; its row and column are all that decides whether an element is kept.
    rate : float
        Share of the elements that become 0 (also NaN and infinities), in [0, 1).
    key : int
        Chooses the mask, in [0, 2**32); see `dropout_key`.
    out : ndarray like x, optional
        Receives the result; may be `x`.

    Returns
    -------
    ndarray of x's dtype and shape
        x / (1 - rate) where kept, as a product with 1 / (1 - rate) rounded to x's dtype; else 0.

    Raises
    ------
    TypeError, ValueError
        For anything but a float32 or float64 ndarray; for a rate or key out of range; for an unsuitable `out`.

    References
    ----------
    Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting", Journal of Machine
    Learning Research 15, 2014, section 10; Appleby, MurmurHash3, 2011, for the mixing function.

    Examples
    --------
    >>> dropout_forward(np.ones((2, 6)), rate=0.5, key=dropout_key(seed=0, step=1, layer=0))
    array([[2., 0., 2., 0., 2., 0.],
           [0., 0., 0., 2., 2., 2.]])
    """
    y = checks.alike(out, checks.FEATURES, x=x)
    training_checks.dropout(rate, key)
    y[...] = _drop(x, rate, key)
    return y


@np.errstate(all="ignore")
def dropout_backward(dy: FloatArray, rate: float, key: int, out: FloatArray | None = None) -> FloatArray:
    """Gradient of dropout, dx = dy / (1 - rate) where the forward with this rate and key kept x, else 0.

    Parameters and errors as in `dropout_forward`; dy and dx have shape (n_samples, n_features).

    Examples
    --------
    >>> x = np.ones((2, 6))
    >>> bool((dropout_backward(x, 0.5, key=7) == dropout_forward(x, 0.5, key=7)).all())
    True
    """
    dx = checks.alike(out, checks.FEATURES, dy=dy)
    training_checks.dropout(rate, key)
    dx[...] = _drop(dy, rate, key)
    return dx


def _drop(values: FloatArray, rate: float, key: int) -> npt.NDArray[Any]:
    n_rows, n_columns = values.shape
    rows = _mix(np.uint32(key) ^ (np.arange(n_rows, dtype=np.uint32) + np.uint32(GOLDEN)))
    draws = _mix(rows[:, None] ^ np.arange(n_columns, dtype=np.uint32))
    kept = draws >= np.uint32(int(float(rate) * 2**32))
    return np.where(kept, values * values.dtype.type(1 / (1 - float(rate))), 0)


def _mix(h: Words) -> Words:
    """Finaliser of MurmurHash3: every bit of the input changes half of the bits of the output."""
    h = (h ^ h >> np.uint32(16)) * np.uint32(0x85EBCA6B)
    h = (h ^ h >> np.uint32(13)) * np.uint32(0xC2B2AE35)
    return h ^ h >> np.uint32(16)
