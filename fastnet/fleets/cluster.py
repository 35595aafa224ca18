"""A Dask cluster as a place to train: data sent once, versions compared, and an eye on its workers."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import fastnet

PATIENCE = 15.0
"""Seconds without any worker, after which none is waited for any more: a nanny has started another one by then."""

LOOK_SECONDS = 1.0
"""Between two looks at the workers."""


def is_dask(executor: Any) -> bool:
    """Tell whether an executor is a client of Dask."""
    return callable(getattr(executor, "scatter", None)) and callable(getattr(executor, "nthreads", None))


class Cluster:
    """The workers of a Dask client.

    Parameters
    ----------
    client : dask.distributed.Client
        A client that is not asynchronous.

    Raises
    ------
    TypeError
        For an asynchronous client.
    RuntimeError
        If it is closed or has no worker, or workers have another version of fastnet, or none.
    """

    def __init__(self, client: Any) -> None:
        if client.asynchronous:
            raise TypeError("executor must be a client that is not asynchronous")
        if client.status != "running":
            raise RuntimeError(f"executor must be connected to a scheduler, got a client that is {client.status}")
        self._client = client
        self._looked = self._seen = time.monotonic()
        try:
            client.wait_for_workers(1, timeout=PATIENCE)
        except TimeoutError:
            raise RuntimeError(f"executor has had no worker for {PATIENCE:g} s") from None
        self._compare_versions()

    def share(self, data: Any) -> Any:
        """Send the data to each worker, and return what stands for them."""
        try:
            return self._client.scatter([data], broadcast=True, hash=False)[0]
        except OSError as error:  # a worker that goes meanwhile, or time that is up
            raise RuntimeError(f"data could not be sent to all workers: {error}") from error

    def submit(self, task: Callable[..., Any], *arguments: Any) -> Any:
        """Return the future of a task, which is never one of before."""
        return self._client.submit(task, *arguments, pure=False)

    def cancel(self, futures: Sequence[Any]) -> None:
        """Give up what has not begun, and let go of results."""
        if self._client.status == "running":
            self._client.cancel(list(futures))

    def why_lost(self) -> str | None:
        """Tell why nothing more can be expected, if that is so; look from time to time only."""
        now = time.monotonic()
        if now - self._looked < LOOK_SECONDS:
            return None
        self._looked = now
        if self._client.status == "running" and self._client.nthreads():
            self._seen = now
        if now - self._seen < PATIENCE:
            return None
        what = "worker" if self._client.status == "running" else "scheduler"
        return f"the cluster has had no {what} for {PATIENCE:g} s"

    def _compare_versions(self) -> None:
        found = self._client.run(version_here, on_error="return")
        others = {worker: one for worker, one in found.items() if one != fastnet.__version__}
        if others:
            named = ", ".join(f"{worker} has {_version(one)}" for worker, one in others.items())
            raise RuntimeError(f"workers must have fastnet {fastnet.__version__}, as it is here: {named}")


def version_here() -> str:
    """Return the version of fastnet where it is called."""
    return fastnet.__version__


def _version(found: Any) -> str:
    return str(found) if isinstance(found, str) else f"none ({type(found).__name__}: {found})"
