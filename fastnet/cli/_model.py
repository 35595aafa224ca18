"""A saved model, ready to run, and data that fits it."""

from __future__ import annotations

from pathlib import Path

from fastnet import datasets
from fastnet.cli._data import LABEL
from fastnet.datasets import Dataset
from fastnet.models import load_model
from fastnet.trainer import Trainer


def open_model(path: Path, backend: str, threads: int | None) -> Trainer:
    """Read a model; the trainer only predicts and evaluates."""
    model = load_model(path)
    return Trainer(model.network, loss=model.loss, backend=backend, n_threads=threads)


def load_data(path: Path, label: str | None, trainer: Trainer, model: Path, require_labels: bool) -> Dataset:
    """Read data and see that it has the features that a model takes."""
    data = datasets.load(path, label=LABEL if label is None else label, require_labels=require_labels)
    expected, found = trainer.network.sizes[0], data.X.shape[1]
    if found != expected:
        raise ValueError(f"{path}: {found} features, expected {expected} as {model} takes")
    return data
