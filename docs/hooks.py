"""What the site says about every command and its options, from the application itself: it cannot go stale.

It takes the place of ``<!-- commands -->`` when MkDocs builds a page.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import typer

from fastnet.cli.application import app

MARKER = re.compile(r"^<!-- commands -->$", flags=re.MULTILINE)


def commands(group: Any = None, path: str = "fastnet") -> Iterator[tuple[str, Any]]:
    """Yield the words and the object of every command, in the order of the application."""
    group = typer.main.get_command(app) if group is None else group
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, f"{path} {name}")
        else:
            yield f"{path} {name}", command


def _escape(text: str) -> str:
    return re.sub(r"([\[\]<>*_`|\\])", r"\\\1", text)


def _paragraph(text: str) -> str:
    r"""Return a paragraph of help as Markdown: one that begins with ``\b`` as it stands."""
    if text.startswith("\b"):
        return "```text\n" + text.strip("\b\n ") + "\n```"
    command, tabs, meaning = text.partition("\t\t")
    return f"`{command.strip()}`\n:   {_escape(meaning.strip())}" if tabs else _escape(" ".join(text.split()))


def _prose(text: str) -> str:
    """Return help text as Markdown."""
    return "\n\n".join(_paragraph(paragraph) for paragraph in re.split(r"\n\s*\n", text.strip()))


def _definitions(command: Any, context: Any) -> Iterator[str]:
    """Yield each argument and option with its meaning, as the help of the command has them."""
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if record is not None and "--help" not in parameter.opts:
            yield f"`{record[0]}`\n:   {_escape(' '.join(record[1].split()))}"


def options(path: str, command: Any) -> str:
    """Return the usage, description and options of a command as Markdown."""
    with command.make_context(path, [], resilient_parsing=True) as context:
        usage = "```text\n" + command.get_usage(context).removeprefix("Usage: ") + "\n```"
        parts = [f"### {path}", usage, _prose(command.help or ""), *_definitions(command, context)]
        return "\n\n".join([*parts, _prose(command.epilog)] if command.epilog else parts)


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Put the options of all commands in the place of the marker; called by MkDocs for every page."""
    return MARKER.sub(lambda _match: "\n\n".join(options(path, command) for path, command in commands()), markdown)
