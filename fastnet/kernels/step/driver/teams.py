"""The state of a team, made for a call: how the network lies, working memory, and the stages that are needed."""

from __future__ import annotations

import functools
import math
import os
import threading
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from fastnet.kernels import losses
from fastnet.kernels.codegen import optimizer_formulas
from fastnet.kernels.codegen.scalar_activations import CODES, IDENTITY, SLOPED
from fastnet.kernels.optimizers import settings_vector
from fastnet.kernels.runtime import arrays, claims
from fastnet.kernels.runtime.arrays import flat, read_only
from fastnet.kernels.runtime.stages import invoke, place
from fastnet.kernels.step.driver.compiling import load_stages
from fastnet.kernels.step.driver.memory import Needs, inference_memory, training_memory
from fastnet.kernels.step.driver.selection import NO_STAGES, Inference, Layers, Training
from fastnet.kernels.step.first_layer import kinds
from fastnet.kernels.step.first_layer.interface import Given, Working
from fastnet.kernels.step.layout import Sizes, make_layout, output_parallel_layers
from fastnet.kernels.step.state import Run, Samples, Stages, State, Weights
from fastnet.kernels.tile.micro_panels import TILE_ROWS
from fastnet.kernels.tile.packing import padded, spaced_rows
from fastnet.kernels.tile.products import PIECES_PER_THREAD
from fastnet.machine.threads import computing, employ
from fastnet.validation.groups import Groups
from fastnet.validation.operations import FloatArray, IntArray

FEW_WEIGHTS = 512 * 1024
"""Weights that stay in the second-level cache, about, while blocks of rows pass."""

BLOCK_ROWS, BLOCK_ELEMENTS = 128, 256 * 1024
"""Rows of a block, and its activations, at most, where there are few weights: it stays in the cache beside them. Each
thread has 64 of the rows where there are many threads."""

LONG_BLOCK_ROWS, LONG_BLOCK_ELEMENTS = 512, 3 * 512 * 1024
"""The same for more weights, which come from farther away for each block."""

FEWEST_BLOCK_ROWS = 64


class Task(NamedTuple):
    """What a call is asked for, beside data and parameters; inference has no use for most."""

    sizes: Sequence[int]
    activations: Sequence[str]
    loss: str = "cross_entropy"
    loss_setting: float | tuple[float, ...] = 0.0
    optimizer: tuple[Any, ...] = ()  # (name, *settings); empty to store the gradient instead
    batch_size: int = 0
    clip_norm: float | None = None
    clip_value: float | None = None
    l2: float = 0.0
    dropout: Sequence[float] = ()
    seed: int = 0
    bias: bool = True
    groups: Groups | None = None

    @property
    def clips(self) -> bool:
        """Whether gradients are limited."""
        return self.clip_norm is not None or self.clip_value is not None


def make_samples(
    x: npt.NDArray[Any], y: npt.NDArray[Any] | None, order: IntArray, scale: float, dtype: Any,
    weights: npt.NDArray[np.float64] | None = None,
) -> Samples:  # fmt: skip
    """Describe data as kernels see it: one kind of array each."""
    labels, targets = np.empty(0, np.int32), np.empty((0, 0), dtype)
    if y is not None and y.ndim == 1:
        labels = y.astype(np.int32, copy=False)
    elif y is not None:
        targets = y
    inputs = flat(x)
    rows = inputs if inputs.dtype == dtype else flat(np.empty(0, dtype))
    own = read_only(np.empty(0) if weights is None else weights)
    return Samples(
        x=rows,
        bytes=inputs.view(np.uint8),
        itemsize=inputs.itemsize,
        labels=read_only(labels),
        targets=read_only(targets),
        weights=own,
        order=read_only(order.astype(np.int64, copy=False)),
        scale=float(scale),
    )


