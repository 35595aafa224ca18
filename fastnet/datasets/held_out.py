"""Which rows of some data a model was not trained on: kept with the model, and found again in the same data."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from fastnet.datasets.labels import Array, Labels
from fastnet.datasets.split import Indices, stratified_split

_ROWS = 4096
"""Rows whose features are digested, spread over all: data may be larger than memory."""


@dataclass(frozen=True)
class HeldOut:
    """How rows were held out from training.

    Attributes
    ----------
    method : {"none", "stratified", "last", "drawn"}
        No row; some of every class, as `stratified_split` chooses them; the last ones; or any of the first ones.
    fraction : float or None
        Share of every class, for "stratified".
    count : int or None
        How many, instead of a share.
    seed : int
        Of what is drawn.
    first : int or None
        Rows that "drawn" draws from; all if None.

    Examples
    --------
    >>> HeldOut("stratified", fraction=0.5).rows(np.array([0, 0, 1, 1], np.int32)).size
    2
    """

    method: str = "none"
    fraction: float | None = None
    count: int | None = None
    seed: int = 0
    first: int | None = None

    def rows(self, y: Labels) -> Indices:
        """Return the places of the rows held out, in order."""
        if self.method == "stratified":
            return stratified_split(y, self.fraction, self.seed, count=self.count)[1]
        if self.method == "last":
            return np.arange(len(y) - (self.count or 0), len(y))
        if self.method == "drawn":
            order = np.random.default_rng(self.seed).permutation(len(y[: self.first]))
            return np.sort(order[: self.count])
        return np.empty(0, np.int64)

    def noted(self, X: Array, y: Labels) -> dict[str, Any]:
        """Return what a model keeps to find these rows again: this, and a digest of all samples, ready for JSON."""
        return {"samples": len(y), "digest": _digest(X, y), **vars(self)}


def held_out_rows(noted: Any, X: Array, y: Labels) -> Indices | None:
    """Return the rows of these samples that a model was not trained on; None if it was trained on other data.

    Parameters
    ----------
    noted : mapping or None
        What `HeldOut.noted` returned; it may come from a file that others wrote.
    X, y : ndarray
        Features and labels of all samples.

    Examples
    --------
    >>> X, y = np.arange(8.0).reshape(4, 2), np.array([0, 0, 1, 1], np.int32)
    >>> noted = HeldOut("last", count=1).noted(X, y)
    >>> held_out_rows(noted, X, y).tolist(), held_out_rows(noted, X + 1, y)
    ([3], None)
    """
    if not isinstance(noted, Mapping) or noted.get("samples") != len(y) or noted.get("digest") != _digest(X, y):
        return None
    how = {name: value for name, value in noted.items() if name not in ("samples", "digest")}
    try:
        rows = HeldOut(**how).rows(y)
    except (TypeError, ValueError):  # of a file that was edited
        return None
    return rows if rows.size < len(y) else None


def seen_and_held_out(n_samples: int, held_out: Indices) -> str:
    """Say how many of some samples a model was trained on.

    Examples
    --------
    >>> seen_and_held_out(1000, np.arange(200))
    'trained on 800 of these 1,000 samples, 200 were held out'
    """
    if not held_out.size:
        return f"trained on all of these {n_samples:,} samples"
    n_seen = n_samples - held_out.size
    return f"trained on {n_seen:,} of these {n_samples:,} samples, {held_out.size:,} were held out"


def _digest(X: Array, y: Labels) -> str:
    some = np.ascontiguousarray(X[:: max(1, len(X) // _ROWS)])
    digest = hashlib.blake2b(f"{X.shape} {X.dtype.name}".encode(), digest_size=16)
    digest.update(some.astype(some.dtype.newbyteorder("<"), copy=False).tobytes())
    digest.update(np.ascontiguousarray(y, "<f8" if y.dtype.kind == "f" else "<i4").tobytes())
    return digest.hexdigest()
