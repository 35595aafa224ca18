"""Results as text and as JSON, and files that may be written."""

from __future__ import annotations

import json
import shutil
import sys
import textwrap
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from fastnet.output.atomic import check_target
from fastnet.output.endings import check_ending
from fastnet.output.json_values import standard
from fastnet.output.targets import behind_links, descriptor, is_special

PICTURES = (".png", ".svg", ".pdf")
"""Endings of pictures, which stand in `fastnet.plots.figure`, too: that loads matplotlib."""


KINDS = {
    "--report": "a report",
    "--checkpoint": "a checkpoint",
    "--write-config": "TOML",
    "--json": "JSON",
    "--results": "JSON",
    "--markdown": "Markdown",
}
"""What is written where options say."""


def percent(share: float | None) -> str:
    """Return an accuracy as text."""
    return "unknown" if share is None else f"{100 * share:.2f} %"


def rate(samples_per_second: float) -> str:
    """Return a speed as text."""
    return f"{samples_per_second:,.0f} samples/s"


def shown_metrics(metrics: Sequence[float | None]) -> str:
    """Return root mean squared error, mean absolute error and R2 as text."""
    return ", ".join(
        f"{name} {'unknown' if value is None else f'{value:.5g}'}"
        for name, value in zip(("RMSE", "MAE", "R2"), metrics, strict=True)
    )


def print_json(document: dict[str, Any]) -> None:
    """Print a document as JSON."""
    print(json.dumps(standard(document), indent=2))


def answer(document: dict[str, Any], json: bool, show: Callable[[dict[str, Any]], object]) -> int:
    """Print what a command found, as JSON or as `show` does for people; return the exit code."""
    (print_json if json else show)(document)
    return 0


def print_rows(rows: dict[str, str]) -> None:
    """Print names and what they stand for, in two columns."""
    width = max(map(len, rows)) + 2
    for name, text in rows.items():
        line = f"{name:<{width}}{text}"
        print(_wrapped(line, width) if sys.stdout.isatty() else line, flush=True)


def _wrapped(line: str, indent: int) -> str:
    """Break a line between words, so that a narrow terminal need not break it within them."""
    columns = max(shutil.get_terminal_size().columns, indent + 20)
    return textwrap.fill(line, columns, subsequent_indent=" " * indent, break_long_words=False, break_on_hyphens=False)


def _looks_like_model(path: Path) -> bool:
    with open(path, "rb") as file:
        head = file.read(9)
    return not head or head[8:] == b"{"  # safetensors: the length of the header, then its JSON


def check_writable(
    path: Path | None, model: Path | None, data: Path | None, option: str = "--out", kind: str | None = None
) -> None:
    """Make sure, before any work is done, that `path`, if given, can be written and replaces nothing that is read.

    `kind` is what will be in it, a key of `fastnet.output.endings.ENDINGS`, if the option alone does not say. Where
    `path` is standard output, everything else that is printed goes to standard error from now on.

    Raises
    ------
    ValueError
        If `path` is a folder, a socket, the model or a part of the data, or ends as files of another format do.
    OSError
        If its folder does not exist or cannot be written, nor what is there.
    """
    if path is None:
        return
    if path.is_dir():
        raise ValueError(f"{option} {path}: is a folder, expected the name of a file")
    if path.is_socket():
        raise ValueError(f"{option} {path}: is a socket, expected the name of a file")
    kind = kind or KINDS.get(option)
    if descriptor(path) == 1:
        sys.stdout = sys.stderr
    try:
        if not is_special(path):
            _check_file(path, model, data, option)
        check_target(path)
    except OSError as error:
        raise OSError(f"{option} {path}: cannot be written: {error.strerror}") from None
    if kind is not None:
        check_ending(path, kind, option)


def _check_file(path: Path, model: Path | None, data: Path | None, option: str) -> None:
    folder = behind_links(path).parent
    if not folder.is_dir():
        kind = "is no folder" if folder.exists() else "no such folder"
        raise ValueError(f"{option} {path}: {folder}: {kind}")
    if path.exists():
        _check_replaceable(path, model, data, option)


def check_picture(path: Path | None, option: str) -> None:
    """Make sure, before any work is done, that a picture, if there is to be one, can be drawn."""
    from importlib.util import find_spec

    if path is None:
        return
    if path.suffix.lower() not in PICTURES:
        raise ValueError(f"{option} {path}: must end in {', '.join(PICTURES)}")
    if find_spec("matplotlib") is None:
        raise ValueError(f"{option} {path}: needs matplotlib, which `pip install matplotlib` brings")


def check_outputs(data: Path | None, out: Path, others: Mapping[str, Path | None]) -> None:
    """Make sure that a model can be written to `out`, and what options name to files of their own.

    Raises
    ------
    ValueError, OSError
        As `check_writable`; ValueError if two are one file.
    """
    check_writable(out, None, data, kind="a model")
    taken = {out.resolve(): "the model"}
    for option, path in others.items():
        check_writable(path, None, data, option)
        if path is None:
            continue
        if path.resolve() in taken and not is_special(path):
            raise ValueError(f"{option} {path}: would overwrite {taken[path.resolve()]}")
        taken[path.resolve()] = f"that of {option}"


def _check_replaceable(path: Path, model: Path | None, data: Path | None, option: str) -> None:
    if model is not None and model.exists() and path.samefile(model):
        raise ValueError(f"{option} {path}: would overwrite the model")
    if data is None or not data.exists():
        return
    folder = data if data.is_dir() else data.parent
    part_of_data = data.is_dir() and path.parent.samefile(folder) and not _looks_like_model(path)
    if part_of_data or path.samefile(data):
        raise ValueError(f"{option} {path}: would overwrite the data")
