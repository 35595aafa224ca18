"""Models of Keras: stacks of dense layers, read through what its objects tell of themselves. Keras is not imported."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from fastnet.models.keras_activations import LAYERS, activation_of, check_hidden, loss_of
from fastnet.models.model import Model
from fastnet.network import Network
from fastnet.preprocessing import Preprocessing

PASSED_OVER = (
    "InputLayer", "Dropout", "GaussianDropout", "AlphaDropout", "GaussianNoise", "ActivityRegularization", "Identity",
)  # fmt: skip
"""Layers that do nothing in prediction."""

KNOWN = ("Dense", "Activation", *LAYERS, "Flatten", "Reshape", "Rescaling", "Normalization", *PASSED_OVER)

Array = npt.NDArray[Any]


class _Dense(NamedTuple):
    """A dense layer: its weights (in, out), its biases if it has any, the activation behind it, and who has that."""

    W: Array
    b: Array | None
    activation: str
    named: str


class _Stack:
    """What has been read of a model, layer after layer."""

    def __init__(self, shape: tuple[int, ...] | None) -> None:
        self.shape = shape  # of one input, as far as it is known
        self.is_flat = shape is None or len(shape) < 2
        self.dense: list[_Dense] = []
        self.factor: Array = np.ones(())  # inputs are multiplied by it, and then comes the offset
        self.offset: Array = np.zeros(())

    def take(self, layer: Any) -> None:
        """Add a layer."""
        kind, config = type(layer).__name__, layer.get_config()
        if kind not in KNOWN:
            raise ValueError(f"model: layer {layer.name!r} is a {kind}, expected one of {', '.join(KNOWN)}")
        if kind == "Dense":
            self._take_dense(layer, config)
        elif kind == "Activation" or kind in LAYERS:
            self._take_activation(layer.name, activation_of(kind, config))
        elif kind in ("Flatten", "Reshape"):
            self._flatten(layer.name, kind, config)
        elif kind in ("Rescaling", "Normalization"):
            self._scale(layer, kind, config)

    def _take_dense(self, layer: Any, config: dict[str, Any]) -> None:
        weights = [_array(layer.name, weight) for weight in layer.get_weights()]
        wanted = 1 + bool(config.get("use_bias", True))
        if not weights:
            raise ValueError(f"model: layer {layer.name!r} has no weights yet: build the model, or call it once")
        if len(weights) != wanted or weights[0].ndim != 2:
            raise ValueError(f"model: layer {layer.name!r} must have a kernel and a bias, got {len(weights)} weights")
        if not self.is_flat:
            raise ValueError(
                f"model: layer {layer.name!r} gets inputs of shape {self.shape}, expected a Flatten before"
            )
        b = weights[1] if wanted == 2 else None
        self.dense.append(_Dense(weights[0], b, activation_of("Dense", config), layer.name))

    def _take_activation(self, name: str, activation: str) -> None:
        if not self.dense:
            raise ValueError(f"model: layer {name!r} is an activation of inputs, expected a Dense layer before")
        if self.dense[-1].activation != "identity" and activation != "identity":
            raise ValueError(f"model: layer {name!r} is a second activation, expected one behind each Dense layer")
        if activation != "identity":
            self.dense[-1] = self.dense[-1]._replace(activation=activation, named=name)

    def _flatten(self, name: str, kind: str, config: dict[str, Any]) -> None:
        if kind == "Reshape" and len(config["target_shape"]) != 1:
            raise ValueError(f"model: layer {name!r} must make vectors, got target_shape={config['target_shape']}")
        if config.get("data_format") == "channels_first" and self.shape is not None and len(self.shape) > 1:
            raise ValueError(f"model: layer {name!r} must have data_format='channels_last', got 'channels_first'")
        self.is_flat = True

    def _scale(self, layer: Any, kind: str, config: dict[str, Any]) -> None:
        if self.dense:
            raise ValueError(f"model: layer {layer.name!r} is a {kind}, expected before the first Dense layer alone")
        if kind == "Rescaling":
            factor, offset = np.asarray(config["scale"], float), np.asarray(config["offset"], float)
        else:
            if config.get("invert"):
                raise ValueError(f"model: layer {layer.name!r} must have invert=False, got True")
            if layer.mean is None:
                raise ValueError(f"model: layer {layer.name!r} knows no mean yet: adapt it first")
            deviation = np.sqrt(_array(layer.name, layer.variance).astype(float))
            factor = 1.0 / np.maximum(deviation, 1e-7)  # as Keras keeps clear of division by zero
            offset = -_array(layer.name, layer.mean) * factor
        factor, offset = self._of_inputs(factor), self._of_inputs(offset)
        self.factor, self.offset = self.factor * factor, self.offset * factor + offset

    def _of_inputs(self, values: Array) -> Array:
        """Return numbers for all features in the order of a flattened input; a single one stays so."""
        if values.size == 1:
            return values.reshape(())
        if self.is_flat or self.shape is None:
            return values.ravel()
        return np.broadcast_to(values.reshape(values.shape[-len(self.shape) :]), self.shape).ravel()


def from_keras(
    model: Any, activations: str | Sequence[str] | None = None, loss: str | None = None, **fields: Any
) -> Model:
    """Make a model of one of Keras' whose layers follow one another.

    Parameters
    ----------
    model : keras.Sequential or keras.Model
        Built, of `Dense` layers with an activation behind each: of their own, an `Activation`, or a layer such as
        `ReLU`, `LeakyReLU` or `Softmax`. `Flatten` and `Reshape` to vectors, `Rescaling` and `Normalization` may come
        first; what does nothing in prediction, such as `Dropout`, may come anywhere.
    activations : str or sequence of str, optional
        As in `Network`, in place of those that hidden layers have: for functions of your own, or to take Keras' exact
        GELU for the one by tanh.
    loss : str, optional
        What the outputs mean. Without it a softmax at the end says "cross_entropy", a sigmoid "binary_cross_entropy",
        an exponential "poisson". Outputs without activation are logits if the model was compiled with a loss
        "from_logits", and values ("squared_error") if not.
    **fields
        Other fields of `Model`; `image_shape` is that of the inputs, if not given.

    Returns
    -------
    Model
        With the same predictions.

    Raises
    ------
    TypeError, ValueError
        For what is no such stack of layers; the layer is named.

    Examples
    --------
    Models are read, not files:

    >>> from_keras("digits.keras")
    Traceback (most recent call last):
    TypeError: model must be a model of Keras, got str: read the file by keras.saving.load_model first
    """
    if not hasattr(model, "layers") or not hasattr(model, "get_config"):
        hint = ": read the file by keras.saving.load_model first" if isinstance(model, str) else ""
        raise TypeError(f"model must be a model of Keras, got {type(model).__name__}{hint}")
    shape = _input_shape(model)
    stack = _Stack(shape)
    for layer in _chain(model):
        stack.take(layer)
    if not stack.dense:
        raise ValueError("model must have a Dense layer at least, got none")
    last = stack.dense[-1]
    if shape is not None and len(shape) > 1:
        fields.setdefault("image_shape", shape)
    network = _network(stack, activations)
    preprocessing = _preprocessing(stack, network)
    if preprocessing is not None:
        fields["preprocessing"] = preprocessing
    return Model(network, loss_of(last.named, last.activation, getattr(model, "loss", None), loss), **fields)


def _chain(model: Any) -> Iterator[Any]:
    """Yield the layers of a model and of models within it, which must follow one another."""
    layers = list(model.layers)
    if type(model).__name__ != "Sequential":
        try:
            follow = all(after.input is before.output for before, after in pairwise(layers))
            follow = follow and (not layers or model.output is layers[-1].output)
        except (AttributeError, ValueError):  # Keras' for layers that were called twice, or never
            follow = False
        if not follow:
            raise ValueError(f"model: layers of {model.name!r} must follow one another, each called once")
    for layer in layers:
        yield from _chain(layer) if hasattr(layer, "layers") else [layer]


def _input_shape(model: Any) -> tuple[int, ...] | None:
    """Return the shape of one input, None if the model does not say it."""
    shape = getattr(model, "input_shape", None)
    if not isinstance(shape, tuple) or not all(isinstance(size, int) for size in shape[1:]):
        return None
    return shape[1:]


def _array(name: str, values: Any) -> Array:
    """Return a layer's numbers as an array, wherever the backend keeps them."""
    array = np.asarray(values.detach().cpu() if hasattr(values, "detach") else values)
    if array.dtype.name == "bfloat16":  # of the package ml_dtypes
        array = array.astype(np.float32)
    if array.dtype.kind != "f" or not np.isfinite(array).all():
        raise ValueError(f"model: layer {name!r} must have finite floats as weights, got {array.dtype}")
    return array


