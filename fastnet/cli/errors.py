"""Errors as users see them: one line on standard error."""

from __future__ import annotations

import contextlib
import os
import re
import sys
from collections.abc import Iterator, Mapping
from typing import Any, TextIO

import typer

# ClickException, the base of what the parser raises: that of the click within typer, which has no public name.
USAGE_ERROR: type[Exception] = typer.BadParameter.__mro__[2]


EXPECTED = {
    "int_parsing": "expected an integer",
    "float_parsing": "expected a number",
    "greater_than_equal": "expected at least {ge}",
    "greater_than": "expected more than {gt}",
    "less_than_equal": "expected at most {le}",
    "less_than": "expected less than {lt}",
    "finite_number": "expected a finite number",
    "value_error": "{error}",
}
"""What is wrong with a value, by the names that the parser's checks give it."""


@contextlib.contextmanager
def as_typed(typed: Mapping[str, str]) -> Iterator[None]:
    """Let errors of the block that begin with the name of a parameter begin with what the user typed instead.

    Examples
    --------
    >>> with as_typed({"fraction": "--test-fraction"}):
    ...     raise ValueError("fraction: got 0.0, expected more")
    Traceback (most recent call last):
    ValueError: --test-fraction: got 0.0, expected more
    """
    try:
        yield
    except (TypeError, ValueError) as error:
        name = re.match(r"\w+(?=: | must )", str(error))
        if name is None or name[0] not in typed:
            raise
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(typed[name[0]] + str(error)[name.end() :]) from None


def _explain_value(error: Any) -> str | None:
    """Say what came and what was expected where the parser refuses a value; None where it says so itself."""
    checks = getattr(error.__cause__, "errors", None)
    option = re.match(r"Invalid value for '([^']+)'", error.format_message())
    if checks is None or option is None:
        return None
    found = checks()[0]
    expected = EXPECTED.get(found["type"], "{msg}").format(**{**found, **found.get("ctx", {})}).rstrip(".")
    came = repr(found["input"])
    return f"{option[1]}: {expected}" if expected.startswith(came) else f"{option[1]}: got {came}, {expected}"


def explain(error: BaseException) -> str:
    """Return what an error says, with the file that it is about."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror if error.filename is None else f"{error.filename}: {error.strerror}"
    if isinstance(error, MemoryError):
        return f"not enough memory: {error}"
    if isinstance(error, USAGE_ERROR) and (text := _explain_value(error)):
        return text
    format_message = getattr(error, "format_message", None)
    return str(error if format_message is None else format_message())


def report_error(error: BaseException, code: int) -> int:
    """Print an error as one line and return the exit code."""
    try:
        print(end="", flush=True)
    except OSError:  # standard output is what failed: the interpreter must not try again on its way out
        discard_output()
    line = " ".join(explain(error).split())
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
