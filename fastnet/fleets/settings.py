"""What a fleet is told, of one network or of all: lists hold one for each, anything else is for all."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from fastnet.network import Network
from fastnet.training.settings import TrainingSettings

Rows = npt.NDArray[np.int64]


@contextlib.contextmanager
def numbered(i: int) -> Iterator[None]:
    """Let errors begin with the number of the network that they are about."""
    try:
        yield
    except (TypeError, ValueError, FloatingPointError) as error:
        kind = next(kind for kind in (TypeError, ValueError, FloatingPointError) if isinstance(error, kind))
        raise kind(f"network {i}: {error}") from error


def for_each(name: str, value: Any, count: int) -> list[Any]:
    """Return one value for each network: those of a list, which has to be as long, or the same for all.

    Examples
    --------
    >>> for_each("l2", 0.1, 2), for_each("l2", [0.1, 0.2], 2)
    ([0.1, 0.1], [0.1, 0.2])
    """
    if not isinstance(value, list):
        return [value] * count
    if len(value) != count:
        raise ValueError(f"{name} must be one for each of {count} networks, got a list of {len(value)}")
    return list(value)


def networks_of(networks: Any) -> list[Network]:
    """Check that networks are some, each of its own."""
    if not isinstance(networks, Sequence) or not all(isinstance(one, Network) for one in networks):
        raise TypeError("networks must be a list or a tuple of Network")
    if not networks:
        raise ValueError("networks must be at least one, got none")
    if len({id(one) for one in networks}) < len(networks):
        raise ValueError("networks must be different ones: each is trained in place, and one stands there twice")
    return list(networks)


def seeds_of(seeds: Any, count: int) -> list[Any]:
    """Return a seed for each network: from a sequence or an array of them, or the same for all."""
    if isinstance(seeds, np.ndarray) or (isinstance(seeds, Sequence) and not isinstance(seeds, str)):
        seeds = [int(seed) if isinstance(seed, np.integer) else seed for seed in seeds]
    return for_each("seeds", seeds, count)


def settings_of(count: int, values: dict[str, Any]) -> list[TrainingSettings]:
    """Return the settings of each network; an error about one of several begins with its number."""
    columns = {name: for_each(name, value, count) for name, value in values.items()}
    found = []
    for i in range(count):
        with numbered(i):
            found.append(TrainingSettings(**{name: column[i] for name, column in columns.items()}))
    return found


def rows_of(rows: Any, n_samples: int, count: int) -> list[Rows | None]:
    """Return the rows of each network, checked; None for all of them in all networks."""
    if rows is None:
        return [None] * count
    if not isinstance(rows, list | tuple):
        raise TypeError(f"rows must be a list of index arrays, one for each network, got {type(rows).__name__}")
    if len(rows) != count:
        raise ValueError(f"rows must be one index array for each of {count} networks, got {len(rows)}")
    return [_indices(f"rows[{i}]", one, n_samples) for i, one in enumerate(rows)]


def _indices(name: str, values: Any, n_samples: int) -> Rows:
    found = np.asarray(values)
    if found.ndim != 1 or not np.issubdtype(found.dtype, np.integer):
        raise TypeError(f"{name} must be a vector of whole numbers, got {found.dtype} of shape {found.shape}")
    if not found.size:
        raise ValueError(f"{name} must hold at least one row")
    if found.min() < 0 or found.max() >= n_samples:
        raise ValueError(f"{name} must lie in [0, {n_samples}), got {found.min()} to {found.max()}")
    return np.ascontiguousarray(found, np.int64)
