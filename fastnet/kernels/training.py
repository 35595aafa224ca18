"""Inference and whole epochs of training, compiled. The maths stands in `fastnet.reference.training`.

Here arguments are checked and working memory is made; what the threads then do, in `fastnet.kernels.step.turns` and
`fastnet.kernels.step.inference.stages`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from fastnet.kernels.codegen.scalar_activations import CODES
from fastnet.kernels.runtime.arrays import read_only
from fastnet.kernels.step.block import PHASES
from fastnet.kernels.step.driver.epochs import Data, Epochs
from fastnet.kernels.step.driver.teams import Task, flop_per_sample, inference_state, make_samples, run_inference
from fastnet.kernels.step.inference.few_rows import MOST_ROWS, predict_rows
from fastnet.kernels.step.inference.layerwise import is_short, predict_by_layers
from fastnet.kernels.tile.products import threads_for
from fastnet.reference.training import Totals, layer_slices
from fastnet.validation import groups as group_checks
from fastnet.validation import operations as checks
from fastnet.validation import training as training_checks
from fastnet.validation.groups import Groups
from fastnet.validation.operations import FloatArray, IntArray

__all__ = [
    "Groups",
    "Totals",
    "layer_slices",
    "phase_ticks",
    "predict_logits",
    "prepare_training",
    "train_epoch",
]


def predict_logits(
    parameters: FloatArray,
    x: npt.NDArray[Any],
    sizes: Sequence[int],
    activations: Sequence[str],
    scale: float = 1.0,
    out: FloatArray | None = None,
    n_threads: int | None = None,
) -> FloatArray:
    """Run a network forward: rows through all layers while they are in a cache, partitioned among threads if many."""
    training_checks.network(parameters, x, sizes, activations, scale)
    dtype = parameters.dtype
    if 0 < len(x) <= MOST_ROWS:
        logits = checks.output(out, (len(x), int(sizes[-1])), dtype, (parameters, x))
        logits[...] = predict_few(parameters, x, tuple(sizes), tuple(activations), float(scale))
        return logits
    logits = checks.output(out, (len(x), int(sizes[-1])), dtype, (parameters, x))
    flop = flop_per_sample(sizes) * len(x)
    team = threads_for(flop, n_threads)
    if n_threads in (None, 1) and is_short(sizes, flop, team):
        predict_by_layers(parameters, x, sizes, activations, scale, logits)
        return logits
    task = Task(sizes, activations)
    target = logits if logits.flags.c_contiguous else np.empty(logits.shape, dtype)
    samples = make_samples(x, None, np.arange(len(x)), scale, dtype)
    own = parameters.flags.c_contiguous and parameters.flags.writeable
    vector = parameters if own else parameters.copy()
    run_inference(inference_state(task, vector, samples, target.reshape(-1), team), team)
    if target is not logits:
        logits[...] = target
    return logits


def predict_few(
    parameters: FloatArray,
    x: npt.NDArray[Any],
    sizes: tuple[int, ...],
    activations: tuple[str, ...],
    scale: float = 1.0,
) -> FloatArray:
    """Run up to `MOST_ROWS` samples forward, for callers who have checked the arguments.

    A small network takes less time than the checks of `predict_logits`; the one made here keeps to the arrays' memory.
    """
    layout, codes, widest, n_parameters = _described(sizes, activations)
    if parameters.size != n_parameters or x.shape[1] != sizes[0]:
        training_checks.network(parameters, x, sizes, activations, scale)
    dtype = parameters.dtype
    logits: FloatArray = np.empty((len(x), sizes[-1]), dtype)
    predict_rows(read_only(parameters), read_only(x), scale, layout, codes, np.empty((2, widest), dtype), logits)
    return logits


@lru_cache(maxsize=64)
def _described(sizes: tuple[int, ...], activations: tuple[str, ...]) -> tuple[IntArray, IntArray, int, int]:
    """Return sizes and codes of activations, as kernels read them, the widest layer, and the count of parameters."""
    codes = [CODES[name] for name in (*activations, "identity")]
    n_parameters = sum((n_in + 1) * n_out for n_in, n_out in pairwise(sizes))
    return np.array(sizes, np.int64), np.array(codes, np.int64), max(sizes), n_parameters


def train_epoch(
    parameters: FloatArray,
    state: tuple[FloatArray, ...],
    x: npt.NDArray[Any],
    y: npt.NDArray[Any],
    order: IntArray,
    sizes: Sequence[int],
    activations: Sequence[str],
    loss: str | tuple[str, float],
    optimizer: Sequence[Any],
    batch_size: int,
    step: int = 0,
    scale: float = 1.0,
    clip_norm: float | None = None,
    clip_value: float | None = None,
    sample_weight: npt.NDArray[np.float64] | None = None,
    l2: float = 0.0,
    dropout: Sequence[float] | None = None,
    seed: int = 0,
    bias: bool = True,
    n_threads: int | None = None,
    groups: Groups | None = None,
) -> Totals:
    """Minibatch descent over the chosen samples; gather, forward, loss, backward and update in one compiled call."""
    epoch = prepare_training(
        parameters, state, x, y, sizes, activations, loss, optimizer, batch_size, scale, clip_norm, clip_value,
        sample_weight, l2, dropout, seed, bias, n_threads, groups,
    )  # fmt: skip
    return cast(Epochs, epoch).once(order, step)


def prepare_training(
    parameters: FloatArray,
    state: tuple[FloatArray, ...],
    x: npt.NDArray[Any],
    y: npt.NDArray[Any],
    sizes: Sequence[int],
    activations: Sequence[str],
    loss: str | tuple[str, float],
    optimizer: Sequence[Any],
    batch_size: int,
    scale: float = 1.0,
    clip_norm: float | None = None,
    clip_value: float | None = None,
    sample_weight: npt.NDArray[np.float64] | None = None,
    l2: float = 0.0,
    dropout: Sequence[float] | None = None,
    seed: int = 0,
    bias: bool = True,
    n_threads: int | None = None,
    groups: Groups | None = None,
) -> Callable[..., Totals]:
    """Check arguments and make working memory once: an epoch over few samples takes less time than that."""
    group_checks.of_network(groups, sizes)
    of_layers = group_checks.of_layers(parameters, sizes, groups)
    training_checks.network(of_layers, x, sizes, activations, scale, csr=True)
    training_checks.training(parameters, state, x, y, int(sizes[-1]), loss, optimizer)
    training_checks.whole("batch_size", batch_size, 1)
    training_checks.clipping(clip_norm, clip_value)
    training_checks.penalties(x.shape[0], sample_weight, l2)
    training_checks.dropout_rates(dropout, seed, len(activations))
    training_checks.biases(parameters, sizes, bias)
    group_checks.combination(groups, x, clip_norm, clip_value)
    task = Task(
        sizes, activations, *training_checks.loss_setting(loss), tuple(optimizer), int(batch_size), clip_norm,
        clip_value, float(l2), dropout or (), int(seed), bool(bias), groups,
    )  # fmt: skip
    return Epochs(task, parameters, state, Data(x, y, float(scale), sample_weight), n_threads)


def phase_ticks(
    task: Task, parameters: FloatArray, state: tuple[FloatArray, ...], data: Data, order: IntArray,
    n_threads: int | None = None,
) -> npt.NDArray[np.int64]:  # fmt: skip
    """Train as `train_epoch` does; return the clock ticks (n_threads, phases) that each of `PHASES` took."""
    epochs = Epochs(task, parameters, state, data, n_threads)
    epochs(order)
    ticks: npt.NDArray[np.int64] = epochs.team(order.size).state.memory.ticks[:, : len(PHASES)]
    return ticks
