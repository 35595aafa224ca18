"""Readers and writers of training data: CSV, Parquet, IDX, ``.npz``, ``.npy``, and the embedded digits.

Importing this package loads NumPy and nothing heavier.
"""

from fastnet.datasets._csv import read_csv
from fastnet.datasets._dataset import Dataset
from fastnet.datasets._idx import read_idx
from fastnet.datasets._load import load, load_digits
from fastnet.datasets._save import save
from fastnet.datasets._split import stratified_split

__all__ = ["Dataset", "load", "load_digits", "read_csv", "read_idx", "save", "stratified_split"]
