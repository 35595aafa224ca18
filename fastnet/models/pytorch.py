"""Models from and for PyTorch: state dicts of a `torch.nn.Sequential` of linear layers. PyTorch is not needed."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from fastnet.models.files import content_of, guarded, read_safetensors, to_safetensors
from fastnet.models.folded import folded_layers
from fastnet.models.model import Model
from fastnet.network import Network
from fastnet.output.atomic import replacing
from fastnet.output.endings import check_ending
from fastnet.validation.activations import ACTIVATIONS

MODULES = {activation.pytorch: name for name, activation in ACTIVATIONS.items() if activation.pytorch is not None}
"""Names of PyTorch's modules and of our activations."""

SETTINGS = {
    "LeakyReLU": ("negative_slope", 0.01),
    "ELU": ("alpha", 1.0),
    "GELU": ("approximate", "tanh"),
    "Softplus": ("beta", 1.0),
}
"""What our activations are fixed to; all but GELU's are PyTorch's defaults."""

_KEY = re.compile(r"(.*?)(\d+)\.(weight|bias)$")

Arrays = dict[str, npt.NDArray[Any]]


def from_pytorch(
    state: Any, activations: str | Sequence[str] | None = None, loss: str = "cross_entropy", **fields: Any
) -> Model:
    """Make a model of a `torch.nn.Sequential`, or of its state dict.

    Parameters
    ----------
    state : torch.nn.Sequential, or mapping of str to arrays
        Linear layers, "0.weight" (out, in) and "0.bias" (out,), with activations between; layers come in the order
        of their numbers. All layers have biases, or none has.
    activations : str or sequence of str, optional
        As in `Network`. A Sequential tells its own, "relu" is taken for a state dict that comes without.
    loss : str, default "cross_entropy"
        What the outputs mean.
    **fields
        Other fields of `Model`.

    Returns
    -------
    Model
        With the same outputs.

    Raises
    ------
    TypeError, ValueError
        For what is no such stack of linear layers.

    Examples
    --------
    >>> state = {"0.weight": np.ones((3, 2)), "0.bias": np.zeros(3), "2.weight": np.ones((1, 3)), "2.bias": np.ones(1)}
    >>> from_pytorch(state, loss="squared_error").predict([[1.0, 2.0]], backend="numpy")
    array([10.])
    """
    if hasattr(state, "state_dict"):
        if not hasattr(state, "__iter__"):
            raise TypeError(f"state must be a state dict or a Sequential, got {type(state).__name__}")
        activations = _activations(state) if activations is None else activations
        state = state.state_dict()
    if not isinstance(state, Mapping):
        raise TypeError(f"state must be a state dict or a Sequential, got {type(state).__name__}")
    numbers: dict[int, Arrays] = {}
    prefixes = set()
    for key, tensor in state.items():
        found = _KEY.match(str(key))
        if found is None:
            raise ValueError(f'state: {key!r} is no weight or bias of a numbered layer, such as "0.weight"')
        prefixes.add(found[1])
        numbers.setdefault(int(found[2]), {})[found[3]] = _array(str(key), tensor)
    if len(prefixes) != 1:
        raise ValueError(f"state must hold the layers of one Sequential, got {len(prefixes)}")
    network = _network([numbers[number] for number in sorted(numbers)], activations or "relu")
    return Model(network, loss, **fields)


def _array(name: str, tensor: Any) -> npt.NDArray[Any]:
    """Return an array, or a tensor of PyTorch wherever it lies, as an array of real numbers."""
    if hasattr(tensor, "detach"):
        tensor = tensor.detach().cpu()
        if tensor.is_floating_point() and tensor.itemsize < 4:
            tensor = tensor.float()  # NumPy has no bfloat16
    array = np.asarray(tensor)
    if array.dtype.name == "bfloat16":  # of the package ml_dtypes
        array = array.astype(np.float32)
    if array.dtype.kind not in "fiu":
        raise TypeError(f"state: {name} must be real numbers, got {array.dtype}")
    return array


