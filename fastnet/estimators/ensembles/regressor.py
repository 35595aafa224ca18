"""The ensemble of regressors."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from sklearn.base import RegressorMixin, _fit_context
from sklearn.metrics import r2_score

from fastnet.estimators.ensembles.base import Ensemble
from fastnet.estimators.ensembles.classifier import OWN, averaged
from fastnet.estimators.ensembles.members import Data, logits_of
from fastnet.estimators.ensembles.parameters import of_networks
from fastnet.estimators.labels import one_dimensional
from fastnet.estimators.regressor import MLPRegressor

Array = npt.NDArray[Any]


class JointTargets:
    """Numbers that all networks predict."""

    _target_checks: ClassVar[dict[str, Any]] = {"y_numeric": True}

    def _learn_targets(self, y: Any) -> Any:
        return one_dimensional(y)


@of_networks(MLPRegressor, OWN)
class MLPEnsembleRegressor(RegressorMixin, JointTargets, Ensemble):  # type: ignore[misc]
    """Many networks that predict numbers together: all are trained at once, and their predictions averaged.

    Each network is an `MLPRegressor`, with the very bits that it would have if it were fitted alone with its seed to
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
        All parameters of `MLPRegressor` but `progress_bar`, for each network. Of these: `random_state`
        seeds the networks' seeds and the draws of rows. `n_threads` is that of all together; None takes as many as the
        limits allow that `fastnet info` shows. `warm_start` goes on with the networks that there are, to which a larger
        `n_estimators` adds some. `max_time` is that of each network. `callbacks` are copied for each network, and
        called on its thread.

    Attributes
    ----------
    estimators_ : list of MLPRegressor
        The fitted networks.
    estimators_samples_ : list of ndarray of int
        The rows that each was fitted to.
    oob_score_ : float
        R squared of the rows that some network has not seen, by those networks; with `oob_score` only.
    oob_prediction_ : ndarray of shape (n_samples,) or (n_samples, n_outputs)
        Mean predictions by the networks that have not seen the row, NaN for a row that all have seen.
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
    >>> from fastnet import MLPEnsembleRegressor
    >>> X, y = [[0.0], [1.0], [2.0], [3.0]], [1.0, 3.0, 5.0, 7.0]
    >>> settings = {"hidden_layer_sizes": (8,), "solver": "lbfgs", "alpha": 0.0, "backend": "numpy"}
    >>> model = MLPEnsembleRegressor(4, random_state=0, **settings).fit(X, y)
    >>> mean, std = model.predict([[1.5], [30.0]], return_std=True)
    >>> mean.shape, bool(std[0] < std[1])
    ((2,), True)
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
    ) -> MLPEnsembleRegressor:  # fmt: skip
        """Fit all networks.

        Parameters
        ----------
        X, y, sample_weight, X_val, y_val, sample_weight_val
            As `MLPRegressor.fit` takes them.
        executor : dask.distributed.Client or concurrent.futures.Executor, optional
            Where to train the networks instead of on threads here, each on one thread there. A Dask client sends the
            data to every worker once.

        Returns
        -------
        MLPEnsembleRegressor
            The fitted estimator.

        Raises
        ------
        ValueError, TypeError
            For data or parameters that cannot be used; the message says with which network, if it is about one.
        RuntimeError
            If networks were lost on the executor.
        """
        fitted: MLPEnsembleRegressor = self._fit(X, y, sample_weight, (X_val, y_val, sample_weight_val), executor)
        return fitted

    def predict(self, X: Any, return_std: bool = False) -> Any:
        """Predict numbers: the mean of all networks.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Inputs.
        return_std : bool, default=False
            Whether to return the standard deviation of the networks' predictions as well: how much they disagree.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_outputs), or a pair of them
            The means, and the standard deviations.
        """
        X = self._inputs_to_predict(X)
        each = np.stack([network._predictions(logits_of(network, X)) for network in self.estimators_])
        mean = each.mean(axis=0)
        return (mean, each.std(axis=0)) if return_std else mean

    def _set_oob(self, data: Data) -> None:
        total, count = np.zeros(np.shape(data.y)), np.zeros(self._n_samples, int)
        for network, rows in self._out_of_bag():
            if len(rows):
                total[rows] += network._predictions(logits_of(network, data.X[rows]))
                count[rows] += 1
        self.oob_prediction_ = averaged(total, count)
        known = np.flatnonzero(count)
        weights = None if data.weights is None else data.weights[known]
        enough = len(known) > 1
        self.oob_score_ = (
            r2_score(data.y[known], self.oob_prediction_[known], sample_weight=weights) if enough else np.nan
        )
