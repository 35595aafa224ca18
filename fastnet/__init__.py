"""fastnet: dense neural networks trained on a CPU by compiled kernels, beside a plain NumPy reference.

Public names load on first use, so that `import fastnet` takes next to no time.
"""

from importlib import import_module as _import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fastnet.estimators import (
        GroupedMLPClassifier,
        GroupedMLPRegressor,
        MLPClassifier,
        MLPEnsembleClassifier,
        MLPEnsembleRegressor,
        MLPRegressor,
    )
    from fastnet.estimators.tabular import TabularMLPClassifier, TabularMLPRegressor
    from fastnet.fleets import Fleet
    from fastnet.inference import Evaluation, Inference
    from fastnet.models import Model, load_model, save_model
    from fastnet.network import Network
    from fastnet.optimizers import SGD, Adam, AdamW
    from fastnet.patch import patch_sklearn, unpatch_sklearn
    from fastnet.predictor import Predictor
    from fastnet.training.history import Epoch, History
    from fastnet.training.settings import TrainingSettings
    from fastnet.training.trainer import Trainer

__version__ = "0.1.0"

_HOME = {
    "Adam": "optimizers",
    "AdamW": "optimizers",
    "Epoch": "training.history",
    "Evaluation": "inference",
    "Fleet": "fleets",
    "GroupedMLPClassifier": "estimators",
    "GroupedMLPRegressor": "estimators",
    "History": "training.history",
    "Inference": "inference",
    "MLPClassifier": "estimators",
    "MLPEnsembleClassifier": "estimators",
    "MLPEnsembleRegressor": "estimators",
    "MLPRegressor": "estimators",
    "Model": "models",
    "Network": "network",
    "Predictor": "predictor",
    "SGD": "optimizers",
    "TabularMLPClassifier": "estimators.tabular",
    "TabularMLPRegressor": "estimators.tabular",
    "Trainer": "training.trainer",
    "TrainingSettings": "training.settings",
    "load_model": "models",
    "patch_sklearn": "patch",
    "save_model": "models",
    "unpatch_sklearn": "patch",
}
_MODULES = (
    "datasets", "distributed", "estimators", "fleets", "kernels", "measure", "models", "patch", "plots",
    "preprocessing", "recipes", "reference", "report", "tables", "training",
)  # fmt: skip

__all__ = [
    "SGD",
    "Adam",
    "AdamW",
    "Epoch",
    "Evaluation",
    "Fleet",
    "GroupedMLPClassifier",
    "GroupedMLPRegressor",
    "History",
    "Inference",
    "MLPClassifier",
    "MLPEnsembleClassifier",
    "MLPEnsembleRegressor",
    "MLPRegressor",
    "Model",
    "Network",
    "Predictor",
    "TabularMLPClassifier",
    "TabularMLPRegressor",
    "Trainer",
    "TrainingSettings",
    "load_model",
    "patch_sklearn",
    "save_model",
    "unpatch_sklearn",
]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return _import_module(f"fastnet.{name}")
    if name not in _HOME:
        raise AttributeError(f"module 'fastnet' has no attribute {name!r}")
    return getattr(_import_module(f"fastnet.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*__all__, *_MODULES, "__version__"])
