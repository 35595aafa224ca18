"""Scripts and modules, run as Python runs them, with fastnet's estimators under scikit-learn's names."""

from __future__ import annotations

import builtins
import importlib.util
import os
import pkgutil
import sys
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec, SourceFileLoader
from types import CodeType, ModuleType, TracebackType
from typing import Any, NoReturn

from fastnet.patch.names import patch_sklearn

Compiled = Callable[[], CodeType | None]
"""What compiles a script when it is to be run; None for what is no Python."""

USAGE = """usage: python -m fastnet.patch SCRIPT [ARGUMENT ...]
       python -m fastnet.patch -m MODULE [ARGUMENT ...]

Run a Python script, or a module, in which sklearn.neural_network has fastnet's MLPClassifier and MLPRegressor."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run what the arguments name; `sys.argv` is that of the script from here on."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given[:1] in (["-h"], ["--help"]):
        print(USAGE)
        return
    if given[:1] == ["-m"]:
        if not given[1:] or not given[1]:
            _fail("-m wants the name of a module")
        module, compiled = _of_module(given[1])
        sys.argv[:] = [str(module.__file__), *given[2:]]
    elif not given or given[0].startswith("-"):
        _fail(f"expected a script, or -m and a module, got {given[0] if given else 'nothing'}")
    else:
        module, compiled = _of_path(given[0])
        sys.argv[:] = given
    patch_sklearn()
    _execute(module, compiled)


def _fail(message: str) -> NoReturn:
    print(f"fastnet.patch: error: {message}", file=sys.stderr)
    sys.exit(2)


def _of_path(path: str) -> tuple[ModuleType, Compiled]:
    """Return the main module of a script, or of a folder or an archive with a `__main__.py`, and what compiles it."""
    importer = pkgutil.get_importer(os.path.abspath(path))
    if importer is not None:
        spec = importer.find_spec("__main__") if hasattr(importer, "find_spec") else None
        if spec is None:
            _fail(f"can't find '__main__' module in {path}")
        _set_path(path)
        return _of_spec(spec)
    try:
        with open(path, "rb") as file:
            source = file.read()
    except OSError as error:
        _fail(f"can't open file {path}: {error.strerror}")
    _set_path(os.path.dirname(os.path.realpath(path)))
    file_name = os.path.abspath(path)
    module = _main_module(None, file_name, SourceFileLoader("__main__", file_name))
    return module, lambda: compile(source, file_name, "exec", dont_inherit=True)


def _of_module(name: str) -> tuple[ModuleType, Compiled]:
    """Return the main module that a name stands for, of a package its `__main__`, and what compiles it."""
    try:
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.submodule_search_locations is not None:
            name = f"{name}.__main__"
            spec = importlib.util.find_spec(name)
    except (ImportError, ValueError) as error:
        _fail(f"can't find module {name}: {error}")
    if spec is None or spec.loader is None:
        _fail(f"no module named {name}")
    return _of_spec(spec)


def _of_spec(spec: ModuleSpec) -> tuple[ModuleType, Compiled]:
    loader: Any = spec.loader
    return _main_module(spec, spec.origin, loader), lambda: loader.get_code(spec.name)


def _main_module(spec: ModuleSpec | None, file: str | None, loader: Any) -> ModuleType:
    """Make the module `__main__` as Python makes it; pickles, warnings and new processes look for it by that name."""
    module = ModuleType("__main__")
    module.__dict__.update(
        __builtins__=builtins, __file__=file, __cached__=spec.cached if spec else None, __loader__=loader,
        __package__=spec.parent if spec else None, __spec__=spec,
    )  # fmt: skip
    return module


def _set_path(folder: str) -> None:
    """Let the script's folder take the place of the working directory, which `python -m` puts first."""
    if not sys.flags.safe_path:
        sys.path[0] = os.path.abspath(folder)


def _execute(module: ModuleType, compiled: Compiled) -> None:
    sys.modules["__main__"] = module
    try:
        code = compiled()
        if code is None:
            _fail(f"no code to run in module {module.__spec__ and module.__spec__.name}")
        exec(code, module.__dict__)
    except SystemExit:
        raise
    except BaseException:
        _report_from(module)
        raise


def _report_from(module: ModuleType) -> None:
    """Let what ends the script be reported by the hook that stands, without the frames through which it was run."""
    report = sys.excepthook

    def report_shortened(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
        shown = _without_ours(module, traceback)
        report(kind, error.with_traceback(shown), shown)

    sys.excepthook = report_shortened


def _without_ours(module: ModuleType, traceback: TracebackType | None) -> TracebackType | None:
    """Return a traceback from the script's first frame on, behind those of `runpy` where Python would have them."""
    runpy = _last(traceback, "runpy") if module.__spec__ else None
    script = traceback
    while script is not None and script.tb_frame.f_globals is not module.__dict__:
        script = script.tb_next
    if runpy is None:
        return script
    runpy.tb_next = script
    return traceback


def _last(traceback: TracebackType | None, name: str) -> TracebackType | None:
    """Return the last of the frames of a module with which a traceback begins."""
    last = None
    while traceback is not None and traceback.tb_frame.f_globals.get("__name__") == name:
        last, traceback = traceback, traceback.tb_next
    return last
