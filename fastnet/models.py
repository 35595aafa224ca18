"""Save and load models: safetensors with the configuration as metadata. Loading executes nothing."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from fastnet._atomic import replacing
from fastnet.network import Network
from fastnet.reference import training_checks

FORMAT = "fastnet-1"


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
        Figures of the training run, as its author chose to store them.

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


def save_model(path: str | os.PathLike[str], model: Model) -> None:
    """Write a model to a safetensors file, beside it first and then renamed: no file is ever half-written.

    Parameters
    ----------
    path : path-like
        Where to; an existing file is replaced.
    model : Model
        What to save.

    Raises
    ------
    OSError
        If the file cannot be written.
    """
    network = model.network
    configuration = {
        "sizes": network.sizes,
        "activations": network.activations,
        "bias": network.bias,
        "input_scale": network.input_scale,
        "loss": model.loss,
        "image_shape": model.image_shape,
        "metrics": dict(model.metrics),
    }
    tensors = {}
    for i, (W, b) in enumerate(zip(network.weights, network.biases, strict=True)):
        tensors[f"layers.{i}.weight"], tensors[f"layers.{i}.bias"] = W, b
    content = save(tensors, metadata={"format": FORMAT, "configuration": json.dumps(configuration)})
    with replacing(path) as file:
        file.write(content)


def load_model(path: str | os.PathLike[str]) -> Model:
    """Read a model that `save_model` wrote.

    Parameters
    ----------
    path : path-like
        The safetensors file.

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
    if os.path.isdir(path):
        raise IsADirectoryError(f"{path}: a folder, not a model file")
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118, it is no dict
    except FileNotFoundError:
        raise FileNotFoundError(f"{path}: no such file") from None
    except (SafetensorError, TypeError, ValueError, AttributeError, KeyError) as error:
        raise ValueError(f"{path}: not a readable safetensors file: {_one_line(error)}") from None
    if metadata.get("format") != FORMAT:
        raise ValueError(f"{path}: not a fastnet model: format is {metadata.get('format')!r}, not {FORMAT!r}")
    try:
        return _model(json.loads(metadata["configuration"]), tensors)
    except (AttributeError, KeyError, OverflowError, RecursionError, TypeError, ValueError) as error:
        raise ValueError(f"{path}: damaged fastnet model: {_one_line(error)}") from None


def _one_line(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())


def _model(configuration: dict[str, Any], tensors: dict[str, npt.NDArray[Any]]) -> Model:
    sizes = configuration["sizes"]
    training_checks.layer_sizes(sizes)
    shapes: dict[str, tuple[int, ...]] = {}
    for i, (n_in, n_out) in enumerate(pairwise(sizes)):
        shapes[f"layers.{i}.weight"], shapes[f"layers.{i}.bias"] = (n_in, n_out), (n_out,)
    found = {name: tensor.shape for name, tensor in tensors.items()}
    if found != shapes:  # before a network of the sizes claimed is made
        raise ValueError(f"tensors {found} are not those of sizes {sizes}")
    dtypes = {tensor.dtype for tensor in tensors.values()}
    if len(dtypes) != 1:
        raise ValueError(f"tensors must share one dtype, got {sorted(str(dtype) for dtype in dtypes)}")
    network = Network(
        sizes, configuration["activations"], bias=configuration.get("bias", True), dtype=dtypes.pop(),
        input_scale=configuration["input_scale"],
    )  # fmt: skip
    for i, (W, b) in enumerate(zip(network.weights, network.biases, strict=True)):
        W[...], b[...] = tensors[f"layers.{i}.weight"], tensors[f"layers.{i}.bias"]
    if not np.isfinite(network.parameters).all():
        raise ValueError("parameters must be finite, got NaN or infinity")
    training_checks.biases(network.parameters, sizes, network.bias)
    training_checks.choice("loss", configuration["loss"], training_checks.LOSSES)
    metrics = {str(name): float(value) for name, value in configuration["metrics"].items()}
    return Model(network, configuration["loss"], _image_shape(configuration["image_shape"], sizes[0]), metrics)


def _image_shape(shape: Any, n_features: int) -> tuple[int, ...] | None:
    if shape is None:
        return None
    for size in shape:
        training_checks.whole("image_shape", size, 1)
    if math.prod(shape) != n_features:
        raise ValueError(f"image_shape {shape} does not hold {n_features} features")
    return tuple(shape)
