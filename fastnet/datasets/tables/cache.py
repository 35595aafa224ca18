"""A binary copy beside a file that is slow to read, used as long as that file has not changed."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from fastnet.datasets.arrays.npz_writer import arrays_of, write_npz
from fastnet.datasets.arrays.reader import read_npz, read_text
from fastnet.datasets.dataset import Dataset
from fastnet.datasets.files import open_binary, stem

_SUFFIX = ".fastnet.npz"
_STAMP = "source"
_VERSION = 1


def copy_of(path: Path) -> Path:
    """Return where the binary copy of `path` lies."""
    return path.with_name(path.name + _SUFFIX)


def read_with_cache(path: Path, options: Mapping[str, object], read: Callable[[], Dataset], mmap: bool) -> Dataset:
    """Return the copy of what `read` makes of `path`; write it if there is none of this file and these options."""
    with open_binary(path):
        pass  # a missing file is missing, whether there is a copy or not
    state = path.stat()
    stamp = {"version": _VERSION, "bytes": state.st_size, "mtime_ns": state.st_mtime_ns, **options}
    text = json.dumps(stamp, sort_keys=True)
    data = _fresh(copy_of(path), text, mmap)
    if data is None:
        data = read()
        write_npz(copy_of(path), {_STAMP: np.array([text]), **arrays_of(data)})
        data = _fresh(copy_of(path), text, mmap) if mmap else data
        assert data is not None
    return replace(data, name=stem(path))


def _fresh(copy: Path, stamp: str, mmap: bool) -> Dataset | None:
    """Return the copy's data, or None if it is missing, damaged, or a copy of something else."""
    if not copy.is_file():
        return None
    try:
        return read_npz(copy, False, mmap) if read_text(copy, _STAMP) == (stamp,) else None
    except (TypeError, ValueError):
        return None
