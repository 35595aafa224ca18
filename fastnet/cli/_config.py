"""Options in a TOML file: `fastnet train --config FILE` reads them, `--write-config FILE` writes those of a run."""

from __future__ import annotations

import difflib
import json
from pathlib import Path
from typing import Any

import typer

APART = ("config", "write_config", "json", "resume", "find_lr", "plot", "better")
"""Options that are no settings of a run."""


def read_config(context: typer.Context, path: Path | None) -> Path | None:
    """Make the values of a file the defaults of a command; the command line wins over them.

    Raises
    ------
    ValueError
        For a file that is no TOML, and for names that are no options, with the nearest one that is.
    """
    if path is None or context.resilient_parsing:
        return path
    import tomllib

    try:
        with open(path, "rb") as file:
            values = tomllib.load(file)
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{path}: not a TOML file: {error}") from None
    known = [parameter.name for parameter in context.command.params if parameter.name not in APART]
    settings = {}
    for key, value in values.items():
        name = key.replace("-", "_")
        if name not in known:
            near = difflib.get_close_matches(name, [one for one in known if one], 1)
            hint = f"; did you mean {near[0].replace('_', '-')}?" if near else ""
            raise ValueError(f"{path}: {key!r} is no option of fastnet {context.info_name}{hint}")
        if isinstance(value, dict):
            raise ValueError(f"{path}: {key!r} must be a value, got a table")
        settings[name] = ",".join(map(str, value)) if isinstance(value, list) else value
    context.default_map = {**(context.default_map or {}), **settings}
    return path


def write_config(context: typer.Context, path: Path) -> None:
    """Write all settings of a run, atomically; `fastnet train --config` with the file does the same run again."""
    from fastnet._atomic import replacing

    lines = [
        f"{name.replace('_', '-')} = {_toml(value)}"
        for name, value in context.params.items()
        if name not in APART and value is not None
    ]
    with replacing(path, "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return repr(value)
    return json.dumps(str(value), ensure_ascii=False)  # a basic string of TOML is written as one of JSON is
