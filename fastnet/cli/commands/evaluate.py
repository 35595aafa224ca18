"""`fastnet evaluate`."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from fastnet.cli import options
from fastnet.cli.options import Backend
from fastnet.cli.tables import options as tables

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

    from fastnet.cli.model import SavedModel
    from fastnet.datasets.csv.dialect import Dialect

CLASSES_SHOWN = 100
VALUES = ("rmse", "mae", "r2")


def evaluate(
    model: options.ModelPath,
    data: options.DataPath,
    label: options.Label = None,
    backend: options.BackendOption = Backend.numba,
    threads: options.Threads = None,
    delimiter: tables.Delimiter = None,
    decimal: tables.Decimal = None,
    encoding: tables.Encoding = None,
    json: options.Json = False,
) -> int:
    """Measure loss, accuracy and speed of a model; the errors of one that predicts numbers.

    If the data has a test set, as the MNIST files do, only that is evaluated. If it is the data that the model was
    trained on, the samples that were held out are evaluated separately as well. Columns are matched by name, in any
    order.
    """
    from fastnet.cli.output import answer
    from fastnet.cli.settings import check_threads

    check_threads(backend, threads)
    dialect = tables.dialect(delimiter, decimal, encoding)
    document = {"model": str(model), "data": str(data), **_measured(model, data, label, backend, threads, dialect)}
    return answer(document, json, _print)


def _measured(
    model: Path, data: Path, label: str | None, backend: str, threads: int | None, dialect: Dialect
) -> dict[str, Any]:
    from fastnet.cli.data import test_part
    from fastnet.cli.model import load_data, open_model
    from fastnet.datasets.held_out import held_out_rows

    trainer = open_model(model, backend, threads)
    found = load_data(data, label, trainer, model, require_labels=True, dialect=dialect)
    X, y, part = test_part(found, labelled=True)
    assert y is not None
    trainer.evaluate(X[:0], y[:0])  # compiles
    start = time.perf_counter()
    loss, accuracy = trainer.evaluate(X, y)
    seconds = time.perf_counter() - start
    held_out = held_out_rows(trainer.model.settings.get("trained_on"), X, y)
    return {
        "part": part,
        "samples": len(X),
        "loss": loss,
        "accuracy": accuracy,
        **_values(trainer, X, y),
        "held_out": None if held_out is None else _held_out(trainer, X, y, held_out),
        "seconds": seconds,
        "samples_per_second": len(X) / seconds,
        "classes": [] if trainer.model.n_classes is None else _classes(trainer, X, y),
    }


def _held_out(trainer: SavedModel, X: npt.NDArray[Any], y: npt.NDArray[Any], rows: npt.NDArray[Any]) -> dict[str, Any]:
    """Return the metrics of the samples that the model was not trained on, if there are any."""
    from fastnet.datasets.held_out import seen_and_held_out

    note = seen_and_held_out(len(y), rows)
    loss, accuracy = trainer.evaluate(X[rows], y[rows]) if rows.size else (None, None)
    return {
        "samples": int(rows.size),
        "loss": loss,
        "accuracy": accuracy,
        "note": note,
        **_values(trainer, X[rows], y[rows]),
    }


def _values(trainer: SavedModel, X: npt.NDArray[Any], y: npt.NDArray[Any]) -> dict[str, Any]:
    """Return the metrics of numbers that are predicted for each sample, if they are there."""
    from fastnet.inspection.values import value_metrics

    if trainer.model.table is None or trainer.model.n_classes is not None or not len(y):
        return {}
    return value_metrics(y, trainer.predict(X))._asdict()


def _classes(trainer: SavedModel, X: npt.NDArray[Any], y: npt.NDArray[Any]) -> list[dict[str, Any]]:
    """Return samples and accuracy of every class that has samples."""
    import numpy as np

    predicted, names = trainer.predict(X), trainer.class_names
    samples, correct = np.bincount(y), np.bincount(y[predicted == y], minlength=int(y.max()) + 1)
    return [
        {
            "class": int(c) if names is None else names[c],
            "samples": int(samples[c]),
            "accuracy": float(correct[c] / samples[c]),
        }
        for c in np.flatnonzero(samples)
    ]


def _print(document: dict[str, Any]) -> None:
    from fastnet.cli.output import percent, print_rows, rate, shown_metrics

    rows = {"data": f"{document['data']}: {document['samples']:,} samples ({document['part']})"}
    if document["accuracy"] is not None:
        rows["accuracy"] = percent(document["accuracy"])
    if "rmse" in document:
        rows["errors"] = shown_metrics([document[name] for name in VALUES])
    else:
        rows["loss"] = f"{document['loss']:.4f}"
    if (held_out := document["held_out"]) is not None:
        rows["note"] = held_out["note"]
        if held_out["samples"] and "rmse" in held_out:
            rows["held out"] = shown_metrics([held_out[name] for name in VALUES])
        elif held_out["samples"]:
            rows["held out"] = f"accuracy {percent(held_out['accuracy'])}, loss {held_out['loss']:.4f}"
    rows["speed"] = rate(document["samples_per_second"])
    print_rows(rows)
    if 0 < len(document["classes"]) <= CLASSES_SHOWN:
        width = max(5, *(len(str(row["class"])) for row in document["classes"]))
        print(f"\n{'class':>{width}}{'samples':>10}{'accuracy':>11}")
        for row in document["classes"]:
            print(f"{row['class']:>{width}}{row['samples']:>10,}{percent(row['accuracy']):>11}")
