"""`fastnet cache`."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from fastnet.cli import main
from fastnet.cli.commands.cache.ahead import PURPOSES
from fastnet.cli.commands.cache.build import Purpose
from fastnet.compiler import policy
from fastnet.compiler.kernel_cache import BUILT


def test_what_is_kept_is_shown_and_removed(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("FASTNET_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(policy, "cache_directory", policy.cache_directory.__wrapped__)  # which remembers another folder

    def fastnet(*words):
        assert main(list(words)) == 0
        return capsys.readouterr().out

    other, mine = tmp_path / "fastnet" / "kernels-0123456789abcdef", tmp_path / "fastnet" / "notes"
    other.mkdir(parents=True)
    (other / "kernel.nbc").write_bytes(b"\0" * 1500)
    mine.mkdir()
    facts = json.loads(fastnet("cache", "info", "--json"))
    assert (facts["stale"], facts["stale_bytes"]) == (1, 1500)
    in_use = Path(facts["in_use"])
    assert in_use.parent == tmp_path / "fastnet"
    in_use.mkdir()
    (in_use / "kernel.nbc").write_bytes(b"\0" * 10)
    assert "1 of other versions" in fastnet("cache", "info")
    assert "1 of" in fastnet("cache", "clear", "--stale")
    assert not other.exists()
    assert in_use.exists()
    assert json.loads(fastnet("cache", "clear", "--json"))["removed_bytes"] == 10
    assert not (in_use / "kernel.nbc").exists()
    assert mine.exists(), "what is no folder of kernels stays"


USE = """
import sys
import numpy as np
from numba.core import compiler
compiled, compile_extra = [], compiler.compile_extra

def count(*args, **kwargs):
    compiled.append(args)
    return compile_extra(*args, **kwargs)

compiler.compile_extra = count
from fastnet import Network, Predictor, Trainer
from fastnet.estimators import MLPClassifier
x = np.random.default_rng(0).random((50, 7), np.float32)
if sys.argv[1] == "predict":
    network = Network([7, 5, 3], "tanh", seed=1)
    Predictor(network)(x[0])
    Trainer(network).predict(x)
else:
    MLPClassifier(max_iter=300, random_state=0).fit(x, np.arange(50) % 3).predict(x)
print(len(compiled))
"""


def fastnet_process(*words, **environment):
    """Run a command; return its exit code, and lines of its output and its errors."""
    command = [sys.executable, "-m", "fastnet", *words]
    done = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, timeout=500)
    return done.returncode, done.stdout.splitlines(), done.stderr.splitlines()


def n_compiled(purpose, **environment):
    command = [sys.executable, "-W", "ignore", "-c", USE, purpose]
    return int(subprocess.run(command, env={**os.environ, **environment}, stdout=subprocess.PIPE, check=True).stdout)


def files(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.skipif(not policy.COMPILES, reason="nothing is compiled")
@pytest.mark.exhaustive
@pytest.mark.parametrize("purpose", ["predict", "classifier"])
def test_what_was_built_ahead_is_not_compiled_again(purpose, tmp_path):
    out, own = tmp_path / "out", tmp_path / "own"
    code, _, progress = fastnet_process("cache", "build", "--for", purpose, "--out", str(out))
    assert code == 0, progress
    assert any("float64" in line for line in progress)
    before = files(out)
    places = {"FASTNET_CACHE_DIR": str(out), **dict.fromkeys(("XDG_CACHE_HOME", "HOME", "LOCALAPPDATA"), str(own))}
    assert n_compiled(purpose, **places) == 0
    assert files(out) == before
    assert not own.exists()
    code, output, _ = fastnet_process("cache", "info", "--json", **places)
    facts = json.loads("".join(output))
    assert facts["built_ahead_bytes"] == sum(map(len, before.values())) - len(before[out / "fastnet" / BUILT])
    code, output, _ = fastnet_process("cache", "build", "--for", "predict", "--out", str(out), "--json")
    (level,) = json.loads("".join(output)).values()
    assert level["bytes"] >= facts["built_ahead_bytes"], "what was there stays"
    assert sorted(path.name for path in out.iterdir()) == ["fastnet"]


def test_the_command_names_every_purpose():
    assert [str(purpose) for purpose in Purpose] == list(PURPOSES)


@pytest.mark.skipif(not policy.COMPILES, reason="nothing is compiled")
@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["--for", "cooking"],
            "--for: 'cooking' is not known, expected some of classifier, regressor, train, predict, operations",
        ),
        (["--for", ""], "'' is not known"),
        (["--level", "x86-64-v9"], "--level must be one of"),
        (["--for", "predict", "--out", "{file}/below"], "{file}/below"),
    ],
)
def test_what_cannot_be_built_is_one_line(words, message, tmp_path, capsys):
    (tmp_path / "file").touch()
    assert main(["cache", "build", *(word.format(file=tmp_path / "file") for word in words)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message.format(file=tmp_path / "file") in line


@pytest.mark.skipif(not policy.COMPILES, reason="nothing is compiled")
def test_a_build_without_a_place_fails_and_says_so(tmp_path):
    (tmp_path / "file").touch()
    code, output, errors = fastnet_process(
        "cache", "build", "--for", "predict", FASTNET_CACHE_DIR=str(tmp_path / "file")
    )
    assert (code, output) == (2, [])
    assert errors[-1].startswith(
        "fastnet: error: kernels could not be compiled: RuntimeWarning: compiled kernels are not"
    )


@pytest.mark.skipif(not policy.COMPILES or sys.platform == "win32", reason="nothing is compiled, or no such signal")
def test_an_interrupted_build_leaves_nothing_behind(tmp_path):
    command = [sys.executable, "-m", "fastnet", "cache", "build", "--out", str(tmp_path)]
    building = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)
    assert building.stderr.readline()
    os.killpg(building.pid, signal.SIGINT)
    _, errors = building.communicate(timeout=60)
    assert building.returncode == 130, errors
    assert [path.name for path in tmp_path.rglob("*")] == ["fastnet"]
