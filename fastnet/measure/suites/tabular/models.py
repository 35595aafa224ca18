"""Libraries that learn from tables, each on what it takes: inputs that are encoded, or columns as they are."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from fastnet.measure.suites.tabular.tables import TableTask

Array = npt.NDArray[Any]
Predict = Callable[[TableTask, Array, Array, int], Array]
"""Fits to some rows with a seed, and predicts others."""


class Model(NamedTuple):
    """A library's model of tables."""

    name: str
    packages: tuple[str, ...]  # that have to be there, its own first
    predict: Predict

    def missing(self) -> str | None:
        """Say what is not installed."""
        absent = [package for package in self.packages if find_spec(package) is None]
        return f"{self.name} needs the package {absent[0]}" if absent else None

    @property
    def version(self) -> str:
        """Of the library."""
        try:
            return version({"sklearn": "scikit-learn"}.get(self.packages[0], self.packages[0]))
        except PackageNotFoundError:
            return ""


def _objects(task: TableTask) -> Array:
    """Return numbers, and the names of categories beside them, as an array."""
    if not task.codes.shape[1]:
        return task.numbers
    X = np.empty((len(task.y), task.numbers.shape[1] + task.codes.shape[1]), object)
    X[:, : task.numbers.shape[1]] = task.numbers
    for i, (codes, categories) in enumerate(zip(task.codes.T, task.columns.categories, strict=True)):
        names = np.array([*map(str, categories), None], object)  # -1 is the last one
        X[:, task.numbers.shape[1] + i] = names[codes]
    return X


def _numbers(task: TableTask) -> tuple[Array, list[int]]:
    """Return numbers, and codes of categories beside them, NaN where they are missing; and where those are."""
    codes = np.where(task.codes < 0, np.nan, task.codes)
    n = task.numbers.shape[1]
    return np.concatenate([task.numbers, codes], axis=1), list(range(n, n + codes.shape[1]))


def _fastnet(task: TableTask, train: Array, test: Array, seed: int, **settings: Any) -> Array:
    from fastnet import TabularMLPClassifier, TabularMLPRegressor

    n, X = task.numbers.shape[1], _objects(task)
    kind = TabularMLPClassifier if task.is_classes else TabularMLPRegressor
    model = kind(random_state=seed, categorical_features=list(range(n, X.shape[1])), **settings)
    return np.asarray(model.fit(X[train], task.y[train]).predict(X[test]))


def _mlp(task: TableTask, train: Array, test: Array, seed: int) -> Array:
    """scikit-learn's network, on inputs that are encoded as fastnet encodes them."""
    from sklearn.neural_network import _multilayer_perceptron as theirs  # by the names that patch_sklearn leaves alone

    from fastnet.estimators.tabular.encoding import Encoding

    encoding = Encoding.learn(task.columns, task.numbers[train], task.codes[train])
    X = encoding.encode(task.numbers, task.codes, np.float64)
    if task.is_classes:
        return np.asarray(theirs.MLPClassifier(random_state=seed).fit(X[train], task.y[train]).predict(X[test]))
    centre, spread = task.y[train].mean(), task.y[train].std() or 1.0
    model = theirs.MLPRegressor(random_state=seed).fit(X[train], (task.y[train] - centre) / spread)
    return np.asarray(model.predict(X[test]) * spread + centre)


def _boosting(task: TableTask, train: Array, test: Array, seed: int) -> Array:
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    X, where = _numbers(task)
    few = [i for i, categories in zip(where, task.columns.categories, strict=True) if len(categories) <= 255]
    kind = HistGradientBoostingClassifier if task.is_classes else HistGradientBoostingRegressor
    model = kind(random_state=seed, categorical_features=few or None)
    return np.asarray(model.fit(X[train], task.y[train]).predict(X[test]))


def _lightgbm(task: TableTask, train: Array, test: Array, seed: int) -> Array:
    import lightgbm

    X, where = _numbers(task)
    kind = lightgbm.LGBMClassifier if task.is_classes else lightgbm.LGBMRegressor
    model = kind(random_state=seed, verbosity=-1)
    model.fit(X[train], task.y[train], categorical_feature=where or "auto")
    return np.asarray(model.predict(X[test]))


def _pytabkit(task: TableTask, train: Array, test: Array, seed: int) -> Array:
    import pandas as pd
    import pytabkit

    n, X = task.numbers.shape[1], _objects(task)
    frame = pd.DataFrame({f"x{i}": X[:, i].astype(float) if i < n else X[:, i] for i in range(X.shape[1])})
    frame.iloc[:, :n] = frame.iloc[:, :n].fillna(frame.iloc[train, :n].median())  # it takes no gaps in numbers
    kind = pytabkit.RealMLP_TD_S_Classifier if task.is_classes else pytabkit.RealMLP_TD_S_Regressor
    model = kind(random_state=seed, device="cpu", verbosity=0)
    return np.asarray(model.fit(frame.iloc[train], task.y[train]).predict(frame.iloc[test])).reshape(len(test))


BOOSTING = "HistGradientBoosting"
"""Whom all others are held against, table by table."""

MODELS = (
    Model("fastnet", ("fastnet",), _fastnet),
    Model("fastnet, early stopping", ("fastnet",), partial(_fastnet, early_stopping=True)),
    Model("fastnet, 4 networks", ("fastnet",), partial(_fastnet, n_ens=4)),
    Model("scikit-learn MLP", ("sklearn",), _mlp),
    Model(BOOSTING, ("sklearn",), _boosting),
    Model("LightGBM", ("lightgbm",), _lightgbm),
    Model("pytabkit RealMLP-TD-S", ("pytabkit", "torch", "pandas"), _pytabkit),
)
"""What is compared, with each one's defaults but for what its name says."""


def predict(model: Model, task: TableTask, train: Array, test: Array, seed: int) -> Array:
    """Fit and predict, in silence."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        return model.predict(task, train, test, seed)
