"""`MLPClassifier` and `MLPRegressor` with scikit-learn's contract and numbers, alone and many at once."""

from fastnet.estimators.classifier import MLPClassifier
from fastnet.estimators.ensembles import (
    GroupedMLPClassifier,
    GroupedMLPRegressor,
    MLPEnsembleClassifier,
    MLPEnsembleRegressor,
)
from fastnet.estimators.regressor import MLPRegressor
from fastnet.estimators.skl2onnx import register_skl2onnx

__all__ = [
    "GroupedMLPClassifier",
    "GroupedMLPRegressor",
    "MLPClassifier",
    "MLPEnsembleClassifier",
    "MLPEnsembleRegressor",
    "MLPRegressor",
    "register_skl2onnx",
]
