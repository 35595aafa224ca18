"""What `fastnet train` does once its options are understood."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fastnet.cli.commands.report import report_training
from fastnet.cli.commands.train.method import Method
from fastnet.cli.commands.train.run import Run, resumed, run_training
from fastnet.cli.commands.train.search import search_rate
from fastnet.cli.data import Parts, check_no_copy, load_parts
from fastnet.cli.output import percent, print_json, print_rows, rate
from fastnet.cli.settings import threads_used
from fastnet.inspection.documents import columns
from fastnet.models import Model, save_model
from fastnet.network import Network
from fastnet.optimizers import Optimizer
from fastnet.output.json_values import standard
from fastnet.training.history import Epoch
from fastnet.training.targets import loss_name
from fastnet.training.trainer import Trainer


@dataclass(frozen=True)
class Job:
    """The options of `fastnet train`; a batch of None samples is one of all samples."""

    data: Path | None
    label: str | None
    test_fraction: float | None
    hidden: list[int]
    activation: str
    init: str
    dtype: str
    epochs: int
    n_batch: int | None
    optimizer: Optimizer
    clip_norm: float | None
    clip_value: float | None
    seed: int
    backend: str
    threads: int | None
    out: Path
    json: bool
    test_samples: int | None = None
    cache_data: bool = False
    mmap: bool = False
    preprocess: str = "scale"
    method: Method = field(default_factory=Method)
    report: Path | None = None

    def run(self) -> int:
        """Read the data, train, save the model and say what came out; return the exit code."""
        parts = load_parts(
            self.data, self.label, self.test_fraction, self.seed,
            count=self.test_samples, cache=self.cache_data, mmap=self.mmap,
        ).prepared(self.preprocess, self.dtype)  # fmt: skip
        if self.mmap:
            check_no_copy(parts, self.dtype)
        if self.method.patience is not None:
            parts = parts.with_validation(self.seed)
        trainer, figures = self._make_trainer(parts)
        if not self.json:
            _print_head(parts, trainer)
        if self.method.find_lr:
            return search_rate(trainer, parts, self.method.plot, self.json)
        run = run_training(trainer, parts, self.epochs, self.json, self.method, figures)
        document = self._document(trainer, parts, run)
        model = _model(trainer, parts, run, document)
        save_model(self.out, model)
        if self.report is not None:
            report_training(self.report, model, parts.X_test, parts.y_test, document, parts.feature_names)
        if run.interrupted:
            print(f"fastnet: interrupted after {run.epochs[-1].step:,} steps; saved what there is", file=sys.stderr)
        if self.json:
            print_json(document)
        else:
            self._print_end(run)
        return 130 if run.interrupted else 0

    def _make_trainer(self, parts: Parts) -> tuple[Trainer, list[Epoch]]:
        """Return a trainer, with the figures so far if a checkpoint is gone on with."""
        method = self.method
        if method.resume is not None:
            return resumed(method.resume, parts, self.backend, self.threads)
        network = Network(
            [parts.X.shape[1], *self.hidden, parts.n_classes],
            self.activation,
            bias=method.bias,
            init=self.init,
            seed=self.seed,
            dtype=self.dtype,
            input_scale=parts.input_scale,
        )
        trainer = Trainer(
            network, self.optimizer, method.loss, self.n_batch, self.backend, self.threads, self.seed, self.clip_norm,
            self.clip_value, l2=method.l2, dropout=method.dropout, sampling=method.sampling, schedule=method.schedule,
        )  # fmt: skip
        return trainer, []

    def _document(self, trainer: Trainer, parts: Parts, run: Run) -> dict[str, Any]:
        settings = self._settings(trainer)
        return {"settings": settings, "data": parts.as_json(), **run.as_json(), "model": str(self.out)}

    def _settings(self, trainer: Trainer) -> dict[str, Any]:
        network, (name, *_) = trainer.network, trainer.optimizer.as_tuple()
        return {
            "sizes": network.sizes,
            "activations": network.activations,
            "init": self.init,
            "dtype": self.dtype,
            "input_scale": network.input_scale,
            "parameters": network.n_parameters,
            "optimizer": {"name": name, **vars(trainer.optimizer)},
            **self.method.as_json(trainer),
            "clip_norm": trainer.clip_norm,
            "clip_value": trainer.clip_value,
            "epochs": self.epochs,
            "batch_size": trainer.batch_size,
            "seed": self.seed,
            "backend": self.backend,
            "threads": self.threads,
        }

    def _print_end(self, run: Run) -> None:
        speed = run.samples_per_second
        times = f"trained in {run.run_seconds:.2f} s"
        if self.backend == "numba":
            times += f", kernels compiled or loaded in {run.compile_seconds:.2f} s"
        print_rows(
            {
                "test": f"accuracy {percent(run.test.accuracy)}, loss {run.test.loss:.4f}{_kept(run)}",
                "speed": times if speed is None else f"{rate(speed)} (median of the epochs); {times}",
                "saved": str(self.out) if self.report is None else f"{self.out}, {self.report}",
            }
        )


def _kept(run: Run) -> str:
    return "" if run.best is None else f"; parameters after step {run.best.step:,}, of the least validation loss"


def _model(trainer: Trainer, parts: Parts, run: Run, document: dict[str, Any]) -> Model:
    """Return what is saved, with the settings and the history that the document tells of."""
    assert run.test.accuracy is not None
    metrics = {"test_loss": run.test.loss, "test_accuracy": run.test.accuracy, "epochs": len(run.epochs)}
    metrics |= {"test_samples": len(parts.X_test)}
    settings = standard({**document["settings"], "history": columns(document)})
    return Model(
        trainer.network, loss_name(trainer.loss), parts.image_shape, metrics, parts.label_names, parts.preprocessing,
        settings,
    )  # fmt: skip


def _print_head(parts: Parts, trainer: Trainer) -> None:
    network = trainer.network
    shape = "-".join(map(str, network.sizes)) + (f" {network.activations[0]}" if network.activations else "")
    machine = f"{trainer.backend}, {threads_used(trainer.backend, trainer.n_threads)}"
    print_rows(
        {
            "data": str(parts),
            "network": f"{shape}, {network.n_parameters:,} {network.dtype} parameters; {machine}",
        }
    )
