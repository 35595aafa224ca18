"""Data that comes through a pipe: standard input, which ``-`` is too, a named pipe, or a shell's substitution."""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fastnet.datasets.arrays.idx import is_idx_header
from fastnet.datasets.arrays.npy import NPY_MAGIC
from fastnet.datasets.columns import Wanted
from fastnet.datasets.csv.reader import parse_table
from fastnet.datasets.dataset import Dataset
from fastnet.datasets.files import one_line, open_binary
from fastnet.datasets.tables.parquet import kind_of_table
from fastnet.validation.contents import HEAD_BYTES, check_kind

STANDARD_INPUT = Path("-")
_OTHERS = {NPY_MAGIC: ".npy", b"PK": ".npz", b"MATLAB": "MATLAB"}


def is_stream(path: Path) -> bool:
    """Whether a path stands for a stream that can be read but once."""
    if path == STANDARD_INPUT:
        return True
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def read_stream(path: Path, wanted: Wanted) -> Dataset:
    """Read CSV, plain or compressed by gzip, from a stream; ValueError for formats that need a file."""
    with open_stream(path) as stream:
        head = stream.peek(HEAD_BYTES)[:HEAD_BYTES]  # type: ignore[attr-defined]  # both kinds have it
        check_kind(head, path, "a table in CSV")
        kind = _kind(head)
        if kind is not None:
            raise ValueError(f"{path}: {kind} cannot be read from a stream, expected CSV there, or a file")
        return parse_table(stream, path, wanted)


def _kind(head: bytes) -> str | None:
    """Return what a stream is that is no CSV."""
    if is_idx_header(head):
        return "IDX"
    found = next((kind for magic, kind in _OTHERS.items() if head.startswith(magic)), kind_of_table(head))
    return found or ("binary data" if b"\0" in head else None)


@contextmanager
def open_stream(path: Path) -> Iterator[io.BufferedIOBase]:
    """Open a stream for reading, decompressed if its content says gzip."""
    if path != STANDARD_INPUT:
        with open_binary(path) as stream:
            yield stream
        return
    try:
        descriptor = os.dup(0)
    except OSError as error:
        raise type(error)(f"{path}: standard input is closed: {one_line(error.strerror)}") from None
    with open_binary(path, descriptor) as stream:
        yield stream
