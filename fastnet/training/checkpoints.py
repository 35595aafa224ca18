"""Checkpoints: a trainer in a file, from which training resumes as if it had never stopped. Loading executes nothing.

A checkpoint is a safetensors file of a `TrainingState` and its `TrainingSettings`: parameters, the optimizer's state
and remaining indices as tensors, everything else as JSON, with a digest of both.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from safetensors.numpy import save

from fastnet.models.document import digest
from fastnet.models.files import guarded, read_safetensors
from fastnet.network import Network
from fastnet.optimizers import SGD, Adam, AdamW, Optimizer
from fastnet.output.atomic import replacing
from fastnet.output.endings import check_ending
from fastnet.reference.step.passes import layer_slices
from fastnet.training.settings import TrainingSettings
from fastnet.training.trainer import Trainer

FORMAT = "fastnet-checkpoint-2"


def save_checkpoint(path: str | os.PathLike[str], trainer: Trainer, notes: Mapping[str, Any] | None = None) -> None:
    """Write a trainer to a file, beside it first and then renamed.

    Of several ranks, the first one writes.

    Parameters
    ----------
    path : path-like
        Where to; an existing file is replaced.
    trainer : Trainer
        Between two epochs, or wherever metrics are taken: in a callback, say.
    notes : mapping of str to JSON values, optional
        What else is to be kept, such as the metrics so far.

    Raises
    ------
    ValueError
        For a schedule that is a function of the user's own, or a name that ends as files of another format do.
    OSError
        If the file cannot be written.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> X, y = np.array([[0.0], [1.0], [2.0]]), [0, 1, 1]
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder) / "run.checkpoint"
    ...     trainer = Trainer(Network([1, 2], seed=0), backend="numpy", seed=0)
    ...     history = trainer.fit(X, y, epochs=3, callbacks=[lambda epoch: save_checkpoint(path, trainer)])
    ...     again, _ = load_checkpoint(path)
    >>> len(again.fit(X, y, epochs=5, resume=True).epochs)
    2
    """
    check_ending(path, "a checkpoint")
    network, settings = trainer.network, dict(vars(trainer.settings))
    if not isinstance(settings["schedule"], str):
        raise ValueError("trainer: a schedule that is a function cannot be kept in a file, only those that have a name")
    if trainer.rank > 0:
        return
    optimizer = settings.pop("optimizer")
    del settings["ranks"]
    document = {
        "network": {
            "sizes": network.sizes, "activations": network.activations, "bias": network.bias,
            "dtype": str(network.dtype), "input_scale": network.input_scale,
        },
        "optimizer": {"name": type(optimizer).__name__, **vars(optimizer)},
        "settings": settings,
        "state": trainer.state.counters(),
        "feature_names": trainer.feature_names,
        "notes": dict(notes or {}),
    }  # fmt: skip
    tensors = trainer.state.arrays()
    text = json.dumps(document)
    metadata = {"format": FORMAT, "state": text, "sha256": digest(tensors, text)}
    content = save({name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}, metadata)
    with replacing(path) as file:
        file.write(content)


def load_checkpoint(path: str | os.PathLike[str], ranks: str | None = None) -> tuple[Trainer, dict[str, Any]]:
    """Read a trainer that `save_checkpoint` wrote.

    Parameters
    ----------
    path : path-like
        Where from.
    ranks : {"mpi"}, optional
        Go on with so many ranks as `mpiexec` has started, whatever their number was before; in one process, if not
        given. Batches are cut into shards as before.

    Returns
    -------
    trainer : Trainer
        As it was; `trainer.fit(..., resume=True)` goes on.
    notes : dict
        What was kept beside it.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is damaged or no checkpoint, or if ranks are to go on with a run without shards.
    """
    with open(path, "rb") as file:
        content = file.read()
    tensors, metadata = guarded(f"{path}: not a readable checkpoint", read_safetensors, content)
    if metadata.get("format") != FORMAT:
        raise ValueError(f"{path}: not a checkpoint: format is {metadata.get('format')!r}, not {FORMAT!r}")
    loaded: tuple[Trainer, dict[str, Any]] = guarded(f"{path}: damaged checkpoint", _trainer, tensors, metadata)
    if ranks is None:
        return loaded
    trainer, notes = loaded
    if trainer.settings.shards is None:
        raise ValueError(f"{path}: a run without shards, which ranks would cut its batches into")
    others = Trainer.of(trainer.network, replace(trainer.settings, ranks=ranks), trainer.feature_names)
    others.state = trainer.state
    return others, notes


def _trainer(tensors: dict[str, Any], metadata: Mapping[str, str]) -> tuple[Trainer, dict[str, Any]]:
    text = metadata["state"]
    if metadata["sha256"] != digest(tensors, text):
        raise ValueError("its digest is not that of its content")
    document = json.loads(text)
    if layer_slices(document["network"]["sizes"])[-1][1].stop != tensors["parameters"].size:
        raise ValueError("its parameters are not as many as its network has")  # which would take memory first
    network = Network(**document["network"])
    settings = dict(document["settings"])
    loss = settings.pop("loss")
    loss = loss if isinstance(loss, str) else tuple(loss)
    how = TrainingSettings(_optimizer(document["optimizer"]), loss, **settings)
    trainer = Trainer.of(network, how, document.get("feature_names"))
    trainer.state.restore(document["state"], tensors)
    return trainer, document["notes"]


def _optimizer(settings: Mapping[str, Any]) -> Optimizer:
    kinds: dict[str, type[Optimizer]] = {"SGD": SGD, "Adam": Adam, "AdamW": AdamW}
    return kinds[settings["name"]](**{name: value for name, value in settings.items() if name != "name"})
