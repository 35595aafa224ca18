"""The gradient of a network's loss, compiled. The maths stands in `fastnet.reference.gradients`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from fastnet.kernels.step.driver.epochs import Data, Epochs
from fastnet.kernels.step.driver.teams import Task
from fastnet.reference.step.passes import add_penalty, layers_of
from fastnet.validation import operations as checks
from fastnet.validation import training as training_checks
from fastnet.validation.operations import FloatArray

__all__ = ["loss_gradient"]


def loss_gradient(
    parameters: FloatArray,
    x: npt.NDArray[Any],
    y: npt.NDArray[Any],
    sizes: Sequence[int],
    activations: Sequence[str],
    loss: str | tuple[str, float],
    scale: float = 1.0,
    sample_weight: npt.NDArray[np.float64] | None = None,
    l2: float = 0.0,
    bias: bool = True,
    out: FloatArray | None = None,
    n_threads: int | None = None,
) -> tuple[float, FloatArray]:
    """Mean loss and its gradient; a training step over all samples, in blocks, that stores instead of updating."""
    training_checks.network(parameters, x, sizes, activations, scale)
    training_checks.supervision(parameters, x, y, int(sizes[-1]), loss)
    training_checks.penalties(len(x), sample_weight, l2)
    training_checks.biases(parameters, sizes, bias)
    weights = () if sample_weight is None else (sample_weight,)
    gradient = checks.output(out, parameters.shape, parameters.dtype, (parameters, x, y, *weights))
    n_samples = len(x)
    setting = training_checks.loss_setting(loss)
    task = Task(sizes, activations, *setting, batch_size=max(n_samples, 1), bias=bool(bias))
    data = Data(x, y, float(scale), sample_weight)
    own = parameters if parameters.flags.writeable else parameters.copy()  # kernels have one type of vector
    target = gradient if gradient.flags.c_contiguous else np.empty_like(gradient)
    target[...] = 0
    totals = Epochs(task, own, (target,), data, n_threads).once(np.arange(n_samples))
    mean = totals.loss_sum / max(n_samples, 1)
    if target is not gradient:
        gradient[...] = target
    size = max(n_samples, 1) if sample_weight is None else sample_weight.sum()
    penalty = add_penalty(layers_of(parameters, sizes), layers_of(gradient, sizes), l2, size) if l2 else 0.0
    return mean + penalty, gradient
