"""Progress of training: a bar on a terminal, a line an epoch elsewhere."""

from __future__ import annotations

import itertools
import math
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from types import TracebackType
from typing import Any, TextIO

from fastnet.cli.output import percent, rate
from fastnet.training.callbacks import Callback
from fastnet.training.history import Epoch
from fastnet.training.plan import Plan

COMPILING = "loading kernels (compiling them, once per machine, takes some seconds)"


def _metrics(epoch: Epoch, watched: str) -> str:
    if epoch.accuracy is None:  # numbers are predicted
        text = f"loss {epoch.loss:.4f}"
        text += f"  {watched} loss {epoch.validation.loss:.4f}" if epoch.validation is not None else ""
        return f"{text}  {rate(epoch.samples_per_second)}"
    text = f"loss {epoch.loss:.4f}  accuracy {percent(epoch.accuracy)}"
    if epoch.validation is not None:
        text += f"  {watched} accuracy {percent(epoch.validation.accuracy)}"
    return f"{text}  {rate(epoch.samples_per_second)}"


@contextmanager
def steps(count: int | None, what: str) -> Iterator[Callable[[str], object]]:
    """Show on standard error what runs: a line that changes on a terminal, lines elsewhere if they are few."""
    done = itertools.count(1)

    def line(name: str) -> str:
        return f"{what}  {name}" if count is None else f"{what} {next(done)}/{count}  {name}"

    if not sys.stderr.isatty():
        yield lambda name: print(line(name), file=sys.stderr, flush=True) if count is None else None
        return
    from rich.console import Console

    with Console(stderr=True, highlight=False).status(what) as status:
        yield lambda name: status.update(line(name))


class Lines(Callback, AbstractContextManager["Lines"]):
    """A line on standard error for each logging interval: a log is read later, and results are apart from it.

    Parameters
    ----------
    plan : Plan
        How long the run is, and whether it is counted in steps or in epochs.
    text : callable
        Given an epoch, what its line says; none is printed if that is empty.
    """

    def __init__(self, plan: Plan, text: Callable[[Epoch], str]) -> None:
        self._plan, self._text = plan, text

    def __exit__(self, *_: object) -> None:
        """Do nothing: every line is out."""

    def on_epoch_end(self, model: Any, epoch: Epoch) -> None:
        """Print an epoch's metrics."""
        text = self._text(epoch)
        if text:
            print(f"{_interval(self._plan, epoch)}  {text}", file=sys.stderr, flush=True)


class Bar(Callback, AbstractContextManager["Bar"]):
    """A bar over the samples of all epochs on standard error, with the metrics of the last epoch below.

    Parameters
    ----------
    plan : Plan
        How long the run is.
    text : callable
        Given an epoch, what is said of it.
    compiles : bool
        Whether kernels are compiled first.
    n_before : int, default 0
        Logging intervals of a run that is resumed.
    """

    def __init__(self, plan: Plan, text: Callable[[Epoch], str], compiles: bool, n_before: int = 0) -> None:
        from rich.console import Console, Group
        from rich.live import Live
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
        from rich.text import Text

        self._plan, self._say, self._n_before, self._done, self._number = plan, text, n_before, 0, 0
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            TaskProgressColumn(),
            TimeRemainingColumn(compact=True),
            expand=True,
        )
        self._task = self._progress.add_task(
            "", total=math.ceil(plan.n_rounds / plan.every) * plan.interval, start=False
        )
        self._text = Text(COMPILING if compiles else "")
        console = Console(stderr=True, highlight=False)
        self._live = Live(
            Group(self._progress, self._text), console=console, redirect_stdout=False, refresh_per_second=10
        )
        self._describe()

    def __enter__(self) -> Bar:
        """Show the bar."""
        self._live.start(refresh=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the bar as it is."""
        self._live.stop()

    def on_train_begin(self, model: Any) -> None:
        """Begin to count time: kernels are compiled."""
        self._text.plain = ""
        self._done = self._n_before * self._plan.interval
        self._progress.update(self._task, completed=self._done)
        self._progress.start_task(self._task)

    def on_chunk_end(self, model: Any, n_done: int, n_samples: int) -> None:
        """Move the bar."""
        self._progress.update(self._task, completed=self._done + n_done)

    def on_epoch_end(self, model: Any, epoch: Epoch) -> None:
        """Show an epoch's metrics."""
        self._done += self._plan.interval
        name = f"{_interval(self._plan, epoch)}  " if self._plan.every > 1 else ""
        self._text.plain = f"{name}{self._say(epoch)}"
        self._number = number_of(self._plan, epoch)[1]
        self._describe()

    def _describe(self) -> None:
        number = min(self._number + 1, self._plan.n_rounds)
        unit = "step" if self._plan.by_steps else "epoch"
        self._progress.update(self._task, description=f"{unit} {number}/{self._plan.n_rounds}")


def number_of(plan: Plan, epoch: Epoch) -> tuple[str, int]:
    """Return in what a run is counted, and how far it has come."""
    return ("step", epoch.step) if plan.by_steps else ("epoch", epoch.number)


def _interval(plan: Plan, epoch: Epoch) -> str:
    """Name the epochs, or steps, that metrics are of: "epoch 3/40" or, where they are means, "epochs 1-10/40"."""
    unit, last = number_of(plan, epoch)
    width, first = len(str(plan.n_rounds)), (last - 1) // plan.every * plan.every + 1
    if first == last:
        return f"{unit} {last:>{width}}/{plan.n_rounds}"
    return f"{unit}s {first:>{width}}-{last}/{plan.n_rounds}"


def _is_terminal(stream: TextIO) -> bool:
    dumb = os.environ.get("TERM", "").lower() in ("dumb", "unknown")
    return stream is not None and stream.isatty() and not dumb and not os.environ.get("CI")


def make_progress(plan: Plan, watched: str, compiles: bool, n_before: int) -> Bar | Lines:
    """Return a bar where standard error is a terminal, else lines."""

    def text(epoch: Epoch) -> str:
        return _metrics(epoch, watched)

    if _is_terminal(sys.stderr):
        return Bar(plan, text, compiles, n_before)
    return Lines(plan, text)