def _network(stack: _Stack, activations: str | Sequence[str] | None) -> Network:
    sizes = [stack.dense[0].W.shape[0], *(layer.W.shape[1] for layer in stack.dense)]
    if activations is None:
        for layer in stack.dense[:-1]:
            check_hidden(layer.named, layer.activation)
        activations = [layer.activation for layer in stack.dense[:-1]]
    bias = any(layer.b is not None for layer in stack.dense)
    dtype = np.float64 if any(layer.W.dtype == np.float64 for layer in stack.dense) else np.float32
    network = Network(sizes, activations, bias=bias, dtype=dtype)
    for W, b, layer in zip(network.weights, network.biases, stack.dense, strict=True):
        W[...], b[...] = layer.W, 0 if layer.b is None else layer.b
    return network


def _preprocessing(stack: _Stack, network: Network) -> Preprocessing | None:
    """Give a single factor to the network, which keeps pixels bytes, and all else to a preprocessing."""
    if stack.factor.ndim == 0 and not stack.offset.any():
        network.input_scale = float(stack.factor)
        return None
    if not stack.factor.all():
        raise ValueError("model: Rescaling must not multiply by 0")
    n = network.sizes[0]
    factor, offset = np.broadcast_to(stack.factor, n), np.broadcast_to(stack.offset, n)
    return Preprocessing(-offset / factor, factor)
