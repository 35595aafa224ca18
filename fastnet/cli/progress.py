"""Progress of training: a bar on a terminal, a line an epoch elsewhere."""

from __future__ import annotations

import itertools
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from types import TracebackType
from typing import TextIO

from fastnet.cli.output import percent, rate
from fastnet.training.history import Epoch

COMPILING = "loading kernels (compiling them, once per machine, takes some seconds)"


def _figures(epoch: Epoch, watched: str) -> str:
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


class Lines(AbstractContextManager["Lines"]):
    """A line for each epoch, or for so many steps."""

    def __init__(self, unit: str, total: int, watched: str, stream: TextIO) -> None:
        self._unit, self._total, self._watched, self._stream = unit, total, watched, stream

    def __exit__(self, *_: object) -> None:
        """Do nothing: every line is out."""

    def compiled(self, n_done: int) -> None:
        """Do nothing: it is a figure of the end."""

    def chunk(self, done: int, n_samples: int) -> None:
        """Do nothing: a log is read later."""

    def epoch(self, epoch: Epoch) -> None:
        """Print an epoch's figures."""
        number = epoch.step if self._unit == "step" else epoch.number
        count = f"{number:>{len(str(self._total))}}/{self._total}"
        print(f"{self._unit} {count}  {_figures(epoch, self._watched)}", file=self._stream, flush=True)


class Bar(AbstractContextManager["Bar"]):
    """A bar over the samples of all epochs on standard error, with the figures of the last epoch below."""

    def __init__(self, n_epochs: int, n_samples: int, compiles: bool, unit: str, total: int, watched: str) -> None:
        from rich.console import Console, Group
        from rich.live import Live
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
        from rich.text import Text

        self._n_samples, self._done, self._unit, self._total, self._number = n_samples, 0, unit, total, 0
        self._watched = watched
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            TaskProgressColumn(),
            TimeRemainingColumn(compact=True),
            expand=True,
        )
        self._task = self._progress.add_task("", total=n_epochs * n_samples, start=False)
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

    def compiled(self, n_done: int) -> None:
        """Begin to count time, after so many epochs of a run that is gone on with."""
        self._text.plain = ""
        self._done = n_done * self._n_samples
        self._progress.update(self._task, completed=self._done)
        self._progress.start_task(self._task)

    def chunk(self, done: int, n_samples: int) -> None:
        """Move the bar."""
        self._progress.update(self._task, completed=self._done + done)

    def epoch(self, epoch: Epoch) -> None:
        """Show an epoch's figures."""
        self._done += self._n_samples
        self._text.plain = _figures(epoch, self._watched)
        self._number = epoch.step if self._unit == "step" else epoch.number
        self._describe()

    def _describe(self) -> None:
        number = min(self._number + 1, self._total)
        self._progress.update(self._task, description=f"{self._unit} {number}/{self._total}")


def _is_terminal(stream: TextIO) -> bool:
    dumb = os.environ.get("TERM", "").lower() in ("dumb", "unknown")
    return stream is not None and stream.isatty() and not dumb and not os.environ.get("CI")


def make_progress(
    n_epochs: int, n_samples: int, compiles: bool, json: bool, unit: str, total: int, watched: str
) -> Bar | Lines:
    """Return a bar where standard error is a terminal, else lines, which leave standard output alone for JSON."""
    if _is_terminal(sys.stderr):
        return Bar(n_epochs, n_samples, compiles, unit, total, watched)
    return Lines(unit, total, watched, sys.stderr if json else sys.stdout)
