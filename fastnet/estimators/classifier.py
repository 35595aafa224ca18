"""The classifier."""

from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import ClassifierMixin, _fit_context
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.metaestimators import available_if

from fastnet.estimators.base import BaseMLP, is_stochastic
from fastnet.estimators.constraints import CONSTRAINTS
from fastnet.estimators.labels import ClassLabels
from fastnet.inference import probabilities

Array = npt.NDArray[Any]


class MLPClassifier(ClassifierMixin, ClassLabels, BaseMLP):  # type: ignore[misc]
    """A multi-layer perceptron that tells classes apart, with scikit-learn's contract and numbers.

    It takes the place of `sklearn.neural_network.MLPClassifier` (1.9): the parameters up to `max_fun`, their defaults,
    the attributes and the results for a `random_state` are the same, up to rounding in float64. Those that follow are
    fastnet's own. Labels may be of two classes, of several, or an indicator matrix (one sigmoid for each label).

    Parameters
    ----------
    hidden_layer_sizes : array-like of int, default=(100,)
        Units of each hidden layer.
    activation : str or array-like of str, default="relu"
        Activation of the hidden layers, or one for each: "identity", "logistic", "tanh", "relu" as in scikit-learn,
        or any other name of `fastnet.validation.activations.ACTIVATIONS`, such as "gelu".
    solver : {"adam", "adamw", "sgd", "lbfgs"}, default="adam"
        L-BFGS on all samples, or minibatch descent: with momentum, by Adam, or by Adam with decoupled weight decay.
    alpha : float, default=0.0001
        Strength of the L2 penalty `0.5 * alpha * sum(W**2) / s`, s the samples of a batch or the sum of their weights.
    batch_size : int or "auto", default="auto"
        Samples of a step; "auto" is `min(200, n_samples)`. Not for "lbfgs".
    learning_rate : str, default="constant"
        How the rate changes from epoch to epoch. "invscaling" and "adaptive", for "sgd" alone, are scikit-learn's:
        `learning_rate_init / (t + 1)**power_t` after t samples, and a fifth of the rate where training would stop.
        For every stochastic solver: "linear" falls along a line and "cosine" along half a wave, to `min_learning_rate`
        in `max_iter` epochs; "one_cycle" rises from a 25th of `learning_rate_init` in the first 30 % of `max_iter` and
        falls to a 10,000th of that 25th, or `min_learning_rate` (Smith, 2018); "step" multiplies by `decay` every
        `decay_every` epochs; "plateau" does so after as many epochs without improvement.
    learning_rate_init : float, default=0.001
        The rate, or its start or peak.
    power_t : float, default=0.5
        Exponent of "invscaling".
    max_iter : int, default=200
        Most epochs, or iterations of "lbfgs".
    shuffle : bool, default=True
        Whether to shuffle the samples in each epoch.
    random_state : int, RandomState instance or None, default=None
        Seeds the first parameters, the split of validation data, the order of samples, and dropout.
    tol : float, default=1e-4
        What counts as an improvement of loss or score; for "lbfgs", the largest gradient at the end.
    verbose : bool or int, default=False
        Whether to print a line for each epoch, as in scikit-learn.
    warm_start : bool, default=False
        Whether `fit` goes on from the parameters of the fit before.
    momentum : float, default=0.9
        Momentum of "sgd", in [0, 1].
    nesterovs_momentum : bool, default=True
        Whether the momentum is Nesterov's.
    early_stopping : bool, default=False
        Whether to stop when the validation score no longer improves, and to return to the best parameters. The
        validation data are `X_val` and `y_val` of `fit`, or split off.
    validation_fraction : float, default=0.1
        Share of the samples to split off.
    beta_1, beta_2 : float, default=0.9 and 0.999
        Decay rates of Adam's means, in [0, 1).
    epsilon : float, default=1e-8
        Keeps Adam's denominator from zero.
    n_iter_no_change : int, default=10
        Epochs without improvement that are put up with.
    max_fun : int, default=15000
        Most evaluations of the loss, for "lbfgs".
    backend : {"numba", "numpy"}, default="numba"
        The compiled kernels, or the reference in plain NumPy.
    n_threads : int or None, default=None
        Threads of the kernels; None takes as many as the work is worth and the limits allow that `fastnet info`
        shows. Results do not depend on it.
    dtype : {"float32", "float64"} or None, default=None
        Precision; None keeps float32 where X is float32, and else computes in float64, as scikit-learn does.
    dropout : float or array-like of float, default=0.0
        Share of the activations of each hidden layer that are dropped in training. Not for "lbfgs".
    weight_decay : float, default=0.01
        Decoupled decay of "adamw" per unit of learning rate; it comes on top of `alpha`.
    clip_norm, clip_value : float or None, default=None
        Most that the norm of a batch's gradient, and each of its elements, may be. Not for "lbfgs".
    warmup : int, default=0
        Epochs in which the rate rises in equal steps to what `learning_rate` says. Not for "lbfgs".
    decay : float, default=0.1
        Factor of "step" and "plateau".
    decay_every : int, default=5
        Epochs between the steps of "step" and without improvement of "plateau".
    min_learning_rate : float, default=0.0
        Least rate of "linear", "cosine", "one_cycle", "step" and "plateau". The last epoch of "cosine" has it,
        unless it is 0.
    scoring : str, callable or None, default=None
        Score of the validation data: the name of a scorer of scikit-learn, a function of model, X and y, "loss" for
        minus the validation loss, or None for the accuracy. Functions and metrics that take `sample_weight` get the
        weights of the samples, if there are any.
    callbacks : tuple of fastnet.training.callbacks.Callback or functions, default=()
        Called as the fit goes on; functions after each epoch, with its metrics. They may stop the fit. Those of
        scikit-learn (1.9) are given to `set_callbacks`.
    max_time : float or None, default=None
        Seconds after which a fit ends, within an epoch too.
    progress_bar : bool, default=False
        Whether to show a progress bar.
    class_weight : dict, "balanced" or None, default=None
        Factor, not negative, on the weights of each class's samples, also of those that are split off to validate with;
        "balanced" is `n_samples / (n_classes * counts)`, a sample of weight 2 counting as two.
    label_smoothing : float, default=0.0
        Share of each target that is spread over the classes, in [0, 1).

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Class labels.
    loss_ : float
        Loss of the last epoch, with the penalty.
    best_loss_ : float or None
        Smallest loss of an epoch; None with `early_stopping`. Not for "lbfgs", like the next four.
    loss_curve_ : list of float
        Loss of each epoch.
    validation_scores_, validation_loss_curve_ : list of float or None
        Score and loss (without penalty) of the validation data after each epoch; None without such data.
    best_validation_score_ : float or None
        Best of the scores.
    t_ : int
        Samples trained on.
    coefs_, intercepts_ : list of ndarray
        Weights (n_in, n_out) and biases (n_out,) of each layer, views of one vector. Arrays put in their place are
        used from then on, by an estimator that was never fitted too.
    n_features_in_ : int
        Features seen in `fit`.
    feature_names_in_ : ndarray of str
        Their names, where X had any.
    n_iter_ : int
        Epochs, or iterations of "lbfgs", of the last fit.
    n_layers_, n_outputs_ : int
        Layers, counting the inputs, and outputs.
    out_activation_ : str
        "softmax" of several classes, else "logistic".

    Notes
    -----
    What differs from scikit-learn, beside speed: weights of samples must not be negative, and a batch of no weight is
    passed over instead of ending in an error; the loss of a probability near 0 is exact, not that of a clipped
    probability; `predict_log_proba` does not underflow to -inf; with `solver="lbfgs"` float32 parameters stay float32.

    References
    ----------
    Hinton, "Connectionist learning procedures", Artificial Intelligence 40, 1989. Glorot and Bengio, "Understanding
    the difficulty of training deep feedforward neural networks", AISTATS 2010. Kingma and Ba, "Adam: a method for
    stochastic optimization", ICLR 2015. Smith, "A disciplined approach to neural network hyper-parameters", 2018.

    Examples
    --------
    >>> from fastnet import MLPClassifier
    >>> X, y = [[0, 0], [0, 1], [1, 0], [1, 1]], ["even", "odd", "odd", "even"]
    >>> model = MLPClassifier((8,), "tanh", solver="lbfgs", random_state=1, backend="numpy").fit(X, y)
    >>> model.predict(X).tolist()
    ['even', 'odd', 'odd', 'even']
    >>> model.predict_proba(X).shape
    (4, 2)
    """

    _parameter_constraints = {  # noqa: RUF012, scikit-learn's name and form
        **CONSTRAINTS,
        "class_weight": [dict, StrOptions({"balanced"}), None],
        "label_smoothing": [Interval(Real, 0, 1, closed="left")],
    }

    def __init__(
        self, hidden_layer_sizes: Any = (100,), activation: Any = "relu", *, solver: str = "adam",
        alpha: float = 0.0001, batch_size: int | str = "auto", learning_rate: str = "constant",
        learning_rate_init: float = 0.001, power_t: float = 0.5, max_iter: int = 200, shuffle: bool = True,
        random_state: Any = None, tol: float = 1e-4, verbose: bool | int = False, warm_start: bool = False,
        momentum: float = 0.9, nesterovs_momentum: bool = True, early_stopping: bool = False,
        validation_fraction: float = 0.1, beta_1: float = 0.9, beta_2: float = 0.999, epsilon: float = 1e-8,
        n_iter_no_change: float = 10, max_fun: int = 15000, backend: str = "numba", n_threads: int | None = None,
        dtype: str | None = None, dropout: Any = 0.0, weight_decay: float = 0.01, clip_norm: float | None = None,
        clip_value: float | None = None, warmup: int = 0, decay: float = 0.1, decay_every: int = 5,
        min_learning_rate: float = 0.0, scoring: Any = None, callbacks: tuple[Any, ...] = (),
        max_time: float | None = None, progress_bar: bool = False, class_weight: Any = None,
        label_smoothing: float = 0.0,
    ) -> None:  # fmt: skip
        self._store(locals())

    @available_if(is_stochastic)  # type: ignore[untyped-decorator]
    @_fit_context(prefer_skip_nested_validation=True)  # type: ignore[untyped-decorator]
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None, classes: Any = None) -> Any:
        """Train one epoch on the given data, going on from what there is.

        Parameters
        ----------
        X, y, sample_weight
            As in `fit`; y need not hold every class.
        classes : array-like of shape (n_classes,), default=None
            All classes that will ever come; the first call needs them.

        Returns
        -------
        MLPClassifier
            The estimator.
        """
        if self.class_weight == "balanced":
            raise ValueError("class_weight='balanced' needs all labels at once: for partial_fit give weights as a dict")
        self._take_classes(classes, y)
        return self._fit(X, y, sample_weight, incremental=True, validation=(None, None, None))

    def predict(self, X: Any) -> Any:
        """Predict classes.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Inputs.

        Returns
        -------
        {ndarray, sparse matrix} of shape (n_samples,) or (n_samples, n_labels)
            The most probable class of each sample; 0 or 1 for each label of an indicator matrix, as CSR if the model
            was fitted to a sparse one.
        """
        self._require_fitted()
        return self._labels(self._decide(self._logits_to_predict(X)))

    def predict_proba(self, X: Any) -> Array:
        """Probabilities of the classes, in the order of `classes_`.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Inputs.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Rows add up to 1, but for indicator matrices, whose labels have a probability each.
        """
        self._require_fitted()
        return self._probabilities(self._logits_to_predict(X))

    def _probabilities(self, logits: Array) -> Array:
        probs = probabilities(self._backend(), self._loss(), logits)
        return _both(1 - probs, probs) if probs.shape[1] == 1 and self._output() == "logistic" else probs

    def predict_log_proba(self, X: Any) -> Array:
        """Logarithms of the probabilities, from the logits: they are finite where a probability underflows to 0.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Inputs.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            As the result of `predict_proba`.
        """
        self._require_fitted()
        logits, backend = self._logits_to_predict(X), self._backend()
        if self._output() == "softmax":
            return np.asarray(backend.log_softmax_forward(logits))
        positive: Array = -np.logaddexp(0, -logits)
        if logits.shape[1] == 1:
            return _both(-np.logaddexp(0, logits), positive)
        # above 1/2 from the rounded probability, or labels that all have 1.0 would not be equal here
        np.log(backend.sigmoid_forward(logits), out=positive, where=logits > 0)
        return positive

    def _loss(self) -> str | tuple[str, float]:
        if self._output() == "logistic":
            return "binary_cross_entropy"
        return ("cross_entropy", float(self.label_smoothing)) if self.label_smoothing else "cross_entropy"

    def _validation_loss(self) -> tuple[str]:
        return ("cross_entropy" if self._output() == "softmax" else "binary_cross_entropy",)

    def _loss_divisor(self) -> int:
        return 1

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags


def _both(negative: Array, positive: Array) -> Array:
    """Put the columns of two classes side by side, in less time than a general function."""
    both = np.empty((len(positive), 2), positive.dtype)
    both[:, :1], both[:, 1:] = negative, positive
    return both
