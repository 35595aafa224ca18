"""The gradient of a dense network's loss over all samples, for batch methods such as L-BFGS."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from fastnet.reference.step import passes
from fastnet.validation import operations as checks
from fastnet.validation import training as training_checks
from fastnet.validation.operations import FloatArray

__all__ = ["loss_gradient"]


def loss_gradient(
    parameters: FloatArray,
    x: npt.NDArray[Any],
    y: npt.NDArray[Any],
    sizes: Sequence[int],
    activations: Sequence[str],
    loss: str | tuple[str, float],
    scale: float = 1.0,
    sample_weight: npt.NDArray[np.float64] | None = None,
    l2: float = 0.0,
    bias: bool = True,
    out: FloatArray | None = None,
    n_threads: int | None = None,
) -> tuple[float, FloatArray]:
    """Mean loss over all samples with its penalty, and the gradient, as L-BFGS and other batch methods need them.

    Parameters
    ----------
    parameters, x, y, sizes, activations, loss, scale, sample_weight, l2, bias, n_threads
        As in `train_epoch`, the batch being all samples; nothing is updated.
    out : ndarray of parameters' dtype and shape, optional
        Receives the gradient; shares no memory with another argument.

    Returns
    -------
    loss : float
        The (weighted) mean loss, the penalty included.
    gradient : ndarray of parameters' dtype and shape
        Its gradient, laid out like the parameters; it is `out` if that was given.

    Raises
    ------
    TypeError, ValueError
        For a wrong type or dtype; for a wrong shape or value.

    References
    ----------
    Goodfellow, Bengio and Courville, "Deep Learning", MIT Press 2016, algorithm 6.4.

    Examples
    --------
    >>> x, y = np.array([[1.0], [3.0]]), np.array([[2.0], [4.0]])
    >>> loss_gradient(np.zeros(2), x, y, [1, 1], [], "squared_error")
    (5.0, array([-7., -3.]))
    """
    training_checks.network(parameters, x, sizes, activations, scale)
    training_checks.supervision(parameters, x, y, int(sizes[-1]), loss)
    training_checks.penalties(len(x), sample_weight, l2)
    training_checks.biases(parameters, sizes, bias)
    training_checks.threads(n_threads)
    weights = () if sample_weight is None else (sample_weight,)
    gradient = checks.output(out, parameters.shape, parameters.dtype, (parameters, x, y, *weights))
    layers, gradients = passes.layers_of(parameters, sizes), passes.layers_of(gradient, sizes)
    passed = passes.forward(passes.prepare(x, parameters.dtype, scale), layers, activations)
    mean, dlogits, _ = passes.batch_loss(*training_checks.loss_setting(loss), passed.inputs[-1], y, sample_weight)
    passes.backward(dlogits, passed, layers, gradients, activations, bias=bias)
    size = max(len(x), 1) if sample_weight is None else sample_weight.sum()
    penalty = passes.add_penalty(layers, gradients, l2, size) if l2 else 0.0
    return mean + penalty, gradient
