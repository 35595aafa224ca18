"""Losses of classification: means over samples, computed from logits, with the gradients that go with them."""

import numpy as np

from fastnet.reference.activations import sigmoid_forward
from fastnet.reference.softmax import softmax_forward
from fastnet.reference.step import sample_losses
from fastnet.validation import operations as checks
from fastnet.validation import training as training_checks
from fastnet.validation.operations import OUTPUTS, FloatArray, IntArray

__all__ = [
    "binary_cross_entropy_backward",
    "binary_cross_entropy_forward",
    "softmax_cross_entropy_backward",
    "softmax_cross_entropy_forward",
    "softmax_squared_error_backward",
    "softmax_squared_error_forward",
]


@np.errstate(all="ignore")
def softmax_cross_entropy_forward(
    logits: FloatArray, labels: IntArray, label_smoothing: float = 0.0, out: FloatArray | None = None
) -> tuple[float, FloatArray]:
    """Mean of -log softmax(logits)[label], through log-sum-exp, and the probabilities.

    With smoothing s, the targets are (1 - s) onehot + s / n_classes: the loss is 1 - s times that of the label plus
    s times the mean of those of all classes.

    Parameters
    ----------
    logits : ndarray of float32 or float64, shape (n_samples, n_classes), n_classes >= 1
        Scores; -inf excludes a class.
    labels : ndarray of integers in [0, n_classes), shape (n_samples,)
        The class of each sample.
    label_smoothing : float, default 0.0
        Share of a target that is spread evenly over the classes, in [0, 1).
    out : ndarray of the logits' dtype and shape, optional
        Receives the probabilities; may be `logits`.

    Returns
    -------
    loss : float
        Mean over samples, 0.0 for no samples.
    probs : ndarray of the logits' dtype and shape
        softmax(logits); a row whose logits hold NaN or +inf, or are all -inf, is NaN, and so is the loss.

    Raises
    ------
    TypeError, ValueError
        For a wrong type or dtype; for a wrong shape, a label or smoothing out of range, or an unsuitable `out`.

    References
    ----------
    Goodfellow, Bengio and Courville, "Deep Learning", MIT Press 2016, section 6.2.2.3; Szegedy et al., "Rethinking
    the Inception architecture for computer vision", CVPR 2016, section 7, for the smoothing.

    Examples
    --------
    >>> loss, probs = softmax_cross_entropy_forward(np.array([[2.0, 2.0]]), np.array([1]))
    >>> round(loss, 6), probs
    (0.693147, array([[0.5, 0.5]]))
    """
    probs = checks.labelled(out, labels, logits=logits)
    training_checks.fraction("label_smoothing", label_smoothing)
    loss = sample_losses.mean(sample_losses.cross_entropy(logits, labels, label_smoothing))
    return loss, softmax_forward(logits, out=probs)


@np.errstate(all="ignore")
def softmax_cross_entropy_backward(
    probs: FloatArray, labels: IntArray, label_smoothing: float = 0.0, out: FloatArray | None = None
) -> FloatArray:
    """Gradient of the mean cross-entropy with respect to the logits, (probs - targets) / n_samples.

    Parameters
    ----------
    probs : ndarray of float32 or float64, shape (n_samples, n_classes)
        The probabilities from `softmax_cross_entropy_forward`.
    labels : ndarray of integers in [0, n_classes), shape (n_samples,)
        The class of each sample.
    label_smoothing : float, default 0.0
        As in the forward; with 0.0, the targets are onehot.
    out : ndarray of the probabilities' dtype and shape, optional
        Receives the result; may be `probs`.

    Returns
    -------
    ndarray of the probabilities' dtype and shape
        The gradient, which is `out` if that was given.

    Raises
    ------
    TypeError, ValueError
        As `softmax_cross_entropy_forward`.

    References
    ----------
    Bishop, "Pattern Recognition and Machine Learning", 2006, equation 4.109.

    Examples
    --------
    >>> softmax_cross_entropy_backward(np.array([[0.25, 0.75]]), np.array([1]))
    array([[ 0.25, -0.25]])
    """
    dlogits = checks.labelled(out, labels, probs=probs)
    training_checks.fraction("label_smoothing", label_smoothing)
    dlogits[...] = probs - float(label_smoothing) / probs.shape[1]
    dlogits[np.arange(labels.size), labels] -= 1 - float(label_smoothing)
    dlogits /= max(labels.size, 1)
    return dlogits


