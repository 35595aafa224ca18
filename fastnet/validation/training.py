"""Argument checks of numbers, optimizer steps, training and inference, shared by the reference and the kernels."""

import math
import numbers
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from fastnet.validation import operations as checks
from fastnet.validation.activations import ACTIVATIONS
from fastnet.validation.levels import quantile_levels
from fastnet.validation.operations import FloatArray, IntArray

LABELLED = ("cross_entropy", "softmax_squared_error")
"""Losses of class labels; the others have targets."""
LOSSES = (*LABELLED, "binary_cross_entropy", "squared_error", "poisson", "huber", "absolute_error")
QUANTILE = "quantile"  # a loss that is none without a setting, the levels of outputs
LOSS_SETTINGS = {"cross_entropy": ("label_smoothing", 0.0), "huber": ("delta", 1.0)}
HYPERPARAMETERS = {
    "sgd": ("lr",),
    "momentum": ("lr", "momentum", "nesterov"),
    "adam": ("lr", "beta1", "beta2", "eps"),
    "adamw": ("lr", "beta1", "beta2", "eps", "weight_decay"),
}
BACKENDS = {"numba": "fastnet.kernels", "numpy": "fastnet.reference"}
N_STATE = {"sgd": 0, "momentum": 1, "adam": 2, "adamw": 2}


def hyperparameters(**values: Any) -> None:
    """Check hyperparameters: finite, not negative, and below one for Adam's decay rates."""
    for name, value in values.items():
        if name == "nesterov":
            if not isinstance(value, bool | np.bool):
                raise TypeError(f"nesterov must be True or False, got {type(value).__name__}")
            continue
        real(name, value)
        limit = 1.0 if name in ("beta1", "beta2") else math.inf
        if not 0 <= value < limit:
            raise ValueError(f"{name} must lie in [0, {limit}), got {value}")


def vectors(writes: Sequence[str], **arrays: FloatArray) -> None:
    """Check 1-D arrays of one length and dtype that share no memory; those in `writes` are written to."""
    checks.one_dtype(**arrays)
    names = list(arrays)
    for i, name in enumerate(names):
        checks.shape(name, arrays[name], ("n_parameters",) if i == 0 else arrays[names[0]].shape)
        checks.disjoint(name, arrays[name], [arrays[other] for other in names[:i]])
        if name in writes:
            checks.writable(name, arrays[name])


def instance(name: str, value: object, kind: type | tuple[type, ...], expected: str) -> None:
    """Check the type of an object."""
    if not isinstance(value, kind):
        raise TypeError(f"{name} must be {expected}, got {type(value).__name__}")


