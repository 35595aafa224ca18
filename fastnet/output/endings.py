"""Endings of the names of files: one that stands for another format would say what is not in the file."""

from __future__ import annotations

import mimetypes
import os
from pathlib import Path

from fastnet.output.targets import is_special

ENDINGS = {
    "a model": (".safetensors", ".npz"),
    "a checkpoint": (".safetensors", ".checkpoint", ".ckpt"),
    "an ONNX graph": (".onnx",),
    "a state dict": (".safetensors",),
    "a report": (".html", ".htm"),
    "CSV": (".csv", ".txt"),
    "JSON": (".json",),
    "Markdown": (".md", ".markdown", ".txt"),
    "TOML": (".toml",),
}
"""What is written, and how the names of such files may end; a name without an ending is anyone's."""

_OTHERS = {
    ".ckpt", ".checkpoint", ".safetensors", ".onnx", ".npz", ".npy", ".pt", ".pth", ".pkl", ".pickle", ".joblib", ".h5",
    ".hdf5", ".keras", ".tflite", ".pb", ".gguf", ".mat", ".parquet", ".feather", ".arrow", ".xlsx", ".toml", ".yaml",
    ".yml", ".md", ".gz", ".bz2", ".xz", ".zst",
}  # fmt: skip
"""Endings that stand for a format, beside those that the standard library knows."""


def check_ending(path: str | os.PathLike[str], kind: str, option: str = "") -> None:
    """Refuse a name whose ending stands for another format than the one that is written.

    Parameters
    ----------
    path : path-like
        Where something is to be written; pipes and devices may have any name.
    kind : str
        What is written, a key of `ENDINGS`.
    option : str, optional
        What the user typed before the path.

    Raises
    ------
    ValueError
        If what ends so is something else.

    Examples
    --------
    >>> check_ending("model.npz", "a model")
    >>> check_ending("model.txt", "a model", "--out")
    Traceback (most recent call last):
    ValueError: --out model.txt: a model is written here, expected a name that ends in .safetensors or .npz
    """
    ending, own = Path(path).suffix.lower(), ENDINGS[kind]
    if ending in own or is_special(path) or not _stands_for_a_format(ending):
        return
    expected = f"a name that ends in {' or '.join(own)}"
    hint = " (fastnet export makes ONNX of a model)" if ending == ".onnx" and kind == "a model" else ""
    raise ValueError(f"{option} {path}: {kind} is written here, expected {expected}{hint}".lstrip())


def _stands_for_a_format(ending: str) -> bool:
    table = mimetypes.MimeTypes()  # the library's own, not the machine's
    return ending in _OTHERS or any(ending in types for types in (*table.types_map, table.encodings_map))
