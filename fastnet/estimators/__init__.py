"""`MLPClassifier` and `MLPRegressor` with scikit-learn's contract and numbers, trained by the compiled kernels."""

from fastnet.estimators._classifier import MLPClassifier
from fastnet.estimators._regressor import MLPRegressor

__all__ = ["MLPClassifier", "MLPRegressor"]
