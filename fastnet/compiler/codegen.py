"""How Numba generates the code of kernels: for a level of processors, and machine code only for what is run itself.

Numba optimises every function and generates its machine code, though most functions of kernels are only ever inlined
into others. Here a function's code is linked and left as it is until somebody asks for its address: a fifth of the
time that the first training takes, and code that is as fast in the end, optimised once.
"""

from __future__ import annotations

import functools
import os
from typing import Any, NamedTuple

import llvmlite.binding as llvm
import numba.core
import numba.core.codegen
from numba.core import compiler_lock, registry

from fastnet.compiler import levels

config: Any = numba.core.config
codegen: Any = numba.core.codegen  # has no types


def architecture() -> str:
    """Return LLVM's name of what code is compiled for: this process, whatever machine may emulate it on another."""
    return str(llvm.get_process_triple()).partition("-")[0]


class Target(NamedTuple):
    """What code is compiled for: a level's name or "native", and LLVM's name, features and tuning of it."""

    level: str
    cpu: str
    features: str


def features() -> set[str]:
    """Return the names of what the processor can do, or of what the environment says that it can."""
    if config.CPU_FEATURES is not None:
        return {name[1:] for name in config.CPU_FEATURES.split(",") if name.startswith("+")}
    return {name for name, present in llvm.get_host_cpu_features().items() if present}


@functools.cache
def target() -> Target:
    """Return what kernels are compiled for: the processor's level, or what the environment says.

    `FASTNET_CPU_LEVEL` names a level, or "native" for the processor itself. Where it says nothing, `NUMBA_CPU_NAME` and
    `NUMBA_CPU_FEATURES` hold for kernels as they do for all that Numba compiles.
    """
    asked, level = os.environ.get("FASTNET_CPU_LEVEL"), None
    if asked:
        level = levels.named(asked, architecture())
        lacking = levels.missing(level, llvm.get_host_cpu_features()) if level else []
        if lacking:
            raise ValueError(f"FASTNET_CPU_LEVEL is {asked}, and this processor lacks {', '.join(lacking)}")
    elif config.CPU_NAME is None and config.CPU_FEATURES is None:
        level = levels.highest(architecture(), features())
    if level is None:
        own = codegen.get_host_cpu_features() if config.CPU_FEATURES is None else config.CPU_FEATURES
        return Target(levels.NATIVE, cpu_name(), own)
    return Target(level.name, level.cpu, level.tuning)


def cpu_name() -> str:
    """Return the name by which LLVM knows this processor, or the one that stands for it (`NUMBA_CPU_NAME`)."""
    return str(config.CPU_NAME or llvm.get_host_cpu_name())


class _Library(codegen.JITCodeLibrary):  # type: ignore[misc]
    """The code of a function and of all that it calls: linked for others at first, generated when it is to be run."""

    _is_generated = False

    def finalize(self) -> None:
        """Link what this calls; the optimiser sees the whole when machine code is generated."""
        compiler_lock.require_global_compiler_lock()
        self._raise_if_finalized()
        for library in dict.fromkeys(self._linking_libraries):
            self._reload_init.update(library._reload_init)
            self._final_module.link_in(library._get_module_for_linking(), preserve=True)
        self._finalized = True

    def get_pointer_to_function(self, name: str) -> Any:
        """Return the address of a function, 0 if there is none of that name."""
        self._ensure_finalized()
        if not self._is_generated:
            if not any(function.name == name for function in self.get_defined_functions()):
                return 0
            self._generate()
        return super().get_pointer_to_function(name)

    def serialize_using_object_code(self) -> Any:
        """Return what the cache keeps."""
        self._ensure_finalized()
        self._generate()
        return super().serialize_using_object_code()

    @compiler_lock.global_compiler_lock  # type: ignore[untyped-decorator]
    def _generate(self) -> None:
        """Optimise the code, and generate machine code of it."""
        if self._is_generated:
            return
        self._optimize_final_module()
        self._final_module.verify()
        self._finalize_final_module()
        self._is_generated = True
        self._shared_module = None  # what others link from now on is smaller
        self._codegen.set_environments()

    @classmethod
    def _unserialize(cls, codegen: Any, state: Any) -> Any:
        self = super()._unserialize(codegen, state)
        self._is_generated = True
        return self


class _Codegen(codegen.JITCPUCodegen):  # type: ignore[misc]
    """Numba's code generation, for kernels alone: what a user compiles is compiled for the processor as ever."""

    _library_class = _Library

    def __init__(self, name: str) -> None:
        self._environments: dict[str, Any] = {}
        super().__init__(name)

    def _get_host_cpu_name(self) -> str:
        return target().cpu

    def _get_host_cpu_features(self) -> str:
        return target().features

    def set_env(self, env_name: str, env: Any) -> None:
        """Tell a function its environment, when there is machine code of it."""
        self._environments[env_name] = env
        self.set_environments()

    def set_environments(self) -> None:
        """Do that for all functions that have become machine code."""
        for name in [name for name in self._environments if self._engine.is_symbol_defined(name)]:
            super().set_env(name, self._environments.pop(name))


class _Descriptor(registry.CPUTarget):
    """Numba's target, with all that it knows of types and functions, but for the generation of code."""

    @property
    def typing_context(self) -> Any:
        return registry.cpu_target.typing_context

    @functools.cached_property
    def target_context(self) -> Any:
        with compiler_lock.global_compiler_lock:
            return registry.cpu_target.target_context.subtarget(_internal_codegen=_Codegen("fastnet"))


class Dispatcher(registry.CPUDispatcher):
    """What the decorators of `fastnet.compiler.policy` make of a function."""

    targetdescr = _Descriptor("cpu")  # type: ignore[no-untyped-call]
