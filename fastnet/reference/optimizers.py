"""Optimizer steps on flat parameter vectors, in place."""

import math

import numpy as np

from fastnet.validation import training as checks
from fastnet.validation.operations import FloatArray

__all__ = ["adam_step", "adamw_step", "momentum_step", "sgd_step"]


@np.errstate(all="ignore")
def sgd_step(p: FloatArray, g: FloatArray, lr: float) -> None:
    """Stochastic gradient descent, p -= lr * g.

    Parameters
    ----------
    p : ndarray of float32 or float64, shape (n_parameters,)
        Parameters, updated in place.
    g : ndarray of p's dtype and shape
        Gradient of the loss.
    lr : float
        Learning rate, finite and not negative.

    Raises
    ------
    TypeError
        For anything but float32 or float64 ndarrays of one dtype, or a hyperparameter that is not a number.
    ValueError
        For a wrong shape, a read-only or overlapping vector, or a hyperparameter out of range.

    References
    ----------
    Goodfellow, Bengio and Courville, "Deep Learning", MIT Press 2016, algorithm 8.1.

    Examples
    --------
    >>> p = np.array([1.0, 2.0])
    >>> sgd_step(p, np.array([4.0, -4.0]), lr=0.25)
    >>> p
    array([0., 3.])
    """
    checks.vectors(("p",), p=p, g=g)
    checks.hyperparameters(lr=lr)
    p -= float(lr) * g


@np.errstate(all="ignore")
def momentum_step(
    p: FloatArray, g: FloatArray, v: FloatArray, lr: float, momentum: float, nesterov: bool = False
) -> None:
    """Gradient descent with momentum: v = momentum * v - lr * g, then p += v.

    With Nesterov's momentum the second formula is p += momentum * v - lr * g.

    Parameters
    ----------
    p : ndarray of float32 or float64, shape (n_parameters,)
        Parameters, updated in place.
    g : ndarray of p's dtype and shape
        Gradient of the loss.
    v : ndarray of p's dtype and shape
        Velocity, updated in place; zeros before the first step.
    lr, momentum : float
        Learning rate and share of the velocity that is kept, finite and not negative.
    nesterov : bool, default False
        Whether to look ahead.

    Raises
    ------
    TypeError, ValueError
        As `sgd_step`.

    References
    ----------
    scikit-learn 0.18, `SGDOptimizer`; Sutskever et al., "On the importance of initialization and momentum in
    deep learning", ICML 2013, section 2.

    Examples
    --------
    >>> p, v = np.array([1.0]), np.array([2.0])
    >>> momentum_step(p, np.array([4.0]), v, lr=0.25, momentum=0.5)
    >>> p, v
    (array([1.]), array([0.]))
    """
    checks.vectors(("p", "v"), p=p, g=g, v=v)
    checks.hyperparameters(lr=lr, momentum=momentum, nesterov=nesterov)
    lr, momentum = float(lr), float(momentum)
    v[...] = momentum * v - lr * g
    p += momentum * v - lr * g if nesterov else v


@np.errstate(all="ignore")
def adam_step(
    p: FloatArray,
    g: FloatArray,
    m: FloatArray,
    v: FloatArray,
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
    t: int,
) -> None:
    """Adam with both bias corrections folded into the learning rate.

    m = beta1 * m + (1 - beta1) * g and v = beta2 * v + (1 - beta2) * g * g, then
    p -= lr_t * m / (sqrt(v) + eps) with lr_t = lr * sqrt(1 - beta2**t) / (1 - beta1**t).

    Parameters
    ----------
    p : ndarray of float32 or float64, shape (n_parameters,)
        Parameters, updated in place.
    g : ndarray of p's dtype and shape
        Gradient of the loss.
    m, v : ndarrays of p's dtype and shape
        Running means of g and g * g, updated in place; zeros before the first step.
    lr, eps : float
        Learning rate and the constant that keeps the denominator from zero, finite and not negative. Less than the
        dtype's smallest normal number counts as that, so that what never had a gradient stays as it is.
    beta1, beta2 : float
        Decay rates of m and v, in [0, 1).
    t : int
        Number of this step, from 1.

    Raises
    ------
    TypeError, ValueError
        As `sgd_step`; also for a `t` that is not an integer, or less than 1.

    References
    ----------
    Kingma and Ba, "Adam: a method for stochastic optimization", ICLR 2015, end of section 2; scikit-learn
    0.18, `AdamOptimizer`.

    Examples
    --------
    >>> p, m, v = np.array([1.0]), np.zeros(1), np.zeros(1)
    >>> adam_step(p, np.array([4.0]), m, v, lr=0.25, beta1=0.5, beta2=0.75, eps=0.0, t=1)
    >>> p, m, v
    (array([0.75]), array([2.]), array([4.]))
    """
    checks.vectors(("p", "m", "v"), p=p, g=g, m=m, v=v)
    checks.hyperparameters(lr=lr, beta1=beta1, beta2=beta2, eps=eps)
    checks.whole("t", t, 1)
    # Python floats take the dtype of the array they meet; NumPy scalars would make float32 float64.
    lr, beta1, beta2, eps, t = float(lr), float(beta1), float(beta2), float(eps), int(t)
    m[...] = beta1 * m + (1 - beta1) * g
    v[...] = beta2 * v + (1 - beta2) * (g * g)
    lr_t = lr * math.sqrt(1 - beta2**t) / (1 - beta1**t)
    p -= lr_t * m / (np.sqrt(v) + max(eps, float(np.finfo(p.dtype).tiny)))


@np.errstate(all="ignore")
def adamw_step(
    p: FloatArray,
    g: FloatArray,
    m: FloatArray,
    v: FloatArray,
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
    weight_decay: float,
    t: int,
) -> None:
    """Adam with decoupled weight decay: p -= lr * weight_decay * p, then `adam_step`.

    Parameters
    ----------
    p : ndarray of float32 or float64, shape (n_parameters,)
        Parameters, updated in place.
    g : ndarray of p's dtype and shape
        Gradient of the loss.
    m, v : ndarrays of p's dtype and shape
        Running means of g and g * g, updated in place; zeros before the first step.
    lr, beta1, beta2, eps : float
        As in `adam_step`.
    weight_decay : float
        Decay of the parameters per unit of learning rate, finite and not negative.
    t : int
        Number of this step, from 1.

    Raises
    ------
    TypeError, ValueError
        As `adam_step`.

    References
    ----------
    Loshchilov and Hutter, "Decoupled weight decay regularization", ICLR 2019, algorithm 2.

    Examples
    --------
    >>> p, m, v = np.array([1.0]), np.zeros(1), np.zeros(1)
    >>> adamw_step(p, np.array([4.0]), m, v, 0.25, 0.5, 0.75, 0.0, weight_decay=2.0, t=1)
    >>> p
    array([0.25])
    """
    checks.vectors(("p", "m", "v"), p=p, g=g, m=m, v=v)
    checks.hyperparameters(lr=lr, beta1=beta1, beta2=beta2, eps=eps, weight_decay=weight_decay)
    checks.whole("t", t, 1)
    p -= float(lr) * float(weight_decay) * p
    adam_step(p, g, m, v, lr, beta1, beta2, eps, t)
