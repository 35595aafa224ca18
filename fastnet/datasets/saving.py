"""One door out: write a dataset in the format that a name says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from fastnet.datasets.arrays.idx_writer import write_idx
from fastnet.datasets.arrays.npz_writer import arrays_of, write_npz
from fastnet.datasets.dataset import Dataset
from fastnet.datasets.files import PathLike, stem
from fastnet.datasets.labels import Array
from fastnet.datasets.tables.writer import write_csv, write_parquet
from fastnet.output.atomic import replacing

_FORMATS = (".npz", ".npy", ".csv", ".csv.gz", ".parquet")


def format_of(path: Path) -> str:
    """Return the format that a name says: a suffix, or "" for a folder of IDX files."""
    name = path.name.lower()
    found = next((suffix for suffix in _FORMATS if name.endswith(suffix)), None)
    if found is None and (path.suffix and not path.is_dir()):
        raise ValueError(f"{path}: unknown format, expected {', '.join(_FORMATS)}, or a folder for IDX files")
    return "" if found is None or path.is_dir() else found


def save(path: PathLike, data: Dataset, *, compress: bool = False) -> list[str]:
    """Write a dataset so that `load` reads it again.

    Parameters
    ----------
    path : str or path
        ``NAME.npz`` (not compressed and aligned, so that `load` can map it); ``NAME.npy``, with ``NAME_labels.npy``,
        ``NAME_test.npy`` and ``NAME_test_labels.npy`` beside it; ``NAME.csv``, ``NAME.csv.gz`` or ``NAME.parquet``
        with a column ``label``; or the name of a new folder, for MNIST-style IDX files.
    data : Dataset
        What to write.
    compress : bool
        Whether IDX files are compressed by gzip.

    Returns
    -------
    list of str
        What the format has no place for: "the test part", "the names of classes", or nothing.

    Raises
    ------
    ValueError
        For a name that says no format, files beside it that `load` would take for parts of this dataset, or
        `compress` with anything but IDX.
    OSError
        If a file cannot be written; each is written beside and then renamed.
    ImportError
        For Parquet without pyarrow.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from fastnet.datasets import load, load_digits, save
    >>> with tempfile.TemporaryDirectory() as directory:
    ...     path = Path(directory) / "digits.csv"
    ...     save(path, load_digits())
    ...     load(path).X.shape
    []
    (1797, 64)
    """
    path = Path(path)
    kind = format_of(path)
    if compress and kind:
        raise ValueError(f"{path}: only a folder of IDX files can be compressed by gzip, or a name such as data.csv.gz")
    lost = []
    unlabelled = data.y is not None and data.y_test is None  # a folder of IDX files must be complete
    if data.X_test is not None and (kind in (".csv", ".csv.gz", ".parquet") or (not kind and unlabelled)):
        lost.append("the test part")
        data = replace(data, X_test=None, y_test=None)
    if data.label_names is not None and not kind:
        lost.append("the names of classes")
    if kind == ".npz":
        write_npz(path, arrays_of(data))
    elif kind == ".npy":
        _write_npy(path, data)
    elif kind == ".parquet":
        write_parquet(path, data)
    elif kind:
        write_csv(path, data)
    else:
        write_idx(path, data, compress)
    return lost


def _write_npy(path: Path, data: Dataset) -> None:
    arrays = arrays_of(data)
    names = arrays.get("label_names")
    parts: dict[str, Array | None] = {
        "_test_labels": arrays.get("y_test"),
        "_test": arrays.get("X_test"),
        "_labels": arrays.get("y"),
        "": arrays["X"],
    }
    files = {part: path.with_name(f"{stem(path)}{part}.npy") for part in parts}
    stale = [file.name for part, file in files.items() if parts[part] is None and file.exists()]
    if stale:
        raise ValueError(f"{path}: {', '.join(stale)} beside it would be taken for a part of it")
    for part, array in parts.items():
        if array is not None:
            named = names is not None and part.endswith("labels")
            with replacing(files[part]) as file:
                np.save(file, names[array] if named and names is not None else array)
