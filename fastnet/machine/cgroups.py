"""CPU quotas of Linux's control groups: how much of the processors' time a container may take.

A group may take `quota` microseconds in every `period`, in all its threads together, and none of the groups within
it can have more; whoever has used it up stands still until the next period. Sources: cgroups(7), the file formats in
proc_pid_cgroup(5) and proc_pid_mountinfo(5), and "Control Group v2" and "CFS Bandwidth Control" in the kernel's
documentation. What cannot be read, or is not as they say, limits nothing.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

FILES = {"cgroup2": ("cpu.max",), "cgroup": ("cpu.cfs_quota_us", "cpu.cfs_period_us")}
"""The files that hold quota and period in version 2 and in version 1, by the types of their file systems."""

QUOTA_AND_PERIOD = re.compile(r"([1-9][0-9]{0,17})\s+([1-9][0-9]{0,17})")
"""Instead of a quota, there is "max" in version 2 and -1 in version 1 where there is no limit."""


class Quota(NamedTuple):
    """Microseconds of processor time in every period of so many, and where that is said."""

    quota: int
    period: int
    source: str

    @property
    def cores(self) -> int:
        """Processors that it keeps busy, the last of them perhaps not all the time."""
        return -(-self.quota // self.period)


def cpu_quota(process: Path = Path("/proc/self")) -> Quota | None:
    """Return the strictest quota on a process's control group and those around it, if there is any."""
    quotas = (_quota(folder, files) for folder, files in _groups(process))
    return min((one for one in quotas if one), key=lambda one: one.quota / one.period, default=None)


def _quota(folder: Path, files: tuple[str, ...]) -> Quota | None:
    texts = [_read(folder / name).strip() for name in files]
    found = QUOTA_AND_PERIOD.fullmatch(" ".join(texts))
    if found is None:
        return None
    source = ", ".join(f"{name} {text}" for name, text in zip(files, texts, strict=True))
    return Quota(int(found[1]), int(found[2]), source)


def _groups(process: Path) -> Iterator[tuple[Path, tuple[str, ...]]]:
    """Yield folders of the process's group and of all around it that can be seen, and the files that hold a quota."""
    paths = _paths(process)
    for line in _read(process / "mountinfo").split("\n"):
        before, _, after = (part.split(" ") for part in line.partition(" - "))
        kind, options = after[0], after[-1].split(",")
        if len(before) < 5 or kind not in paths or (kind == "cgroup" and "cpu" not in options):
            continue
        folder = Path(_unescaped(before[4]))
        for name in _below(_parts(_unescaped(before[3])), paths[kind]):
            folder /= name
            yield folder, FILES[kind]


def _paths(process: Path) -> dict[str, list[str]]:
    """Return the paths of the process's group in the hierarchies that may limit its time, by the type of mounts."""
    paths = {}
    for line in _read(process / "cgroup").split("\n"):
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if "cpu" in controllers.split(","):
            paths["cgroup"] = _parts(path)
        elif number == "0":
            paths["cgroup2"] = _parts(path)
    return paths


def _below(root: list[str], group: list[str]) -> list[str]:
    """Return the steps from a mount point down to a group, the first of which stays there; none if it is elsewhere.

    Both paths are relative to the root of the cgroup namespace, and begin with ".." if they lie outside of it. A mount
    from further outside shows the group too, but the names on the way down to the namespace's root are unknown: then
    the group at the mount point is all that can be looked at.
    """
    if group[: len(root)] == root:
        steps = group[len(root) :]
        return [] if ".." in steps else [".", *steps]
    return ["."] if set(root) == {".."} else []


def _parts(path: str) -> list[str]:
    return [part for part in path.split("/") if part]


def _unescaped(path: str) -> str:
    r"""Return a path of mountinfo as it is: spaces are written as \040 there."""
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), path)


def _read(path: Path) -> str:
    try:
        return os.fsdecode(path.read_bytes())
    except (OSError, ValueError):  # ValueError: a path that cannot be one
        return ""
