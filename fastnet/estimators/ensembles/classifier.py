"""The ensemble of classifiers."""

from __future__ import annotations

import warnings
from numbers import Integral
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from sklearn.base import ClassifierMixin, _fit_context
from sklearn.metrics import accuracy_score
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils._param_validation import Interval

from fastnet.estimators.classifier import MLPClassifier
from fastnet.estimators.ensembles.base import Ensemble
from fastnet.estimators.ensembles.members import Data, logits_of
from fastnet.estimators.ensembles.parameters import of_networks
from fastnet.estimators.labels import one_dimensional

Array = npt.NDArray[Any]

OWN: dict[str, list[Any]] = {
    "n_estimators": [Interval(Integral, 1, None, closed="left")],
    "bootstrap": ["boolean"],
    "oob_score": ["boolean"],
}


class JointLabels:
    """Labels of all networks together, of which one alone may have seen a part."""

    classes_: Array
    _label_binarizer: Any
    _target_checks: ClassVar[dict[str, Any]] = {}

    def _learn_targets(self, y: Any) -> Any:
        y = one_dimensional(y)
        self._label_binarizer = LabelBinarizer().fit(y)
        self.classes_ = self._label_binarizer.classes_
        return y

    def _is_multilabel(self) -> bool:
        return str(self._label_binarizer.y_type_).startswith("multilabel")

    def _probabilities(self, network: Any, X: Any) -> Array:
        """Return the probabilities that a network gives to all classes: 0 to those that it has not seen."""
        if len(network.classes_) == 1 and not self._is_multilabel():
            found = np.ones((X.shape[0], 1), network._parameters.dtype)
        else:
            found = network._probabilities(logits_of(network, X))
        if len(network.classes_) == len(self.classes_):
            return found
        all_classes = np.zeros((X.shape[0], len(self.classes_)), found.dtype)
        all_classes[:, np.searchsorted(self.classes_, network.classes_)] = found
        return all_classes

    def _decided(self, probabilities: Array) -> Any:
        """Return the most probable class of each row, or the labels that are more probable than not."""
        if not self._is_multilabel():
            return self.classes_.take(probabilities.argmax(axis=1))
        indicators = (probabilities > 0.5).astype(int)
        binarizer = self._label_binarizer
        return binarizer.inverse_transform(indicators) if binarizer.sparse_input_ else indicators

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()  # type: ignore[misc]
        tags.classifier_tags.multi_label = True
        return tags


