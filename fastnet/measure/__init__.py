"""What this machine does, and what fastnet does on it: peaks, a step's parts, the benchmark suite, targets, the gate.

Importing this package loads nothing else; the other libraries are imported when they are asked to train. The modules
that users name load on first use: `fastnet.measure.cases` needs no import of its own.
"""

from importlib import import_module as _import_module
from typing import Any

_MODULES = ("cases", "profile", "roofline")


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module 'fastnet.measure' has no attribute {name!r}")
    return _import_module(f"fastnet.measure.{name}")


def __dir__() -> list[str]:
    return list(_MODULES)
