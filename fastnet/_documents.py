"""The document that `fastnet train --json` prints, read again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

NAMES = {
    "loss": "loss",
    "accuracy": "accuracy",
    "test_loss": "validation_loss",
    "test_accuracy": "validation_accuracy",
}
"""Figures of an epoch there, and what a `History` calls them."""


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
        for name in ("epoch", *NAMES):
            if not isinstance(row.get(name), int | float | None):
                raise ValueError(f"{path}: {name} must be a number, got {row[name]!r:.40}")
    return document


def columns(document: Mapping[str, Any]) -> dict[str, list[float | None]]:
    """Return the figures of its history by name, for `fastnet.plots.curves`."""
    rows = document["history"]
    found: dict[str, list[float | None]] = {new: [row.get(old) for row in rows] for old, new in NAMES.items()}
    return {"epoch": [row.get("epoch", i) for i, row in enumerate(rows, 1)], **found}
