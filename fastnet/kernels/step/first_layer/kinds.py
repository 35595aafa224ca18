"""Which kind a first layer is of: the one place that knows all of them."""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

from fastnet.kernels.step.first_layer import dense, few_outputs, few_outputs_stages, scaled, sparse, sparse_stages
from fastnet.kernels.step.first_layer.interface import FirstLayer, Given, Kind
from fastnet.validation import training as training_checks

DENSE, FEW_OUTPUTS, SPARSE, SCALED = "dense", "few outputs", "sparse", "scaled"

KINDS: dict[str, Kind] = {
    DENSE: dense.KIND, FEW_OUTPUTS: few_outputs_stages.KIND, SPARSE: sparse_stages.KIND, SCALED: scaled.KIND,
}  # fmt: skip
"""By their names, which say the same in another process."""

OF_INFERENCE = KINDS[DENSE]


def choose(given: Given) -> str:
    """Name the kind of a first layer in training: samples that are described have been found to be sparse."""
    if given.described is not None:
        return SPARSE
    if given.grouped:
        return SCALED if given.scaled else DENSE
    return FEW_OUTPUTS if few_outputs.suits(given) else DENSE


def empty(dtype: Any) -> FirstLayer:
    """Return what stands in a state for a first layer that reads and writes what all layers do."""
    return FirstLayer(0, 0, few_outputs.empty(dtype), sparse.empty(dtype), scaled.empty(dtype))


def pays_to_describe(x: npt.NDArray[Any], n_out: int, dtype: Any) -> bool:
    """Tell whether a first layer of `n_out` outputs takes less time if samples are described first."""
    return sparse.pays(x, n_out, dtype)


def describe(x: Any, n_out: int, scale: float, dtype: Any, n_threads: int | None) -> Any:
    """Describe samples, a CSR matrix or an array, in another form than row by row."""
    make = sparse.from_csr if training_checks.is_csr(x) else sparse.from_array
    return make(x, n_out, scale, dtype, n_threads)


def describe_none(n_in: int, dtype: Any) -> Any:
    """Describe no samples of so many inputs: kernels for descriptions are chosen with that, to be compiled ahead."""
    return sparse.no_samples(n_in, dtype)
