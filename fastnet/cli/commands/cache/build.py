"""`fastnet cache build`: compile ahead, for other machines, images and packages."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from fastnet.cli import options

EXAMPLES = """\b
Examples:
  fastnet cache build
  fastnet cache build --for classifier,predict --out kernels
  fastnet cache build --level x86-64-v3 --level x86-64-v4 --out kernels

Elsewhere, FASTNET_CACHE_DIR=kernels makes fastnet use what --out kernels wrote."""

Purpose = StrEnum("Purpose", ["classifier", "regressor", "train", "predict", "operations"])
"""What kernels are compiled for; `fastnet.cli.commands.cache.ahead` says what each does."""

For = Annotated[
    str | None,
    typer.Option(
        "--for",
        metavar="NAMES",
        help="What to compile for, separated by commas: classifier, regressor (the scikit-learn estimators), train "
        "(Trainer, fastnet train and recipes), predict, operations (of fastnet.kernels).  [default: all]",
    ),
]
Levels = Annotated[
    list[str] | None,
    typer.Option(
        "--level",
        metavar="LEVEL",
        help="Processor level to compile for, such as x86-64-v3; can be repeated.  [default: that of this machine]",
    ),
]
Out = Annotated[
    Path | None,
    typer.Option(
        "--out",
        metavar="DIR",
        help="Folder to write to, for use on other machines.  [default: the cache of this machine]",
    ),
]


def build(for_: For = None, level: Levels = None, out: Out = None, json: options.Json = False) -> int:
    """Compile kernels ahead of their first use.

    This takes a minute or two for each processor level.
    """
    from fastnet.cli.output import answer, print_rows

    purposes, levels = options.names_in("--for", for_, [str(purpose) for purpose in Purpose]), _levels(level)
    if out is None:
        folders = {name: Path(_compile(name, purposes, dict(os.environ))) for name in levels}
    else:
        folders = _build_in(out, levels, purposes)
    sizes = {name: sum(path.stat().st_size for path in folder.iterdir()) for name, folder in folders.items()}
    found = {name: {"folder": str(folder), "bytes": sizes[name]} for name, folder in folders.items()}
    rows = {name: f"{folder}, {sizes[name] / 1e6:,.1f} MB" for name, folder in folders.items()}
    return answer(found, json, lambda _: print_rows(rows))


def _levels(names: list[str] | None) -> list[str]:
    """Return the levels that are asked for; see that this machine can compile and run their code."""
    from fastnet.compiler import codegen
    from fastnet.compiler.levels import missing, named
    from fastnet.compiler.policy import require_compiler

    require_compiler("fastnet cache build")
    for name in names or ():
        try:
            level = named(name, codegen.architecture())
        except ValueError as error:
            raise ValueError(str(error).replace("FASTNET_CPU_LEVEL", "--level")) from None
        lacking = missing(level, codegen.features()) if level else []
        if lacking:
            raise ValueError(
                f"--level {name}: this processor, which is to run what it compiles, lacks {', '.join(lacking)}"
            )
    return list(dict.fromkeys(names or [codegen.target().level]))


def _build_in(out: Path, levels: list[str], purposes: list[str]) -> dict[str, Path]:
    """Compile in a folder of its own, and put into place what is complete; what was there before is added to."""
    from fastnet.compiler.kernel_cache import BUILT, built_roots

    root = out / "fastnet"
    root.mkdir(parents=True, exist_ok=True)
    folders = {}
    with tempfile.TemporaryDirectory(prefix=".building-", dir=out) as work:
        place = Path(work) / "fastnet"
        for source in (*built_roots(), root):  # what is read elsewhere would not be compiled here
            shutil.copytree(source, place, ignore=lambda *_: [BUILT], dirs_exist_ok=True)
        for level in levels:
            made = Path(_compile(level, purposes, {**os.environ, "FASTNET_CACHE_DIR": work}))
            folders[level] = root / made.name
        for folder in folders.values():
            if folder.exists():
                folder.rename(place / f"before-{folder.name}")
            (place / folder.name).rename(folder)
    (root / BUILT).write_text("Compiled kernels of fastnet's, made by `fastnet cache build`: read, never written.\n")
    return folders


def _compile(level: str, purposes: list[str], environment: dict[str, str]) -> str:
    """Compile for a level, in a process for each dtype; return the folder."""
    from fastnet.cli.commands.cache.ahead import DTYPES
    from fastnet.cli.progress import steps

    environment = {**environment, "FASTNET_CPU_LEVEL": level, "FASTNET_NUM_THREADS": "1"}
    commands = [[sys.executable, "-m", "fastnet.cli.commands.cache.ahead", dtype, *purposes] for dtype in DTYPES]
    with (
        ThreadPoolExecutor(len(commands)) as pool,  # the last to end: its threads wait for the processes
        steps(None, f"compiling for {level}") as show,
        contextlib.ExitStack() as stack,
    ):
        processes = [stack.enter_context(_process(command, environment)) for command in commands]
        folders = list(pool.map(lambda process: _folder(process, show), processes))
    return folders[0]


@contextlib.contextmanager
def _process(command: list[str], environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """Run a process; it ends at the latest when this does."""
    with tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=errors, text=True)
        try:
            yield process
        finally:
            process.kill()
            process.communicate()
        if process.returncode != 0:
            errors.seek(0)
            *_, last = errors.read().splitlines() or [f"exit code {process.returncode}"]
            raise ChildProcessError(f"kernels could not be compiled: {last}")


def _folder(process: subprocess.Popen[str], show: Callable[[str], object]) -> str:
    """Show what a process prints; return the folder that it names at last."""
    from fastnet.cli.commands.cache.ahead import FOLDER

    folder = ""
    assert process.stdout is not None
    for line in map(str.strip, process.stdout):
        if line.startswith(FOLDER):
            folder = line.removeprefix(FOLDER)
        else:
            show(line)
    process.wait()
    return folder
