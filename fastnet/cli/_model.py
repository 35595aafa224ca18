"""A saved model, ready to run, and data that fits it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy.typing as npt

from fastnet import datasets
from fastnet.cli._data import LABEL
from fastnet.datasets import Dataset
from fastnet.history import Evaluation
from fastnet.models import Model, load_model
from fastnet.trainer import Trainer


class SavedModel(Trainer):
    """A model that predicts and evaluates; what it is given is prepared as its training data was."""

    def __init__(self, model: Model, backend: str, threads: int | None) -> None:
        super().__init__(model.network, loss=model.loss, backend=backend, n_threads=threads)
        self.model = model

    def predict_logits(self, X: npt.ArrayLike) -> npt.NDArray[Any]:
        return super().predict_logits(X)

    def evaluate(self, X: npt.ArrayLike, y: npt.ArrayLike) -> Evaluation:
        return super().evaluate(X, y)


def open_model(path: Path, backend: str, threads: int | None) -> SavedModel:
    """Read a model."""
    return SavedModel(load_model(path), backend, threads)


def load_data(path: Path, label: str | None, trainer: Trainer, model: Path, require_labels: bool) -> Dataset:
    """Read data and see that it has the features that a model takes."""
    data = datasets.load(path, label=LABEL if label is None else label, require_labels=require_labels)
    expected, found = trainer.network.sizes[0], data.X.shape[1]
    if found != expected:
        raise ValueError(f"{path}: {found} features, expected {expected} as {model} takes")
    return data
