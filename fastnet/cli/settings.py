"""Threads, as commands are asked for them and tell of them."""

from __future__ import annotations


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
