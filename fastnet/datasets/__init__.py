"""Readers and writers of training data: CSV, Parquet, IDX, ``.npz``, ``.npy``, and the embedded digits.

Importing this package loads NumPy and nothing heavier.
"""

from fastnet.datasets.arrays.idx import read_idx
from fastnet.datasets.csv.reader import read_csv
from fastnet.datasets.dataset import Dataset
from fastnet.datasets.loading import load, load_digits
from fastnet.datasets.saving import save
from fastnet.datasets.split import stratified_split

__all__ = ["Dataset", "load", "load_digits", "read_csv", "read_idx", "save", "stratified_split"]
