"""Where compiled kernels are kept, and what makes a folder of them another one: in processes of their own."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import fastnet

PACKAGE = Path(fastnet.__file__).parent
VARIABLES = ("FASTNET_CACHE_DIR", "NUMBA_CACHE_DIR", "XDG_CACHE_HOME", "HOME", "PYTHONPATH", "FASTNET_VECTOR_BITS")
COMPUTE = """
import os, sys, warnings
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    import fastnet.kernels, numpy as np
    x = np.array([[-1.5, 0.0, 2.0]], np.float32)
    y = fastnet.kernels.absolute_error_backward(x, np.zeros_like(x))
assert y.tolist() == [[-1.0, 0.0, 1.0]], y
print(fastnet.__file__)
print(fastnet._jit.cache_directory() if not caught else "")
for one in caught:
    print(one.category.__name__, one.message)
"""
CHANGE = """
from pathlib import Path
from fastnet import _jit, _kernel_cache
root = Path(_jit.__file__).parent
def show():
    _kernel_cache.digest.cache_clear()
    print(_jit.digest())
print(root)
show()
sources = [*root.glob("kernels/*.py"), *root.glob("reference/*.py"), root / "_jit.py", root / "_threads.py"]
for source in sources:
    with source.open("a") as file:
        file.write("# a change")
    show()
with (root / "network.py").open("a") as file:
    file.write("# a change of what nothing is compiled from")
show()
"""
SETTINGS = """
import os
from fastnet import _jit
def show():
    _jit.vector_bits.cache_clear()
    print(_jit.vector_bits(), _jit.digest())
for bits in ("128", "256", "512"):
    os.environ["FASTNET_VECTOR_BITS"] = bits
    show()
_jit.config.CPU_NAME = "generic"
show()
_jit.config.CPU_FEATURES = "+sse2"
show()
"""


def python(script, package_folder=PACKAGE.parent, timeout=120, **environment):
    """Run a script that imports fastnet from a folder; return the lines it printed."""
    kept = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    environment = {"PYTHONPATH": str(package_folder), "PYTHONDONTWRITEBYTECODE": "1", **environment}
    finished = subprocess.run(
        [sys.executable, "-P", "-c", script],
        env={**kept, **{name: str(value) for name, value in environment.items()}},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    return finished.stdout.splitlines()


def copy_of_the_package(folder):
    shutil.copytree(PACKAGE, folder / "fastnet", ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def files_below(folder):
    return {path: path.stat().st_mtime_ns for path in sorted(folder.rglob("*"))}


def no_folder(tmp_path):
    """Return a path that not even root can make a folder of."""
    (tmp_path / "file").touch()
    return tmp_path / "file" / "below"


def test_kernels_are_kept_where_the_environment_says(tmp_path):
    _, folder, *warned = python(COMPUTE, FASTNET_CACHE_DIR=tmp_path)
    assert warned == []
    assert Path(folder).parent == tmp_path / "fastnet"
    assert list(Path(folder).rglob("*.nbc"))
    before = files_below(tmp_path)
    assert python(COMPUTE, FASTNET_CACHE_DIR=tmp_path) == [_, folder]
    assert files_below(tmp_path) == before


def test_a_change_in_any_kernel_changes_the_folder(tmp_path):
    site = copy_of_the_package(tmp_path)
    root, *digests, before, after = python(CHANGE, site)
    assert Path(root) == site / "fastnet"
    assert before == after
    assert len({*digests, before}) == len(digests) + 1 > 50


def test_vector_width_and_processor_change_the_folder():
    shown = [line.split() for line in python(SETTINGS)]
    assert [bits for bits, _ in shown] == ["128", "256", "512", "512", "512"]
    assert len({digest for _, digest in shown}) == len(shown)


def test_a_cache_that_cannot_be_written_is_one_warning(tmp_path):
    _, _, *warned = python(COMPUTE, FASTNET_CACHE_DIR=no_folder(tmp_path))
    assert len(warned) == 1
    assert warned[0].startswith("RuntimeWarning compiled kernels are not cached")
    assert "FASTNET_CACHE_DIR" in warned[0]


def test_a_read_only_installation_computes_and_is_left_as_it_was(tmp_path):
    site = copy_of_the_package(tmp_path / "site")
    folders = [path for path in (site, *site.rglob("*")) if path.is_dir()]
    before = files_below(site)
    for path in (*before, *folders):
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        where, _, *warned = python(COMPUTE, site, HOME=no_folder(tmp_path))
    finally:
        for path in folders:
            path.chmod(0o755)
    assert Path(where).is_relative_to(site)
    assert [one.split()[0] for one in warned] == ["RuntimeWarning"]
    assert files_below(site) == before
