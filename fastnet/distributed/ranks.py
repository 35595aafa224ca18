"""Who holds which shards and which segment of a vector, and how sums and segments travel between them.

A sum over ranks is made by recursive halving: at the distances 1, 2, 4, ... two ranks exchange half of what they hold
and add, so that each ends with the whole sum of a segment. Recursive doubling, at the same distances in reverse,
brings the segments together again. Ranks hold consecutive shards, so these sums are the upper levels of the tree whose
lower levels each rank adds by itself: its bits are those of one process that holds all shards.

References
----------
Thakur, Rabenseifner and Gropp, "Optimization of collective communication operations in MPICH", International Journal
of High Performance Computing Applications 19, 2005, sections 4.2 and 4.5.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from fastnet.distributed.shards import piece_bounds

Array = npt.NDArray[Any]


class Ranks(Protocol):
    """What ranks do together; `shards` and pieces that are a rank's own are ranges."""

    shards: int
    rank: int
    size: int
    own_shards: range
    own_pieces: range

    def reduce_scatter(self, vector: Array) -> None:
        """Add the ranks' vectors; afterwards a rank's own pieces of its vector hold the sum, others anything."""

    def allgather(self, vector: Array) -> None:
        """Bring every rank's own pieces to all."""

    def of_shards(self, own: Array) -> Array:
        """Return what belongs to all shards, from what belongs to a rank's own, along the first axis."""

    def of_pieces(self, own: Array) -> Array:
        """Return what belongs to all pieces, in their order."""

    def any(self, flag: bool) -> bool:
        """Tell whether any rank says so."""

    def texts(self, own: str) -> list[str]:
        """Return what each rank says, in the order of ranks."""

    def one_after_another(self) -> list[bool]:
        """Return the turns that a rank waits for (False) or takes (True), of those who share a machine."""

    def wait(self) -> None:
        """Wait for the ranks of this machine."""


class Alone:
    """One process that holds all shards.

    Examples
    --------
    >>> Alone(4).own_shards
    range(0, 4)
    """

    rank, size = 0, 1

    def __init__(self, shards: int) -> None:
        self.shards, self.own_shards, self.own_pieces = shards, range(shards), range(shards)

    def reduce_scatter(self, vector: Array) -> None:
        """Do nothing: the vector is the sum."""

    def allgather(self, vector: Array) -> None:
        """Do nothing: all pieces are here."""

    def of_shards(self, own: Array) -> Array:
        """Return it: there is nobody else."""
        return own

    def of_pieces(self, own: Array) -> Array:
        """Return it: there is nobody else."""
        return own

    def any(self, flag: bool) -> bool:
        """Return the flag."""
        return flag

    def texts(self, own: str) -> list[str]:
        """Return the text."""
        return [own]

    def one_after_another(self) -> list[bool]:
        """Take the only turn."""
        return [True]

    def wait(self) -> None:
        """Wait for nobody."""


class Round(NamedTuple):
    """An exchange with another rank: pieces that a rank keeps, and that it gives away."""

    other: int
    kept: tuple[int, int]
    given: tuple[int, int]


def rounds_of(rank: int, size: int, shards: int) -> list[Round]:
    """Return the exchanges of recursive halving.

    Examples
    --------
    >>> [tuple(one) for one in rounds_of(1, 4, 8)]
    [(0, (4, 8), (0, 4)), (3, (4, 6), (6, 8))]
    """
    first, last, distance, rounds = 0, shards, 1, []
    while distance < size:
        middle = (first + last) // 2
        halves = (first, middle), (middle, last)
        kept, given = reversed(halves) if rank & distance else halves
        rounds.append(Round(rank ^ distance, kept, given))
        (first, last), distance = kept, 2 * distance
    return rounds


def pieces_of(rank: int, size: int, shards: int) -> range:
    """Return the pieces that a rank is left with."""
    rounds = rounds_of(rank, size, shards)
    return range(*rounds[-1].kept) if rounds else range(shards)


