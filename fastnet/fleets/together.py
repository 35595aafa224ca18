"""Members that see the same batches, trained together: each batch by all of them, while its rows are in the caches.

Every member trains as it would alone, in a Python thread of its own, of which one runs at a time; but it waits with the
compiled steps of a chunk until the others have come to theirs. The last to ask takes them for all. Where orders differ
after all, each member's steps are taken by themselves.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from fastnet.reference.training import Totals
from fastnet.training.samples import Order, PreparedData
from fastnet.training.trainer import Trainer

if TYPE_CHECKING:
    from fastnet.kernels.step.driver.epochs import Epochs
    from fastnet.kernels.step.driver.together import Steps

MOST_BYTES = 512 * 1024
"""Parameters and optimizer state of a member, at most: larger ones would have to come back from a slower cache for
each batch, which takes longer than the batch's rows."""

MOST_MEMBERS = 16
"""Members of a group: the more there are, the less there is still to be gained from one more."""


def groups_of(trainers: Sequence[Trainer], data: Sequence[PreparedData], n_threads: int) -> list[list[int]]:
    """Put members with the same samples, order and batches into groups, of which there are enough for all threads.

    Examples
    --------
    >>> from fastnet.network import Network
    >>> trainers = [Trainer(Network([2, 2], seed=i), seed=0) for i in range(5)]
    >>> data = trainers[0].prepare([[0.0, 1.0], [1.0, 0.0]], [0, 1])
    >>> groups_of(trainers, [data] * 5, 2)
    [[0, 1, 2], [3, 4]]
    """
    alike: dict[Any, list[int]] = {}
    for i, (trainer, prepared) in enumerate(zip(trainers, data, strict=True)):
        alike.setdefault(_kind(trainer, prepared) or i, []).append(i)
    found = []
    for members in alike.values():
        size = min(MOST_MEMBERS, -(-len(members) // n_threads))
        found += [members[start : start + size] for start in range(0, len(members), size)]
    return found


def _kind(trainer: Trainer, data: PreparedData) -> Any:
    """Return what members of a group have in common; None for one that is better alone."""
    settings, state = trainer.settings, trainer.state
    n_bytes = state.parameters.nbytes * (1 + len(state.vectors))
    if settings.backend != "numba" or settings.seed is None or n_bytes > MOST_BYTES:
        return None
    rows = None if data.rows is None else data.rows.tobytes()
    sizes = trainer.network.sizes, trainer.network.dtype
    return sizes, id(data.samples.X), rows, settings.seed, settings.sampling, settings.batch_size


class Together:
    """The steps of a group's members, chunk by chunk.

    Parameters
    ----------
    members : sequence of int
        Who takes part, each in a thread of its own.
    """

    def __init__(self, members: Sequence[int]) -> None:
        self._members, self._changed = set(members), threading.Condition()
        self._asked: dict[int, Steps] = {}
        self._results: dict[int, Totals | BaseException] = {}

    @contextmanager
    def taking_part(self, member: int, trainer: Trainer) -> Iterator[None]:
        """Let a member train: its steps go with those of the others, who compute only while it waits for them."""
        with self._changed:
            trainer.join = partial(self._join, member)
            try:
                yield
            finally:
                trainer.join = None
                self._members.discard(member)
                self._take_if_complete()

    def _join(self, member: int, steps: Epochs) -> Callable[..., Totals]:
        """Return what takes a member's steps with those of the others."""
        from fastnet.kernels.step.driver.together import Steps

        def take(order: Order, step: int = 0, lr: Any = None) -> Totals:
            if not order.size:  # kernels are compiled or loaded by the first steps
                return Totals(0.0, 0, 0.0)
            return self._take(member, Steps(steps, order, step, lr))

        return take

    def _take(self, member: int, steps: Steps) -> Totals:
        with self._changed:
            self._asked[member] = steps
            self._take_if_complete()
            while member not in self._results:
                self._changed.wait()
            result = self._results.pop(member)
        if isinstance(result, BaseException):
            raise result
        return result

    def _take_if_complete(self) -> None:
        """Take the steps of all who have asked, once nobody else is to be waited for."""
        if self._asked and self._members <= self._asked.keys():
            asked, self._asked = self._asked, {}
            try:
                self._results.update(zip(asked, _take_all(list(asked.values())), strict=True))
            except BaseException as error:  # is raised in the threads of those who have asked
                self._results.update(dict.fromkeys(asked, error))
            self._changed.notify_all()


def _take_all(asked: Sequence[Steps]) -> list[Totals]:
    """Take steps, together where their order is one."""
    from fastnet.kernels.step.driver.together import take_together

    first = asked[0].order
    if all(len(steps.order) == len(first) and (steps.order == first).all() for steps in asked[1:]):
        return take_together(asked)
    return [steps.epochs(*steps[1:]) for steps in asked]