def whole(name: str, value: int, least: int) -> None:
    """Check an integer that has a least value."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise TypeError(f"{name} must be an integer, got {type(value).__name__}")
    if value < least:
        raise ValueError(f"{name} must be at least {least}, got {value}")


def threads(n_threads: int | None) -> None:
    """Check a count of threads: None, or at least one."""
    if n_threads is not None:
        whole("n_threads", n_threads, 1)


def choice(name: str, value: object, choices: Sequence[str]) -> None:
    """Check a name against the choices there are."""
    if value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(choices)}, got {value!r}")


def layer_sizes(sizes: Sequence[int]) -> None:
    """Check the layer sizes of a network."""
    if not isinstance(sizes, Sequence):
        raise TypeError(f"sizes must be a sequence of integers, got {type(sizes).__name__}")
    if len(sizes) < 2:
        raise ValueError(f"sizes must hold at least two sizes (in, ..., out), got {tuple(sizes)}")
    for i, size in enumerate(sizes):
        whole(f"sizes[{i}]", size, 1)


def real(name: str, value: Any) -> None:
    """Check a finite number."""
    if not isinstance(value, numbers.Real):
        raise TypeError(f"{name} must be a number, got {type(value).__name__}")
    if not math.isfinite(value):
        raise ValueError(f"{name} must be finite, got {value}")


def positive(name: str, value: Any) -> None:
    """Check a finite number above 0."""
    real(name, value)
    if not value > 0:
        raise ValueError(f"{name} must be positive, got {value}")


def fraction(name: str, value: Any) -> None:
    """Check a number in [0, 1)."""
    real(name, value)
    if not 0 <= value < 1:
        raise ValueError(f"{name} must lie in [0, 1), got {value}")


def word(name: str, value: int, bits: int) -> None:
    """Check an integer in [0, 2**bits)."""
    whole(name, value, 0)
    if value >= 2**bits:
        raise ValueError(f"{name} must lie in [0, 2**{bits}), got {value}")


def dropout(rate: float, key: int) -> None:
    """Check the settings of dropout."""
    fraction("rate", rate)
    word("key", key, 32)


def clipping(clip_norm: float | None, clip_value: float | None) -> None:
    """Check the limits of a gradient: finite and positive, or None."""
    for name, limit in (("clip_norm", clip_norm), ("clip_value", clip_value)):
        if limit is not None:
            positive(name, limit)


def names(name: str, values: Sequence[str], length: int, choices: Sequence[str]) -> None:
    """Check a sequence of `length` names, each one of the choices."""
    if isinstance(values, str) or not isinstance(values, Sequence):
        raise TypeError(f"{name} must be a sequence of names, got {type(values).__name__}")
    if len(values) != length:
        raise ValueError(f"{name} must hold {length} names, one for each hidden layer, got {len(values)}")
    for i, value in enumerate(values):
        choice(f"{name}[{i}]", value, choices)


def optimizer_name(optimizer: Sequence[Any]) -> str:
    """Check an optimizer (name, *hyperparameters); return its name."""
    if isinstance(optimizer, str) or not isinstance(optimizer, Sequence):
        raise TypeError(f"optimizer must be a tuple (name, *hyperparameters), got {type(optimizer).__name__}")
    name, *values = optimizer or ("",)
    choice("optimizer", name, tuple(HYPERPARAMETERS))
    expected = HYPERPARAMETERS[name]
    if len(values) != len(expected):
        raise ValueError(f"optimizer must be ({name!r}, {', '.join(expected)}), got {len(values)} hyperparameters")
    hyperparameters(**dict(zip(expected, values, strict=True)))
    return str(name)


def loss_setting(loss: str | Sequence[Any]) -> tuple[str, Any]:
    """Check a loss, a name or (name, setting); return both, 0.0 for a loss that has no setting."""
    if isinstance(loss, str):
        choice("loss", loss, LOSSES)
        return loss, LOSS_SETTINGS.get(loss, ("", 0.0))[1]
    if not isinstance(loss, tuple):
        raise TypeError(f"loss must be a name or a tuple (name, setting), got {type(loss).__name__}")
    name, *values = loss or ("",)
    if name == QUANTILE and len(values) == 1:
        return QUANTILE, quantile_levels(values[0])
    choice("loss", name, LOSSES)
    if name not in LOSS_SETTINGS or len(values) != 1:
        wanted = f"({name!r}, {LOSS_SETTINGS[name][0]})" if name in LOSS_SETTINGS else f"{name!r} alone"
        raise ValueError(f"loss must be {wanted}, got {loss!r}")
    label = LOSS_SETTINGS[name][0]
    check = positive if name == "huber" else fraction
    check(label, values[0])
    return str(name), float(values[0])


def network(
    parameters: FloatArray,
    x: npt.NDArray[Any],
    sizes: Sequence[int],
    activations: Sequence[str],
    scale: float,
    csr: bool = False,
) -> None:
    """Check what inference and training have in common; `csr` tells whether x may be sparse."""
    layer_sizes(sizes)
    n_parameters = sum((int(n_in) + 1) * int(n_out) for n_in, n_out in pairwise(sizes))
    names("activations", activations, len(sizes) - 2, tuple(ACTIVATIONS))
    dtype = checks.one_dtype(parameters=parameters)
    checks.shape("parameters", parameters, (n_parameters,))
    is_array = type(x) is np.ndarray  # most often: then nothing is asked that takes a microsecond
    if not is_array and not (csr and is_csr(x)):
        checks.array("x", x, _kinds_of_inputs(dtype, csr))
    if x.dtype is not dtype and x.dtype != np.uint8 and x.dtype != dtype:
        raise TypeError(f"x must be {_kinds_of_inputs(dtype, csr)}, got {x.dtype}")
    checks.shape("x", x, ("n_samples", int(sizes[0])))
    if not is_array and is_csr(x):
        _indices("x", x)
    real("scale", scale)


def _kinds_of_inputs(dtype: Any, csr: bool) -> str:
    return f"a {dtype} or uint8 array" + " or CSR matrix" * csr


def is_csr(x: Any) -> bool:
    """Tell whether this is a CSR matrix of SciPy, which is not imported for those who have none."""
    return getattr(x, "format", None) == "csr" and hasattr(x, "indptr")


def _indices(name: str, x: Any) -> None:
    """Check that the places of a CSR matrix's entries can be relied on."""
    try:
        x.check_format(full_check=True)
    except ValueError as error:
        raise ValueError(f"{name} must be a valid CSR matrix, got one whose {error}") from error
    if not x.has_canonical_format:
        raise ValueError(f"{name} must have sorted indices without duplicates, got others (see x.sum_duplicates)")


