"""A dense network on one flat parameter vector: inference, and epochs of minibatch descent."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from fastnet.reference.dropout import dropout_key
from fastnet.reference.step import passes
from fastnet.reference.step.passes import layer_slices
from fastnet.validation import groups as group_checks
from fastnet.validation import operations as checks
from fastnet.validation import training as training_checks
from fastnet.validation.groups import Groups
from fastnet.validation.operations import FloatArray, IntArray

__all__ = ["Groups", "Totals", "layer_slices", "predict_logits", "prepare_training", "train_epoch"]


class Totals(NamedTuple):
    """What an epoch came to, each sample measured before the update of its batch.

    Attributes
    ----------
    loss_sum : float
        Sum over batches of the mean loss times the samples, without the penalty, accumulated in float64.
    n_correct : int
        Samples whose first largest logit is the label's, where there are labels; entries with
        (logit > 0) == (target > 0.5) for "binary_cross_entropy"; 0 for other losses. Weights do not count here.
    penalty_sum : float
        Sum over batches of the penalty times the samples.
    """

    loss_sum: float
    n_correct: int
    penalty_sum: float


def predict_logits(
    parameters: FloatArray,
    x: npt.NDArray[Any],
    sizes: Sequence[int],
    activations: Sequence[str],
    scale: float = 1.0,
    out: FloatArray | None = None,
    n_threads: int | None = None,
) -> FloatArray:
    """Run a network forward.

    Parameters
    ----------
    parameters : ndarray of float32 or float64, shape (n_parameters,)
        Weights and biases as `layer_slices` lays them out.
    x : ndarray of parameters' dtype or uint8, shape (n_samples, sizes[0])
        Inputs, converted to the parameters' dtype and multiplied by `scale`.
    sizes : sequence of int
        Layer sizes (in, hidden..., out), at least two.
    activations : sequence of str
        A name of `fastnet.validation.activations.ACTIVATIONS` for each hidden layer; the last layer has none.
    scale : float, default 1.0
        Factor on x, say 1 / 255 for pixels.
    out : ndarray of parameters' dtype, shape (n_samples, sizes[-1]), optional
        Receives the result; shares no memory with parameters or x.
    n_threads : int, optional
        Threads of the compiled twin; NumPy's own are no business of this one's.

    Returns
    -------
    ndarray of parameters' dtype, shape (n_samples, sizes[-1])
        The last layer's outputs, which is `out` if that was given.

    Raises
    ------
    TypeError, ValueError
        For a wrong type or dtype; for a wrong shape, an unknown activation or an unsuitable `out`.

    References
    ----------
    Goodfellow, Bengio and Courville, "Deep Learning", MIT Press 2016, algorithm 6.3.

    Examples
    --------
    >>> pixels = np.array([[100, 50]], dtype=np.uint8)
    >>> predict_logits(np.array([1.0, 2.0, 0.5]), pixels, sizes=[2, 1], activations=[], scale=0.01)
    array([[2.5]])
    """
    training_checks.network(parameters, x, sizes, activations, scale)
    training_checks.threads(n_threads)
    logits = checks.output(out, (len(x), int(sizes[-1])), parameters.dtype, (parameters, x))
    logits[...] = passes.forward(
        passes.prepare(x, parameters.dtype, scale), passes.layers_of(parameters, sizes), activations
    ).inputs[-1]
    return logits


def train_epoch(
    parameters: FloatArray,
    state: tuple[FloatArray, ...],
    x: npt.NDArray[Any],
    y: npt.NDArray[Any],
    order: IntArray,
    sizes: Sequence[int],
    activations: Sequence[str],
    loss: str | tuple[str, float],
    optimizer: Sequence[Any],
    batch_size: int,
    step: int = 0,
    scale: float = 1.0,
    clip_norm: float | None = None,
    clip_value: float | None = None,
    sample_weight: npt.NDArray[np.float64] | None = None,
    l2: float = 0.0,
    dropout: Sequence[float] | None = None,
    seed: int = 0,
    bias: bool = True,
    n_threads: int | None = None,
    groups: Groups | None = None,
) -> Totals:
    """Minibatch descent over the chosen samples, updating parameters and optimizer state in place.

    Parameters
    ----------
    parameters, x, sizes, activations, scale
        As in `predict_logits`; `parameters` is updated. `x` may also be a CSR matrix of SciPy, of one of the same
        dtypes, in canonical format: its samples are made dense a batch at a time.
    state : tuple of ndarrays of parameters' dtype and shape
        State of the optimizer, updated: () for "sgd", (v,) for "momentum", (m, v) for "adam" and "adamw".
    y : ndarray of integers, shape (n_samples,), or of parameters' dtype, shape (n_samples, sizes[-1])
        Labels for "cross_entropy" and "softmax_squared_error"; targets for the other losses.
    order : ndarray of integers, shape (n_chosen,)
        Rows of x and y in the order of their use, in batches of `batch_size`, the last one short.
    loss : str or tuple
        "cross_entropy" or ("cross_entropy", label_smoothing), "softmax_squared_error", "binary_cross_entropy",
        "squared_error", "poisson", "huber" or ("huber", delta), "absolute_error", ("quantile", levels); each a mean
        over the samples of a batch.
    optimizer : tuple
        ("sgd", lr), ("momentum", lr, momentum, nesterov), ("adam", lr, beta1, beta2, eps) or
        ("adamw", lr, beta1, beta2, eps, weight_decay).
    batch_size : int
        Samples per step, at least 1.
    step : int, default 0
        Number of steps taken before.
    clip_norm : float, optional
        If the L2 norm of a batch's whole gradient (that of every W and b together, its squares summed in float64)
        is larger, the gradient is multiplied by `clip_norm` / norm, rounded to the parameters' dtype. So a gradient
        whose norm is infinite is multiplied by 0, which makes its infinities NaN; one whose norm is NaN is left as
        it is.
    clip_value : float, optional
        Each element of a batch's gradient is limited to [-clip_value, clip_value], before `clip_norm` is looked at.
        A NaN stays a NaN.
    sample_weight : ndarray of float64, shape (n_samples,), optional
        Finite weights of the rows of x, not negative: a batch's loss is the weighted mean. A batch whose weights
        sum to 0 has none, and makes the parameters NaN.
    l2 : float, default 0.0
        0.5 * l2 * sum(W**2) / s is added to a batch's loss, and its gradient to that of the weights before it is
        clipped; s is the samples of the batch, or the sum of their weights. Biases are not penalised.
    dropout : sequence of float, optional
        Rate in [0, 1) for each hidden layer, at which its activations are dropped (see `dropout_forward`).
    seed : int, default 0
        In [0, 2**64); a mask depends on it, on the number of the step and of the layer, and on nothing else.
    bias : bool, default True
        Whether the layers have biases; if not, those in `parameters` must be 0, and stay so.
    n_threads : int, optional
        As in `predict_logits`.
    groups : Groups, optional
        Factors on the optimizer's settings for W and b of each layer, and a trainable scale of the inputs, whose
        factors then follow the layers' parameters in `parameters` and in `state`. Not for CSR matrices, nor together
        with a limit of the gradient; `l2` is no penalty on the scale.

    Returns
    -------
    Totals
        (loss_sum, n_correct, penalty_sum).

    Raises
    ------
    TypeError, ValueError
        For a wrong type or dtype; for a wrong shape or value. Nothing is updated then.

    References
    ----------
    Goodfellow, Bengio and Courville, "Deep Learning", MIT Press 2016, algorithms 6.4 and 8.1, section 10.11.1 on
    clipping. Pascanu, Mikolov and Bengio, "On the difficulty of training recurrent neural networks", 2013.
    The scaling of the penalty is that of scikit-learn 0.18, `MLPClassifier`.

    Examples
    --------
    >>> p, x, y = np.zeros(2), np.array([[1.0], [3.0]]), np.array([[2.0], [4.0]])
    >>> train_epoch(p, (), x, y, np.array([1, 0]), [1, 1], [], "squared_error", ("sgd", 0.5), batch_size=2)
    Totals(loss_sum=10.0, n_correct=0, penalty_sum=0.0)
    >>> p
    array([3.5, 1.5])
    """
    group_checks.of_network(groups, sizes)
    of_layers = group_checks.of_layers(parameters, sizes, groups)
    training_checks.network(of_layers, x, sizes, activations, scale, csr=True)
    training_checks.training(parameters, state, x, y, int(sizes[-1]), loss, optimizer)
    training_checks.samples_order(order, x.shape[0], parameters, state)
    training_checks.whole("batch_size", batch_size, 1)
    training_checks.whole("step", step, 0)
    training_checks.clipping(clip_norm, clip_value)
    training_checks.penalties(x.shape[0], sample_weight, l2)
    training_checks.dropout_rates(dropout, seed, len(activations))
    training_checks.biases(parameters, sizes, bias)
    training_checks.threads(n_threads)
    group_checks.combination(groups, x, clip_norm, clip_value)
    gradient = np.empty_like(parameters)
    layers, gradients = passes.layers_of(of_layers, sizes), passes.layers_of(gradient, sizes)
    scales, scale_gradient = parameters[of_layers.size :], gradient[of_layers.size :]
    name, setting = training_checks.loss_setting(loss)
    loss_sum, n_correct, penalty_sum = 0.0, 0, 0.0
    for t, start in enumerate(range(0, len(order), int(batch_size)), start=int(step) + 1):
        rows = order[start : start + int(batch_size)]
        weights = None if sample_weight is None else sample_weight[rows]
        masks = [(rate, dropout_key(seed, t, i)) for i, rate in enumerate(dropout or ())]
        inputs = passes.prepare(x[rows], parameters.dtype, scale)
        passed = passes.forward(inputs * scales if scales.size else inputs, layers, activations, masks)
        mean, dlogits, correct = passes.batch_loss(name, setting, passed.inputs[-1], y[rows], weights)
        dx = passes.backward(dlogits, passed, layers, gradients, activations, masks, bias)
        if scales.size:
            scale_gradient[...] = (dx * inputs).sum(axis=0)
        size = len(rows) if weights is None else weights.sum()
        penalty_sum += passes.add_penalty(layers, gradients, l2, size) * len(rows) if l2 else 0.0
        loss_sum, n_correct = loss_sum + mean * len(rows), n_correct + correct
        passes.clip(gradient, clip_norm, clip_value)
        if groups is None:
            passes.update(parameters, gradient, state, optimizer, t)
        else:
            passes.update_groups(parameters, gradient, state, optimizer, t, layer_slices(sizes), groups)
    return Totals(loss_sum, n_correct, penalty_sum)


def prepare_training(
    parameters: FloatArray,
    state: tuple[FloatArray, ...],
    x: npt.NDArray[Any],
    y: npt.NDArray[Any],
    sizes: Sequence[int],
    activations: Sequence[str],
    loss: str | tuple[str, float],
    optimizer: Sequence[Any],
    batch_size: int,
    scale: float = 1.0,
    clip_norm: float | None = None,
    clip_value: float | None = None,
    sample_weight: npt.NDArray[np.float64] | None = None,
    l2: float = 0.0,
    dropout: Sequence[float] | None = None,
    seed: int = 0,
    bias: bool = True,
    n_threads: int | None = None,
    groups: Groups | None = None,
) -> Callable[..., Totals]:
    """Prepare epochs over the same samples; the compiled twin does so once for all of them.

    Parameters
    ----------
    parameters, state, x, y, sizes, activations, loss, optimizer, batch_size, scale, clip_norm, clip_value
        As in `train_epoch`.
    sample_weight, l2, dropout, seed, bias, n_threads, groups
        As in `train_epoch`. Arrays are read when an epoch is taken, and must not be changed in between.

    Returns
    -------
    callable
        `epoch(order, step=0, lr=None)` is `train_epoch` with these arguments; `lr` stands for the learning rate of
        `optimizer` if it is given: a number, or a float64 vector with one for each step.

    Raises
    ------
    TypeError, ValueError
        As `train_epoch` does: of the order, the step and the learning rate when an epoch is taken.

    Examples
    --------
    >>> p, x, y = np.zeros(2), np.array([[1.0], [3.0]]), np.array([[2.0], [4.0]])
    >>> epoch = prepare_training(p, (), x, y, [1, 1], [], "squared_error", ("sgd", 0.5), batch_size=2)
    >>> epoch(np.array([1, 0]))
    Totals(loss_sum=10.0, n_correct=0, penalty_sum=0.0)
    >>> epoch(np.array([0, 1]), step=1, lr=0.25).loss_sum
    36.5
    """

    def epoch(order: IntArray, step: int = 0, lr: float | npt.NDArray[np.float64] | None = None) -> Totals:
        if isinstance(lr, np.ndarray):
            starts = range(0, len(order), int(batch_size))
            group_checks.rates(lr, len(starts))
            steps = [epoch(order[i : i + int(batch_size)], step + t, float(lr[t])) for t, i in enumerate(starts)]
            return Totals(*(sum(each) for each in zip(Totals(0.0, 0, 0.0), *steps, strict=True)))
        chosen = optimizer if lr is None else (optimizer[0], lr, *optimizer[2:])
        return train_epoch(
            parameters, state, x, y, order, sizes, activations, loss, chosen, batch_size, step, scale, clip_norm,
            clip_value, sample_weight, l2, dropout, seed, bias, n_threads, groups,
        )  # fmt: skip

    epoch(np.empty(0, np.int64))  # takes no step, but rejects what cannot be used
    return epoch
