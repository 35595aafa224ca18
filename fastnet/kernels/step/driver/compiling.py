"""The stages of a call: loaded from the cache, or compiled in several processes at once, and the person is told.

Numba compiles one function at a time in a process, and most of its time is Python's. Where several processors may be
used, others are started that compile too: each asks for one stage after another, and keeps what it has compiled in the
cache, from where this process takes it. What another process does not do, for whatever reason, is done here.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numba
import numpy as np

from fastnet.compiler.policy import cache_directory
from fastnet.kernels.runtime.stages import (
    Form,
    NotCompiledError,
    address_of,
    form_of,
    form_of_place,
    nothing_is_compiled,
)
from fastnet.kernels.step.driver.selection import Inference, Training, choose
from fastnet.kernels.step.state import Stages, State

MOST_PROCESSES = 4
"""Processes that compile, this one included: one stage takes as long as all that then remain for the others."""

FEWEST_MISSING = 4
"""Stages missing, at least, for another process to be started: it takes half a second to begin."""

_SERVE = """
import json, sys
request = json.loads(sys.stdin.readline())
sys.path[:] = request.pop("path")
from fastnet.kernels.step.driver import compiling, teams
state_type = teams.type_of_state(request.pop("dtype"))
compiling.serve(state_type=state_type, **request)
"""


_loaded: dict[tuple[Training | Inference, Any], Stages] = {}
_absent: set[tuple[Training | Inference, Any]] = set()
"""What was neither compiled nor in the cache when it was not to be compiled either: it is not looked for again."""


def load_stages(asked: Training | Inference, state: State) -> Stages:
    """Return the addresses of a call's stages, which are loaded or compiled for a state's type.

    All of the type follows from the dtype of the parameters.

    Raises
    ------
    NotCompiledError
        If something is not in the cache, under `nothing_compiled()`.
    """
    dtype = state.weights.flat.dtype
    if (asked, dtype) not in _loaded:
        if (asked, dtype) in _absent and nothing_is_compiled():
            raise NotCompiledError(str(asked))
        _loaded[asked, dtype] = _load(asked, dtype, numba.typeof(state))
    return _loaded[asked, dtype]


def _load(asked: Training | Inference, dtype: Any, state_type: Any) -> Stages:
    """Have compiled what is missing, and load all."""
    chosen = choose(asked)
    missing = [form for form in _forms(chosen, state_type) if not form.is_at_hand()]
    if missing and nothing_is_compiled():
        _absent.add((asked, dtype))
        raise NotCompiledError(", ".join(form.name for form in missing))
    if missing:
        from fastnet.output.notices import tell  # here, for it is nothing that compiled code is made from

        tell("Compiling fastnet's kernels for this kind of processor, once ...")
        _compile_together(missing, asked, dtype)

    def address(stage: Any) -> Any:
        if isinstance(stage, tuple):
            return np.array([address(layer) for layer in stage], np.int64)
        return 0 if stage is None else address_of(stage, state_type)

    return Stages(*map(address, chosen))


def _forms(chosen: Stages, state_type: Any) -> list[Form]:
    """List what a call needs, once each: what takes long to compile first."""
    flat = [stage for field in chosen for stage in (field if isinstance(field, tuple) else (field,))]
    first = (chosen.turns, chosen.update, chosen.first_update, chosen.loss, chosen.rows)
    stages = [stage for stage in dict.fromkeys((*first, *flat)) if stage is not None]
    return [form_of(stage, state_type) for stage in stages] + [form_of_place(state_type)]


def _compile_together(missing: list[Form], asked: Training | Inference, dtype: Any) -> None:
    """Compile some forms: this process takes one after another, and so do others, as soon as they are there."""
    from fastnet.machine.cores import available_cores  # as above

    names = deque(form.name for form in missing)
    forms = {form.name: form for form in missing}
    n_others = min(available_cores(), MOST_PROCESSES, 1 + len(missing) // FEWEST_MISSING) - 1
    with contextlib.ExitStack() as stack:
        others = [stack.enter_context(_other_process(names, asked, dtype)) for _ in range(n_others)]
        with contextlib.suppress(IndexError):
            while True:
                forms[names.popleft()].compile()
        for other in others:
            other.join()


@contextlib.contextmanager
def _other_process(names: deque[str], asked: Training | Inference, dtype: Any) -> Iterator[threading.Thread]:
    """Let another process compile what has these names, one after another; yield the thread that talks to it."""
    kind, folder = type(asked).__name__, cache_directory()
    request = {"path": sys.path, "kind": kind, "asked": asked, "dtype": np.dtype(dtype).name, "folder": str(folder)}
    process: Any = None

    def talk() -> None:
        with contextlib.suppress(OSError, ValueError, IndexError):
            print(json.dumps(request), file=process.stdin, flush=True)
            for _ in process.stdout:  # a line each time that it is ready for more
                print(names.popleft(), file=process.stdin, flush=True)
        with contextlib.suppress(OSError):
            process.stdin.close()

    with contextlib.suppress(OSError, ValueError):
        if sys.executable and folder is not None:
            process = subprocess.Popen(
                [sys.executable, "-c", _SERVE], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL, text=True, creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            )  # fmt: skip
    thread = threading.Thread(target=talk if process else list, daemon=True)
    thread.start()
    try:
        yield thread
    finally:
        if process:
            process.kill()
            process.wait()
            thread.join()
            process.stdout.close()


def serve(kind: str, asked: list[Any], folder: str, state_type: Any) -> None:
    """Compile what another process asks for, line by line; end when something cannot be kept for it."""
    layers, *rest = asked
    made = {"Training": Training, "Inference": Inference}[kind](tuple(map(tuple, layers)), *rest)
    forms = {form.name: form for form in _forms(choose(made), state_type)}
    if cache_directory() != Path(folder):
        return
    print("ready", flush=True)
    for line in sys.stdin:
        form = forms[line.strip()]
        form.compile()
        if not form.is_kept():
            return
        print("ready", flush=True)
