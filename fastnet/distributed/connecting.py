"""How a process finds the others: mpi4py, imported when ranks are asked for, and checks of their number."""

from __future__ import annotations

import functools
import sys
from importlib.util import find_spec
from typing import Any

from fastnet.distributed import failure
from fastnet.distributed.ranks import Alone, MpiRanks, Ranks


def connect(ranks: str | None, shards: int) -> Ranks:
    """Return the ranks that share so many shards: this process alone, or those that `mpiexec` has started.

    Raises
    ------
    ModuleNotFoundError
        If the package mpi4py is not installed; ImportError if it finds no MPI.
    ValueError
        If the number of ranks is no power of two, or greater than that of shards.
    """
    if ranks is None:
        return Alone(shards)
    comm = world()
    size = comm.Get_size()
    if size & (size - 1):
        raise ValueError(f"ranks must be a power of two, got {size}: start as many by mpiexec -n")
    if size > shards:
        raise ValueError(f"ranks must be at most {shards}, the shards of a batch, got {size}: {size - shards} too many")
    return _of_world(shards)


def require() -> None:
    """Refuse to look for ranks without mpi4py; it is not loaded, for that starts an MPI."""
    if "mpi4py" not in sys.modules and find_spec("mpi4py") is None:
        hint = 'pip install "fastnet[mpi]", and an MPI such as the package mpich'
        raise ModuleNotFoundError(f"ranks need the package mpi4py: {hint}", name="mpi4py")


@functools.cache
def world() -> Any:
    """Return the communicator of all ranks; from here on, an error that nobody handles ends all of them."""
    require()
    try:
        from mpi4py import MPI
    except (ImportError, RuntimeError) as error:
        raise ImportError(f"ranks need an MPI, such as the package mpich: mpi4py says {error}") from None
    comm = MPI.COMM_WORLD
    if comm.Get_size() > 1:
        failure.watch(comm)
    _machines.append(comm.Split_type(MPI.COMM_TYPE_SHARED))  # once: all ranks must do it together
    return comm


_machines: list[Any] = []
"""The communicator of the ranks of this machine."""


@functools.cache
def _of_world(shards: int) -> MpiRanks:
    return MpiRanks(world(), _machines[-1], shards)


def threads_of(ranks: Ranks, n_threads: int | None) -> int | None:
    """Return the threads of a rank: those asked for, or its part of those that its machine allows."""
    if n_threads is not None or not isinstance(ranks, MpiRanks) or ranks.size == 1:
        return n_threads
    from fastnet.machine.threads import resolve_threads

    return max(1, resolve_threads(None) // ranks.on_machine)
