"""Sections of a report: curves, samples, weights, and tables of facts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from fastnet.inspection.classes import shortened
from fastnet.inspection.documents import columns
from fastnet.inspection.images import as_images, as_weight_images, picture_shape
from fastnet.measure.environment import environment
from fastnet.models import Model
from fastnet.report.html import Html, facts, joined, table, tag
from fastnet.report.pictures import chart, image, ink, signed

if TYPE_CHECKING:
    from fastnet.report.page import Subject

SHOWN = 24
"""Samples, and mistakes, that are shown."""
UNITS = 48
"""Units of the first layer whose weights are shown, as images."""
TABLE_FEATURES, TABLE_UNITS = 40, 12
"""Features and units whose weights stand in a table, where samples are no images."""
SAMPLE_FEATURES = 8
"""Features of a sample that stand in a table."""
NAME = 28
"""Characters of a class's name in such a table."""


def curves(run: Mapping[str, Any]) -> list[Html]:
    """Draw loss and accuracy of training and test part over the epochs."""
    found = columns(run)
    name = next(iter(found))
    at = [float(place or 0) for place in found[name]]
    charts = []
    for kind in ("loss", "accuracy"):
        both = {"training": found[kind], "test": found[f"validation_{kind}"]}
        lines = {key: line for key, line in both.items() if any(v is not None and np.isfinite(v) for v in line)}
        if lines:
            charts.append(chart(kind, at, lines, name, kind == "accuracy"))
    return [tag("div", *charts, class_="charts")]


def gallery(subject: Subject, chosen: Iterable[int]) -> Html:
    """Show samples with their classes and predictions, as images or in a table."""
    rows = list(chosen)
    if subject.image_shape is None:
        return _sample_table(subject, rows)
    shape = picture_shape(subject.image_shape, subject.X.shape[1])
    pictures = as_images(subject.X[rows], shape)
    figures = []
    for i, pixels in zip(rows, pictures, strict=True):
        actual, predicted, share = _answer(subject, i)
        right = actual == predicted
        alt = f"Sample {i}: {actual}, predicted as {predicted}"
        said = f"{actual} ✓" if right else f"{actual}, predicted as {predicted} ✗"
        figures.append(tag("figure", image(ink(pixels), alt, class_="ink" if len(shape) == 2 else "colour"),
                           tag("figcaption", f"{said} {share}"), class_="right" if right else "wrong"))  # fmt: skip
    return tag("div", *figures, class_="gallery")


def _answer(subject: Subject, i: int) -> tuple[str, str, str]:
    row = subject.probabilities[i]
    answer = int(row.argmax())
    return subject.labels[int(subject.y[i])], subject.labels[answer], f"{100 * float(row[answer]):.0f} %"


def _sample_table(subject: Subject, rows: list[int]) -> Html:
    n_features = subject.X.shape[1]
    names = [subject.feature_names[j] if subject.feature_names else f"x{j}" for j in range(n_features)]
    names = names[:SAMPLE_FEATURES]
    more = f", the first {SAMPLE_FEATURES} of {n_features:,} features" if n_features > SAMPLE_FEATURES else ""
    body = []
    for i in rows:
        actual, predicted, share = _answer(subject, i)
        said = f"{shortened(predicted, NAME)} {'✓' if actual == predicted else '✗'}"
        body.append(
            [
                str(i),
                shortened(actual, NAME),
                said,
                share,
                *(f"{value:.4g}" for value in subject.X[i, : len(names)].tolist()),
            ]
        )
    return table(f"Samples{more}", ("sample", "actual", "predicted", "probability", *names), body)


def mistakes(subject: Subject, wrong: Any) -> Html:
    """Show the mistakes that the model is most sure of."""
    if not len(wrong):
        return tag("p", f"None in {len(subject.y):,} samples.")
    return gallery(subject, (int(i) for i in wrong[:SHOWN]))


def weights(subject: Subject) -> Html:
    """Show what the units of the first layer look for."""
    W = subject.model.network.weights[0]
    n_features, n_units = W.shape
    if subject.image_shape is not None:
        images = as_weight_images(W[:, :UNITS], subject.image_shape)
        figures = [
            tag("figure", image(signed(pixels), f"Weights of unit {i}"), tag("figcaption", f"unit {i}"))
            for i, pixels in enumerate(images)
        ]
        note = f"{len(images)} of {n_units:,} units, each on a scale of its own; red: positive, blue: negative"
        return joined([tag("p", note, class_="faint"), tag("div", *figures, class_="gallery units")])
    names = [subject.feature_names[j] if subject.feature_names else f"x{j}" for j in range(n_features)]
    rows = [
        [name, *(f"{value:.3f}" for value in row)]
        for name, row in zip(names[:TABLE_FEATURES], W[:, :TABLE_UNITS].tolist(), strict=False)
    ]
    caption = f"{len(rows)} of {n_features:,} features, {min(n_units, TABLE_UNITS)} of {n_units:,} units"
    return table(caption, ("feature", *(f"unit {j}" for j in range(min(n_units, TABLE_UNITS)))), rows)


def settings(model: Model, run: Mapping[str, Any]) -> Html:
    """List the settings of training where they are known, else those of the network."""
    network, stored = model.network, dict(model.settings)
    for name in ("history", "trained_on"):
        stored.pop(name, None)
    trained = {**(run.get("recipe") or {}), **(run.get("settings") or {})}
    known: Mapping[str, Any] = trained or {
        **stored,
        "sizes": network.sizes,
        "activations": network.activations,
        "dtype": str(network.dtype),
        "input_scale": network.input_scale,
        "parameters": network.n_parameters,
    }
    rows = {key.replace("_", " "): str(value) if key == "seed" else as_text(value) for key, value in known.items()}
    return facts({"loss": model.loss} | rows)


def data(subject: Subject, run: Mapping[str, Any]) -> Html:
    """Say what the data is."""
    rows = {key.replace("_", " "): as_text(value) for key, value in (run.get("data") or {}).items()}
    X, shape = subject.X, subject.image_shape
    rows |= {
        "samples shown": f"{len(X):,}",
        "features": f"{X.shape[1]:,}" + (f", images of {' x '.join(map(str, shape))}" if shape else ""),
        "classes": f"{len(subject.labels):,}",
        "dtype": str(X.dtype),
        "values": f"from {X.min():g} to {X.max():g}, {100 * float(np.mean(X == 0)):.1f} % are zero",
    }
    return facts(rows)


def machine(n_threads: int | None) -> Html:
    """Say what this was computed on."""
    found = environment(n_threads)
    cpu = found["cpu"]
    return facts({
        "date": found["date"],
        "platform": found["platform"],
        "processor": f"{cpu['model'] or cpu['name']}, vectors of {cpu['vector_bits']} bits",
        "threads": f"{found['threads']} of {found['cores']}",
        "BLAS": ", ".join(f"{blas['name']} {blas['version']}" for blas in found["blas"]) or "unknown",
        "versions": ", ".join(f"{name} {version}" for name, version in found["versions"].items()),
    })  # fmt: skip


def as_text(value: Any) -> str:
    """Return a setting as people write it."""
    if value is None:
        return "none"
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {as_text(item)}" for key, item in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(as_text, value)) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else f"{value:g}" if isinstance(value, float) else str(value)
