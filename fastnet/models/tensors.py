"""The tensors of a safetensors file, half precision and bfloat16 too, which become float32."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import deserialize

from fastnet.validation.contents import HEAD_BYTES, foreign_kind

Tensors = dict[str, npt.NDArray[Any]]

_DTYPES = {
    "F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2", "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "<i1",
    "U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "<u1", "BOOL": "?",
}  # fmt: skip
"""NumPy's names for those of safetensors; of bfloat16, which NumPy does not have, the bits."""


def read_tensors(content: bytes) -> Tensors:
    """Return the tensors of a safetensors file; an error of any kind for a damaged one."""
    _check_length(content)
    tensors = {}
    for name, view in deserialize(content):  # type: ignore[no-untyped-call]  # which checks the header
        if view["dtype"] not in _DTYPES:
            raise ValueError(f"{name} is of type {view['dtype']}, expected {', '.join(_DTYPES)}")
        raw = np.frombuffer(view["data"], _DTYPES[view["dtype"]]).reshape(view["shape"])
        tensors[name] = as_floats(raw, view["dtype"])
    return tensors


def as_floats(raw: npt.NDArray[Any], dtype: str) -> npt.NDArray[Any]:
    """Return numbers of 16 bits as float32, and all others as they are, in the machine's order of bytes."""
    if dtype == "BF16":  # the upper half of a float32
        return (raw.astype(np.uint32) << 16).view(np.float32)
    if dtype == "F16":
        return raw.astype(np.float32)
    return raw.astype(raw.dtype.newbyteorder("="), copy=False)


def _check_length(content: bytes) -> None:
    """Tell a file that was cut from one that is something else."""
    kind = foreign_kind(content[:HEAD_BYTES])
    if kind is not None:
        raise ValueError(f"it is {kind}")
    length = int.from_bytes(content[:8], "little")
    header, found = content[8 : 8 + length], len(content) - 8 - length
    if content[8:9] != b"{":
        raise ValueError("it does not begin as one")
    if found < 0:
        raise ValueError(
            f"it is truncated: a header of {length:,} bytes, of which {max(len(content) - 8, 0):,} are there"
        )
    ends = [view["data_offsets"][1] for name, view in json.loads(header).items() if name != "__metadata__"]
    expected = max(ends, default=0)
    if isinstance(expected, int) and math.isfinite(expected) and expected > found:
        raise ValueError(f"it is truncated: {found:,} bytes of tensors, expected {expected:,}")
