"""What lies where a user points: a file, a link, a device, an open stream, or nothing yet."""

from __future__ import annotations

import errno
import os
import re
import stat
from pathlib import Path

PathLike = str | os.PathLike[str]

_DESCRIPTOR = re.compile(r"/(?:dev|proc/(self|thread-self|\d+)(?:/task/\d+)?)/fd/(\d+)")
_STANDARD = {"/dev/stdin": 0, "/dev/stdout": 1, "/dev/stderr": 2}
_MOST_LINKS = 40


def descriptor(path: PathLike) -> int | None:
    """Return the open stream of this process that a path stands for, such as 1 for ``/dev/stdout``; else None.

    Links are followed one by one: the last one of ``/dev/stdout`` leads to the file that a shell has opened, which
    opened once more would be written from its beginning, over what is in it.
    """
    place = os.path.abspath(path)
    for _ in range(_MOST_LINKS):
        place = os.path.join(os.path.realpath(os.path.dirname(place)), os.path.basename(place))
        if place in _STANDARD and os.name == "posix":
            return _STANDARD[place]
        found = _DESCRIPTOR.fullmatch(place)
        if found is not None:
            return int(found[2]) if found[1] in (None, "self", "thread-self", str(os.getpid())) else None
        if not os.path.islink(place):
            return None
        place = os.path.normpath(os.path.join(os.path.dirname(place), os.readlink(place)))
    return None


def state_of(path: PathLike) -> os.stat_result | None:
    """Return what `os.stat` says of a path, links followed; None for what is not there, nor perhaps its folder."""
    try:
        return os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None


def is_special(path: PathLike) -> bool:
    """Whether a path is a pipe, a device, a socket or an open stream, which no file may take the place of."""
    if descriptor(path) is not None:
        return True
    state = state_of(path)
    return state is not None and not (stat.S_ISREG(state.st_mode) or stat.S_ISDIR(state.st_mode))


def behind_links(path: PathLike) -> Path:
    """Return the path of the file itself, be it there or not; OSError for links that lead in a circle."""
    target = Path(path)
    if not target.is_symlink():
        return target
    state_of(target)  # which follows links, and says so of a circle
    return Path(os.path.realpath(target))


def refusal(path: PathLike) -> OSError | None:
    """Return the error with which writing to what is there would end, as far as that can be told beforehand."""
    number = descriptor(path)
    code = _stream_error(number) if number is not None else _file_error(path)
    return None if code is None else OSError(code, os.strerror(code), str(path))


def _stream_error(number: int) -> int | None:
    """Return the number of the error of writing to an open stream: one that is closed, or open for reading alone."""
    import fcntl  # of POSIX, as these streams are

    try:
        flags = fcntl.fcntl(number, fcntl.F_GETFL)
    except OSError:
        return errno.EBADF
    return errno.EBADF if flags & os.O_ACCMODE == os.O_RDONLY else None


def _file_error(path: PathLike) -> int | None:
    state = state_of(path)
    if state is None:
        return None
    if stat.S_ISDIR(state.st_mode):
        return errno.EISDIR
    if stat.S_ISSOCK(state.st_mode):
        return errno.ENXIO
    if not os.access(path, os.W_OK):
        return errno.EROFS if os.name == "posix" and _is_read_only(path) else errno.EACCES
    return None


def _is_read_only(path: PathLike) -> bool:
    return bool(os.statvfs(path).f_flag & os.ST_RDONLY)
