"""Training: the trainer, its loop and what goes with it.

The modules that users name load on first use: `fastnet.training.schedules` needs no import of its own.
"""

from importlib import import_module as _import_module
from typing import Any

_MODULES = (
    "callbacks", "checkpoints", "history", "lr_finder", "samples", "schedules", "settings", "state", "stopping",
    "trainer",
)  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module 'fastnet.training' has no attribute {name!r}")
    return _import_module(f"fastnet.training.{name}")


def __dir__() -> list[str]:
    return list(_MODULES)
