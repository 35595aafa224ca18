"""Losses of regression: means over samples of sums over outputs, with the gradients that go with them."""

import numpy as np

from fastnet.reference.step import sample_losses
from fastnet.validation import operations as checks
from fastnet.validation import training as training_checks
from fastnet.validation.levels import quantile_levels
from fastnet.validation.operations import OUTPUTS, FloatArray

__all__ = [
    "absolute_error_backward",
    "absolute_error_forward",
    "huber_backward",
    "huber_forward",
    "poisson_backward",
    "poisson_forward",
    "quantile_backward",
    "quantile_forward",
    "squared_error_backward",
    "squared_error_forward",
]


@np.errstate(all="ignore")
def squared_error_forward(predictions: FloatArray, targets: FloatArray) -> float:
    """Mean over samples of 0.5 * sum over outputs of (p - t)**2.

    Parameters
    ----------
    predictions, targets : ndarrays of one dtype, float32 or float64, shape (n_samples, n_outputs)
        The network's outputs, and what they should be.

    Returns
    -------
    float
        Mean over samples, 0.0 for none; unlike scikit-learn's, not divided by the number of outputs.

    Raises
    ------
    TypeError, ValueError
        For a wrong type or dtype; for a wrong shape.

    References
    ----------
    Bishop, "Pattern Recognition and Machine Learning", 2006, equation 5.11.

    Examples
    --------
    >>> squared_error_forward(np.array([[1.0, 5.0]]), np.array([[3.0, 4.0]]))
    2.5
    """
    checks.alike(None, OUTPUTS, predictions=predictions, targets=targets)
    return sample_losses.mean(sample_losses.squared_error(predictions, targets))


@np.errstate(all="ignore")
def squared_error_backward(predictions: FloatArray, targets: FloatArray, out: FloatArray | None = None) -> FloatArray:
    """Gradient of the squared error with respect to the predictions, (p - t) / n_samples.

    Parameters
    ----------
    predictions, targets : ndarrays of one dtype, float32 or float64, shape (n_samples, n_outputs)
        The network's outputs, and what they should be.
    out : ndarray of the predictions' dtype and shape, optional
        Receives the result; may be `predictions`.

    Returns
    -------
    ndarray of the predictions' dtype and shape
        The gradient.

    Raises
    ------
    TypeError, ValueError
        As `squared_error_forward`, or for an unsuitable `out`.

    References
    ----------
    Bishop, "Pattern Recognition and Machine Learning", 2006, equation 5.18.

    Examples
    --------
    >>> squared_error_backward(np.array([[1.0, 5.0]]), np.array([[3.0, 4.0]]))
    array([[-2.,  1.]])
    """
    dpredictions = checks.alike(out, OUTPUTS, predictions=predictions, targets=targets)
    dpredictions[...] = (predictions - targets) / max(len(predictions), 1)
    return dpredictions


@np.errstate(all="ignore")
def absolute_error_forward(predictions: FloatArray, targets: FloatArray) -> float:
    """Mean over samples of the sum over outputs of |p - t|.

    Parameters and errors as in `squared_error_forward`.
    Source: Bishop, "Pattern Recognition and Machine Learning", 2006, equation 1.91 with q = 1.

    Examples
    --------
    >>> absolute_error_forward(np.array([[1.0, 5.0]]), np.array([[3.0, 4.0]]))
    3.0
    """
    checks.alike(None, OUTPUTS, predictions=predictions, targets=targets)
    return sample_losses.mean(sample_losses.absolute_error(predictions, targets))


@np.errstate(all="ignore")
def absolute_error_backward(predictions: FloatArray, targets: FloatArray, out: FloatArray | None = None) -> FloatArray:
    """Gradient of the absolute error, sign(p - t) / n_samples: 0 where p = t, the middle of its subgradients.

    Parameters and errors as in `squared_error_backward`.

    Examples
    --------
    >>> absolute_error_backward(np.array([[1.0, 5.0, 2.0]]), np.array([[3.0, 4.0, 2.0]]))
    array([[-1.,  1.,  0.]])
    """
    dpredictions = checks.alike(out, OUTPUTS, predictions=predictions, targets=targets)
    dpredictions[...] = np.sign(predictions - targets) / max(len(predictions), 1)
    return dpredictions


@np.errstate(all="ignore")
def quantile_forward(predictions: FloatArray, targets: FloatArray, levels: tuple[float, ...]) -> float:
    """Mean over samples of the sum over outputs of the pinball loss, least where an output is a quantile of its level.

    It is level * (t - p) where p < t, and (1 - level) * (p - t) else.
    Parameters and errors as in `squared_error_forward`; `levels` is a tuple with a number between 0 and 1 for each
    output. Source: Koenker and Bassett, "Regression quantiles", Econometrica 46, 1978.

    Examples
    --------
    >>> quantile_forward(np.array([[1.0, 5.0]]), np.array([[3.0, 4.0]]), (0.75, 0.25))
    2.25
    """
    checks.alike(None, OUTPUTS, predictions=predictions, targets=targets)
    quantile_levels(levels, predictions.shape[1])
    return sample_losses.mean(sample_losses.quantile(predictions, targets, levels))