@of_networks(MLPClassifier, OWN)
class MLPEnsembleClassifier(JointLabels, ClassifierMixin, Ensemble):  # type: ignore[misc]
    """Many networks that tell classes apart together: all are trained at once, and their probabilities averaged.

    Each network is an `MLPClassifier`, with the very bits that it would have if it were fitted alone with its seed to
    its rows. Each is trained by a thread of its own where there are as many networks as threads.

    Parameters
    ----------
    n_estimators : int, default=10
        Number of networks.
    bootstrap : bool, default=False
        Whether each network is fitted to as many rows as there are, drawn with replacement; if not, each is fitted to
        all rows, and only the seeds differ.
    oob_score : bool, default=False
        Whether to compute the score of rows by the networks that have not seen them. It needs `bootstrap`.
    **parameters : object
        All parameters of `MLPClassifier` but `progress_bar`, for each network. Of these: `random_state`
        seeds the networks' seeds and the draws of rows. `n_threads` is that of all together; None takes as many as the
        limits allow that `fastnet info` shows. `warm_start` goes on with the networks that there are, to which a larger
        `n_estimators` adds some. `max_time` is that of each network. `callbacks` are copied for each network, and
        called on its thread.

    Attributes
    ----------
    estimators_ : list of MLPClassifier
        The fitted networks.
    estimators_samples_ : list of ndarray of int
        The rows that each was fitted to.
    classes_ : ndarray
        Class labels. With `bootstrap`, a network may have seen fewer, to the others of which it gives 0.
    oob_score_ : float
        Accuracy on the rows that some network has not seen, by those networks; with `oob_score` only.
    oob_decision_function_ : ndarray of shape (n_samples, n_classes)
        Mean probabilities by the networks that have not seen the row, NaN for a row that all have seen.
    n_iter_ : int
        Most epochs that any network was trained.
    n_features_in_ : int
        Features seen in `fit`.
    feature_names_in_ : ndarray of str
        Their names, where X had any.

    References
    ----------
    Breiman, "Bagging predictors", Machine Learning 24, 1996. Lakshminarayanan, Pritzel and Blundell, "Simple and
    scalable predictive uncertainty estimation using deep ensembles", NeurIPS 2017.

    Examples
    --------
    >>> from fastnet import MLPEnsembleClassifier
    >>> X, y = [[0, 0], [0, 1], [1, 0], [1, 1]], ["even", "odd", "odd", "even"]
    >>> settings = {"hidden_layer_sizes": (8,), "activation": "tanh", "solver": "lbfgs", "backend": "numpy"}
    >>> model = MLPEnsembleClassifier(3, random_state=0, **settings).fit(X, y)
    >>> model.predict(X).tolist(), len(model.estimators_)
    (['even', 'odd', 'odd', 'even'], 3)
    """

    def __init__(
        self, n_estimators: int = 10, *, bootstrap: bool = False, oob_score: bool = False, **parameters: Any
    ) -> None:
        own = {"n_estimators": n_estimators, "bootstrap": bootstrap, "oob_score": oob_score}
        self._store(own, parameters)

    @_fit_context(prefer_skip_nested_validation=True)  # type: ignore[untyped-decorator]
    def fit(
        self, X: Any, y: Any, sample_weight: Any = None, *, X_val: Any = None, y_val: Any = None,
        sample_weight_val: Any = None, executor: Any = None,
    ) -> MLPEnsembleClassifier:  # fmt: skip
        """Fit all networks.

        Parameters
        ----------
        X, y, sample_weight, X_val, y_val, sample_weight_val
            As `MLPClassifier.fit` takes them.
        executor : dask.distributed.Client or concurrent.futures.Executor, optional
            Where to train the networks instead of on threads here, each on one thread there. A Dask client sends the
            data to every worker once.

        Returns
        -------
        MLPEnsembleClassifier
            The fitted estimator.

        Raises
        ------
        ValueError, TypeError
            For data or parameters that cannot be used; the message says with which network, if it is about one.
        RuntimeError
            If networks were lost on the executor.
        """
        fitted: MLPEnsembleClassifier = self._fit(X, y, sample_weight, (X_val, y_val, sample_weight_val), executor)
        return fitted

    def predict(self, X: Any) -> Any:
        """Predict classes: the most probable ones by the mean of probabilities.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Inputs.

        Returns
        -------
        {ndarray, sparse matrix} of shape (n_samples,) or (n_samples, n_labels)
            As `MLPClassifier.predict`.
        """
        return self._decided(self.predict_proba(X))

    def predict_proba(self, X: Any) -> Array:
        """Mean probabilities of all networks, in the order of `classes_`.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Inputs.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            As `MLPClassifier.predict_proba`.
        """
        X = self._inputs_to_predict(X)
        total = self._probabilities(self.estimators_[0], X)
        for network in self.estimators_[1:]:
            total += self._probabilities(network, X)
        total /= len(self.estimators_)
        return total

    def predict_log_proba(self, X: Any) -> Array:
        """Logarithms of the mean probabilities; minus infinity for 0.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Inputs.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            As the result of `predict_proba`.
        """
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))

    def _set_oob(self, data: Data) -> None:
        total, count = np.zeros((self._n_samples, len(self.classes_))), np.zeros(self._n_samples, int)
        for network, rows in self._out_of_bag():
            if len(rows):
                total[rows] += self._probabilities(network, data.X[rows])
                count[rows] += 1
        self.oob_decision_function_ = averaged(total, count)
        known = np.flatnonzero(count)
        weights = None if data.weights is None else data.weights[known]
        predicted = self._decided(self.oob_decision_function_[known])
        self.oob_score_ = accuracy_score(data.y[known], predicted, sample_weight=weights) if len(known) else np.nan


def averaged(total: Array, count: Array) -> Array:
    """Return means of what was added up so many times for each row; NaN, and a warning, where that was never."""
    if not count.all():
        warnings.warn(
            f"{np.count_nonzero(count == 0)} rows were seen by every network and have no out-of-bag prediction: more "
            "networks are needed",
            stacklevel=2,
        )
    with np.errstate(invalid="ignore"):
        return np.asarray(total / count.reshape(-1, *[1] * (total.ndim - 1)))
