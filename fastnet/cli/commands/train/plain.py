"""`fastnet train` without a recipe: a network and settings by options."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from fastnet.cli.commands.train.job import Job, run_job
from fastnet.cli.commands.train.run import Run
from fastnet.cli.commands.train.settings import make_network
from fastnet.cli.data import Parts, check_no_copy, load_parts
from fastnet.cli.output import percent, print_rows, rate
from fastnet.cli.progress import Bar, Lines, make_progress
from fastnet.inference import Evaluation, loss_name
from fastnet.inspection.inputs import described
from fastnet.models import Model
from fastnet.training.checkpoints import load_checkpoint, save_checkpoint
from fastnet.training.history import Epoch
from fastnet.training.settings import TrainingSettings
from fastnet.training.trainer import Trainer


@dataclass(kw_only=True)
class PlainJob(Job):
    """A run whose network, settings and data are those that options ask for."""

    parts: Parts
    kept: Mapping[str, Any]

    def head(self) -> dict[str, str]:
        """Return what is said before training."""
        network = self.trainer.network
        shape = "-".join(map(str, network.sizes)) + (f" {network.activations[0]}" if network.activations else "")
        shown = f"{shape}, {network.n_parameters:,} {network.dtype} parameters; {self.machine()}"
        inputs = described(self.parts.preprocess, network.input_scale, self.parts.preprocessing)
        return {"data": str(self.parts), "inputs": inputs, "network": shown}

    def progress(self) -> Bar | Lines:
        """Return a bar or lines."""
        compiles = self.trainer.backend == "numba"
        return make_progress(self.plan, self.watched_name, compiles, len(self.before))

    def keep(self, run: Run, is_last: bool) -> None:
        """Write the checkpoint if it is time to."""
        path = self.options.checkpoint
        if path is not None and (is_last or len(run.epochs) % self.options.checkpoint_every == 0):
            epochs = [vars(epoch) for epoch in run.epochs]
            shards = self.trainer.settings.shards
            options = {**self.kept, **({} if shards is None else {"shards": shards})}
            save_checkpoint(path, self.trainer, {"options": options, "samples": len(self.train[1]), "metrics": epochs})

    def document(self, run: Run) -> dict[str, Any]:
        """Return settings, data, history and what came out."""
        told = {"settings": self._settings(), "data": self.parts.as_json(), **run.as_json()}
        return {**told, "model": str(self.options.out)}

    def model(self, run: Run, document: dict[str, Any], history: dict[str, Any]) -> Model:
        """Return what is saved, with the settings and the history that the document tells of."""
        parts, trainer = self.parts, self.trainer
        assert run.test.accuracy is not None
        metrics = {"test_loss": run.test.loss, "test_accuracy": run.test.accuracy, "test_samples": len(parts.X_test)}
        metrics |= self._length(run)
        kept = {**document["settings"], "trained_on": parts.noted, "history": history}
        return Model(
            trainer.network, loss_name(trainer.loss), parts.image_shape, metrics, parts.label_names,
            parts.preprocessing, kept, feature_names=parts.feature_names, label_name=parts.label_name,
        )  # fmt: skip

    def tail(self, run: Run) -> dict[str, str]:
        """Return what is said in the end."""
        speed, times = run.samples_per_second, self.times(run.run_seconds, run)
        kept = f"; best parameters kept, of step {run.best.step:,}" if run.best else ""
        return {
            "test": f"accuracy {percent(run.test.accuracy)}, loss {run.test.loss:.4f}{kept}",
            "speed": times if speed is None else f"{rate(speed)} (median of the epochs); {times}",
            "saved": self.saved(),
        }

    def _length(self, run: Run) -> dict[str, int]:
        """Return how long the network was trained: in steps, and in epochs where those were counted."""
        last = run.epochs[-1] if run.epochs else None
        counts = {"steps": last.step if last else 0}
        return counts if self.plan.by_steps else {"epochs": last.number if last else 0, **counts}

    def _settings(self) -> dict[str, Any]:
        """Return settings as they are told; those of a run that is resumed are the trainer's."""
        network, how = self.trainer.network, self.trainer.settings
        return {
            "sizes": network.sizes,
            "activations": network.activations,
            "init": str(self.options.init),
            "dtype": str(self.options.dtype),
            "input_scale": network.input_scale,
            "preprocess": self.parts.preprocess,
            "parameters": network.n_parameters,
            "optimizer": {"name": how.optimizer.as_tuple()[0], **vars(how.optimizer)},
            "loss": how.loss,
            "bias": network.bias,
            "sampling": how.sampling,
            "schedule": how.schedule,
            "l2": how.l2,
            "dropout": list(how.dropout_rates(len(network.activations))),
            **{name: self.length[name] for name in ("steps", "every", "patience", "max_time")},
            "shards": how.shards,
            "clip_norm": how.clip_norm,
            "clip_value": how.clip_value,
            "epochs": self.length["epochs"],
            "batch_size": how.batch_size,
            "seed": self.options.seed,
            "backend": how.backend,
            "threads": how.n_threads,
        }


