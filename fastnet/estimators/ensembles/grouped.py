"""A network for each group of samples: each asset, sensor, customer."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import ClassifierMixin, RegressorMixin, _fit_context
from sklearn.metrics import accuracy_score, r2_score
from sklearn.utils import check_random_state

from fastnet.estimators.classifier import MLPClassifier
from fastnet.estimators.ensembles.base import MOST_SEED, ManyNetworks
from fastnet.estimators.ensembles.classifier import JointLabels
from fastnet.estimators.ensembles.groups import require_known, rows_by_group
from fastnet.estimators.ensembles.members import Member, logits_of
from fastnet.estimators.ensembles.parameters import network_of, of_networks
from fastnet.estimators.ensembles.regressor import JointTargets
from fastnet.estimators.regressor import MLPRegressor

Array = npt.NDArray[Any]


class Grouped(ManyNetworks):
    """Networks of which each knows one group alone."""

    estimators_: dict[Any, Any]

    @_fit_context(prefer_skip_nested_validation=True)  # type: ignore[untyped-decorator]
    def fit(self, X: Any, y: Any, groups: Any, sample_weight: Any = None, *, executor: Any = None) -> Any:
        """Fit a network to each group.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Inputs.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets.
        groups : array-like of shape (n_samples,)
            The group of each sample: numbers, text, or anything else that can be a key.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples.
        executor : dask.distributed.Client or concurrent.futures.Executor, optional
            Where to train the networks instead of on threads here, each on one thread there. A Dask client sends the
            data to every worker once.

        Returns
        -------
        object
            The fitted estimator.

        Raises
        ------
        ValueError, TypeError
            For data or parameters that cannot be used; the message says of which group, if it is about one.
        RuntimeError
            If networks were lost on the executor.
        """
        data = self._checked(X, y, sample_weight, (None, None, None))
        rows = rows_by_group(groups, data.X.shape[0])
        seed = self.random_state
        if seed is None or isinstance(seed, np.random.RandomState):
            seeds = check_random_state(seed).randint(MOST_SEED, size=len(rows)).tolist()
        else:
            seeds = [seed] * len(rows)
        members = [
            Member(f"group {group!r}", network_of(self, own), partial(np.asarray, chosen))
            for (group, chosen), own in zip(rows.items(), seeds, strict=True)
        ]
        self.estimators_ = dict(zip(rows, self._fitted(members, data, executor), strict=True))
        return self

    def _by_group(self, X: Any, groups: Any, answer: Any) -> Array:
        """Return what the networks of their groups answer to the samples."""
        X = self._inputs_to_predict(X)
        rows = rows_by_group(groups, X.shape[0])
        require_known(rows, self.estimators_)
        found: Any = None
        for group, chosen in rows.items():
            part = answer(self.estimators_[group], X[chosen])
            if found is None:
                found = np.empty((X.shape[0], *part.shape[1:]), part.dtype)
            found[chosen] = part
        return np.asarray(found)


@of_networks(MLPClassifier, {}, without=("warm_start",))
class GroupedMLPClassifier(JointLabels, ClassifierMixin, Grouped):  # type: ignore[misc]
    """A network that tells classes apart for each group of samples, all trained at once.

    Each network is an `MLPClassifier`, with the very bits that it would have if it were fitted alone to the rows of its
    group. Each is trained by a thread of its own where there are as many groups as threads.

    scikit-learn's contract ends where groups begin: `fit`, `predict` and `score` need them, so that what calls these
    with X and y alone, such as a pipeline, cannot do with this estimator. Cross-validation and searches can, with
    metadata routing: `sklearn.set_config(enable_metadata_routing=True)`, and `set_fit_request(groups=True)` and
    `set_score_request(groups=True)` of the estimator. Every group must then have rows in every fold that is fitted.

    Parameters
    ----------
    **parameters : object
        All parameters of `MLPClassifier` but `progress_bar` and `warm_start`, for each network. Of these:
        an integer `random_state` is the seed of each network, whatever other groups there are; else seeds are drawn.
        `n_threads` is that of all together; None takes as many as the limits allow that `fastnet info` shows.
        `max_time` is that of each network. `callbacks` are copied for each network, and called on its thread.

    Attributes
    ----------
    estimators_ : dict
        The fitted `MLPClassifier` of each group.
    classes_ : ndarray
        Class labels of all groups together. A network gives 0 to those that its group has not.
    n_iter_ : int
        Most epochs that any network was trained.
    n_features_in_ : int
        Features seen in `fit`.
    feature_names_in_ : ndarray of str
        Their names, where X had any.

    Examples
    --------
    >>> from fastnet import GroupedMLPClassifier
    >>> X, y, groups = [[0.0], [1.0], [0.0], [1.0]], ["low", "high", "high", "low"], ["a", "a", "b", "b"]
    >>> model = GroupedMLPClassifier(hidden_layer_sizes=(8,), solver="lbfgs", random_state=0, backend="numpy")
    >>> model.fit(X, y, groups=groups).predict([[1.0], [1.0]], groups=["a", "b"]).tolist()
    ['high', 'low']
    """

    def __init__(self, **parameters: Any) -> None:
        self._store({}, parameters)

    def predict(self, X: Any, groups: Any) -> Any:
        """Predict classes, each by the network of its group.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Inputs.
        groups : array-like of shape (n_samples,)
            The group of each sample.

        Returns
        -------
        {ndarray, sparse matrix} of shape (n_samples,) or (n_samples, n_labels)
            As `MLPClassifier.predict`.

        Raises
        ------
        ValueError
            For groups that were not there in `fit`, which the message names.
        """
        return self._decided(self.predict_proba(X, groups))

    def predict_proba(self, X: Any, groups: Any) -> Array:
        """Probabilities of the classes, in the order of `classes_`, each by the network of its group.

        Parameters
        ----------
        X, groups
            As in `predict`.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            As `MLPClassifier.predict_proba`.
        """
        return self._by_group(X, groups, self._probabilities)

    def score(self, X: Any, y: Any, groups: Any, sample_weight: Any = None) -> float:
        """Accuracy of all samples together.

        Parameters
        ----------
        X, groups
            As in `predict`.
        y : array-like of shape (n_samples,) or (n_samples, n_labels)
            True labels.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples.

        Returns
        -------
        float
            The share of samples that are right.
        """
        return float(accuracy_score(y, self.predict(X, groups), sample_weight=sample_weight))


@of_networks(MLPRegressor, {}, without=("warm_start",))
class GroupedMLPRegressor(RegressorMixin, JointTargets, Grouped):  # type: ignore[misc]
    """A network that predicts numbers for each group of samples, all trained at once.

    Each network is an `MLPRegressor`, with the very bits that it would have if it were fitted alone to the rows of its
    group. Each is trained by a thread of its own where there are as many groups as threads.

    scikit-learn's contract ends where groups begin: `fit`, `predict` and `score` need them, so that what calls these
    with X and y alone, such as a pipeline, cannot do with this estimator. Cross-validation and searches can, with
    metadata routing: `sklearn.set_config(enable_metadata_routing=True)`, and `set_fit_request(groups=True)` and
    `set_score_request(groups=True)` of the estimator. Every group must then have rows in every fold that is fitted.

    Parameters
    ----------
    **parameters : object
        All parameters of `MLPRegressor` but `progress_bar` and `warm_start`, for each network. Of these:
        an integer `random_state` is the seed of each network, whatever other groups there are; else seeds are drawn.
        `n_threads` is that of all together; None takes as many as the limits allow that `fastnet info` shows.
        `max_time` is that of each network. `callbacks` are copied for each network, and called on its thread.

    Attributes
    ----------
    estimators_ : dict
        The fitted `MLPRegressor` of each group.
    n_iter_ : int
        Most epochs that any network was trained.
    n_features_in_ : int
        Features seen in `fit`.
    feature_names_in_ : ndarray of str
        Their names, where X had any.

    Examples
    --------
    >>> from fastnet import GroupedMLPRegressor
    >>> X, y, groups = [[0.0], [1.0], [0.0], [1.0]], [0.0, 1.0, 5.0, 3.0], [7, 7, 9, 9]
    >>> settings = {"hidden_layer_sizes": (8,), "solver": "lbfgs", "alpha": 0.0, "backend": "numpy"}
    >>> model = GroupedMLPRegressor(random_state=0, **settings).fit(X, y, groups=groups)
    >>> model.predict([[1.0], [1.0]], groups=[9, 7]).round(2)
    array([3., 1.])
    """

    def __init__(self, **parameters: Any) -> None:
        self._store({}, parameters)

    def predict(self, X: Any, groups: Any) -> Array:
        """Predict numbers, each by the network of its group.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Inputs.
        groups : array-like of shape (n_samples,)
            The group of each sample.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_outputs)
            The predictions.

        Raises
        ------
        ValueError
            For groups that were not there in `fit`, which the message names.
        """
        return self._by_group(X, groups, lambda network, rows: network._predictions(logits_of(network, rows)))

    def score(self, X: Any, y: Any, groups: Any, sample_weight: Any = None) -> float:
        """R squared of all samples together.

        Parameters
        ----------
        X, groups
            As in `predict`.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            True values.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples.

        Returns
        -------
        float
            The coefficient of determination.
        """
        return float(r2_score(y, self.predict(X, groups), sample_weight=sample_weight))