def biases(parameters: FloatArray, sizes: Sequence[int], bias: bool) -> None:
    """Check that a network without biases has none but zeros in their places."""
    instance("bias", bias, (bool, np.bool), "True or False")
    start = 0
    for n_in, n_out in pairwise(int(size) for size in sizes):
        start += n_in * n_out
        if not bias and parameters[start : start + n_out].any():
            raise ValueError("parameters must hold biases of 0 if bias is False, got others")
        start += n_out


def supervision(
    parameters: FloatArray, x: npt.NDArray[Any], y: npt.NDArray[Any], n_outputs: int, loss: str | Sequence[Any]
) -> None:
    """Check a loss, and what the network is to answer."""
    name, setting = loss_setting(loss)
    if name == QUANTILE:
        quantile_levels(setting, n_outputs)
    if name in LABELLED:
        checks.integers("y", y, x.shape[0], n_outputs, "n_classes")
    else:
        checks.one_dtype(parameters=parameters, y=y)
        checks.shape("y", y, (x.shape[0], n_outputs))


def training(
    parameters: FloatArray,
    state: tuple[FloatArray, ...],
    x: npt.NDArray[Any],
    y: npt.NDArray[Any],
    n_outputs: int,
    loss: str | Sequence[Any],
    optimizer: Sequence[Any],
) -> None:
    """Check what only training needs, but for the order of samples."""
    name = optimizer_name(optimizer)
    if not isinstance(state, tuple) or len(state) != N_STATE[name]:
        got = f"{len(state)}" if isinstance(state, tuple) else type(state).__name__
        raise ValueError(f"state must be a tuple of {N_STATE[name]} vectors for {name}, got {got}")
    updated = {f"state[{i}]": vector for i, vector in enumerate(state)}
    vectors(("parameters", *updated), parameters=parameters, **updated)
    supervision(parameters, x, y, n_outputs, loss)
    inputs: npt.NDArray[Any] = np.asarray(x.data) if is_csr(x) else x
    for label, vector in {"parameters": parameters, **updated}.items():
        checks.disjoint(label, vector, (inputs, y))


def samples_order(order: IntArray, n_samples: int, parameters: FloatArray, state: tuple[FloatArray, ...]) -> None:
    """Check the order in which samples are used."""
    checks.integers("order", order, "n_chosen", n_samples, "n_samples")
    checks.disjoint("parameters", parameters, (order,))
    for i, vector in enumerate(state):
        checks.disjoint(f"state[{i}]", vector, (order,))


def penalties(n_samples: int, sample_weight: FloatArray | None, l2: float) -> None:
    """Check the weights of samples, and the penalty on those of layers."""
    hyperparameters(l2=l2)
    if sample_weight is None:
        return
    checks.array("sample_weight", sample_weight, "a float64 array")
    if sample_weight.dtype != np.float64:
        raise TypeError(f"sample_weight must be a float64 array, got {sample_weight.dtype}")
    checks.shape("sample_weight", sample_weight, (n_samples,))
    if sample_weight.size and not (sample_weight.min() >= 0 and sample_weight.max() < math.inf):
        got = f"{sample_weight.min()} to {sample_weight.max()}"
        raise ValueError(f"sample_weight must be finite and not negative, got values from {got}")


def dropout_rates(dropout: Sequence[float] | None, seed: int, n_hidden: int) -> None:
    """Check the rate of dropout of each hidden layer, and the seed of its masks."""
    word("seed", seed, 64)
    if dropout is None:
        return
    if not isinstance(dropout, Sequence):
        raise TypeError(f"dropout must be a sequence of rates, got {type(dropout).__name__}")
    if len(dropout) != n_hidden:
        raise ValueError(f"dropout must hold {n_hidden} rates, one for each hidden layer, got {len(dropout)}")
    for i, rate in enumerate(dropout):
        fraction(f"dropout[{i}]", rate)