def run_plain(options: Any, how: TrainingSettings, kept: Mapping[str, Any]) -> int:
    """Read the data, train by options, or look for a learning rate; return the exit code."""
    kept_run = load_checkpoint(options.resume) if options.resume else None
    features = kept_run[0].feature_names if kept_run else None
    parts = load_parts(options, features).prepared(str(options.dtype))
    if options.mmap:
        check_no_copy(parts, str(options.dtype))
    if options.patience is not None:
        parts = parts.with_validation(options.seed)
    if kept_run is not None:
        trainer, before = _resumed(options, parts, how, *kept_run)
    else:
        network = make_network(options, parts.X.shape[1], parts.n_classes, parts.input_scale)
        trainer, before = Trainer.of(network, how, parts.feature_names), []
    length = {name: getattr(options, name) for name in ("epochs", "steps", "every", "patience", "max_time")}
    job = PlainJob(
        options, trainer, (parts.X, parts.y), (parts.X_test, parts.y_test), parts.watched,
        {**length, "resume": options.resume is not None}, "validation" if parts.validation else "test", before,
        parts=parts, kept=kept,
    )  # fmt: skip
    if not options.find_lr:
        return run_job(job, parts.feature_names)
    from fastnet.cli.commands.train.search import search_rate

    if not options.json:
        print_rows(job.head())
    return search_rate(trainer, parts, options.plot, options.json)


def _resumed(
    options: Any, parts: Parts, how: TrainingSettings, kept: Trainer, notes: Mapping[str, Any]
) -> tuple[Trainer, list[Epoch]]:
    """Return the trainer of a checkpoint, and its metrics so far.

    Raises
    ------
    ValueError
        If the data is not of the shape that it was trained on.
    """
    expected, sizes = notes.get("samples"), kept.network.sizes
    found = (parts.X.shape[1], parts.n_classes)
    if (sizes[0], sizes[-1]) != found or expected != len(parts.X):
        raise ValueError(
            f"--resume {options.resume}: {len(parts.X)} samples of {found[0]} features and {found[1]} classes, "
            f"expected {expected} of {sizes[0]} and {sizes[-1]} as before"
        )
    if how.ranks is not None and kept.settings.shards is None:
        raise ValueError(f"--resume {options.resume}: a run without shards, which --ranks would cut its batches into")
    settings = replace(kept.settings, backend=how.backend, n_threads=how.n_threads, ranks=how.ranks)
    trainer = Trainer.of(kept.network, settings, kept.feature_names)
    trainer.state = kept.state
    epochs = [Epoch(**{**one, "validation": Evaluation(*one["validation"])}) for one in notes.get("metrics", [])]
    return trainer, epochs
