"""Many networks behind one estimator: ensembles, and a network for each group of samples."""

from fastnet.estimators.ensembles.classifier import MLPEnsembleClassifier
from fastnet.estimators.ensembles.grouped import GroupedMLPClassifier, GroupedMLPRegressor
from fastnet.estimators.ensembles.regressor import MLPEnsembleRegressor

__all__ = ["GroupedMLPClassifier", "GroupedMLPRegressor", "MLPEnsembleClassifier", "MLPEnsembleRegressor"]
