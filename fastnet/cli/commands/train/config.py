"""Options that are kept: in a TOML file, which `fastnet train --config FILE` reads, and in checkpoints."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import typer

APART = ("config", "write_config", "json", "resume", "find_lr", "plot", "better", "quiet")
"""Options that are no settings of a run."""

CHANGEABLE = (
    "data", "epochs", "steps", "max_time", "out", "backend", "threads", "checkpoint", "checkpoint_every", "cache_data",
    "mmap", "report", "ranks", "delimiter", "decimal", "encoding",
)  # fmt: skip
"""Settings that may differ where a run is resumed."""


NOT_RESUMED = ("max_time", "ranks")
"""Settings of a run that one which resumes it does not take over: the time is used up, ranks are another start's."""


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
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: not a TOML file: {error}") from None
    _become_defaults(context, values, path)
    return path


def read_checkpoint(context: typer.Context, path: Path | None) -> Path | None:
    """Make the settings of the run of a checkpoint the defaults of a command.

    Raises
    ------
    ValueError
        For a file that is no checkpoint of `fastnet train`.
    """
    if path is None or context.resilient_parsing:
        return path
    from fastnet.training.checkpoints import load_checkpoint

    _, notes = load_checkpoint(path)
    if not isinstance(notes.get("options"), dict):
        raise ValueError(f"{path}: a checkpoint, but none of fastnet train")
    kept = {name: value for name, value in notes["options"].items() if name not in NOT_RESUMED}
    _become_defaults(context, kept, path)
    return path


def check_unchanged(given: Mapping[str, Any], defaults: Mapping[str, Any]) -> None:
    """Refuse options that would make a run that is resumed another one."""
    for name, value in given.items():
        before = defaults.get(name)
        if name not in (*APART, *CHANGEABLE) and _plain(value) != before:
            option = f"--{name.replace('_', '-')}"
            raise ValueError(f"--resume: {option} cannot change, from {before} to {_plain(value)}")


def settings(context: typer.Context) -> dict[str, Any]:
    """Return all settings of a run, as plain values."""
    named = {name: _plain(value) for name, value in context.params.items() if name not in APART}
    return {name: value for name, value in named.items() if value is not None}


def _become_defaults(context: typer.Context, values: Mapping[str, Any], path: Path) -> None:
    known = {parameter.name: parameter for parameter in context.command.params if parameter.name not in APART}
    defaults = {}
    for key, value in values.items():
        name = key.replace("-", "_")
        if name not in known:
            near = difflib.get_close_matches(name, [one for one in known if one], 1)
            hint = f"; did you mean {near[0].replace('_', '-')}?" if near else ""
            raise ValueError(f"{path}: {key!r} is no option of fastnet {context.info_name}{hint}")
        if isinstance(value, dict) or (isinstance(value, bool) and not getattr(known[name], "is_flag", False)):
            got = "a table" if isinstance(value, dict) else str(value).lower()
            raise ValueError(f"{path}: {key!r} must be a value, got {got}")
        defaults[name] = ",".join(map(str, value)) if isinstance(value, list) else value
    context.default_map = {**(context.default_map or {}), **defaults}


def write_config(context: typer.Context, path: Path) -> None:
    """Write all settings of a run, atomically; `fastnet train --config` with the file does the same run again."""
    from fastnet.output.atomic import replacing

    lines = [f"{name.replace('_', '-')} = {_toml(value)}" for name, value in settings(context).items()]
    with replacing(path, "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")


def _plain(value: Any) -> Any:
    return value if isinstance(value, bool | int | float) or value is None else str(value)


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return repr(value)
    return json.dumps(value, ensure_ascii=False)  # a basic string of TOML is written as one of JSON is
