"""Where compiled kernels are kept, and installations without sources or a place to write: in processes of their own."""

import compileall
import os
import shutil
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

import fastnet
from fastnet.compiler import kernel_cache

PACKAGE = Path(fastnet.__file__).parent

COMPUTE = """
import warnings
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    import fastnet.kernels, numpy as np
    y = fastnet.kernels.relu_forward(np.array([-1.5, 0.0, 2.0], np.float32))
    fastnet.kernels.softmax_forward(np.array([[-1.5, 0.0, 2.0]], np.float32))
assert y.tolist() == [0.0, 0.0, 2.0], y
print(fastnet.__file__)
print(fastnet.compiler.policy.cache_directory())
for one in caught:
    print(one.category.__name__, one.message)
"""
VARIABLES = (
    "FASTNET_CACHE_DIR", "NUMBA_CACHE_DIR", "XDG_CACHE_HOME", "HOME", "PYTHONPATH", "FASTNET_VECTOR_BITS",
    "FASTNET_CPU_LEVEL",
)  # fmt: skip


def python(script, site=PACKAGE.parent, **environment):
    """Run a script that imports fastnet from a place; return the lines it printed."""
    kept = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    path = os.pathsep.join([str(site), os.environ["PYTHONPATH"]])
    environment = {"PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1", **environment}
    finished = subprocess.run(
        [sys.executable, "-P", "-c", script],
        env={**kept, **{name: str(value) for name, value in environment.items()}},
        capture_output=True,
        text=True,
        timeout=120,
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


def test_kernels_are_kept_where_the_environment_says_and_damage_is_repaired(tmp_path):
    _, folder, *warned = python(COMPUTE, FASTNET_CACHE_DIR=tmp_path)
    assert warned == []
    assert Path(folder).parent == tmp_path / "fastnet"
    before = files_below(tmp_path)
    kept = {path: path.read_bytes() for path in before if path.is_file()}
    assert {path.suffix for path in kept} == {".nbc"}
    assert python(COMPUTE, FASTNET_CACHE_DIR=tmp_path) == [_, folder]
    assert files_below(tmp_path) == before, "what is there is read, and not written again"
    for i, (path, content) in enumerate(kept.items()):
        path.write_bytes((b"", content[: len(content) // 2], b"\x80\x05]" + content)[i % 3])
    assert python(COMPUTE, FASTNET_CACHE_DIR=tmp_path) == [_, folder]
    assert {path for path in files_below(tmp_path) if path.is_file()} == set(kept)
    after = files_below(tmp_path)
    assert python(COMPUTE, FASTNET_CACHE_DIR=tmp_path) == [_, folder]
    assert files_below(tmp_path) == after, "damaged files were replaced by sound ones"


def test_all_that_compiled_code_may_be_made_from_is_in_the_digest():
    """What kernels import of fastnet, directly or through others, is what an edit may change them by."""
    script = """
import sys, pkgutil, importlib, fastnet.kernels as kernels
for found in pkgutil.walk_packages(kernels.__path__, "fastnet.kernels."):
    importlib.import_module(found.name)
print(*(name for name in sys.modules if name.startswith("fastnet.")), sep="\\n")
"""
    needed = set(python(script))
    assert {"fastnet.kernels.tile.micro_panels", "fastnet.machine.threads", "fastnet.reference.rectifiers"} <= needed
    assert needed <= set(kernel_cache.sources())


def test_a_change_of_any_of_it_changes_the_folder(tmp_path):
    site = copy_of_the_package(tmp_path)
    script = "from fastnet.compiler import policy; print(policy.__file__, policy.digest())"
    digests = python(script, site)
    assert str(site) in digests[0]
    for source in ("kernels/tile/micro_panels.py", "machine/threads.py", "reference/dropout.py", "compiler/policy.py"):
        with (site / "fastnet" / source).open("a") as file:
            file.write("\n# a change\n")
        digests += python(script, site)
    assert len(set(digests)) == 5


def test_vector_width_and_processor_change_the_folder():
    script = "from fastnet.compiler import policy; print(policy.digest())"
    settings = [{"FASTNET_VECTOR_BITS": bits} for bits in (128, 256, 512)] + [{"NUMBA_CPU_NAME": "generic"}]
    digests = [python(script, **setting)[0] for setting in settings]
    assert len(set(digests)) == len(settings)


def test_a_kernel_that_no_digest_covers_is_not_kept():
    from fastnet.compiler.policy import kernel

    @kernel
    def double(x):
        return x + x

    assert double(1.5) == 3.0
    assert double.stats.cache_path is None
    assert fastnet.kernels.activations._activate.stats.cache_path is not None


def test_a_cache_that_cannot_be_written_is_one_warning(tmp_path):
    _, _, *warned = python(COMPUTE, FASTNET_CACHE_DIR=no_folder(tmp_path))
    assert len(warned) == 1
    assert warned[0].startswith("RuntimeWarning compiled kernels are not cached")
    assert "FASTNET_CACHE_DIR" in warned[0]


@pytest.mark.skipif(sys.platform == "win32", reason="no limit on the size of files")
def test_a_full_disk_is_one_warning_and_leaves_no_half_a_file(tmp_path):
    limit = (
        "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))\n"
    )
    _, _, *warned = python(limit + COMPUTE, FASTNET_CACHE_DIR=tmp_path)
    assert [one.split()[0] for one in warned] == ["RuntimeWarning"]
    assert not list(tmp_path.rglob("*.part"))
    _, _, *warned = python(COMPUTE, FASTNET_CACHE_DIR=tmp_path)
    assert warned == []


def test_a_read_only_installation_computes_and_is_left_as_it_was(tmp_path):
    site = copy_of_the_package(tmp_path / "site")
    folders = [path for path in (site, *site.rglob("*")) if path.is_dir()]
    before = files_below(site)
    for path in (*before, *folders):
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        where, _, *warned = python(COMPUTE, site, **dict.fromkeys(("HOME", "LOCALAPPDATA"), no_folder(tmp_path)))
    finally:
        for path in folders:
            path.chmod(0o755)
    assert Path(where).is_relative_to(site)
    assert [one.split()[0] for one in warned] == ["RuntimeWarning"]
    assert files_below(site) == before


def test_an_installation_without_sources_computes_and_keeps_its_kernels(tmp_path):
    site = copy_of_the_package(tmp_path / "site")
    assert compileall.compile_dir(site, quiet=1, legacy=True)
    for source in site.rglob("*.py"):
        source.unlink()
    where, folder, *warned = python(COMPUTE, site, FASTNET_CACHE_DIR=tmp_path)
    assert where.endswith("__init__.pyc")
    assert warned == []
    assert list(Path(folder).glob("*.nbc"))


def test_a_package_in_a_zip_computes_and_keeps_its_kernels(tmp_path):
    with zipfile.ZipFile(tmp_path / "site.zip", "w") as archive:
        for source in PACKAGE.rglob("*.py"):
            archive.write(source, source.relative_to(PACKAGE.parent))
    where, folder, *warned = python(COMPUTE, tmp_path / "site.zip", FASTNET_CACHE_DIR=tmp_path)
    assert Path(where).is_relative_to(tmp_path / "site.zip")
    assert warned == []
    assert list(Path(folder).glob("*.nbc"))


def test_folders_that_nobody_used_for_long_are_removed(tmp_path):
    now, month = time.time(), (kernel_cache.KEPT_DAYS + 1) * kernel_cache.DAY
    ages = {"kernels-native-256-0123456789abcdef": month, "kernels-0123456789abcdef": month, "notes": month}
    ages |= {"kernels-x86-64-v3-256-fedcba9876543210": month - 2 * kernel_cache.DAY, "current": month}
    for name, age in ages.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "kernel.nbc").write_bytes(b"\0")
        os.utime(tmp_path / name, (now - age, now - age))
    current = tmp_path / "current"
    kernel_cache.keep_house(current)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "current", "kernels-x86-64-v3-256-fedcba9876543210", "notes",
    ]  # fmt: skip
    assert current.stat().st_mtime >= now - 1, "it is in use"
    kernel_cache.keep_house(tmp_path / "missing")  # says nothing


def test_each_form_of_a_kernel_has_a_file_of_its_own_and_damage_counts_as_absence(tmp_path):
    built, folder = tmp_path / "built", tmp_path / "folder"
    built.mkdir(), folder.mkdir()
    files = kernel_cache.Files("kernel", folder, [built])
    files.save("float32", "code of float32")
    files.save("float64", "code of float64")
    assert [files.load(key) for key in ("float32", "float64", "int8")] == ["code of float32", "code of float64", None]
    assert [files.holds(key) for key in ("float32", "float64", "int8")] == [True, True, False]
    path = folder / files._file("float32")
    content = path.read_bytes()
    for at in range(len(content)):
        path.write_bytes(content[:at] + bytes([content[at] ^ 4]) + content[at + 1 :])
        assert files.load("float32") is None, "one bit is another"
    for damaged in (b"", content[:10], content[:-1], content + b"\0", b"garbage" * 100):
        path.write_bytes(damaged)
        assert files.load("float32") is None
    files.save("float32", "code of float32")
    assert path.read_bytes() == content
    (built / path.name).write_bytes(b"damaged")
    assert files.load("float32") == "code of float32"
    path.rename(built / path.name)
    assert files.load("float32") == "code of float32"
    assert len(list(tmp_path.rglob("*.*"))) == 2


WRITE = """
import sys
from pathlib import Path
from fastnet.compiler.kernel_cache import Files
files = Files("kernel", Path(sys.argv[1]))
for i in range(300):
    for key in range(3):
        files.save(key, [key] * 1000)
        assert files.load(key) == [key] * 1000
"""


def test_two_processes_write_and_read_the_same_files_at_once(tmp_path):
    command = [sys.executable, "-c", WRITE, str(tmp_path)]
    writers = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    assert [writer.communicate(timeout=120)[1] for writer in writers] == ["", ""]
    assert len(list(tmp_path.iterdir())) == 3


def test_files_that_vanish_or_belong_to_others_while_a_process_runs_are_compiled_again(tmp_path):
    script = f"""{COMPUTE}
import os, shutil
from fastnet.kernels import activations
shutil.rmtree(fastnet.compiler.policy.cache_directory())
fastnet.kernels.relu_forward(np.array([-1.5, 0.0, 2.0]))
kept = list(fastnet.compiler.policy.cache_directory().iterdir())
assert len(kept) == 1, kept
os.chmod(kept[0], 0)  # unreadable, but for root
read_bytes = fastnet.compiler.kernel_cache.Path.read_bytes

def refuse(path):
    raise PermissionError(13, "Permission denied", str(path))

fastnet.compiler.kernel_cache.Path.read_bytes = refuse
signature = activations._activate.signatures[-1]
assert activations._activate._cache.load_overload(signature, activations._activate.targetctx) is None
"""
    assert len(python(script, FASTNET_CACHE_DIR=tmp_path)) == 2


def test_what_was_built_ahead_is_read_first_and_never_written(tmp_path):
    built, own = tmp_path / "built", tmp_path / "own"
    _, folder = python(COMPUTE, FASTNET_CACHE_DIR=built)
    (built / "fastnet" / kernel_cache.BUILT).touch()
    kept = sorted(Path(folder).iterdir())
    kept[0].write_bytes(b"damaged")
    before = files_below(built)
    cache = {"FASTNET_CACHE_DIR": built, "XDG_CACHE_HOME": own, "HOME": own, "LOCALAPPDATA": own}
    _, folder = python(COMPUTE, **cache)
    assert own in Path(folder).parents
    assert [path.name for path in Path(folder).iterdir()] == [kept[0].name], "all else was there"
    assert files_below(built) == before
    site = copy_of_the_package(tmp_path / "site")
    shutil.copytree(built, site / "fastnet" / "_compiled")
    before = files_below(site)
    _, folder = python(COMPUTE, site, **{**cache, "FASTNET_CACHE_DIR": tmp_path / "another"})
    assert [path.name for path in Path(folder).iterdir()] == [kept[0].name], "so it was inside the package"
    assert files_below(site) == before
