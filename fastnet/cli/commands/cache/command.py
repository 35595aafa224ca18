"""`fastnet cache info`, `fastnet cache clear` and `fastnet cache build`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from fastnet.cli import options

cache_app = typer.Typer(rich_markup_mode=None)

Stale = Annotated[bool, typer.Option("--stale", help="Only remove kernels that this version of fastnet does not use.")]


@cache_app.callback()
def _cache() -> None:
    """Inspect, clear or fill the cache of compiled kernels."""


@cache_app.command()
def info(json: options.Json = False) -> int:
    """Show where the cache is, and how large."""
    from fastnet.cli.output import answer, print_rows
    from fastnet.compiler.kernel_cache import built_roots

    root, current, others = _folders()
    built = [folder / (current.name if current else "") for folder in built_roots()]
    facts: dict[str, Any] = {
        "folder": str(root),
        "in_use": None if current is None else str(current),
        "in_use_bytes": _size([] if current is None else [current]),
        "stale": len(others),
        "stale_bytes": _size(others),
        "built_ahead": [str(folder) for folder in built],
        "built_ahead_bytes": _size(built),
    }
    megabytes = {name: f"{size / 1e6:,.1f} MB" for name, size in facts.items() if name.endswith("bytes")}
    rows = {
        "folder": str(root),
        "in use": f"{current.name}, {megabytes['in_use_bytes']}" if current else "no place for one",
        "stale": f"{len(others)} of other versions, {megabytes['stale_bytes']}",
    }
    if built:
        rows["built ahead"] = f"{', '.join(map(str, built))}, {megabytes['built_ahead_bytes']}"
    return answer(facts, json, lambda _: print_rows(rows))


@cache_app.command()
def clear(stale: Stale = False, json: options.Json = False) -> int:
    """Remove compiled kernels; they are compiled again when needed."""
    import shutil

    from fastnet.cli.output import answer

    root, current, folders = _folders()
    if current is not None and current.is_dir() and not stale:
        folders = [*folders, current]
    size = _size(folders)
    for folder in folders:
        shutil.rmtree(folder)
    removed = {"folder": str(root), "removed": len(folders), "removed_bytes": size}
    return answer(removed, json, lambda _: print(f"{len(folders)} of {root} removed, {size / 1e6:,.1f} MB"))


def _folders() -> tuple[Path, Path | None, list[Path]]:
    """Return where kernels are kept, the folder in use if there can be one, and those of other versions."""
    from fastnet.compiler.kernel_cache import cache_root, other_folders
    from fastnet.compiler.policy import cache_directory

    root, current = cache_root(), cache_directory()
    return root, current, other_folders(root, current)


def _size(folders: list[Path]) -> int:
    return sum(path.stat().st_size for folder in folders for path in folder.rglob("*") if path.is_file())
