"""`MLPClassifier` and `MLPRegressor` with scikit-learn's contract and numbers, trained by the compiled kernels."""

from fastnet.estimators.classifier import MLPClassifier
from fastnet.estimators.regressor import MLPRegressor

__all__ = ["MLPClassifier", "MLPRegressor"]
