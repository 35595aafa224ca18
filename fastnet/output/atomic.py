"""Files that are there whole or not at all, wherever that can be: what cannot be renamed over is written in place."""

from __future__ import annotations

import errno
import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from fastnet.output.parts import clear_parts, open_part
from fastnet.output.targets import behind_links, descriptor, is_special, refusal, state_of

IN_PLACE = (errno.EBUSY, errno.EXDEV, errno.EPERM)
"""What a rename fails with over a file that is mounted, lies on another layer, or is of another user in /tmp."""

NO_ROOM_BESIDE = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENAMETOOLONG)
"""What the file beside fails with in a folder that takes no new files, though the one there may be written."""


@contextmanager
def replacing(path: str | os.PathLike[str], mode: str = "wb", **options: Any) -> Iterator[IO[Any]]:
    """Open a file for writing that takes the place of `path` once the block has ended well.

    Links are followed, and a file that is there keeps its mode and its owner. Pipes, devices and open streams such as
    ``/dev/stdout`` get what was written in the end, and so does a file that must be written in place: one that is
    mounted, one of another owner, or one in a folder that takes no new files.
    """
    if is_special(path):
        with _staged(Path(path), mode, options) as file:
            yield file
        return
    target = behind_links(path)
    refused = refusal(target)
    if refused is not None:
        raise refused
    state = state_of(target)
    clear_parts(target)
    made = _beside(target, mode, state, options)
    if made is None:
        with _staged(target, mode, options) as file:
            yield file
        return
    part, file = made
    try:
        with file:
            kept = state is None or _take_after(part, state)
            yield file
        if state is not None:  # only now: writing takes some bits of a mode away
            os.chmod(part, stat.S_IMODE(state.st_mode))
        _put(part, target, kept)
    except BaseException:
        with suppress(FileNotFoundError):
            part.unlink()
        raise


def check_target(path: str | os.PathLike[str]) -> None:
    """Raise the OSError with which `replacing` would end, before there is anything to write; nothing is changed."""
    refused = refusal(path)
    if refused is not None:
        raise refused
    if is_special(path):
        return
    target = behind_links(path)
    state = state_of(target)
    clear_parts(target)
    made = _beside(target, "wb", state, {})
    if made is not None:
        part, file = made
        file.close()
        part.unlink()


def _beside(
    target: Path, mode: str, state: os.stat_result | None, options: dict[str, Any]
) -> tuple[Path, IO[Any]] | None:
    """Open a file beside `target`; None if there can be none, but `target` can be written in place."""
    try:
        return open_part(target, mode, state, **options)
    except OSError as error:
        if state is not None and error.errno in NO_ROOM_BESIDE:
            return None
        raise OSError(error.errno, error.strerror, str(target)) from None


def _take_after(part: Path, state: os.stat_result) -> bool:
    """Give a new file the owner of the one that it will replace; return whether that could be done."""
    if os.name == "posix":
        made = os.stat(part)
        if (made.st_uid, made.st_gid) != (state.st_uid, state.st_gid):
            try:
                os.chown(part, state.st_uid, state.st_gid)
            except OSError:
                return False
    return True


def _put(part: Path, target: Path, kept: bool) -> None:
    """Rename a file over another one, or write its content there."""
    if kept:
        try:
            os.replace(part, target)
            return
        except OSError as error:
            if error.errno not in IN_PLACE or not target.is_file():
                raise
    with open(part, "rb") as source:
        _write_in_place(source, target)
    part.unlink()


@contextmanager
def _staged(path: Path, mode: str, options: dict[str, Any]) -> Iterator[IO[Any]]:
    """Open a file without a name, whose content goes to `path` in the end: formats may want to seek in it."""
    with tempfile.TemporaryFile() as content:
        with open(os.dup(content.fileno()), mode, **options) as file:
            yield file
        content.seek(0)
        _write_in_place(content, path)


def _write_in_place(source: IO[bytes], path: Path) -> None:
    number = descriptor(path)
    if number is None:
        flags = os.O_WRONLY | getattr(os, "O_BINARY", 0)
        with open(path, "wb", opener=lambda name, _: os.open(name, flags)) as sink:
            shutil.copyfileobj(source, sink)
            if stat.S_ISREG(os.fstat(sink.fileno()).st_mode):  # only now: the old content is lost as late as can be
                sink.truncate()
        return
    if sys.stdout is not None:
        sys.stdout.flush()  # what was printed so far comes first
    with open(os.dup(number), "wb") as sink:
        shutil.copyfileobj(source, sink)
