"""What ranks must have in common, compared before the first step: versions, settings, state and data."""

from __future__ import annotations

import contextlib
import hashlib
import json
import zlib
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from typing import Any

import numpy as np
import numpy.typing as npt

from fastnet.distributed.ranks import Ranks

LONGEST = 96
"""Characters of a setting that are told; of longer ones, it is a digest."""

ROWS = 1024
"""Rows of a mapped file that are compared, spread over it: it is not read whole for that."""


def versions() -> dict[str, str]:
    """Return the versions that bits may depend on."""
    import fastnet

    return {"fastnet": fastnet.__version__, "numpy": np.__version__, "numba": version("numba")}


def compare(ranks: Ranks, own: Mapping[str, Any]) -> None:
    """Refuse to go on where ranks differ.

    Parameters
    ----------
    ranks : Ranks
        All of them take part.
    own : mapping of str to anything
        What is to be the same: arrays are compared by a digest, all else by how it prints.

    Raises
    ------
    ValueError
        On every rank, naming what differs, and on which ranks.
    """
    if ranks.size == 1:
        return
    said = ranks.texts(json.dumps({name: describe(value) for name, value in own.items()}))
    found: list[dict[str, str]] = [json.loads(text) for text in said]
    for name in dict.fromkeys(name for one in found for name in one):
        values = [one.get(name, "missing") for one in found]
        if len(set(values)) > 1:
            raise ValueError(f"ranks differ in {name}: {_told(values)}")


@contextlib.contextmanager
def together(ranks: Ranks) -> Iterator[None]:
    """Let what is wrong with the data of one rank be an error of all: none of them goes on alone.

    Raises
    ------
    TypeError, ValueError
        What the block raised, if it did so on every rank; else a ValueError that names a rank.
    """
    found: Exception | None = None
    try:
        yield
    except (TypeError, ValueError) as error:
        found = error
    said = ranks.texts("" if found is None else str(found) or type(found).__name__)
    if found is not None and len(set(said)) == 1:
        raise found
    for rank, text in enumerate(said):
        if text:
            raise ValueError(f"rank {rank}: {text}")


def describe(value: Any) -> str:
    """Return a text that differs where values do.

    Examples
    --------
    >>> describe(0.5), describe(np.zeros(3)) == describe(np.ones(3))
    ('0.5', False)
    """
    if isinstance(value, np.ndarray):
        return _of_array(value)
    if hasattr(value, "indptr"):
        parts = [describe(np.asarray(part)) for part in (value.data, value.indices, value.indptr)]
        return _shortened(f"{value.shape} {parts}")
    if callable(value):
        return str(getattr(value, "__qualname__", type(value).__qualname__))
    return _shortened(value if isinstance(value, str) else repr(value))


def _of_array(values: npt.NDArray[Any]) -> str:
    seen = values
    if is_mapped(values) and len(values) > ROWS:
        seen = values[np.linspace(0, len(values) - 1, ROWS).astype(np.int64)]
    digest = zlib.crc32(np.ascontiguousarray(seen).reshape(-1).view(np.uint8).data)
    return f"{values.dtype}{list(values.shape)} {digest:08x}"


def is_mapped(values: Any) -> bool:
    """Tell whether an array is a file's, mapped into memory."""
    while values is not None and not isinstance(values, np.memmap):
        values = getattr(values, "base", None)
    return values is not None


def _shortened(text: str) -> str:
    return text if len(text) <= LONGEST else hashlib.sha256(text.encode()).hexdigest()[:16]


def _told(values: list[str]) -> str:
    """Say who has what, those who agree together."""
    groups: dict[str, list[int]] = {}
    for rank, value in enumerate(values):
        groups.setdefault(value, []).append(rank)
    return "; ".join(f"{value} on {_named(ranks)}" for value, ranks in groups.items())


def _named(ranks: list[int]) -> str:
    return f"rank{'s' * (len(ranks) > 1)} {', '.join(map(str, ranks))}"
