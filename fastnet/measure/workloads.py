"""What is trained in a measurement: networks from narrow to wide, batches from one sample to all of them."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from fastnet.validation import training as training_checks

ACTIVATIONS = ("relu", "sigmoid", "tanh")
OPTIMIZERS = ("sgd", "adam")
DTYPES = ("float32", "float64")


@dataclass(frozen=True)
class Workload:
    """Epochs of a network's training, as one timing takes them.

    Parameters
    ----------
    sizes : sequence of int
        Layer sizes (in, hidden..., out).
    batch_size : int
        Samples per step; 0, or more than there are, means all of them.
    activation : {"relu", "sigmoid", "tanh"}
        Of every hidden layer.
    optimizer : {"sgd", "adam"}
        Plain descent, or Adam with its usual settings.
    samples : int, default 60_000
        Rows of the data.
    dtype : {"float32", "float64"}
        Precision of the data and of the network.
    repeats : int, default 1
        Epochs in one timing, more where one is too short to be timed.

    Raises
    ------
    TypeError, ValueError
        For an argument that cannot be used, which the message names.

    Examples
    --------
    >>> workload = Workload((784, 128, 10), 32, optimizer="adam", samples=6_000)
    >>> workload.name
    '784-128-10, batch 32, adam, 6,000 rows'
    >>> X, y = workload.data()
    >>> X.shape, X.dtype.name, y.shape
    ((6000, 784), 'float32', (6000,))
    """

    sizes: tuple[int, ...]
    batch_size: int
    activation: str = "relu"
    optimizer: str = "sgd"
    samples: int = 60_000
    dtype: str = "float32"
    repeats: int = 1

    def __post_init__(self) -> None:
        training_checks.layer_sizes(self.sizes)
        object.__setattr__(self, "sizes", tuple(int(size) for size in self.sizes))
        training_checks.whole("batch_size", self.batch_size, 0)
        training_checks.choice("activation", self.activation, ACTIVATIONS)
        training_checks.choice("optimizer", self.optimizer, OPTIMIZERS)
        training_checks.whole("samples", self.samples, 1)
        training_checks.choice("dtype", self.dtype, DTYPES)
        training_checks.whole("repeats", self.repeats, 1)

    @property
    def name(self) -> str:
        """The network and the batch, and whatever else is not the default."""
        words = ["-".join(map(str, self.sizes)), f"batch {self.batch_size or 'full'}"]
        defaults = {field.name: field.default for field in fields(self)}
        words += [
            value for key in ("activation", "optimizer", "dtype") if (value := getattr(self, key)) != defaults[key]
        ]
        return ", ".join(words) + (f", {self.samples:,} rows" if self.samples != defaults["samples"] else "")

    @property
    def flop(self) -> float:
        """Operations of one timing: 2 * in * out for each of forward, dx and dW; the first layer needs no dx."""
        layers = sum(6 * n_in * n_out for n_in, n_out in pairwise(self.sizes))
        return float(self.samples * self.repeats * (layers - 2 * self.sizes[0] * self.sizes[1]))

    @property
    def batch(self) -> int:
        """Samples per step."""
        return min(self.batch_size or self.samples, self.samples)

    def data(self) -> tuple[npt.NDArray[Any], npt.NDArray[np.int64]]:
        """Draw inputs from [0, 1) and labels, shape (samples, sizes[0]) and (samples,), the same ones every time."""
        rng = np.random.default_rng(0)
        X = rng.random((self.samples, self.sizes[0]), dtype=np.float32).astype(self.dtype, copy=False)
        return X, rng.integers(0, self.sizes[-1], self.samples)

    def to_dict(self) -> dict[str, Any]:
        """Return the fields, ready for JSON."""
        return {**asdict(self), "sizes": list(self.sizes)}


QUICK = (
    Workload((64, 32, 10), 32, samples=20_000, repeats=2),
    Workload((784, 128, 10), 128, samples=10_000),
    Workload((784, 128, 10), 32, optimizer="adam", samples=5_000),
    Workload((784, 256, 256, 10), 0, "sigmoid", samples=4_000, repeats=4),
)
"""A first look: some seconds in all."""

FULL = (
    Workload((784, 10, 10), 128),
    Workload((784, 10, 10), 0, repeats=4),
    Workload((784, 128, 10), 32),
    Workload((784, 128, 10), 128),
    Workload((784, 512, 512, 10), 128),
    Workload((784, 1024, 1024, 10), 512),
    Workload((784, 128, 10), 32, optimizer="adam"),
    Workload((784, 512, 512, 10), 128, optimizer="adam"),
    Workload((784, 72, 36, 10), 0, "sigmoid", samples=10_000, repeats=8),
    Workload((784, 128, 10), 128, dtype="float64"),
    Workload((784, 512, 512, 10), 128, dtype="float64"),
    Workload((100, 50, 50, 50, 50, 50, 3), 16),
    Workload((13, 7, 1021, 5), 57),
    Workload((784, 300, 100, 10), 1, samples=4_000),
    Workload((784, 300, 100, 10), 4096),
)
"""Networks from narrow to wide, batches from one sample to all, both optimizers, both precisions."""
