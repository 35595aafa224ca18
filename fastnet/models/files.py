"""Model files: safetensors, and npz without pickle. Loading executes nothing."""

from __future__ import annotations

import io
import json
import math
import os
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors.numpy import save

from fastnet.models.document import FORMATS, TABLE_FORMAT, Tensors, from_document, to_document
from fastnet.models.model import Model
from fastnet.models.tensors import read_tensors
from fastnet.output.atomic import replacing
from fastnet.output.endings import check_ending
from fastnet.validation.contents import check_kind

METADATA = "metadata.json"
"""Name of the array, of one text, that holds an npz file's metadata."""

ZIP_MAGIC = b"PK\3\4"
"""How a zip archive with members begins; as the length of a safetensors header it would be 67 MB."""

LONGEST_REASON = 500
"""Characters of an error that are shown: a damaged file may hold anything, at any length."""


def save_model(path: str | os.PathLike[str], model: Model) -> None:
    """Write a model to a file, beside it first and then renamed: no file is ever half-written.

    Parameters
    ----------
    path : path-like
        Where to; an existing file is replaced. A name that ends in ``.npz`` makes an npz file, ``.safetensors`` or no
        ending safetensors.
    model : Model
        What to save.

    Raises
    ------
    OSError
        If the file cannot be written.
    TypeError
        If settings or metrics hold what JSON cannot.
    ValueError
        If parameters are NaN or infinite, or the name ends as files of another format do.
    """
    check_ending(path, "a model")
    tensors, metadata = to_document(model)
    write = _npz if Path(path).suffix.lower() == ".npz" else to_safetensors
    content = write(tensors, metadata)
    with replacing(path) as file:
        file.write(content)


def load_model(path: str | os.PathLike[str]) -> Model:
    """Read a model that `save_model` wrote, of either kind: the content tells which.

    Parameters
    ----------
    path : path-like
        The file.

    Returns
    -------
    Model
        The model; its parameters are the bits that were saved.

    Raises
    ------
    FileNotFoundError
        If there is no such file; IsADirectoryError for a folder.
    ValueError
        If the file is damaged, or is not a fastnet model; the message begins with the path.
    """
    content = content_of(path, "a model, as fastnet train and save_model write")
    kind, read = ("npz", _read_npz) if content.startswith(ZIP_MAGIC) else ("safetensors", read_safetensors)
    tensors, metadata = guarded(f"{path}: not a readable {kind} file", read, content)
    if metadata.get("format") not in (*FORMATS, TABLE_FORMAT):
        raise ValueError(f"{path}: not a fastnet model: format is {metadata.get('format')!r}, not {FORMATS[-1]!r}")
    model: Model = guarded(f"{path}: damaged fastnet model", from_document, tensors, metadata)
    return model


def content_of(path: str | os.PathLike[str], expected: str) -> bytes:
    """Return the bytes of a file; an error that says what it is for one that cannot be what is `expected`."""
    if os.path.isdir(path):
        raise IsADirectoryError(f"{path}: a folder, not a model file")
    try:
        with open(path, "rb") as file:
            content = file.read()
    except FileNotFoundError:
        raise FileNotFoundError(f"{path}: no such file") from None
    check_kind(content, path, expected)
    return content


def guarded(what: str, function: Callable[..., Any], *arguments: Any) -> Any:
    """Turn whatever is raised because of damaged bytes into a ValueError of one line."""
    try:
        return function(*arguments)
    except Exception as error:  # libraries differ in what they raise, and none of it is the caller's business
        reason = " ".join((str(error) if type(error) is ValueError else f"{type(error).__name__}: {error}").split())
        if len(reason) > LONGEST_REASON:
            reason = f"{reason[:LONGEST_REASON]}..."
        raise ValueError(f"{what}: {reason}") from None


def to_safetensors(tensors: Tensors, metadata: Mapping[str, str]) -> bytes:
    """Return a safetensors file: the same bytes for the same content, where `save` alone orders metadata at random."""
    content = save({name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}, dict(metadata))
    length = int.from_bytes(content[:8], "little")
    header = json.dumps(json.loads(content[8 : 8 + length]), sort_keys=True, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)  # so that tensors are aligned
    return len(header).to_bytes(8, "little") + header + content[8 + length :]


def read_safetensors(content: bytes) -> tuple[Tensors, Mapping[str, str]]:
    """Return the tensors of a safetensors file, and its metadata."""
    tensors = read_tensors(content)
    length = int.from_bytes(content[:8], "little")
    return tensors, _texts(json.loads(content[8 : 8 + length]).get("__metadata__", {}))


def _npz(tensors: Tensors, metadata: Mapping[str, str]) -> bytes:
    arrays: dict[str, Any] = {**tensors, METADATA: np.array(json.dumps(metadata))}
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def _read_npz(content: bytes) -> tuple[Tensors, Mapping[str, str]]:
    """Return the arrays of a zip archive without compression, none of which can then be larger than the file."""
    arrays = {}
    if not zipfile.is_zipfile(io.BytesIO(content)):
        raise ValueError("it is truncated: the list of its members, which ends an archive, is not there")
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        if sum(member.file_size for member in archive.infolist()) > len(content):
            raise ValueError("its members are larger than it is")
        if min(member.header_offset for member in archive.infolist()) != 0:
            raise ValueError("something stands before its members")  # zip readers would pass over it
        for member in archive.infolist():
            if member.compress_type != zipfile.ZIP_STORED or member.file_size != member.compress_size:
                raise ValueError(f"{member.filename} is compressed, which no model's members are")
            arrays[member.filename.removesuffix(".npy")] = _array(archive.read(member))
    return arrays, _texts(json.loads(str(arrays.pop(METADATA))))


def _texts(metadata: Any) -> Mapping[str, str]:
    if not isinstance(metadata, dict) or not all(isinstance(text, str) for text in metadata.values()):
        raise ValueError("metadata is no table of names and texts")
    return metadata


def _array(content: bytes) -> npt.NDArray[Any]:
    """Read an array in NumPy's format, whose header may claim anything."""
    stream = io.BytesIO(content)
    major, _ = np.lib.format.read_magic(stream)
    read = np.lib.format.read_array_header_1_0 if major == 1 else np.lib.format.read_array_header_2_0
    shape, fortran_order, dtype = read(stream)
    data = content[stream.tell() :]
    if dtype.hasobject or math.prod(shape) * dtype.itemsize != len(data):
        raise ValueError(f"{dtype} {shape} is not what {len(data)} bytes hold")
    return np.frombuffer(data, dtype).reshape(shape, order="F" if fortran_order else "C")
