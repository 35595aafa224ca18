"""`MLPClassifier` and `MLPRegressor` with scikit-learn's contract and numbers, trained by the compiled kernels."""

from fastnet.estimators.classifier import MLPClassifier
from fastnet.estimators.regressor import MLPRegressor
from fastnet.estimators.skl2onnx import register_skl2onnx

__all__ = ["MLPClassifier", "MLPRegressor", "register_skl2onnx"]
