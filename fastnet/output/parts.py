"""Files that are being written, beside those whose place they will take: ``.NAME.PID.N.part``."""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import stat
import sys
from pathlib import Path
from typing import IO, Any

if sys.platform != "win32":  # where a file that is open cannot be removed anyhow
    import fcntl

_COUNT = itertools.count()


def open_part(target: Path, mode: str, state: os.stat_result | None, **options: Any) -> tuple[Path, IO[Any]]:
    """Create a file beside `target`, with the mode of the one that is there, and hold a lock on it."""
    rights = 0o666 if state is None else stat.S_IMODE(state.st_mode) & 0o777

    def opener(name: str, flags: int) -> int:
        return os.open(name, flags, rights)

    while True:
        path = target.with_name(f".{target.name}.{os.getpid()}.{next(_COUNT)}.part")
        try:
            file = open(path, mode.replace("w", "x"), opener=opener, **options)  # noqa: SIM115, the caller closes it
        except FileExistsError:  # of a process of this number that is no more, where locks cannot tell
            continue
        _lock(file.fileno())
        return path, file


def clear_parts(target: Path) -> None:
    """Remove the parts of `target` whose writers are gone, which were killed; nothing else, and nothing is raised."""
    if sys.platform == "win32":
        return
    name = re.compile(re.escape(f".{target.name}.") + r"(\d+)(?:\.\d+)?\.part")
    with contextlib.suppress(OSError), os.scandir(target.parent) as entries:
        for entry in entries:
            found = name.fullmatch(entry.name)
            if found is not None and entry.is_file(follow_symlinks=False) and _is_left(entry.path, int(found[1])):
                os.unlink(entry.path)


def _is_left(path: str, number: int) -> bool:
    """Whether the process that began to write a file is gone: no such number, and nobody holds the file's lock.

    The lock tells of processes in other containers, and of other threads of this one; the number where a file system
    has no locks.
    """
    if number != os.getpid():
        try:
            os.kill(number, 0)
        except ProcessLookupError:
            pass
        except (OSError, OverflowError):
            return False
        else:
            return False
    file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        return _lock(file, none=number != os.getpid())
    finally:
        os.close(file)


def _lock(file: int, none: bool = False) -> bool:
    """Take the lock of a file, if it is free; return whether it was, or `none` where there are no locks."""
    if sys.platform == "win32":
        return none
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return none
    return True
