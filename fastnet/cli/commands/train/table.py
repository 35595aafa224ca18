"""`fastnet train` on a table of numbers, categories and gaps: classes or numbers to predict."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import numpy as np

from fastnet.cli.commands.train.plain import PlainJob
from fastnet.cli.commands.train.run import Run
from fastnet.cli.output import shown_metrics
from fastnet.cli.tables.parts import TableParts
from fastnet.inspection.values import ValueMetrics, value_metrics
from fastnet.models import Model
from fastnet.network import Network


@dataclass(kw_only=True)
class TableJob(PlainJob):
    """A run on a table."""

    parts: TableParts

    @property
    def noted(self) -> dict[str, Any]:
        """What a checkpoint keeps besides: that its data is such a table."""
        return {"is_table": True}

    def head(self) -> dict[str, str]:
        """Return what is said before training."""
        inputs = f"{self.parts.table.n_inputs:,}: numbers {_WORDS[self.parts.preprocess]}, categories one-hot"
        return super().head() | {"inputs": inputs}

    def model(self, run: Run, document: dict[str, Any], history: dict[str, Any]) -> Model:
        """Return what is saved, whose predictions are numbers as the table had them."""
        parts = self.parts
        if parts.label_names is not None:
            metrics = {"test_loss": run.test.loss, "test_accuracy": float(run.test.accuracy or 0.0)}
            return self.saved_model(run, document, history, metrics, table=parts.table)
        network = rescaled(self.trainer.network, parts.centre, parts.spread)
        found = {f"test_{name}": value for name, value in self._values()._asdict().items() if value is not None}
        return self.saved_model(run, document, history, found, network=network, table=parts.table)

    def document(self, run: Run) -> dict[str, Any]:
        """Return settings, data, history and what came out."""
        document = super().document(run)
        if self.parts.label_names is not None:
            return document
        return document | {f"test_{name}": value for name, value in self._values()._asdict().items()}

    def tested(self, run: Run) -> str:
        """Return what the test part shows."""
        return super().tested(run) if self.parts.label_names else shown_metrics(self._values())

    def shown(self) -> tuple[Any, Any]:
        """Return the samples of a report, with numbers as the table had them."""
        parts = self.parts
        return parts.X_test, parts.y_test if parts.label_names else parts.y_test * parts.spread + parts.centre

    def _values(self) -> ValueMetrics:
        """Return the metrics of the test part in the numbers of the table."""
        parts = self.parts
        predicted = self.trainer.predict(parts.X_test).astype(np.float64)
        return value_metrics(parts.y_test * parts.spread + parts.centre, predicted * parts.spread + parts.centre)


_WORDS = {"standardize": "standardised", "minmax": "scaled to the range from 0 to 1", "none": "as they are"}


def rescaled(network: Network, centre: float, spread: float) -> Network:
    """Return a copy of a network whose outputs are multiplied by `spread`, and then raised by `centre`."""
    changed = deepcopy(network)
    changed.weights[-1][...] = (network.weights[-1].astype(np.float64) * spread).astype(network.dtype)
    if network.bias:
        changed.biases[-1][...] = (network.biases[-1].astype(np.float64) * spread + centre).astype(network.dtype)
    return changed