@np.errstate(all="ignore")
def quantile_backward(
    predictions: FloatArray, targets: FloatArray, levels: tuple[float, ...], out: FloatArray | None = None
) -> FloatArray:
    """Gradient of the pinball loss, sign(p - t) / 2 + 1/2 - level, / n_samples.

    Parameters and errors as in `squared_error_backward` and `quantile_forward`.

    Examples
    --------
    >>> quantile_backward(np.array([[1.0, 5.0]]), np.array([[3.0, 4.0]]), (0.75, 0.25))
    array([[-0.75,  0.75]])
    """
    dpredictions = checks.alike(out, OUTPUTS, predictions=predictions, targets=targets)
    quantile_levels(levels, predictions.shape[1])
    leanings = (0.5 - np.array(levels)).astype(dpredictions.dtype)
    dpredictions[...] = (0.5 * np.sign(predictions - targets) + leanings) / max(len(predictions), 1)
    return dpredictions


@np.errstate(all="ignore")
def huber_forward(predictions: FloatArray, targets: FloatArray, delta: float = 1.0) -> float:
    """Mean over samples of the sum over outputs of r**2 / 2, or delta * (|r| - delta / 2) where |r| > delta.

    r is the residual p - t.

    Parameters
    ----------
    predictions, targets : ndarrays of one dtype, float32 or float64, shape (n_samples, n_outputs)
        The network's outputs, and what they should be.
    delta : float, default 1.0
        Residual from which on the loss grows linearly, finite and positive.

    Returns
    -------
    float
        Mean over samples, 0.0 for none.

    Raises
    ------
    TypeError, ValueError
        As `squared_error_forward`, or for a delta that is not a finite positive number.

    References
    ----------
    Huber, "Robust estimation of a location parameter", Annals of Mathematical Statistics 35, 1964, section 3.

    Examples
    --------
    >>> huber_forward(np.array([[1.0, 5.0]]), np.array([[3.0, 4.5]]))
    1.625
    """
    checks.alike(None, OUTPUTS, predictions=predictions, targets=targets)
    training_checks.positive("delta", delta)
    return sample_losses.mean(sample_losses.huber(predictions, targets, delta))


@np.errstate(all="ignore")
def huber_backward(
    predictions: FloatArray, targets: FloatArray, delta: float = 1.0, out: FloatArray | None = None
) -> FloatArray:
    """Gradient of Huber's loss, the residual p - t cut to [-delta, delta], / n_samples.

    Parameters and errors as in `squared_error_backward` and `huber_forward`.

    Examples
    --------
    >>> huber_backward(np.array([[1.0, 5.0]]), np.array([[3.0, 4.5]]))
    array([[-1. ,  0.5]])
    """
    dpredictions = checks.alike(out, OUTPUTS, predictions=predictions, targets=targets)
    training_checks.positive("delta", delta)
    dpredictions[...] = np.clip(predictions - targets, -float(delta), float(delta)) / max(len(predictions), 1)
    return dpredictions


@np.errstate(all="ignore")
def poisson_forward(logits: FloatArray, targets: FloatArray) -> float:
    """Half the Poisson deviance of predictions exp(z): mean over samples of the sum of t log t - t z - t + exp(z).

    It is 0 where exp(z) = t; t log t is 0 for t = 0.

    Parameters
    ----------
    logits, targets : ndarrays of one dtype, float32 or float64, shape (n_samples, n_outputs)
        Logarithms of the expected counts; the counts, >= 0, which is not checked.

    Returns
    -------
    float
        Mean over samples, 0.0 for none.

    Raises
    ------
    TypeError, ValueError
        For a wrong type or dtype; for a wrong shape.

    References
    ----------
    McCullagh and Nelder, "Generalized Linear Models", 2nd edition 1989, table 2.1.

    Examples
    --------
    >>> poisson_forward(np.array([[0.0, 0.0]]), np.array([[1.0, 0.0]]))
    1.0
    """
    checks.alike(None, OUTPUTS, logits=logits, targets=targets)
    return sample_losses.mean(sample_losses.poisson(logits, targets))


@np.errstate(all="ignore")
def poisson_backward(logits: FloatArray, targets: FloatArray, out: FloatArray | None = None) -> FloatArray:
    """Gradient of half the Poisson deviance with respect to the logits, (exp(z) - t) / n_samples.

    Parameters and errors as in `poisson_forward`; `out`, of the logits' dtype and shape, may be one of them.

    Examples
    --------
    >>> poisson_backward(np.array([[0.0, 0.0]]), np.array([[1.0, 3.0]]))
    array([[ 0., -2.]])
    """
    dlogits = checks.alike(out, OUTPUTS, logits=logits, targets=targets)
    dlogits[...] = (np.exp(logits) - targets) / max(len(logits), 1)
    return dlogits