@np.errstate(all="ignore")
def softmax_squared_error_forward(
    logits: FloatArray, labels: IntArray, out: FloatArray | None = None
) -> tuple[float, FloatArray]:
    """Mean over samples of the squared distance of softmax(logits) and the onehot label, and the probabilities.

    Parameters
    ----------
    logits, labels, out
        As in `softmax_cross_entropy_forward`.

    Returns
    -------
    loss : float
        Brier's score, between 0 and 2; 0.0 for no samples.
    probs : ndarray of the logits' dtype and shape
        softmax(logits), as `softmax_cross_entropy_forward` returns it.

    Raises
    ------
    TypeError, ValueError
        As `softmax_cross_entropy_forward`.

    References
    ----------
    Brier, "Verification of forecasts expressed in terms of probability", Monthly Weather Review 78, 1950, equation 2.

    Examples
    --------
    >>> softmax_squared_error_forward(np.array([[2.0, 2.0]]), np.array([1]))
    (0.5, array([[0.5, 0.5]]))
    """
    probs = checks.labelled(out, labels, logits=logits)
    loss = sample_losses.mean(sample_losses.softmax_squared_error(logits, labels))
    return loss, softmax_forward(logits, out=probs)


@np.errstate(all="ignore")
def softmax_squared_error_backward(probs: FloatArray, labels: IntArray, out: FloatArray | None = None) -> FloatArray:
    """Gradient of Brier's score with respect to the logits, through the whole Jacobian of the softmax.

    With g = 2 (probs - onehot) it is probs * (g - sum(probs * g)) / n_samples.

    Parameters
    ----------
    probs, labels, out
        As in `softmax_cross_entropy_backward`.

    Returns
    -------
    ndarray of the probabilities' dtype and shape
        The gradient, which is `out` if that was given.

    Raises
    ------
    TypeError, ValueError
        As `softmax_cross_entropy_forward`.

    References
    ----------
    Goodfellow, Bengio and Courville, "Deep Learning", MIT Press 2016, equation 6.46, for the chain rule.

    Examples
    --------
    >>> softmax_squared_error_backward(np.array([[0.25, 0.75]]), np.array([1]))
    array([[ 0.1875, -0.1875]])
    """
    dlogits = checks.labelled(out, labels, probs=probs)
    g = 2 * probs
    g[np.arange(labels.size), labels] -= 2
    dlogits[...] = probs * (g - (probs * g).sum(axis=1, keepdims=True)) / max(labels.size, 1)
    return dlogits


@np.errstate(all="ignore")
def binary_cross_entropy_forward(
    logits: FloatArray, targets: FloatArray, out: FloatArray | None = None
) -> tuple[float, FloatArray]:
    """Mean over samples of the sum over outputs of -log of the target's probability, and the probabilities.

    Parameters
    ----------
    logits, targets : ndarrays of one dtype, float32 or float64, shape (n_samples, n_outputs)
        Finite scores (an infinite one may give NaN); 0, 1 or a probability, whose range is not checked.
    out : ndarray of the logits' dtype and shape, optional
        Receives the probabilities; may be `logits`.

    Returns
    -------
    loss : float
        Of softplus(z) - t*z, as max(z, 0) - t*z + log1p(exp(-|z|)); 0.0 for no samples.
    probs : ndarray of the logits' dtype and shape
        sigmoid(logits).

    Raises
    ------
    TypeError, ValueError
        For a wrong type or dtype; for a wrong shape or an unsuitable `out`.

    References
    ----------
    Bishop, "Pattern Recognition and Machine Learning", 2006, equation 4.90.

    Examples
    --------
    >>> loss, probs = binary_cross_entropy_forward(np.array([[0.0]]), np.array([[1.0]]))
    >>> round(loss, 6), probs
    (0.693147, array([[0.5]]))
    """
    probs = checks.alike(out, OUTPUTS, logits=logits, targets=targets)
    loss = sample_losses.mean(sample_losses.binary_cross_entropy(logits, targets))
    return loss, sigmoid_forward(logits, out=probs)


@np.errstate(all="ignore")
def binary_cross_entropy_backward(probs: FloatArray, targets: FloatArray, out: FloatArray | None = None) -> FloatArray:
    """Gradient of the binary cross-entropy with respect to the logits, (probs - targets) / n_samples.

    Parameters
    ----------
    probs, targets : ndarrays of one dtype, float32 or float64, shape (n_samples, n_outputs)
        The probabilities from `binary_cross_entropy_forward` and the targets it was given.
    out : ndarray of the probabilities' dtype and shape, optional
        Receives the result; may be `probs`.

    Returns
    -------
    ndarray of the probabilities' dtype and shape
        The gradient, which is `out` if that was given.

    Raises
    ------
    TypeError, ValueError
        As `binary_cross_entropy_forward`.

    References
    ----------
    Bishop, "Pattern Recognition and Machine Learning", 2006, equation 4.91.

    Examples
    --------
    >>> binary_cross_entropy_backward(np.array([[0.25], [0.5]]), np.array([[1.0], [0.0]]))
    array([[-0.375],
           [ 0.25 ]])
    """
    dlogits = checks.alike(out, OUTPUTS, probs=probs, targets=targets)
    dlogits[...] = (probs - targets) / max(len(probs), 1)
    return dlogits
