"""Where compiled kernels are kept between processes: Numba's cache, with a place and a key of fastnet's own.

Numba finds a place and a stamp through a function's source file, which need not exist: a package may be installed
compiled only, or be imported from a zip. Here the place is a folder of the user's whose name is a digest of everything
that compiled code depends on: the code of all modules that it may be made from (`PACKAGES` and `MODULES`; kernels
import nothing else of fastnet), the versions, the level of processors, the vector width, the flags. Numba's own key
holds none of the first, so an edit in one file could leave a stale kernel in the cache of another.

Each form of a kernel is a file of its own, with a checksum: processes that keep several at once share nothing that
both would write. Whatever is wrong with a file, the form is compiled and the file replaced; whatever is wrong with the
place, what is compiled is kept in memory.

Places that were built ahead (`fastnet cache build`) are read first and never written.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import pickle
import re
import shutil
import sys
import time
import warnings
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

from numba.core import caching
from numba.core.serialize import dumps

from fastnet.output.atomic import replacing

PACKAGES = ("fastnet.compiler", "fastnet.kernels", "fastnet.reference", "fastnet.validation")
MODULES = ("fastnet.machine", "fastnet.machine.threads", "fastnet.output", "fastnet.output.atomic")

DAY = 24 * 3600

KEPT_DAYS = 30
"""Days after their last use for which folders of other versions are kept."""

_FOLDER = re.compile(r"kernels-(.+-)?[0-9a-f]{16}")


@functools.cache
def sources() -> dict[str, Any]:
    """Find all modules that compiled code may be made from, by their names in a fixed order, without importing them."""
    specs: dict[str, Any] = {name: find_spec(name) for name in (*PACKAGES, *MODULES)}
    packages = list(PACKAGES)
    for package in packages:  # which grows: packages within packages follow
        for found in iter_modules(specs[package].submodule_search_locations, f"{package}."):
            specs[found.name] = found.module_finder.find_spec(found.name, None)
            if found.ispkg:
                packages.append(found.name)
    return dict(sorted(specs.items()))


@functools.cache
def digest(*settings: str) -> str:
    """Return a digest of settings that compiled code depends on, and of the code of all modules it is made from."""
    result = hashlib.sha256("\0".join(settings).encode())
    for name, spec in sources().items():  # source code, or compiled where that is all there is; from a zip as well
        result.update(name.encode() + b"\0" + spec.loader.get_data(spec.origin))
    return result.hexdigest()[:16]


BUILT = "built-ahead.txt"
"""File that tells a place which was built ahead."""


def is_built(root: Path) -> bool:
    """Tell whether what lies there was built ahead, and is not to be written."""
    return (root / BUILT).is_file()


def _asked_for() -> list[Path]:
    """Return the places that the environment names."""
    names = ("FASTNET_CACHE_DIR", "NUMBA_CACHE_DIR")
    return [Path(os.environ[name]) / "fastnet" for name in names if os.environ.get(name)]


def cache_root() -> Path:
    """Folder of the compiled kernels of all versions, processors and settings."""
    for root in _asked_for():
        if not is_built(root):
            return root
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home()) / "fastnet"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "fastnet"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "fastnet"


def built_roots() -> list[Path]:
    """Folders like that which were built ahead: inside the package, and where the environment says."""
    return [root for root in (Path(__file__).parents[1] / "_compiled" / "fastnet", *_asked_for()) if is_built(root)]


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
        self._filename_base = name.removeprefix("fastnet.")


class Files:
    """The forms of one kernel, each in a file whose name follows from it, after the digest of its content."""

    def __init__(self, name: str, folder: Path, built: Sequence[Path] = ()) -> None:
        self._name, self._folder, self._places = name, folder, (*built, folder)

    def _file(self, key: Any) -> str:
        return f"{self._name}.{hashlib.sha256(repr(key).encode()).hexdigest()[:16]}.nbc"

    def holds(self, key: Any) -> bool:
        """Tell whether there is a file of a form; whether it can be read, loading will tell."""
        return any((place / self._file(key)).is_file() for place in self._places)

    def load(self, key: Any) -> Any:
        """Return what is kept of a form; None for what is not there, or cannot be read, or was damaged."""
        for place in self._places:
            with contextlib.suppress(OSError):
                content = (place / self._file(key)).read_bytes()
                if content[:DIGEST_BYTES] == _checksum(content[DIGEST_BYTES:]):
                    return pickle.loads(content[DIGEST_BYTES:])
        return None

    def save(self, key: Any, data: Any) -> None:
        """Keep a form."""
        content = dumps(data)
        with replacing(self._folder / self._file(key)) as file:
            file.write(_checksum(content) + content)


DIGEST_BYTES = 16


def _checksum(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=DIGEST_BYTES).digest()


class KernelCache(caching.FunctionCache):
    """The compiled forms of one kernel, in a folder and in others that were built ahead."""

    def __init__(self, function: Any, folder: Path) -> None:
        self._impl_class: Any = functools.partial(_Compiled, folder=folder)
        super().__init__(function)  # type: ignore[no-untyped-call]
        built = [root / folder.name for root in built_roots()]
        self._cache_file: Any = Files(self._impl.filename_base, folder, built)

    def holds(self, sig: Any, target_context: Any) -> bool:
        """Tell whether something is kept for a signature."""
        return bool(self._cache_file.holds(self._index_key(sig, target_context.codegen())))  # type: ignore[no-untyped-call]

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Return what is kept for a signature; None for what is not there, or cannot be used."""
        keep_house(Path(self.cache_path))
        try:
            return super().load_overload(sig, target_context)  # type: ignore[no-untyped-call]
        except Exception:  # whatever a file of another program's makes of it
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep what was compiled for a signature, if that is possible."""
        try:
            super().save_overload(sig, data)  # type: ignore[no-untyped-call]
        except OSError as error:
            warn_once(f"{self.cache_path}: {error.strerror}")
