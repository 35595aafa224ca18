"""Networks of an estimator, fitted at the same time: each by a thread of its own, or on an executor."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from sklearn import config_context, get_config

from fastnet.fleets.crew import Halt, side_by_side
from fastnet.machine.threads import resolve_threads
from fastnet.validation.inputs import require_finite_outputs

Rows = npt.NDArray[np.int64]


class Data(NamedTuple):
    """What all networks are fitted to, checked once."""

    X: Any
    y: Any
    weights: npt.NDArray[np.float64] | None = None
    validation: tuple[Any, Any, Any] = (None, None, None)


class Member(NamedTuple):
    """A network to fit: what errors call it, and the function of the data's size that draws its rows, if not all."""

    name: str
    network: Any
    rows: Callable[[], Rows] | None = None


def fit_all(members: Sequence[Member], data: Data, n_threads: int | None, executor: Any = None) -> list[Any]:
    """Fit networks at the same time, and return them in order.

    An error, which begins with the network's name, ends the others; so does Ctrl-C.
    """
    if executor is not None:
        from fastnet.fleets.executors import on_executor

        names = [member.name for member in members]
        work = [(member, 1, get_config()) for member in members]
        return _with_threads(on_executor(executor, _fit_away, work, data, names), n_threads)
    threads = resolve_threads(n_threads)
    halt, each = Halt(), max(1, threads // len(members))
    jobs = [partial(_fit, member, data, each, halt, get_config()) for member in members]
    return _with_threads(side_by_side(jobs, threads, halt), n_threads)


def logits_of(network: Any, X: Any) -> Any:
    """Return finite outputs of a network for inputs that have been checked."""
    return require_finite_outputs(network._logits(X))


def _fit_away(data: Data, work: tuple[Member, int, dict[str, Any]]) -> Any:
    """Fit a network on a thread of an executor, perhaps again after another one was lost: from a copy."""
    member, threads, config = work
    return _fit(member._replace(network=copy.deepcopy(member.network)), data, threads, None, config)


def _fit(member: Member, data: Data, n_threads: int, halt: Halt | None, config: dict[str, Any]) -> Any:
    network, callbacks = member.network, member.network.callbacks
    network.set_params(n_threads=n_threads, callbacks=(*callbacks, halt) if halt else callbacks)
    X, y, weights = data.X, data.y, data.weights
    if member.rows is not None:
        rows = member.rows()
        X, y, weights = X[rows], y[rows], None if weights is None else weights[rows]
    X_val, y_val, weights_val = data.validation
    with named(member.name), config_context(**config):
        network.fit(X, y, weights, X_val=X_val, y_val=y_val, sample_weight_val=weights_val)
    network.callbacks = callbacks
    return network


def _with_threads(networks: list[Any], n_threads: int | None) -> list[Any]:
    for network in networks:
        network.n_threads = n_threads
    return networks


@contextmanager
def named(name: str) -> Any:
    """Let errors begin with the name of the network that they are about."""
    try:
        yield
    except (TypeError, ValueError) as error:
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"{name}: {error}") from error
