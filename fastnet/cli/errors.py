"""Errors as users see them: one line on standard error."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import TextIO

import typer

# ClickException, the base of what the parser raises: that of the click within typer, which has no public name.
USAGE_ERROR: type[Exception] = typer.BadParameter.__mro__[2]


def _explain(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror if error.filename is None else f"{error.filename}: {error.strerror}"
    if isinstance(error, MemoryError):
        return f"not enough memory: {error}"
    format_message = getattr(error, "format_message", None)
    return str(error if format_message is None else format_message())


def report_error(error: BaseException, code: int) -> int:
    """Print an error as one line and return the exit code."""
    try:
        print(end="", flush=True)
    except OSError:  # standard output is what failed: the interpreter must not try again on its way out
        discard_output()
    line = " ".join(_explain(error).split())
    print(f"fastnet: error: {line}".encode(errors="backslashreplace").decode(), file=sys.stderr)
    return code


def report_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Print a warning as one line; takes the place of `warnings.showwarning`."""
    print("fastnet: warning:", " ".join(str(message).split()), file=sys.stderr)


def discard_output() -> None:
    """Send what is still to be written to standard output nowhere."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
