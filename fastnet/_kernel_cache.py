"""Where compiled kernels are kept between processes: Numba's cache, with a place and a key of fastnet's own.

Numba finds a place and a stamp through a function's source file, which need not exist: a package may be installed
compiled only, or be imported from a zip. Here the place is a folder of the user's whose name is a digest of everything
that compiled code depends on: the code of all modules that it may be made from (`PACKAGES` and `MODULES`; kernels
import nothing else of fastnet), the versions, the level of processors, the vector width, the flags. Numba's own key
holds none of the first, so an edit in one file could leave a stale kernel in the cache of another.

Whatever is wrong with what is kept, kernels are then compiled, and whatever is wrong with the place, they are kept in
memory.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import re
import shutil
import sys
import time
import warnings
from importlib.util import find_spec
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

from numba.core import caching

PACKAGES = ("fastnet.kernels", "fastnet.reference")
MODULES = ("fastnet._codegen", "fastnet._jit", "fastnet._kernel_cache", "fastnet._levels", "fastnet._threads")


DAY = 24 * 3600

KEPT_DAYS = 30
"""Days after their last use for which folders of other versions are kept."""

_FOLDER = re.compile(r"kernels-(.+-)?[0-9a-f]{16}")


@functools.cache
def sources() -> dict[str, Any]:
    """Find all modules that compiled code may be made from, by their names in a fixed order, without importing them."""
    specs: dict[str, Any] = {name: find_spec(name) for name in (*PACKAGES, *MODULES)}
    for package in PACKAGES:
        for found in iter_modules(specs[package].submodule_search_locations, f"{package}."):
            specs[found.name] = found.module_finder.find_spec(found.name, None)
    return dict(sorted(specs.items()))


@functools.cache
def digest(*settings: str) -> str:
    """Return a digest of settings that compiled code depends on, and of the code of all modules it is made from."""
    result = hashlib.sha256("\0".join(settings).encode())
    for name, spec in sources().items():  # source code, or compiled where that is all there is; from a zip as well
        result.update(name.encode() + b"\0" + spec.loader.get_data(spec.origin))
    return result.hexdigest()[:16]


def cache_root() -> Path:
    """Folder of the compiled kernels of all versions, processors and settings."""
    for name in ("FASTNET_CACHE_DIR", "NUMBA_CACHE_DIR"):
        if os.environ.get(name):
            return Path(os.environ[name]) / "fastnet"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home()) / "fastnet"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "fastnet"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "fastnet"


def folder_name(level: str, vector_bits: int, of_all: str) -> str:
    """Name the folder of the kernels for a level of processors and a width of vectors, with a digest of all else."""
    return f"kernels-{level}-{vector_bits}-{of_all}"


def other_folders(root: Path, current: Path | None) -> list[Path]:
    """Return the folders of other versions, processors and settings, and nothing else that lies there."""
    found = sorted(root.iterdir()) if root.is_dir() else []
    return [path for path in found if _FOLDER.fullmatch(path.name) and path.is_dir() and path != current]


@functools.cache
def keep_house(current: Path) -> None:
    """Note that a folder is in use, and remove those that nobody has used for long; whatever fails is left."""
    now = time.time()
    with contextlib.suppress(OSError):
        if now - current.stat().st_mtime > DAY:
            os.utime(current)
        for folder in other_folders(current.parent, current):
            if now - folder.stat().st_mtime > KEPT_DAYS * DAY:
                shutil.rmtree(folder, ignore_errors=True)


_warned = False


def warn_once(reason: str) -> None:
    """Tell, once in a process, that kernels are kept in memory only, and what would help."""
    global _warned
    if _warned:
        return
    _warned = True
    warnings.warn(
        f"compiled kernels are not cached, each process compiles anew: {reason}; "
        "set FASTNET_CACHE_DIR to a folder that can be written",
        RuntimeWarning,
        stacklevel=2,
    )


class _Locator(caching._CacheLocator):
    """Tells Numba where the kernels of a module are kept; the folder's name is the stamp already."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._py_file = folder, "fastnet"

    def get_cache_path(self) -> str:
        return str(self._folder)

    def get_source_stamp(self) -> str:
        return self._folder.name

    def get_disambiguator(self) -> str:
        return "fastnet"


class _Compiled(caching.CompileResultCacheImpl):
    """Numba's form of what is kept, in files named after a function and its place."""

    def __init__(self, function: Any, folder: Path) -> None:
        self._locator, self._lineno = _Locator(folder), function.__code__.co_firstlineno
        name = f"{function.__module__}.{function.__qualname__}-{self._lineno}".replace("<", "").replace(">", "")
        self._filename_base = f"{name.removeprefix('fastnet.')}.py{sys.version_info[0]}{sys.version_info[1]}"


class _Files(caching.IndexDataCacheFile):
    """Numba's files, but each form of a kernel has one whose name follows from the form.

    Numba counts them. Two processes that compile different forms at once may both count to the same number, and the
    index then names a file with the code of the other form.
    """

    def save(self, key: Any, data: Any) -> None:
        number = int(hashlib.sha256(repr(key).encode()).hexdigest()[:15], 16)
        name = self._data_name(number)  # type: ignore[no-untyped-call]
        self._save_data(name, data)  # type: ignore[no-untyped-call]
        overloads = self._load_index()  # type: ignore[no-untyped-call]
        overloads[key] = name
        self._save_index(overloads)  # type: ignore[no-untyped-call]


class KernelCache(caching.FunctionCache):
    """The compiled forms of one kernel, in a folder."""

    def __init__(self, function: Any, folder: Path) -> None:
        self._impl_class: Any = functools.partial(_Compiled, folder=folder)
        super().__init__(function)  # type: ignore[no-untyped-call]
        files = _Files(self._cache_path, self._impl.filename_base, folder.name)  # type: ignore[no-untyped-call]
        self._cache_file: Any = files

    def holds(self, sig: Any, target_context: Any) -> bool:
        """Tell whether something is kept for a signature; whether it can be read, loading will tell."""
        try:
            key = self._index_key(sig, target_context.codegen())  # type: ignore[no-untyped-call]
            name = self._cache_file._load_index().get(key)
            return name is not None and Path(self.cache_path, name).is_file()
        except Exception:  # as in loading
            return False

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Return what is kept for a signature; None for what is not there, or cannot be read."""
        keep_house(Path(self.cache_path))
        try:
            return super().load_overload(sig, target_context)  # type: ignore[no-untyped-call]
        except Exception:  # a damaged file raises whatever its bytes come to mean
            self._discard()
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep what was compiled for a signature, if that is possible."""
        try:
            super().save_overload(sig, data)  # type: ignore[no-untyped-call]
        except OSError as error:
            self._warn(error)

    def _discard(self) -> None:
        """Forget what is kept, so that it is written anew."""
        try:
            self.flush()  # type: ignore[no-untyped-call]
        except OSError as error:
            self._warn(error)

    def _warn(self, error: OSError) -> None:
        warn_once(f"{self.cache_path}: {error.strerror}")
