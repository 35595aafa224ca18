"""What a trainer knows beside its settings: counters, randomness, and the optimizer's memory; for checkpoints."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from fastnet.training.early_stopping import Best
from fastnet.training.plan import Origin
from fastnet.training.trainer import Trainer
from fastnet.validation import training as training_checks

Arrays = Mapping[str, npt.NDArray[Any]]


def progress(trainer: Trainer) -> dict[str, Any]:
    """Return counters and the state of the random generator, JSON-ready."""
    best = trainer._best
    return {
        "steps": trainer._steps, "epochs": trainer._epochs, "origin": trainer._origin,
        "mask_seed": trainer._mask_seed, "generator": trainer._rng.bit_generator.state,
        "best": None if best is None or best.parameters is None else (best.loss, best.stalled),
    }  # fmt: skip


def arrays(trainer: Trainer) -> Arrays:
    """Return parameters, the optimizer's state, samples still to come, and the best parameters."""
    found = {"parameters": trainer.network.parameters, "order": trainer._left}
    found |= {f"slot.{i}": slot for i, slot in enumerate(trainer._slots)}
    if trainer._best is not None and trainer._best.parameters is not None:
        found["best"] = trainer._best.parameters
    return found


def restore(trainer: Trainer, state: Mapping[str, Any], found: Arrays) -> None:
    """Take over what `progress` and `arrays` returned.

    Raises
    ------
    TypeError, ValueError, KeyError
        If it does not fit the trainer.
    """
    for name in ("steps", "epochs", "mask_seed"):
        training_checks.whole(name, state[name], 0)
    parameters = trainer.network.parameters
    slots = [f"slot.{i}" for i in range(len(trainer._slots))]
    for name in ["parameters", *slots, *(["best"] if state["best"] else [])]:
        if found[name].shape != parameters.shape or found[name].dtype != parameters.dtype:
            raise ValueError(f"{name} must be as long as the network's parameters, and of their dtype")
    trainer._origin = None if state["origin"] is None else Origin(*state["origin"])
    trainer._left = _order(found["order"], 0 if trainer._origin is None else trainer._origin.n_samples)
    parameters[:] = found["parameters"]
    trainer._slots = tuple(found[name].copy() for name in slots)
    trainer._best = None
    if state["best"]:
        loss, stalled = state["best"]
        trainer._best = Best(loss, stalled, found["best"].copy())
    trainer._steps, trainer._epochs, trainer._mask_seed = state["steps"], state["epochs"], state["mask_seed"]
    trainer._rng.bit_generator.state = state["generator"]


def _order(order: npt.NDArray[Any], n_samples: int) -> npt.NDArray[np.int64]:
    """Return rows of samples, checked: kernels read there."""
    if order.dtype != np.int64 or order.ndim != 1:
        raise ValueError("order must be a vector of int64")
    if order.size and (order.min() < 0 or order.max() >= n_samples):
        raise ValueError(f"order must be rows of {n_samples} samples")
    return order.copy()
