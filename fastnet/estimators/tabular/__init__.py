"""Networks for tables, by the method called RealMLP-TD-S: encoding of columns, settings, and training."""

from fastnet.estimators.tabular.classifier import TabularMLPClassifier
from fastnet.estimators.tabular.regressor import TabularMLPRegressor

__all__ = ["TabularMLPClassifier", "TabularMLPRegressor"]
