"""Work done elsewhere: on the workers of a Dask cluster, or by any executor of `concurrent.futures`.

Each member of a fleet or an ensemble is a task. What comes back is a result or an error of the work itself: whatever
else goes wrong is a member lost. Nothing waits for ever.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import fastnet
from fastnet.fleets.cluster import Cluster, is_dask

LOOK_SECONDS = 0.02
"""Between two looks at what is done."""

RESULT_SECONDS = 60.0
"""For a result that is done to come here; if it does not, its worker may have gone, and Dask makes it again."""


class Outcome(NamedTuple):
    """What came of a task: a result, or the error that the work itself ended in."""

    result: Any = None
    error: BaseException | None = None


class Local:
    """An executor that has the data by itself, or is handed them with each task."""

    def __init__(self, executor: Any) -> None:
        self._executor = executor

    def share(self, data: Any) -> Any:
        """Return the data as tasks take them."""
        return data

    def submit(self, task: Callable[..., Any], *arguments: Any) -> Any:
        """Return the future of a task."""
        return self._executor.submit(task, *arguments)

    def cancel(self, futures: Sequence[Any]) -> None:
        """Give up what has not begun."""
        for future in futures:
            future.cancel()

    def why_lost(self) -> str | None:
        """Tell why nothing more can be expected: pools put that into their futures."""
        return None


def on_executor(
    executor: Any, work: Callable[[Any, Any], Any], members: Sequence[Any], data: Any, names: Sequence[str]
) -> list[Any]:
    """Return `work(data, member)` of each member, in order, done by an executor.

    Parameters
    ----------
    executor : dask.distributed.Client or concurrent.futures.Executor
        A client sends the data to each worker once, and does the tasks of a lost worker again on others. Pools of
        processes are handed the data with each task, pools of threads refer to it.
    work : callable
        A function of a module; it must not change what it is given, for it may be called again.
    members : sequence
        What the tasks differ in.
    data : object
        What they have in common.
    names : sequence of str
        What errors call the members.

    Raises
    ------
    TypeError
        If the executor is none.
    RuntimeError
        If members were lost, or workers have another version of fastnet.
    Exception
        The first error of the work; the others are given up then, but those that have begun go on by themselves.
    """
    require_executor(executor)
    site = Cluster(executor) if is_dask(executor) else Local(executor)
    shared = site.share(data)
    futures: list[Any] = []
    try:
        for member in members:
            futures.append(site.submit(do, fastnet.__version__, work, shared, member))
        return _gathered(site, futures, names)
    finally:
        site.cancel(futures)


def require_executor(executor: Any) -> None:
    """Reject what takes no tasks."""
    if not callable(getattr(executor, "submit", None)):
        raise TypeError(
            "executor must be a dask.distributed.Client or an executor of concurrent.futures, got "
            f"{type(executor).__name__}"
        )


def do(version: str, work: Callable[[Any, Any], Any], data: Any, member: Any) -> Outcome:
    """Do the work of a task where it was sent to."""
    try:
        if version != fastnet.__version__:
            raise RuntimeError(f"fastnet {fastnet.__version__} is there, but {version} here: versions must be the same")
        return Outcome(work(data, member))
    except Exception as error:
        return Outcome(error=error)


def _gathered(site: Any, futures: list[Any], names: Sequence[str]) -> list[Any]:
    found: dict[int, Any] = {}
    while len(found) < len(futures):
        came = [i for i, future in enumerate(futures) if i not in found and future.done()]
        for i in came:
            try:
                outcome = futures[i].result(timeout=RESULT_SECONDS)
            except TimeoutError:
                continue
            except BaseException as error:
                if isinstance(error, KeyboardInterrupt):
                    raise
                lost = [names[j] for j in range(len(futures)) if j not in found and (j == i or _has_failed(futures[j]))]
                raise _lost(lost, f"{type(error).__name__}: {error}".rstrip(": ")) from error
            if outcome.error is not None:
                raise outcome.error
            found[i] = outcome.result
        if not came:
            reason = site.why_lost()
            if reason is not None:
                raise _lost([name for i, name in enumerate(names) if i not in found], reason)
            time.sleep(LOOK_SECONDS)
    return [found[i] for i in range(len(futures))]


def _has_failed(future: Any) -> bool:
    """Tell whether a future ended in an error, of concurrent.futures or of Dask."""
    if not future.done():
        return False
    try:
        return future.cancelled() or future.exception() is not None
    except BaseException:
        return True


def _lost(names: Sequence[str], reason: str) -> RuntimeError:
    return RuntimeError(f"lost where they were trained: {', '.join(names)}: {reason}")
