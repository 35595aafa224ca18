"""What `fastnet train` does once its options are understood: of options or of a recipe, one way."""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from fastnet.cli.commands.report import report_training
from fastnet.cli.commands.train.run import Run, run_training
from fastnet.cli.output import print_json, print_rows
from fastnet.cli.progress import Bar, Lines
from fastnet.cli.settings import threads_used
from fastnet.cli.signals import INTERRUPTED
from fastnet.distributed.connecting import connect, threads_of
from fastnet.inspection.documents import columns
from fastnet.models import Model, save_model
from fastnet.output.json_values import standard
from fastnet.training.history import Epoch
from fastnet.training.plan import Plan, make_plan
from fastnet.training.samples import PreparedData
from fastnet.training.trainer import Trainer


@dataclass
class Job(ABC):
    """A trainer, what it is trained on and how long, and what is said of that.

    Attributes
    ----------
    options : namespace
        The parameters of the command by name.
    trainer : Trainer
        What is trained.
    train, test : tuple of (X, y)
        What it is trained on, and what it is tried on in the end.
    watched : tuple of (X, y)
        What is evaluated as it goes.
    length : dict
        `epochs`, `steps`, `every`, `patience`, `max_time` and `resume` of `Trainer.fit`.
    watched_name : str, default "test"
        What its metrics are called.
    before : list of Epoch
        Metrics of a run that is resumed.
    weights : ndarray, optional
        Weights of the samples.
    """

    options: Any
    trainer: Trainer
    train: tuple[Any, Any]
    test: tuple[Any, Any]
    watched: tuple[Any, Any]
    length: dict[str, Any]
    watched_name: str = "test"
    before: list[Epoch] = field(default_factory=list)
    weights: npt.NDArray[np.float64] | None = None

    @property
    def plan(self) -> Plan:
        """How long the run is, as `Trainer.fit` works it out."""
        epochs, steps, every = (self.length[name] for name in ("epochs", "steps", "every"))
        return make_plan(len(self.train[1]), self.trainer.settings.batch_size, epochs, steps, every)

    def prepare(self) -> PreparedData:
        """Return the data, checked and converted."""
        return self.trainer.prepare(*self.train, self.watched, self.weights)

    @abstractmethod
    def head(self) -> dict[str, str]:
        """Return what is said before training."""

    @abstractmethod
    def progress(self) -> Bar | Lines:
        """Return what shows how training goes."""

    @abstractmethod
    def keep(self, run: Run, is_last: bool) -> None:
        """Keep the state of the run, if that is asked for and it is time to."""

    @abstractmethod
    def document(self, run: Run) -> dict[str, Any]:
        """Return all that is told in JSON."""

    @abstractmethod
    def model(self, run: Run, document: dict[str, Any], history: dict[str, Any]) -> Model:
        """Return what is saved."""

    @abstractmethod
    def tail(self, run: Run) -> dict[str, str]:
        """Return what is said in the end."""

    def shown(self) -> tuple[Any, Any]:
        """Return the samples of a report: inputs as the network takes them, and what is so."""
        return self.test

    def machine(self) -> str:
        """Return what computes."""
        backend, how = self.trainer.backend, self.trainer.settings
        if how.ranks is None or how.shards is None:
            return f"{backend}, {threads_used(backend, self.trainer.n_threads)}"
        ranks = connect(how.ranks, how.shards)
        each = threads_used(backend, threads_of(ranks, how.n_threads))
        return f"{backend}, {each} for each of {ranks.size} rank{'s' * (ranks.size > 1)}, {how.shards} shards"

    def times(self, seconds: float, run: Run) -> str:
        """Return how long training took."""
        compiled = f", kernels compiled or loaded in {run.compile_seconds:.2f} s"
        return f"trained in {seconds:.2f} s{compiled if self.trainer.backend == 'numba' else ''}"

    def saved(self) -> str:
        """Return what was written."""
        out, report = self.options.out, self.options.report
        return str(out) if report is None else f"{out}, {report}"


def run_job(job: Job, feature_names: tuple[str, ...] | None) -> int:
    """Train, save the model and say what came out; return the exit code."""
    options = job.options
    if not (options.json or options.quiet):
        print_rows(job.head())
    run = run_training(job)
    document = job.document(run)
    model = job.model(run, document, standard(columns(document)))
    if job.trainer.rank > 0:
        return INTERRUPTED if run.interrupted else 0
    save_model(options.out, model)
    if options.report is not None:
        report_training(options.report, model, *job.shown(), document, feature_names)
    if run.interrupted:
        print(f"fastnet: interrupted after {run.epochs[-1].step:,} steps; saved what there is", file=sys.stderr)
    if options.json:
        print_json(document)
    elif not options.quiet:
        print_rows(job.tail(run))
    return INTERRUPTED if run.interrupted else 0
