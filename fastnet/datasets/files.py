"""Open files so that every error is one line that begins with the path."""

from __future__ import annotations

import gzip
import io
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

PathLike = str | os.PathLike[str]

GZIP_MAGIC = b"\x1f\x8b"
_PIECE = 1 << 20


class MixedTableError(ValueError):
    """A table that holds something else than numbers and labels, or is spelt in another way than with commas."""


class MixedTypeError(TypeError):
    """A table whose columns are of other types than numbers."""


def one_line(text: object, limit: int = 200) -> str:
    """Return `text` without line breaks and cut to `limit` characters, for an error message."""
    line = " ".join(str(text).split())
    return line if len(line) <= limit else line[: limit - 3] + "..."


def _open_raw(path: Path, descriptor: int | None = None) -> io.BufferedReader:
    try:
        return open(path if descriptor is None else descriptor, "rb")
    except FileNotFoundError:
        raise FileNotFoundError(f"{path}: no such file") from None
    except OSError as error:
        if path.is_dir():  # for which Windows says that permission is denied
            raise IsADirectoryError(f"{path}: is a directory, expected a file") from None
        raise type(error)(f"{path}: {error.strerror or error}") from error


@contextmanager
def open_binary(path: Path, descriptor: int | None = None) -> Iterator[io.BufferedIOBase]:
    """Open `path` for reading, decompressed when its content (not its name) says gzip.

    An open `descriptor` is read instead, if there is one, and called `path`.
    """
    with _open_raw(path, descriptor) as raw:
        if raw.peek(2)[:2] != GZIP_MAGIC:
            yield raw
            return
        with gzip.GzipFile(fileobj=raw) as stream:
            try:
                yield stream
            except (EOFError, zlib.error, gzip.BadGzipFile) as error:
                raise ValueError(f"{path}: damaged gzip file: {one_line(error)}") from error


def read_at_most(stream: io.BufferedIOBase | IO[bytes], limit: int) -> bytearray:
    """Read up to `limit` bytes; memory follows what the file holds, not what its header claims."""
    data = bytearray()
    while len(data) < limit:
        piece = stream.read(min(_PIECE, limit - len(data)))
        if not piece:
            break
        data += piece
    return data


def count_rest(stream: io.BufferedIOBase) -> int:
    """Return how many bytes are left in `stream`, keeping none of them."""
    count = 0
    while piece := stream.read(_PIECE):
        count += len(piece)
    return count


def stem(path: Path) -> str:
    """Return the file name without its data and gzip suffixes: ``train`` for ``train.csv.gz``."""
    name = path.name.removesuffix(".gz")
    for suffix in (".csv", ".parquet", ".feather", ".arrow", ".npz", ".npy", ".idx", ".mat"):
        name = name.removesuffix(suffix)
    return name
