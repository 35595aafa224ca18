"""Saved results: one JSON document with what was measured, on what, and how."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fastnet.output.atomic import replacing
from fastnet.output.json_values import standard

FORMAT, VERSION = "fastnet benchmark results", 1

SECTIONS = (
    "operations", "networks", "estimators", "latency", "accuracy", "company", "targets", "recipes", "fleets", "tabular",
)  # fmt: skip
"""Lists of rows that a document may hold."""


def new_document(environment: dict[str, Any], settings: dict[str, Any]) -> dict[str, Any]:
    """Begin a document without rows."""
    head = {"format": FORMAT, "version": VERSION, "environment": environment, "settings": settings, "warnings": []}
    return head | {section: [] for section in SECTIONS}


def save(document: dict[str, Any], path: Path) -> None:
    """Write a document, whole or not at all: a row of a section to a line, so that a changed row is a changed line.

    Numbers keep nine digits, more than any of them is worth; sections without rows are left out.
    """
    kept = {name: value for name, value in document.items() if value or name not in SECTIONS}
    rounded = json.loads(json.dumps(standard(kept)), parse_float=_rounded)
    write_text(path, "{\n" + ",\n".join(_lines(rounded)) + "\n}\n")


def _rounded(text: str) -> float:
    value = float(text)
    return value if value.is_integer() else float(f"{value:.9g}")


def write_text(path: Path, text: str) -> None:
    """Write a file, whole or not at all."""
    with replacing(path, "w", encoding="utf-8") as file:
        file.write(text)


def _lines(document: dict[str, Any]) -> Iterator[str]:
    for name, value in document.items():
        is_table = isinstance(value, list) and value and isinstance(value[0], dict)
        rows = ",\n".join("  " + json.dumps(row) for row in value) if is_table else ""
        yield f" {json.dumps(name)}: " + (f"[\n{rows}\n ]" if is_table else json.dumps(value))


def load(path: Path) -> dict[str, Any]:
    """Read a document.

    Parameters
    ----------
    path : Path
        A file that `save` wrote.

    Returns
    -------
    dict
        The document. Sections that it does not have, since they came later, are empty.

    Raises
    ------
    ValueError
        If the file holds something else, or a later version of it.
    OSError
        If it cannot be read.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:  # what is not UTF-8 is a ValueError too
        raise ValueError(f"{path}: is no JSON: {error}") from None
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise ValueError(f"{path}: holds no benchmark results, expected what `fastnet bench --json` writes")
    if document.get("version") != VERSION:
        raise ValueError(f"{path}: has version {document.get('version')!r} of the results, expected {VERSION}")
    document = {section: [] for section in SECTIONS} | document
    for name, kind in (("environment", dict), ("settings", dict), ("warnings", list), *((s, list) for s in SECTIONS)):
        if not isinstance(document.get(name), kind):
            raise ValueError(f"{path}: {name} must be a {kind.__name__}, got {type(document.get(name)).__name__}")
    return document
