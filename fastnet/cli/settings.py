"""What the options of `fastnet train` mean, and which of them fit together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fastnet.optimizers import Optimizer


def hidden_sizes(text: str) -> list[int]:
    """Read the sizes of hidden layers: "128", "256,64" or "none"."""
    if text == "none":
        return []
    sizes = [part.strip() for part in text.split(",")]
    if not all(size.isascii() and size.isdigit() and 0 < int(size) < 1 << 31 for size in sizes):
        raise ValueError(f'--hidden must be sizes such as 128 or 256,64, or "none", got {text!r}')
    return [int(size) for size in sizes]


def samples_per_step(text: str) -> int | None:
    """Read a batch size; None stands for all samples."""
    if text == "full":
        return None
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise ValueError(f'--batch-size must be an integer of at least 1 or "full", got {text!r}')
    return int(text)


def make_optimizer(name: str, lr: float | None, momentum: float | None, weight_decay: float | None) -> Optimizer:
    """Return the settings of an optimizer; the library knows the defaults of what is None."""
    from fastnet.optimizers import SGD, Adam, AdamW

    if momentum is not None and name not in ("momentum", "nesterov"):
        raise ValueError(f"--momentum needs --optimizer momentum or nesterov, got {name}")
    if weight_decay is not None and name != "adamw":
        raise ValueError(f"--weight-decay needs --optimizer adamw, got {name}")
    given: dict[str, Any] = {"lr": lr, "momentum": momentum, "weight_decay": weight_decay}
    given = {option: value for option, value in given.items() if value is not None}
    if name == "adam":
        return Adam(**given)
    if name == "adamw":
        return AdamW(**given)
    if name == "sgd":
        return SGD(**given)
    return SGD(**{"momentum": 0.9, **given}, nesterov=name == "nesterov")


def check_clipping(clip_norm: float | None, clip_value: float | None) -> None:
    """Refuse limits that the library would, before any data is read."""
    from fastnet.validation.training import clipping

    clipping(clip_norm, clip_value)


def check_threads(backend: str, threads: int | None) -> None:
    """Refuse a number of threads that nobody would look at."""
    if threads is not None and backend != "numba":
        raise ValueError(f"--threads needs --backend numba, got {backend}")


def threads_used(backend: str, threads: int | None) -> str:
    """Say how many threads compute."""
    from fastnet.machine.cores import available_cores

    if backend != "numba":
        return "threads as NumPy's BLAS likes"
    count = available_cores() if threads is None else threads
    return f"{'up to ' if threads is None and count > 1 else ''}{count} thread{'s' if count > 1 else ''}"