class MpiRanks:
    """Ranks of an MPI communicator, a power of two of them and no more than there are shards.

    Parameters
    ----------
    comm : mpi4py.MPI.Comm
        Their communicator.
    on_machine : mpi4py.MPI.Comm
        That of those of them who share this machine's memory.
    shards : int
        Shards of a batch.
    """

    def __init__(self, comm: Any, on_machine: Any, shards: int) -> None:
        self._comm, self._on_machine = comm, on_machine
        self.rank, self.size = comm.Get_rank(), comm.Get_size()
        each = shards // self.size
        self.own_shards = range(self.rank * each, (self.rank + 1) * each)
        self.shards, self._rounds = shards, rounds_of(self.rank, self.size, shards)
        self.own_pieces = pieces_of(self.rank, self.size, shards)
        order = [piece for rank in range(self.size) for piece in pieces_of(rank, self.size, shards)]
        self._places = np.argsort(order)
        self._room: Array = np.empty(0)

    def reduce_scatter(self, vector: Array) -> None:
        """Add the ranks' vectors by recursive halving."""
        at = piece_bounds(vector.size, self.shards)
        room = self._room_for(vector)
        for other, kept, given in self._rounds:
            own, theirs = vector[at[kept[0]] : at[kept[1]]], vector[at[given[0]] : at[given[1]]]
            received = room[: own.size]
            self._comm.Sendrecv(theirs, other, recvbuf=received, source=other)
            np.add(own, received, out=own)

    def allgather(self, vector: Array) -> None:
        """Bring segments together by recursive doubling, in place."""
        at = piece_bounds(vector.size, self.shards)
        for other, kept, given in reversed(self._rounds):
            own, theirs = vector[at[kept[0]] : at[kept[1]]], vector[at[given[0]] : at[given[1]]]
            self._comm.Sendrecv(own, other, recvbuf=theirs, source=other)

    def of_shards(self, own: Array) -> Array:
        """Gather what belongs to shards; ranks hold them in their order."""
        everything = np.empty((self.shards, *own.shape[1:]), own.dtype)
        self._comm.Allgather(np.ascontiguousarray(own), everything)
        return everything

    def of_pieces(self, own: Array) -> Array:
        """Gather what belongs to pieces, and put it in their order."""
        return self.of_shards(own)[self._places]

    def any(self, flag: bool) -> bool:
        """Tell whether any rank says so."""
        return bool(self.of_ranks(np.array([flag], np.uint8)).any())

    def of_ranks(self, own: Array) -> Array:
        """Gather a vector of each rank, all of one length."""
        everything = np.empty((self.size, own.size), own.dtype)
        self._comm.Allgather(own, everything)
        return everything

    def texts(self, own: str) -> list[str]:
        """Gather texts, of whatever lengths."""
        content = np.frombuffer(own.encode(), np.uint8)
        lengths = self.of_ranks(np.array([content.size], np.int64))[:, 0]
        padded = np.zeros(int(lengths.max()), np.uint8)
        padded[: content.size] = content
        rows = self.of_ranks(padded)
        return [row[:length].tobytes().decode() for row, length in zip(rows, lengths, strict=True)]

    def one_after_another(self) -> list[bool]:
        """Let the first rank of each machine go first: what it compiles, others find in the cache."""
        return [True, False] if self._on_machine.Get_rank() == 0 else [False, True]

    def wait(self) -> None:
        """Wait for the ranks of this machine."""
        self._on_machine.Barrier()

    @property
    def on_machine(self) -> int:
        """Ranks on this machine."""
        return int(self._on_machine.Get_size())

    def _room_for(self, vector: Array) -> Array:
        """Return memory for half of a vector, made once."""
        if self._rounds and (self._room.size < vector.size // 2 + self.shards or self._room.dtype != vector.dtype):
            self._room = np.empty(vector.size // 2 + self.shards, vector.dtype)
        return self._room
