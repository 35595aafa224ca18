"""A model as tensors and a configuration, which is what every file of ours holds; and the way back, with all checks.

A digest of both tells a damaged file from a sound one: a flipped bit of a weight is a number like any other.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from fastnet.models.model import Model
from fastnet.network import Network
from fastnet.preprocessing import Preprocessing
from fastnet.tables.encoding import TableEncoding
from fastnet.validation import training as training_checks

FORMATS = ("fastnet-1", "fastnet-2")
"""The first one had no digest, and knew neither names of classes nor preprocessing."""

TABLE_FORMAT = "fastnet-3"
"""The second one with what was learnt of a table's columns, which readers of the second would not know."""

Tensors = dict[str, npt.NDArray[Any]]


def to_document(model: Model) -> tuple[Tensors, dict[str, str]]:
    """Return a model's tensors, and its metadata as text; ValueError for a network that could not be loaded again."""
    network = model.network
    _check_parameters(network)
    configuration = {
        "sizes": network.sizes,
        "activations": network.activations,
        "bias": network.bias,
        "input_scale": network.input_scale,
        "loss": model.loss,
        "image_shape": model.image_shape,
        "metrics": dict(model.metrics),
        "labels": model.labels,
        "settings": dict(model.settings),
        "version": model.version,
        "feature_names": model.feature_names,
        "label_name": model.label_name,
    }
    tensors = layer_tensors(network)
    if model.preprocessing is not None:
        tensors["preprocessing.shift"] = model.preprocessing.shift
        tensors["preprocessing.scale"] = model.preprocessing.scale
    if model.table is not None:
        arrays, configuration["table"] = model.table.to_document()
        tensors |= {f"table.{name}": array for name, array in arrays.items()}
    text = json.dumps(configuration)
    return tensors, {
        "format": FORMATS[-1] if model.table is None else TABLE_FORMAT,
        "configuration": text,
        "sha256": digest(tensors, text),
    }


def layer_tensors(network: Network) -> Tensors:
    """Return W (in, out) and b (out,) of every layer by name."""
    tensors = {}
    for i, (W, b) in enumerate(zip(network.weights, network.biases, strict=True)):
        tensors[f"layers.{i}.weight"], tensors[f"layers.{i}.bias"] = W, b
    return tensors


def from_document(tensors: Tensors, metadata: Mapping[str, str]) -> Model:
    """Return the model; ValueError, TypeError, KeyError and their like if something about it is wrong."""
    text = metadata["configuration"]
    if (metadata["format"] != "fastnet-1" or "sha256" in metadata) and metadata["sha256"] != digest(tensors, text):
        raise ValueError("its digest is not that of its content")
    configuration = json.loads(text)
    preprocessing = _preprocessing(tensors)
    arrays = {name: tensors.pop(f"table.{name}") for name in ("fill", "shift", "scale") if f"table.{name}" in tensors}
    table = TableEncoding.from_document(arrays, configuration["table"]) if configuration.get("table") else None
    return Model(
        _network(configuration, tensors),
        configuration["loss"],
        configuration["image_shape"],
        {name: float(value) for name, value in configuration["metrics"].items()},
        configuration.get("labels"),
        preprocessing,
        dict(configuration.get("settings", {})),
        str(configuration.get("version", "")),
        configuration.get("feature_names"),
        configuration.get("label_name"),
        table,
    )


def digest(tensors: Tensors, text: str) -> str:
    """Return the SHA-256 of tensors, with their names, dtypes and shapes, and a text."""
    sha256 = hashlib.sha256(text.encode())
    for name in sorted(tensors):
        tensor = np.ascontiguousarray(tensors[name])
        sha256.update(f"{name} {tensor.dtype.str} {tensor.shape}".encode())
        sha256.update(tensor.tobytes())
    return sha256.hexdigest()


def _preprocessing(tensors: Tensors) -> Preprocessing | None:
    """Take the preprocessing out of the tensors."""
    shift, scale = (tensors.pop(f"preprocessing.{name}", None) for name in ("shift", "scale"))
    if shift is None and scale is None:
        return None
    if shift is None or scale is None:
        raise ValueError("preprocessing needs shift and scale, got one of them")
    return Preprocessing(shift, scale)


def _network(configuration: Mapping[str, Any], tensors: Tensors) -> Network:
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
    _check_parameters(network)
    return network


def _check_parameters(network: Network) -> None:
    if not np.isfinite(network.parameters).all():
        raise ValueError("parameters must be finite, got NaN or infinity")
    training_checks.biases(network.parameters, network.sizes, network.bias)
