"""What a report says, section by section."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

import fastnet
from fastnet.datasets.held_out import held_out_rows, seen_and_held_out
from fastnet.inference import Inference
from fastnet.inspection.classes import (
    checked_classes,
    class_names,
    class_probabilities,
    confusion_matrix,
    most_confident_mistakes,
    n_classes_of,
)
from fastnet.inspection.images import is_image
from fastnet.models import Model
from fastnet.output.atomic import replacing
from fastnet.output.endings import check_ending
from fastnet.report import sections
from fastnet.report.html import Html, page, section, tag
from fastnet.report.importance import importance
from fastnet.report.speed import speed
from fastnet.report.tables import classes, confusion, percent
from fastnet.report.values import predicts_number, values_page
from fastnet.validation import frames

Array = npt.NDArray[Any]


class Subject(NamedTuple):
    """What a report is about: a model, and samples with what it makes of them."""

    name: str
    model: Model
    X: Array
    y: npt.NDArray[np.int64]
    probabilities: Array
    labels: list[str]
    image_shape: tuple[int, ...] | None
    feature_names: Sequence[str] | None


def html_report(
    model: Model,
    X: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    name: str = "data",
    training: Mapping[str, Any] | None = None,
    labels: Sequence[str] | None = None,
    feature_names: Sequence[str] | None = None,
    backend: str = "numba",
    n_threads: int | None = None,
    groups: Mapping[str, Sequence[int]] | None = None,
) -> str:
    """Describe a model and what it makes of some data, as one HTML page that loads nothing.

    Parameters
    ----------
    model : Model
        A model that tells classes apart, or that predicts a number.
    X : array_like or data frame, shape (n_samples, n_features)
        Samples; drawn as images if the model has an `image_shape`. Where they are those that `fastnet train` was given,
        the page gives the accuracy on the rows that were held out too.
    y : array_like, shape (n_samples,)
        Their classes, integers; or the numbers to predict.
    name : str, default "data"
        What the data is called.
    training : mapping, optional
        What ``fastnet train --json`` prints, with "history", "settings", "data" and times: settings, curves and speed
        of training are shown where they are there.
    labels : sequence of str, optional
        Names of the classes; those of the model if not given.
    feature_names : sequence of str, optional
        Names of the features; those of the model if not given.
    backend : {"numba", "numpy"}
        What predicts.
    n_threads : int, optional
        Threads that predict, and whose peak speeds are held against.
    groups : mapping of str to sequence of int, optional
        Inputs that came from one column of a table, by its name, which are shuffled together to find how much depends
        on the column; those of the model's table if not given.

    Returns
    -------
    str
        The page: settings, data, curves, confusion, metrics of each class, samples, the most confident mistakes,
        first-layer weights, speed as a fraction of the machine's measured peak, and the environment. For numbers:
        predictions against what is so, residuals, and the largest errors. For tables: the importance of each column.
        It follows the reader's choice of a light or a dark page.

    Raises
    ------
    TypeError, ValueError
        For a model of several values or labels, or an argument that cannot be used, which the message names.

    Examples
    --------
    >>> import numpy as np
    >>> from fastnet import Model, Network
    >>> from fastnet.report import html_report
    >>> model = Model(Network([2, 3], seed=0))
    >>> html = html_report(model, np.eye(2, dtype=np.float32), [0, 2], name="<b>", backend="numpy")
    >>> "<h1>Report: &lt;b&gt;</h1>" in html, "<script" in html
    (True, False)
    """
    inference = Inference(model.network, model.loss, backend, n_threads)
    if model.table is not None:
        X, groups = model.prepare(X), model.table.places
        model = model.without_table()
    if predicts_number(model):
        return values_page(model, X, y, name, training or {}, inference, groups)
    names = class_names(model.labels if labels is None else labels, n_classes_of(inference, "a report"))
    actual = checked_classes("y", y, len(names))
    if not len(actual):
        raise ValueError("y must hold at least one class, got none")
    X = frames.by_name("X", X, model.feature_names, model.label_name)
    samples, prepared = np.asarray(X), model.prepare(X)
    probabilities, loss = class_probabilities(inference, prepared), inference.evaluate(prepared, actual).loss
    shape = model.image_shape if is_image(model.image_shape) else None
    subject = Subject(name, model, samples, actual, probabilities, names, shape, feature_names or model.feature_names)
    matrix = confusion_matrix(actual, probabilities.argmax(axis=1), len(names))
    mistakes = most_confident_mistakes(actual, probabilities)
    run = training or {}
    return page(
        f"Report: {name}",
        files("fastnet.report").joinpath("style.css").read_text(encoding="utf-8"),
        _header(subject, matrix, loss, run),
        section("Learning curves", *sections.curves(run)) if run.get("history") else Html(),
        section("Classes", tag("div", confusion(matrix, names), classes(matrix, names), class_="pair")),
        importance(inference, prepared, actual, groups),
        section("Samples", sections.gallery(subject, range(min(sections.SHOWN, len(actual))))),
        section("Most confident mistakes", sections.mistakes(subject, mistakes)),
        section("First-layer weights", sections.weights(subject)),
        section("Speed", speed(inference, prepared, run)),
        section("Settings", sections.settings(model, run)),
        section("Data", sections.data(subject, run)),
        section("Environment", sections.machine(n_threads)),
    )


def _header(subject: Subject, matrix: npt.NDArray[np.int64], loss: float, run: Mapping[str, Any]) -> Html:
    """Say the main metrics."""
    network, note = subject.model.network, ""
    tiles = {
        "accuracy": percent(matrix.trace() / matrix.sum()),
        "loss": f"{loss:.4f}",
        "mistakes": f"{matrix.sum() - matrix.trace():,} of {matrix.sum():,}",
        "network": "-".join(map(str, network.sizes)),
    }
    held_out = held_out_rows(subject.model.settings.get("trained_on"), subject.X, subject.y.astype(np.int32))
    if held_out is not None:
        note = f"; the model was {seen_and_held_out(len(subject.y), held_out)}"
        if held_out.size:
            right = subject.probabilities[held_out].argmax(axis=1) == subject.y[held_out]
            tiles = {"accuracy": tiles.pop("accuracy"), "accuracy, held out": percent(right.mean()), **tiles}
    if run.get("run_seconds"):
        tiles["training"] = f"{run['run_seconds']:.2f} s"
    return tag(
        "header",
        tag("h1", f"Report: {subject.name}"),
        tag("p", f"fastnet {fastnet.__version__}; metrics of {len(subject.y):,} samples{note}", class_="faint"),
        tag("dl", *(tag("div", tag("dt", key), tag("dd", text)) for key, text in tiles.items()), class_="tiles"),
    )


def write_report(
    path: str | os.PathLike[str], model: Model, X: npt.ArrayLike, y: npt.ArrayLike, **options: Any
) -> None:
    """Write `html_report` to a file, beside it first and then renamed.

    Parameters
    ----------
    path : path-like
        Where to.
    model, X, y, **options
        As for `html_report`.

    Raises
    ------
    TypeError, ValueError
        As `html_report` does; ValueError too for a name that ends as files of another format do.
    OSError
        If the file cannot be written.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import numpy as np
    >>> from fastnet import Model, Network
    >>> from fastnet.report import write_report
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder) / "report.html"
    ...     write_report(path, Model(Network([2, 2], seed=0)), np.eye(2), [0, 1], backend="numpy")
    ...     path.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    True
    """
    check_ending(path, "a report")
    content = html_report(model, X, y, **options)
    with replacing(path, "w", encoding="utf-8") as file:
        file.write(content)