def _network(layers: list[Arrays], activations: str | Sequence[str]) -> Network:
    shapes = [layer["weight"].shape if "weight" in layer else () for layer in layers]
    chained = all(len(shape) == 2 for shape in shapes) and all(
        before[0] == after[1] for before, after in pairwise(shapes)
    )
    if not chained:
        raise ValueError(f"state must hold linear layers one after the other, got weights of shapes {shapes}")
    bias = all("bias" in layer for layer in layers)
    if not bias and any("bias" in layer for layer in layers):
        raise ValueError("state must hold a bias for every layer or for none, got some")
    dtype = np.float64 if any(layer["weight"].dtype == np.float64 for layer in layers) else np.float32
    sizes = [shapes[0][1], *(shape[0] for shape in shapes)]
    network = Network(sizes, activations, bias=bias, dtype=dtype)
    for W, b, layer in zip(network.weights, network.biases, layers, strict=True):
        if bias and layer["bias"].shape != b.shape:
            raise ValueError(f"state: bias of shape {layer['bias'].shape}, expected {b.shape}")
        W[...] = layer["weight"].T
        b[...] = layer["bias"] if bias else 0
    if not np.isfinite(network.parameters).all():
        raise ValueError("state must hold finite numbers, got NaN or infinity")
    return network


def _activations(modules: Any) -> list[str]:
    """Return the activations of a Sequential; modules that do nothing in prediction are passed over."""
    names = [name for name in (type(one).__name__ for one in modules) if name not in ("Flatten", "Dropout")]
    linear, between = names[::2], names[1::2]
    if len(names) % 2 == 0 or set(linear) != {"Linear"} or not set(between) <= MODULES.keys():
        raise ValueError(f"state must be linear layers with one known activation between, got {', '.join(names)}")
    for one in modules:
        name, value = SETTINGS.get(type(one).__name__, ("", None))
        if name and getattr(one, name) != value:
            raise ValueError(f"state: {type(one).__name__} must have {name}={value!r}, got {getattr(one, name)!r}")
    return [MODULES[name] for name in between]


def to_pytorch(model: Model) -> Arrays:
    """Return the state dict of a `torch.nn.Sequential(Linear, activation, ..., Linear)` with the same outputs.

    Scaling and preprocessing of inputs are worked into the first layer, which therefore takes inputs as the data
    held them, converted to floats.

    Examples
    --------
    >>> state = to_pytorch(Model(Network([4, 3, 2], seed=0)))
    >>> {name: array.shape for name, array in state.items()}
    {'0.weight': (3, 4), '0.bias': (3,), '2.weight': (2, 3), '2.bias': (2,)}
    """
    state: Arrays = {}
    for i, (W, b) in enumerate(folded_layers(model)):
        state[f"{2 * i}.weight"], state[f"{2 * i}.bias"] = np.ascontiguousarray(W.T), b
    return state


def save_pytorch(path: str | os.PathLike[str], model: Model) -> None:
    """Write the state dict of `to_pytorch` to a safetensors file, which `safetensors.torch.load_file` reads."""
    check_ending(path, "a state dict")
    content = to_safetensors(
        to_pytorch(model), {"activations": ",".join(model.network.activations), "loss": model.loss}
    )
    with replacing(path) as file:
        file.write(content)


def load_pytorch(
    path: str | os.PathLike[str], activations: str | Sequence[str] | None = None, loss: str | None = None
) -> Model:
    """Read a state dict from a safetensors file; arguments as in `from_pytorch`, or as `save_pytorch` noted them.

    Half precision and bfloat16 become float32.

    Raises
    ------
    ValueError
        If the file is damaged or holds something else; FileNotFoundError if there is none.
    """
    content = content_of(path, "a state dict in safetensors")
    state, metadata = guarded(f"{path}: not a readable safetensors file", read_safetensors, content)
    noted = [name for name in metadata.get("activations", "").split(",") if name]
    chosen = activations if activations is not None else noted or None
    model: Model = guarded(
        f"{path}: no state dict of linear layers", from_pytorch, state, chosen,
        loss or metadata.get("loss", "cross_entropy"),
    )  # fmt: skip
    return model
