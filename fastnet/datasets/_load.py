"""One door to every source: look at what is there and choose the reader."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from fastnet.datasets._csv import read_csv
from fastnet.datasets._dataset import Dataset, checked_dataset
from fastnet.datasets._files import PathLike, open_binary, read_at_most
from fastnet.datasets._idx import is_idx_header, read_idx_directory, read_idx_file
from fastnet.datasets._numpy import NPY_MAGIC, read_npy, read_npz

_IDX_NAME = re.compile(r"[-.]idx\d-\w+$|\.idx\d?$")


def load_digits() -> Dataset:
    """Return scikit-learn's embedded digits: 1,797 images of 8 x 8 pixels, 10 classes.

    Returns
    -------
    Dataset
        X of shape (1797, 64), uint8 from 0 to 16; y of shape (1797,); no test part.

    Examples
    --------
    >>> from fastnet.datasets import load_digits
    >>> digits = load_digits()
    >>> digits.X.shape, digits.X.dtype.name, digits.n_classes, digits.image_shape
    ((1797, 64), 'uint8', 10, (8, 8))
    """
    from sklearn.datasets import load_digits as sklearn_digits  # slow to import, and only needed here

    bunch = sklearn_digits()
    return checked_dataset(
        "digits",
        bunch.data.astype(np.uint8),
        bunch.target,
        name="digits",
        require_labels=True,
        image_shape=(8, 8),
        feature_names=tuple(bunch.feature_names),
    )


def _kind(path: Path) -> str:
    """Return the format of a file: by its first bytes, and by its name where those say nothing."""
    with open_binary(path) as stream:
        head = bytes(read_at_most(stream, 8))
    if head.startswith(NPY_MAGIC):
        return "npy"
    if head.startswith(b"PK"):
        return "npz"
    if is_idx_header(head):
        return "idx"
    name = path.name.lower().removesuffix(".gz")
    if _IDX_NAME.search(name):
        return "idx"
    return name.rpartition(".")[2] if "." in name else ""


def load(path: PathLike | None = None, *, label: str = "label", require_labels: bool = True) -> Dataset:
    """Read a dataset from a file or a directory, in whichever known format it is.

    Parameters
    ----------
    path : str, path or None
        None for the embedded digits; a directory with the four MNIST-style IDX files; a ``.csv``,
        ``.npz``, ``.npy`` or IDX file. gzip, ``.npz``, ``.npy`` and IDX are recognised by content.
    label : str
        The label column of a CSV file.
    require_labels : bool
        Whether a source without labels is an error; otherwise its `y` is None.

    Returns
    -------
    Dataset
        Checked features and labels.

    Raises
    ------
    ValueError
        Damaged or unknown content, wrong shapes, labels missing, NaN or infinity among the features.
    TypeError
        Features or labels that are not numbers.
    OSError
        Files that are missing (FileNotFoundError) or cannot be read.

    Notes
    -----
    The labels of ``NAME.npy`` are looked for in ``NAME_labels.npy``; those of an IDX file of images in
    the file whose name has ``labels-idx1`` for ``images-idx3``.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from fastnet.datasets import load
    >>> with tempfile.TemporaryDirectory() as directory:
    ...     path = Path(directory) / "tiny.npz"
    ...     np.savez(path, X=np.zeros((2, 4, 3), np.uint8), y=[1, 0])
    ...     data = load(path)
    >>> data.name, data.X.shape, data.image_shape, data.y
    ('tiny', (2, 12), (4, 3), array([1, 0], dtype=int32))
    """
    if path is None:
        return load_digits()
    path = Path(path)
    if path.is_dir():
        return read_idx_directory(path, require_labels)
    kind = _kind(path)
    if kind == "csv":
        return read_csv(path, label, require_labels)
    readers = {"idx": read_idx_file, "npz": read_npz, "npy": read_npy}
    if kind not in readers:
        raise ValueError(f"{path}: unknown format, expected .csv, .npz, .npy or IDX (or a directory of IDX files)")
    return readers[kind](path, require_labels)
