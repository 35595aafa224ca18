"""A progress bar for fits with `progress_bar=True`."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from fastnet.training.callbacks import Callback
from fastnet.training.history import Epoch


class ProgressBar(Callback):
    """Show the epoch, the samples of it that are done, the loss and the score."""

    def __init__(self, n_epochs: int) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        # a console of its own: the one that a process shares keeps the width that it began with
        self._progress = Progress(*columns, TextColumn("{task.fields[metrics]}"), console=Console())
        self._task = self._progress.add_task("epoch", total=n_epochs, metrics="")
        self._epochs = 0

    def on_train_begin(self, model: Any) -> None:
        """Show the bar."""
        self._progress.start()

    def on_train_end(self, model: Any) -> None:
        """Leave the bar as it is."""
        self._progress.stop()

    def on_chunk_end(self, model: Any, n_done: int, n_samples: int) -> None:
        """Move the bar within the epoch."""
        self._progress.update(self._task, completed=self._epochs + n_done / max(n_samples, 1))

    def on_epoch_end(self, model: Any, epoch: Epoch) -> None:
        """Move the bar to the epoch's end and show its metrics."""
        self._epochs = epoch.number
        metrics = f"loss {epoch.loss:.4g}"
        if epoch.validation_score is not None:
            metrics += f", validation score {epoch.validation_score:.4f}"
        self._progress.update(self._task, completed=epoch.number, metrics=metrics)
