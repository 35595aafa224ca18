"""Inputs that are mostly zeros: bits that tell where the others are, and a list of those.

A zero adds nothing to a sum, neither forward nor to a gradient: four of five multiply-adds of a first layer on images
of digits are for nothing. So samples with many zeros are described so once, and the first layer's products go through
their entries alone (`fastnet.kernels.sparse_tiles`). A chain of fused multiply-adds from which zeros are left out has
the same bits, as long as the numbers that they would be multiplied with are finite.

The idea of leaving out zeros in training on a processor's vector units is that of SparseTrain (Gong, Ji, Fletcher,
Hughes and Torrellas, 2020), there for activations.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from fastnet._jit import inlined, kernel
from fastnet.kernels import arrays
from fastnet.kernels.arrays import flat, locked
from fastnet.kernels.bits import WORD, lowest_bit, row_word
from fastnet.kernels.claims import claim, done, leave, share, share_work
from fastnet.kernels.gemm import padded, threads_for
from fastnet.kernels.moves import CHUNK_BYTES, prefetch
from fastnet.kernels.narrow import MOST_OUTPUTS
from fastnet.kernels.simd import panel_width
from fastnet.kernels.sparse_tiles import MOST_PANELS

BLOCK_BYTES = 32 * 1024
"""Bytes of what is picked from before the next is: weights of a block of columns, gradients of a block of rows. A
first-level cache."""

FEWEST_ENTRIES = 16
"""Entries of a sample that a block should hold, on average: its sums are stored between two blocks."""

MOST_FILLED = 0.35
"""Fraction of inputs that are not zero up to which it pays: an entry takes about twice the time of a tile's product."""

MOST_BYTES = 1 << 30
"""Memory that nobody asked for."""

N_PROBED = 64
"""Samples whose zeros are counted to see whether it pays."""

ROWS_AHEAD = 6
"""Samples between the one that is read and the one that is fetched from memory."""

FLOP_PER_INPUT = 30
"""Operations that a core could do in the time that looking at an input takes."""

ONE_BIT = np.uint64(1)


class Sparse(NamedTuple):
    """The entries of all samples: the inputs that are not zero."""

    words: Any  # (n_samples, n_words): bit j of word i tells whether input 64 * i + j is an entry
    starts: Any  # of the samples in the values, and the end of these
    values: Any  # of the entries, in ascending order of columns, converted and scaled; with gaps between threads' parts
    n_words: int  # of a sample; 0 where inputs lie in panels
    block_words: int  # of a block of columns


def no_sparse(dtype: Any) -> Sparse:
    """Return what stands where inputs lie in panels."""
    return Sparse(locked(np.empty((0, 0), np.uint64)), locked(np.zeros(1, np.int64)), locked(np.empty(0, dtype)), 0, 0)


