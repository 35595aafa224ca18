"""The report of a model that predicts a number for each sample."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any

import numpy as np
import numpy.typing as npt

import fastnet
from fastnet.datasets.held_out import held_out_rows, seen_and_held_out
from fastnet.inference import Inference
from fastnet.inspection.values import ValueMetrics, value_metrics
from fastnet.models import Model
from fastnet.report import sections
from fastnet.report.html import Html, facts, page, section, table, tag
from fastnet.report.importance import importance
from fastnet.report.scatter import histogram, scatter
from fastnet.report.speed import speed
from fastnet.validation import frames

Array = npt.NDArray[Any]

SHOWN = 20
"""Samples with the largest errors that are listed."""


def predicts_number(model: Model) -> bool:
    """Whether a model has one output that is a value."""
    is_value = model.n_classes is None and model.loss != "binary_cross_entropy"
    return is_value and model.network.sizes[-1] == 1


def values_page(
    model: Model, X: Any, y: Any, name: str, run: Mapping[str, Any], inference: Inference,
    groups: Mapping[str, Sequence[int]] | None,
) -> str:  # fmt: skip
    """Describe what a model makes of numbers, as `html_report` says."""
    X = np.asarray(frames.by_name("X", X, model.feature_names, model.label_name))
    actual = np.asarray(y)
    if actual.shape != (len(X),) or actual.dtype.kind not in "biuf" or not len(actual):
        raise ValueError(f"y must be {len(X)} numbers, got {actual.dtype} of shape {actual.shape}")
    actual = actual.astype(np.float64)
    if not np.isfinite(actual).all():
        raise ValueError("y must be finite, got NaN or infinity")
    prepared = model.prepare(X)
    predicted = np.asarray(inference.predict(prepared), np.float64)
    residuals = actual - predicted
    what = model.label_name or "value"
    return page(
        f"Report: {name}",
        files("fastnet.report").joinpath("style.css").read_text(encoding="utf-8"),
        _header(name, model, X, actual, predicted, run),
        section("Learning curves", *sections.curves(run)) if run.get("history") else Html(),
        section(
            "Predictions",
            tag(
                "div",
                scatter("Predicted against actual", predicted, actual, f"predicted {what}", "actual", diagonal=True),
                scatter("Residuals", predicted, residuals, f"predicted {what}", "actual less predicted"),
                histogram("Distribution of residuals", residuals, "actual less predicted"),
                class_="charts",
            ),
        ),
        importance(inference, prepared, actual, groups),
        section("Largest errors", _largest(actual, predicted)),
        section("Speed", speed(inference, prepared, run)),
        section("Settings", sections.settings(model, run)),
        section("Data", _data(X, actual, what, run)),
        section("Environment", sections.machine(inference.n_threads)),
    )


def tiles_of(metrics: ValueMetrics) -> dict[str, str]:
    """Return metrics by the names that people know, as text."""
    names = ("RMSE", "MAE", "R2")
    return {key: "-" if one is None else f"{one:.5g}" for key, one in zip(names, metrics, strict=True)}


def _header(name: str, model: Model, X: Array, y: Array, predicted: Array, run: Mapping[str, Any]) -> Html:
    """Say the main metrics."""
    note, tiles = "", tiles_of(value_metrics(y, predicted))
    held_out = held_out_rows(model.settings.get("trained_on"), X, y)
    if held_out is not None:
        note = f"; the model was {seen_and_held_out(len(y), held_out)}"
        if held_out.size:
            others = tiles_of(value_metrics(y[held_out], predicted[held_out]))
            tiles |= {f"{key}, held out": text for key, text in others.items()}
    tiles["network"] = "-".join(map(str, model.network.sizes))
    if run.get("run_seconds"):
        tiles["training"] = f"{run['run_seconds']:.2f} s"
    return tag(
        "header",
        tag("h1", f"Report: {name}"),
        tag("p", f"fastnet {fastnet.__version__}; metrics of {len(y):,} samples{note}", class_="faint"),
        tag("dl", *(tag("div", tag("dt", key), tag("dd", text)) for key, text in tiles.items()), class_="tiles"),
    )


def _largest(y: Array, predicted: Array) -> Html:
    order = np.argsort(-np.abs(y - predicted), kind="stable")[:SHOWN]
    rows = [[str(i), f"{y[i]:.6g}", f"{predicted[i]:.6g}", f"{y[i] - predicted[i]:.4g}"] for i in order.tolist()]
    return table("Samples", ("sample", "actual", "predicted", "actual less predicted"), rows)


def _data(X: Array, y: Array, what: str, run: Mapping[str, Any]) -> Html:
    rows = {key.replace("_", " "): sections.as_text(value) for key, value in (run.get("data") or {}).items()}
    rows |= {"samples shown": f"{len(X):,}", "inputs": f"{X.shape[1]:,}", what: f"from {y.min():g} to {y.max():g}"}
    return facts(rows)
