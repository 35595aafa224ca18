"""Samples as training takes them, checked and converted once, and the order in which it uses them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from fastnet.inference import Loss, loss_name
from fastnet.network import Network
from fastnet.output.reprs import short_repr
from fastnet.validation import frames, inputs
from fastnet.validation.training import is_csr

Array = npt.NDArray[Any]
Order = npt.NDArray[np.int64]

DENSE_BYTES = 32 << 20
"""Memory for the dense copy of a part of a sparse matrix."""

BITS_BYTES = 1 << 30
"""Memory for the bits, one for each input, by which epochs find the entries of a sparse matrix."""


class Samples(NamedTuple):
    """Inputs, what is to be answered, and weights if there are any."""

    X: Any  # C-contiguous ndarray, or CSR
    y: Array
    weights: npt.NDArray[np.float64] | None = None

    def __repr__(self) -> str:
        return short_repr(self)

    def most_rows(self) -> int:
        """Count the rows that may be handed over at once."""
        if not self.is_sparse():
            return max(len(self.X), 1)
        row_bytes = max(int(self.X.shape[1]), 1) * int(self.X.dtype.itemsize)
        return max(1, DENSE_BYTES // row_bytes)

    def is_sparse(self) -> bool:
        """Tell whether the inputs are a sparse matrix."""
        return is_csr(self.X)

    def in_parts(self) -> bool:
        """Tell whether the inputs are too many to be trained on as they are."""
        return self.is_sparse() and self.X.shape[0] * self.X.shape[1] > 8 * BITS_BYTES

    def dense(self) -> Samples:
        """Return the samples with dense inputs."""
        return self._replace(X=self.X.toarray()) if self.is_sparse() else self

    def take(self, rows: Order) -> Samples:
        """Copy some of the samples."""
        return Samples(self.X[rows], self.y[rows], None if self.weights is None else self.weights[rows])

    def with_weight(self, order: Order, n_batch: int) -> Order:
        """Leave out batches whose weights are all zero: they have no mean to descend."""
        if self.weights is None or not order.size:
            return order
        idle = np.add.reduceat(self.weights[order], np.arange(0, len(order), n_batch)) == 0
        return order[~np.repeat(idle, n_batch)[: len(order)]] if idle.any() else order


@dataclass(frozen=True, eq=False)
class PreparedData:
    """What `prepare` returns, and `Trainer.fit` takes any number of times.

    Attributes
    ----------
    samples : Samples
        Those to train on.
    validation : Samples or None
        Those that are only evaluated.
    fits : tuple
        What it was prepared for: features, outputs and dtype of the network, and the loss by name.
    feature_names : tuple of str or None
        Names of the features, where they came in a data frame.
    rows : ndarray of int64, or None
        The samples that are trained on, which may come repeatedly; None for all.
    """

    samples: Samples
    validation: Samples | None
    fits: tuple[int, int, str, str]
    feature_names: tuple[str, ...] | None = None
    rows: Order | None = None

    __repr__ = short_repr

    @property
    def n_samples(self) -> int:
        """Samples of an epoch."""
        return len(self.samples.y) if self.rows is None else len(self.rows)

    def of_rows(self, rows: Order) -> PreparedData:
        """Return what trains on some of the samples as if these were all, without a copy of them."""
        return replace(self, rows=rows)


def prepare(
    network: Network, loss: Loss, X: Any, y: Any, validation: Any = None, sample_weight: Any = None,
    feature_names: tuple[str, ...] | None = None,
) -> PreparedData:  # fmt: skip
    """Check data, and bring it to the arrays that kernels take.

    Parameters
    ----------
    network : Network
        What is to be trained.
    loss : str or tuple
        What it is trained with.
    X, y, validation, sample_weight
        As `Trainer.fit` takes them; or all of it in X, prepared already, with y None.
    feature_names : tuple of str, optional
        Names of the features, where they are known already: columns of data frames are matched with them.

    Raises
    ------
    TypeError, ValueError
        For data that does not fit the network or holds NaN or infinity.

    Examples
    --------
    >>> network = Network([2, 1], seed=0)
    >>> data = prepare(network, "squared_error", [[0, 1], [1, 0]], [0.5, 1.5])
    >>> data.samples.X.dtype, data.samples.y.shape, prepare(network, "squared_error", data, None) is data
    (dtype('float32'), (2, 1), True)
    """
    sizes, dtype, name = network.sizes, network.dtype, loss_name(loss)
    fits = (sizes[0], sizes[-1], str(dtype), name)
    if isinstance(X, PreparedData):
        inputs.require_same(X.fits, fits, y, validation, sample_weight)
        return X
    names = feature_names or frames.names_of("X", X)
    x, expected = inputs.supervised(sizes, dtype, name, frames.by_name("X", X, names), y)
    inputs.require_samples(x)
    others = None
    if validation is not None:
        X_others, y_others = inputs.pair("validation", validation)
        X_others = frames.by_name("validation X", X_others, names)
        others = Samples(*inputs.supervised(sizes, dtype, name, X_others, y_others, "validation "))
        inputs.require_samples(others.X, "validation X")
    weights = None if sample_weight is None else inputs.weights("sample_weight", sample_weight, len(x))
    inputs.require_weights_within("sample_weight", weights, dtype)
    return PreparedData(Samples(x, expected, weights), others, fits, names)


class SampleOrder(Protocol):
    """What says which samples come next."""

    @property
    def remaining(self) -> Order:
        """Remaining indices of the pass over all samples that was begun."""

    def take(self, count: int) -> Order:
        """Return the indices of the next samples."""


class Sampler:
    """Draws samples: each once in a new order and then all again, or any of them at any time.

    Parameters
    ----------
    generator : numpy.random.Generator
        Where randomness comes from.
    kind : {"shuffle", "replacement"}
        Whether a sample comes once in every round, or is drawn with replacement.
    n_samples : int
        How many there are.
    whole : bool
        Whether a step takes all of them, whose order is then of no matter.
    remaining : ndarray of int64, optional
        What a round that began before has still to give.

    Examples
    --------
    >>> sampler = Sampler(np.random.default_rng(0), "shuffle", 5, whole=False)
    >>> sorted(sampler.take(3).tolist() + sampler.take(2).tolist())
    [0, 1, 2, 3, 4]
    """

    def __init__(
        self, generator: np.random.Generator, kind: str, n_samples: int, whole: bool, remaining: Order | None = None
    ) -> None:
        self._generator, self._kind, self._n_samples = generator, kind, n_samples
        self._in_order = whole and kind == "shuffle"
        self.remaining: Order = np.empty(0, np.int64) if remaining is None else remaining

    def take(self, count: int) -> Order:
        """Return the indices of the next samples."""
        if self._kind == "replacement":
            return self._generator.integers(0, self._n_samples, count)
        if self._in_order:
            return np.arange(count) % self._n_samples
        drawn = [self.remaining]
        while sum(map(len, drawn)) < count:
            drawn.append(self._generator.permutation(self._n_samples))
        order = np.concatenate(drawn)
        self.remaining = order[count:]
        return order[:count]


class OfRows:
    """Draws from some of the samples, by an order of their places among these.

    Examples
    --------
    >>> order = OfRows(Sampler(np.random.default_rng(0), "shuffle", 2, whole=True), np.array([7, 3]))
    >>> order.take(4)
    array([7, 3, 7, 3])
    """

    def __init__(self, order: SampleOrder, rows: Order) -> None:
        self._order, self._rows = order, rows

    @property
    def remaining(self) -> Order:
        """Remaining indices, into the rows."""
        return self._order.remaining

    def take(self, count: int) -> Order:
        """Return the indices of the next samples."""
        return self._rows[self._order.take(count)]