def no_samples(n_in: int, dtype: Any) -> Sparse:
    """Return the description of no samples of so many inputs."""
    words = np.empty((0, -(-n_in // WORD)), np.uint64)
    return Sparse(locked(words), locked(np.zeros(1, np.int64)), locked(np.empty(0, dtype)), words.shape[1], 1)


def pays(x: npt.NDArray[Any], n_out: int, dtype: Any) -> bool:
    """Tell whether a first layer of `n_out` outputs takes less time on the entries of `x` than on all of it."""
    if x.size == 0 or n_out <= MOST_OUTPUTS:
        return False
    filled = _count_entries(x) / x.shape[1]
    return bool(filled <= MOST_FILLED and x.size * (1 / 8 + filled * dtype.itemsize) <= MOST_BYTES)


def _count_entries(x: npt.NDArray[Any]) -> float:
    """Count the entries of a sample, on average over some that are spread out."""
    probed = x[:: -(-len(x) // N_PROBED)]
    return np.count_nonzero(probed) / len(probed)


def _block_words(n_in: int, n_out: int, n_entries: float, itemsize: int) -> int:
    """Choose how many words of columns make a block, for samples of so many entries on average."""
    width = panel_width(itemsize)
    row_bytes = min(MOST_PANELS * width, padded(n_out, width)) * itemsize
    columns = max(BLOCK_BYTES // row_bytes, int(n_in * FEWEST_ENTRIES / max(n_entries, 1.0)), WORD)
    return min(columns // WORD, -(-n_in // WORD))


@kernel
def _describe(
    thread: int, control: Any, x: Any, n_in: int, scale: Any, words: Any, starts: Any, values: Any, counts: Any
) -> None:  # fmt: skip
    """Write where the entries of samples are, and their values, to as many places as there are counts."""
    item = claim(control, thread, -1)
    while item < counts.size:
        counts[item] = _describe_some(item, counts.size, x, n_in, scale, words, starts, values)
        done(control)
        item = claim(control, thread, item)
    leave(control, thread, counts.size)


@inlined
def _describe_some(item: int, n_items: int, x: Any, n_in: int, scale: Any, words: Any, starts: Any, values: Any) -> int:
    """Describe a share of the samples while there is room for their entries; return their count, or -1."""
    real = values.dtype.type
    n_samples, n_words = words.shape
    first, last = share(n_samples, item, n_items)
    begin, end = share(values.size, item, n_items)
    at = begin
    for r in range(first, last):
        if end - at < n_in:
            return -1
        starts[r], soon = at, (r + ROWS_AHEAD) * n_in * x.itemsize
        for line in range(soon, soon + n_in * x.itemsize, CHUNK_BYTES):
            prefetch(x, line)
        for i in range(n_words):
            word = row_word(x, r * n_in, n_in, i)
            words[r, i] = word
            while word != 0:
                values[at] = real(x[r * n_in + i * WORD + lowest_bit(word)]) * scale
                at += 1
                word &= word - ONE_BIT
    return at - begin


def from_array(x: npt.NDArray[Any], n_out: int, scale: float, dtype: Any, n_threads: int | None) -> Sparse:
    """Describe an array (n_samples, n_in): read once, where room for half as many again as were probed is enough."""
    n_samples, n_in = x.shape
    team, inputs = threads_for(FLOP_PER_INPUT * x.size, n_threads), flat(x)
    words, starts = arrays.empty((n_samples, -(-n_in // WORD)), np.uint64), arrays.empty(n_samples + 1, np.int64)
    counts = np.zeros(_items(team), np.int64)
    for room in (min(int(1.5 * _count_entries(x) * n_samples), x.size), x.size):
        values = arrays.empty(room + counts.size * (n_in + 1), dtype)
        share_work(_describe, team, inputs, n_in, dtype.type(scale), words, starts, values, counts)
        if counts.min() >= 0:
            break
    starts[-1] = values.size
    block = _block_words(n_in, n_out, counts.sum() / n_samples, dtype.itemsize)
    return Sparse(locked(words), locked(starts), locked(values), words.shape[1], block)


def _items(team: int) -> int:
    """Count the shares of samples that threads claim: a few for each, so that who comes late finds some left."""
    return 4 * team if team > 1 else 1


@kernel
def _mark(thread: int, control: Any, n_items: int, starts: Any, columns: Any, words: Any) -> None:
    """Set the bits of the entries of samples."""
    n_samples, n_words = words.shape
    item = claim(control, thread, -1)
    while item < n_items:
        first, last = share(n_samples, item, n_items)
        for r in range(first, last):
            for i in range(n_words):
                words[r, i] = 0
            for at in range(starts[r], starts[r + 1]):
                words[r, columns[at] // WORD] |= ONE_BIT << np.uint64(columns[at] % WORD)
        done(control)
        item = claim(control, thread, item)
    leave(control, thread, n_items)


def from_csr(x: Any, n_out: int, scale: float, dtype: Any, n_threads: int | None) -> Sparse:
    """Describe a CSR matrix in canonical format. Zeros that it stores are entries too, and do no harm."""
    (n_samples, n_in), starts = x.shape, x.indptr.astype(np.int64)
    words = arrays.empty((n_samples, -(-n_in // WORD)), np.uint64)
    team = threads_for(FLOP_PER_INPUT * (x.nnz + words.size), n_threads)
    columns = locked(x.indices.astype(np.int64, copy=False))
    share_work(_mark, team, _items(team), locked(starts), columns, words)
    values = x.data.astype(dtype) * dtype.type(scale)
    block = _block_words(n_in, n_out, x.nnz / max(n_samples, 1), dtype.itemsize)
    return Sparse(locked(words), locked(starts), locked(values), words.shape[1], block)
