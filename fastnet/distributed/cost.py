"""What a step costs on any number of ranks: a model of a few terms, some of them measured.

A step of p ranks takes

    T(p) = (s / p) (g(n / s) + 2 a) + 4 log2(p) alpha + (p - 1) / p (2 N / beta + a) + u / p

with s shards of a batch of n samples, g(r) the time of the gradient of r samples, a that of adding two vectors of the
N bytes of the parameters, u that of updating all of them; alpha is the latency of a message, beta the bandwidth that a
rank has. A rank that holds several shards adds each to the tree in about two passes. Recursive halving and doubling
take log2(p) messages each and move (p - 1) / p of the vector each; as many messages again tell metrics, and whether
any rank wants to stop.

References
----------
Thakur, Rabenseifner and Gropp, "Optimization of collective communication operations in MPICH", International Journal
of High Performance Computing Applications 19, 2005: the model of section 3, and section 4.5 for the sum.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

MESSAGES = 4
"""Messages of a step for each doubling of the ranks: two of the gradient, two small ones."""


class Link(NamedTuple):
    """What messages travel over, as a rank has it.

    Attributes
    ----------
    name : str
        What it is called.
    latency : float
        Seconds until a message begins to arrive.
    bandwidth : float
        Bytes in a second, in each direction at once.
    """

    name: str
    latency: float
    bandwidth: float

    @classmethod
    def of(cls, name: str, microseconds: float, gbit: float) -> Link:
        """Return a link in the units that links are sold in.

        Examples
        --------
        >>> Link.of("10 Gbit/s", 30, 10)
        Link(name='10 Gbit/s', latency=3e-05, bandwidth=1250000000.0)
        """
        return cls(name, microseconds / 1e6, gbit * 1e9 / 8)


LINKS = (Link.of("shared memory", 1, 40), Link.of("10 Gbit/s", 30, 10), Link.of("25 Gbit/s", 20, 25))
"""Usual values: of memory that ranks of a machine share, and of Ethernet by TCP. Yours may differ."""


class Costs(NamedTuple):
    """What was measured of a network on one machine, in seconds.

    Attributes
    ----------
    gradient : mapping of int to float
        Of the gradient of a shard, by its samples.
    add : float
        Of adding two vectors as long as the parameters.
    update : float
        Of the optimizer's step for all parameters.
    n_bytes : int
        Bytes of the parameters.
    """

    gradient: Mapping[int, float]
    add: float
    update: float
    n_bytes: int


class Step(NamedTuple):
    """A step on so many ranks, and the seconds of its parts."""

    ranks: int
    shards: int
    compute: float
    exchange: float
    update: float

    @property
    def seconds(self) -> float:
        """All of it."""
        return self.compute + self.exchange + self.update


def shards_for(ranks: int, shards: int) -> int:
    """Return the shards of a batch: as asked for, but one for each rank at least."""
    return max(ranks, shards)


def predict(costs: Costs, link: Link, n_batch: int, ranks: int, shards: int) -> Step:
    """Predict a step.

    Parameters
    ----------
    costs : Costs
        What was measured, for shards of `n_batch / shards` samples too, rounded up.
    link : Link
        What ranks exchange gradients over.
    n_batch : int
        Samples of a batch.
    ranks, shards : int
        Powers of two.

    Examples
    --------
    >>> costs = Costs({128: 4e-3}, add=1e-4, update=2e-4, n_bytes=10**6)
    >>> link = Link("none of its own", 0.0, float("inf"))
    >>> [round(1e3 * predict(costs, link, 1024, ranks, 8).seconds, 3) for ranks in (1, 8)]
    [33.8, 4.312]
    """
    rounds, share = ranks.bit_length() - 1, (ranks - 1) / ranks
    rows = -(-n_batch // shards)
    compute = shards // ranks * (costs.gradient[rows] + 2 * costs.add)
    exchange = MESSAGES * rounds * link.latency + share * (2 * costs.n_bytes / link.bandwidth + costs.add)
    return Step(ranks, shards, compute, exchange, costs.update / ranks)


def efficiency(one: Step, many: Step) -> float:
    """Return the part of the time of all ranks that is worth what one rank would do in it.

    Examples
    --------
    >>> efficiency(Step(1, 8, 1.0, 0.0, 0.0), Step(2, 8, 0.5, 0.125, 0.0))
    0.8
    """
    return one.seconds / (many.ranks * many.seconds)
