"""`fastnet train` without a recipe: a network and settings by options."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fastnet.cli.commands.train.job import Job
from fastnet.cli.commands.train.run import Run
from fastnet.cli.data import Parts
from fastnet.cli.output import percent, rate
from fastnet.cli.progress import Bar, Lines, make_progress
from fastnet.inference import loss_name
from fastnet.inspection.inputs import described
from fastnet.models import Model
from fastnet.training.checkpoints import save_checkpoint


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
        if self.options.quiet:
            return Lines(self.plan, lambda epoch: "")
        compiles = self.trainer.backend == "numba"
        return make_progress(self.plan, self.watched_name, compiles, len(self.before))

    def keep(self, run: Run, is_last: bool) -> None:
        """Write the checkpoint if it is time to."""
        path = self.options.checkpoint
        if path is not None and (is_last or len(run.epochs) % self.options.checkpoint_every == 0):
            epochs = [vars(epoch) for epoch in run.epochs]
            shards = self.trainer.settings.shards
            options = {**self.kept, **({} if shards is None else {"shards": shards})}
            notes = {"options": options, "samples": len(self.train[1]), "metrics": epochs, **self.noted}
            save_checkpoint(path, self.trainer, notes)

    @property
    def noted(self) -> dict[str, Any]:
        """What a checkpoint keeps besides."""
        return {}

    def document(self, run: Run) -> dict[str, Any]:
        """Return settings, data, history and what came out."""
        told = {"settings": self._settings(), "data": self.parts.as_json(), **run.as_json()}
        return {**told, "model": str(self.options.out)}

    def model(self, run: Run, document: dict[str, Any], history: dict[str, Any]) -> Model:
        """Return what is saved, with the settings and the history that the document tells of."""
        assert run.test.accuracy is not None
        metrics = {"test_loss": run.test.loss, "test_accuracy": run.test.accuracy}
        return self.saved_model(run, document, history, metrics)

    def saved_model(
        self, run: Run, document: dict[str, Any], history: dict[str, Any], metrics: Mapping[str, float], **more: Any
    ) -> Model:
        """Return a model with these metrics and how it was trained, and more fields of it."""
        parts, trainer = self.parts, self.trainer
        known = {**metrics, "test_samples": len(parts.X_test), **self._length(run)}
        kept = {**document["settings"], "trained_on": parts.noted, "history": history}
        network = more.pop("network", trainer.network)
        return Model(
            network, loss_name(trainer.loss), parts.image_shape, known, parts.label_names,
            parts.preprocessing, kept, feature_names=parts.feature_names, label_name=parts.label_name, **more,
        )  # fmt: skip

    def tail(self, run: Run) -> dict[str, str]:
        """Return what is said in the end."""
        speed, times = run.samples_per_second, self.times(run.run_seconds, run)
        return {
            "test": f"{self.tested(run)}{f'; best parameters kept, of step {run.best.step:,}' if run.best else ''}",
            "speed": times if speed is None else f"{rate(speed)} (median of the epochs); {times}",
            "saved": self.saved(),
        }

    def tested(self, run: Run) -> str:
        """Return what the test part shows."""
        return f"accuracy {percent(run.test.accuracy)}, loss {run.test.loss:.4f}"

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
            **({} if self.weights is None else {"class_weight": str(self.options.class_weight)}),
        }
