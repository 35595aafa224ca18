"""The document that `fastnet train --json` prints, read again, and the history that a model keeps."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

NAMES = {"loss": "loss", "accuracy": "accuracy", "test_loss": "validation_loss", "test_accuracy": "validation_accuracy"}
"""Metrics of an epoch there, and what a `History` calls them."""


def load(path: Path) -> dict[str, Any]:
    """Read a document; ValueError, which begins with the path, if it is none that has a history."""
    try:
        document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise ValueError(f"{path}: not a JSON document: {error}") from None
    rows = document.get("history") if isinstance(document, dict) else None
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
        raise ValueError(f"{path}: holds no history of training; expected what fastnet train --json prints")
    for row in rows:
        for name in ("epoch", "step", *NAMES, *NAMES.values()):
            if not isinstance(row.get(name), int | float | None):
                raise ValueError(f"{path}: {name} must be a number, got {row[name]!r:.40}")
    return document


def columns(document: Mapping[str, Any]) -> dict[str, list[float | None]]:
    """Return the metrics of its history by name, for `fastnet.plots.curves`; by step where training went by steps."""
    rows = document["history"]
    by_steps = any((document.get(part) or {}).get("steps") is not None for part in ("settings", "recipe"))
    name = "step" if by_steps and all("step" in row for row in rows) else "epoch"
    found: dict[str, list[float | None]] = {
        new: [row.get(old, row.get(new)) for row in rows] for old, new in NAMES.items()
    }
    return {name: [row.get(name, i) for i, row in enumerate(rows, 1)], **found}


def history_of(path: Path) -> dict[str, list[float | None]]:
    """Return the metrics of the training that a document tells of, or that a model's settings keep as "history"."""
    from fastnet.models import load_model

    with open(path, "rb") as file:
        head = file.read(9)
    if head.lstrip().startswith(b"{") and head[8:] != b"{":  # the ninth byte of a safetensors file
        return columns(load(path))
    history = load_model(path).settings.get("history")
    if not isinstance(history, dict):
        raise ValueError(f"{path}: keeps no history of training; what fastnet train --json prints has one")
    return history