def _block_rows(n_rows: int, sizes: Sizes, team: int) -> int:
    """Cut rows into blocks of one length."""
    rows, elements = LONG_BLOCK_ROWS, LONG_BLOCK_ELEMENTS
    if sizes.packed <= FEW_WEIGHTS:
        rows, elements = min(max(BLOCK_ROWS, FEWEST_BLOCK_ROWS * team), rows), BLOCK_ELEMENTS
    n_blocks = -(-n_rows // min(rows, max(elements // sizes.values, FEWEST_BLOCK_ROWS)))
    return -(-n_rows // max(n_blocks, 1))


def _signed(seed: int) -> int:
    """Return the int64 of the same bits as a number below 2**64."""
    return seed - 2**64 if seed >= 2**63 else seed


def _make_run(task: Task, capacity: int, block: int, output_parallel: npt.NDArray[np.int64], n_steps: int = 0) -> Run:
    name, *settings = task.optimizer or (None,)
    norm, value = (math.inf if limit is None else float(limit) for limit in (task.clip_norm, task.clip_value))
    return Run(
        optimizer=optimizer_formulas.NONE if name is None else optimizer_formulas.CODES[name],
        settings=settings_vector(settings),
        loss_setting=0.0 if isinstance(task.loss_setting, tuple) else float(task.loss_setting),
        levels=np.array(task.loss_setting if isinstance(task.loss_setting, tuple) else (), np.float64),
        batch_size=task.batch_size,
        capacity=capacity,
        block=block,
        output_parallel=output_parallel,
        clip_norm=norm,
        clip_value=value,
        l2=float(task.l2),
        rates=np.array(task.dropout, np.float64),
        seed=_signed(task.seed),
        groups=np.empty((0, 2)) if task.groups is None else task.groups.factors(),
        corrected=task.groups is not None and bool(task.groups.corrected),
        rates_of_steps=np.zeros(n_steps),
        bias_value=float(task.bias),
    )


def _layers(task: Task) -> Layers:
    """Return for each layer the code of the activation after it, and whether its slopes are kept for the way back."""
    rates = task.dropout or [0.0] * len(task.activations)
    hidden = [(CODES[name], int(rate > 0)) for name, rate in zip(task.activations, rates, strict=True)]
    return (*((code, int(keeps or code in SLOPED)) for code, keeps in hidden), (IDENTITY, 0))


def training_state(
    task: Task, parameters: FloatArray, optimizer_state: Sequence[FloatArray], samples: Samples, team: int,
    described: Any = None,
) -> State:  # fmt: skip
    """Return the state of a team that trains; parameters and the optimizer's state are contiguous.

    Samples may be described for a first layer that does not read them row by row.
    """
    dtype, sizes, of_pixels = parameters.dtype, task.sizes, samples.itemsize == 1
    grouped, scaled = task.groups is not None, task.groups is not None and task.groups.scale is not None
    plain = not of_pixels and samples.scale == 1.0
    given = Given(int(sizes[0]), int(sizes[1]), dtype, plain, described, grouped, scaled)
    first, layers = kinds.choose(given), _layers(task)
    kind = kinds.KINDS[first]
    room = kind.room(given)
    layout, needed = make_layout(sizes, task.activations, dtype.itemsize, room)
    n_batch = min(task.batch_size, max(samples.order.size, 1))
    block = _block_rows(n_batch, needed, team)
    capacity, in_blocks = spaced_rows(block, dtype.itemsize), block < n_batch
    output_parallel = output_parallel_layers(sizes, min(block, n_batch), team, dtype.itemsize)
    output_parallel[0] *= kind.output_parallel
    run = _make_run(task, capacity, block, output_parallel, -(-samples.order.size // max(task.batch_size, 1)))
    stores = in_blocks or task.clips or not task.optimizer
    weights = _training_weights(task, parameters, optimizer_state, needed, needed.packed if stores else room.gradient)
    needs = Needs(sizes, any(keeps for _, keeps in layers), task.clips, task.l2 > 0, len(run.groups))
    memory = training_memory(needs, dtype, needed, capacity, team)
    first_layer = kind.make(kinds.empty(dtype), given, Working(capacity, team, samples.x, memory.values))
    asked = Training(
        layers=layers, loss=losses.CODES[task.loss], optimizer=run.optimizer, stores=in_blocks or not task.optimizer,
        penalised=task.l2 > 0, clips=task.clips, first_layer=first, drops=any(task.dropout), of_pixels=of_pixels,
        grouped=grouped,
    )  # fmt: skip
    state = State(run, _NO_ADDRESSES, layout, first_layer, samples, weights, memory)
    return state._replace(stages=load_stages(asked, state))


def _training_weights(
    task: Task, parameters: FloatArray, optimizer_state: Sequence[FloatArray], needed: Sizes, n_gradient: int
) -> Weights:
    """Make room for parameters and optimizer state in micro-panels, and for so many elements of a gradient."""
    dtype, empty = parameters.dtype, np.empty(0, parameters.dtype)
    n_state = len(optimizer_state) if task.optimizer else 0  # else what is there receives the gradient
    return Weights(
        flat=parameters,
        flat_m=optimizer_state[0] if len(optimizer_state) > 0 else empty,
        flat_v=optimizer_state[1] if len(optimizer_state) > 1 else empty,
        packed=arrays.zeros(needed.packed, dtype),
        m=arrays.zeros(needed.packed if n_state > 0 else 0, dtype),
        v=arrays.zeros(needed.packed if n_state > 1 else 0, dtype),
        gradient=arrays.zeros(n_gradient, dtype),
        transposed=arrays.empty(needed.transposed, dtype),
    )


def inference_state(task: Task, parameters: FloatArray, samples: Samples, logits: FloatArray, team: int) -> State:
    """Return the state of a team that predicts; each thread has a block of rows of its own in every micro-panel."""
    state = _inference_state(task, parameters, samples, logits, team)
    return state._replace(stages=load_stages(Inference(_layers(task), samples.itemsize == 1), state))


def _inference_state(task: Task, parameters: FloatArray, samples: Samples, logits: FloatArray, team: int) -> State:
    dtype, n_samples = parameters.dtype, samples.order.size
    layout, needed = make_layout(task.sizes, task.activations, dtype.itemsize)
    most = max(_block_rows(-(-n_samples // team), needed, 1), 1)
    block = padded(-(-n_samples // max(padded(-(-n_samples // most), team), 1)), TILE_ROWS)
    task = task._replace(batch_size=PIECES_PER_THREAD * team if team > 1 else 1)
    capacity = spaced_rows(team * block, dtype.itemsize)
    run = _make_run(task, capacity, block, np.zeros(len(task.sizes) - 1, np.int64))
    empty = np.empty(0, dtype)
    nothing = Weights(**dict.fromkeys(Weights._fields, empty))
    weights = nothing._replace(flat=parameters, packed=arrays.empty(needed.packed, dtype))
    memory = inference_memory(dtype, capacity * needed.values, logits)
    return State(run, _NO_ADDRESSES, layout, kinds.empty(dtype), samples, weights, memory)


_NO_ADDRESSES = Stages(*(np.zeros(1, np.int64) if stage == () else 0 for stage in NO_STAGES))


@functools.cache
def type_of_state(dtype: Any) -> Any:
    """Return Numba's type of a state for parameters of a dtype."""
    one = np.ones((1, 1), dtype)
    samples = make_samples(one, None, np.zeros(1, np.int64), 1.0, one.dtype)
    return numba.typeof(_inference_state(Task((1, 1), ()), np.ones(2, dtype), samples, np.ones(1, dtype), 1))


class Team:
    """A state of training in memory, and the threads that do what it is for, as often as they are asked.

    What is learned of the team's speed is kept in `known`, for other teams that take the same steps. `memory` is where
    the state lies.
    """

    def __init__(self, state: State, n_threads: int, known: npt.NDArray[np.float64]) -> None:
        self.state, self._known = state, known
        self.memory = place(state)
        self._lock = threading.Lock()
        self._n_threads, self._process, self._helping = n_threads, 0, [True]
        self._in_call = False

    def run(self) -> None:
        """Do it once: in this thread, and in others that are asked to help, and taken in when they are there."""
        pace = self.state.memory.pace
        pace[:] = self._known
        with computing(self._n_threads):
            try:
                self._call_helpers()
                invoke(self.state.stages.drive, self.memory)
            finally:
                self._in_call = False
        self._known[:] = pace

    def _call_helpers(self) -> None:
        with self._lock:
            self._in_call = True
            if self._process != os.getpid():  # a forked child has no helpers
                self._process, self._helping = os.getpid(), [True] + [False] * (self._n_threads - 1)
            missing = [member for member, helps in enumerate(self._helping) if not helps]
            for member in missing:
                self._helping[member] = True
        for member in missing:
            if not employ(functools.partial(self._help, member)):
                self._helping[member] = False
                if self.state.memory.sizes.size > 0:
                    raise RuntimeError(f"the system starts no more than {member} threads, and the team is to be larger")

    def _help(self, member: int) -> None:
        """Be there as long as calls come."""
        while True:
            invoke(self.state.stages.help, self.memory, member)
            with self._lock:
                if not self._in_call:
                    self._helping[member] = False
                    return


def run_inference(state: State, n_threads: int) -> None:
    """Predict, in this thread and in others as they get there, which keep the state alive as long as they need it."""
    claims.share_work(_predict, n_threads, state, place(state), control=state.memory.control)


def _predict(thread: int, _control: Any, state: State, memory: Any) -> None:
    invoke(state.stages.drive, memory, thread)


def flop_per_sample(sizes: Sequence[int]) -> int:
    """Count the operations of a network forward, for one sample."""
    return 2 * sum(int(a) * int(b) for a, b in pairwise(sizes))
