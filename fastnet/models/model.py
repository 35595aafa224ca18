"""What a saved model is."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from fastnet import __version__
from fastnet.inference import Inference, class_count
from fastnet.models.labels import Labels, check_labels
from fastnet.network import Network
from fastnet.output.reprs import short_repr
from fastnet.preprocessing import Preprocessing
from fastnet.tables.encoding import TableEncoding
from fastnet.validation import frames
from fastnet.validation import training as training_checks


@dataclass(frozen=True, eq=False)
class Model:
    """A network and what is needed to use it on data of its kind.

    Attributes
    ----------
    network : Network
        The network.
    loss : str
        The loss it was trained with, which says what its outputs mean.
    image_shape : tuple of int, or None
        Shape of one input before it was flattened.
    metrics : dict of str to float
        Metrics of the training run, as its author chose to store them.
    labels : tuple of str or int, or None
        What the classes are called, by text or by numbers: a name for each output, or two where a single sigmoid
        tells two classes apart.
    preprocessing : Preprocessing or None
        What is done to inputs before the network sees them.
    settings : dict of str to JSON values
        How it was trained.
    version : str
        The version of fastnet that made it.
    feature_names : tuple of str, or None
        Names of the inputs, where the training data had some. Columns of data frames and of files are matched with
        them, in whatever order they stand.
    label_name : str or None
        What the column of labels is called in tables like that of the training data; its position, as text, in tables
        without names.
    table : TableEncoding or None
        How the columns of a table of numbers and categories become inputs, where the training data was one; then
        `feature_names` are those of the inputs.

    Raises
    ------
    TypeError, ValueError
        For a field that does not fit the network: a file with it could not be loaded.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> from fastnet import Model, Network, load_model, save_model
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder) / "model.safetensors"
    ...     save_model(path, Model(Network([4, 3, 2], seed=0), metrics={"test_accuracy": 0.5}))
    ...     load_model(path).metrics
    {'test_accuracy': 0.5}
    """

    network: Network
    loss: str = "cross_entropy"
    image_shape: tuple[int, ...] | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    labels: Labels | None = None
    preprocessing: Preprocessing | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    version: str = __version__
    feature_names: tuple[str, ...] | None = None
    label_name: str | None = None
    table: TableEncoding | None = None

    __repr__ = short_repr

    def __post_init__(self) -> None:
        if not isinstance(self.network, Network):
            raise TypeError(f"network must be a Network, got {type(self.network).__name__}")
        training_checks.choice("loss", self.loss, training_checks.LOSSES)
        n_in, n_out = self.network.sizes[0], self.network.sizes[-1]
        if self.preprocessing is not None and self.preprocessing.shift.size != n_in:
            raise ValueError(f"preprocessing is of {self.preprocessing.shift.size} features, the network has {n_in}")
        if self.table is not None and (self.table.n_inputs != n_in or self.preprocessing is not None):
            got = f"{self.table.n_inputs} inputs" if self.preprocessing is None else "preprocessing beside it"
            raise ValueError(f"table must make the {n_in} inputs of the network, got {got}")
        if self.table is not None and self.feature_names is None:
            object.__setattr__(self, "feature_names", self.table.input_names)
        object.__setattr__(self, "image_shape", _image_shape(self.image_shape, n_in))
        n_names = class_count(self.loss, n_out) or n_out
        object.__setattr__(self, "labels", check_labels(self.labels, n_names, n_names == n_out))
        object.__setattr__(self, "feature_names", frames.check_names("feature_names", self.feature_names, n_in))
        if self.label_name is not None and not isinstance(self.label_name, str):
            raise TypeError(f"label_name must be a name, got {type(self.label_name).__name__}")

    @property
    def n_classes(self) -> int | None:
        """How many classes the model tells apart; None where its outputs are values, or labels that are independent."""
        return class_count(self.loss, self.network.sizes[-1])

    def prepare(self, X: npt.ArrayLike) -> npt.NDArray[Any]:
        """Do to inputs (n_samples, n_features) what the network expects, but for its own scale.

        Columns of a data frame are brought in the order of `feature_names`, without that of labels; ValueError for
        missing and unknown ones. A model with a `table` takes its columns, of numbers, categories and gaps.
        """
        if self.table is not None:
            return self.table(frames.without("X", X, self.label_name, self.table.columns.names), self.network.dtype)
        X = frames.by_name("X", X, self.feature_names, self.label_name)
        return np.asarray(X) if self.preprocessing is None else self.preprocessing(X, self.network.dtype)

    def without_table(self) -> Model:
        """Return the same model for inputs that its `table` has made already."""
        return replace(self, table=None)

    def predict_logits(self, X: npt.ArrayLike, backend: str = "numba") -> npt.NDArray[Any]:
        """Return the last layer's outputs, shape (n_samples, n_outputs), for inputs as the training data held them."""
        return self._inference(backend).predict_logits(self.prepare(X))

    def predict_proba(self, X: npt.ArrayLike, backend: str = "numba") -> npt.NDArray[Any]:
        """Return probabilities, shape (n_samples, n_outputs); ValueError for a loss that has none."""
        return self._inference(backend).predict_proba(self.prepare(X))

    def predict(self, X: npt.ArrayLike, backend: str = "numba") -> npt.NDArray[Any]:
        """Predict classes, by name if the model knows names, or what else the loss asks for, as `Inference.predict`.

        Examples
        --------
        >>> network = Network([1, 2], seed=0)
        >>> network.weights[0][:] = [[1.0, -1.0]]
        >>> Model(network, labels=("above", "below")).predict([[0.5], [-2.0]], backend="numpy")
        array(['above', 'below'], dtype='<U5')
        """
        predicted = self._inference(backend).predict(self.prepare(X))
        return predicted if self.labels is None or self.n_classes is None else np.array(self.labels)[predicted]

    def _inference(self, backend: str) -> Inference:
        return Inference(self.network, self.loss, backend)


def _image_shape(shape: Any, n_features: int) -> tuple[int, ...] | None:
    if shape is None:
        return None
    if not isinstance(shape, Sequence):
        raise TypeError(f"image_shape must be a sequence of integers, got {type(shape).__name__}")
    for size in shape:
        training_checks.whole("image_shape", size, 1)
    if not len(shape) or math.prod(shape) != n_features:
        raise ValueError(f"image_shape {shape} does not hold {n_features} features")
    return tuple(int(size) for size in shape)
