"""Objects in a line: arrays by dtype and shape, long lists by their ends, and no addresses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import numpy as np

LONGEST = 6
"""Items of a list or a dict that are shown; of longer ones, the first and the last."""


def short_repr(self: Any) -> str:
    """Return the repr of a dataclass or a named tuple whose fields may be large; None by default is left out.

    Examples
    --------
    >>> from typing import NamedTuple
    >>> class Samples(NamedTuple):
    ...     X: np.ndarray
    ...     y: np.ndarray | None = None
    ...     def __repr__(self):
    ...         return short_repr(self)
    >>> Samples(np.zeros((1797, 64), np.uint8))
    Samples(X=uint8 (1797, 64))
    """
    if isinstance(self, tuple):
        named: Any = self
        names, defaults = named._fields, named._field_defaults
    else:
        shown_fields = [one for one in fields(self) if one.repr]
        names, defaults = [one.name for one in shown_fields], {one.name: one.default for one in shown_fields}
    values = {name: getattr(self, name) for name in names}
    absent = [name for name, value in values.items() if value is None and defaults.get(name, ...) is None]
    shown = ", ".join(f"{name}={_shown(value)}" for name, value in values.items() if name not in absent)
    return f"{type(self).__name__}({shown})"


def _shown(value: Any) -> str:
    if isinstance(value, np.ndarray) or hasattr(value, "nnz"):
        return f"{value.dtype} {value.shape}"
    if isinstance(value, np.random.Generator):
        return type(value).__name__
    if callable(value) and hasattr(value, "__qualname__"):
        return str(value.__qualname__)
    if isinstance(value, Mapping):
        pairs = [f"{key!r}: {_shown(one)}" for key, one in value.items()]
        return "{" + _joined(pairs) + "}"
    if type(value) is list or type(value) is tuple:
        items = _joined([_shown(one) for one in value])
        return f"[{items}]" if type(value) is list else f"({items}{',' if len(value) == 1 else ''})"
    return repr(value)


def _joined(texts: list[str]) -> str:
    if len(texts) <= LONGEST:
        return ", ".join(texts)
    return f"{texts[0]}, ..., {texts[-1]}: {len(texts):,} in all"
