"""The command line as a process: start-up, terminals, pipes, Ctrl-C."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import tomllib
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path

import numpy as np
import pytest

import fastnet
from fastnet import Model, Network, load_model, save_model
from fastnet.checkpoints import load_checkpoint

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals and signals of POSIX")
ROOT = Path(fastnet.__file__).parents[1]
COMMAND = [sys.executable, "-m", "fastnet"]
QUICK = ["train", "--backend", "numpy", "--epochs", "3"]


def environment(**changes):
    kept = {name: text for name, text in os.environ.items() if name not in ("CI", "NO_COLOR", "FORCE_COLOR")}
    return {**kept, "PYTHONPATH": str(ROOT), "TERM": "xterm-256color", "COLUMNS": "80", **changes}


def start(*argv, cwd, env=None, **options):
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True} | options
    return subprocess.Popen([*COMMAND, *argv], cwd=cwd, env=env or environment(), **streams)


def run_on_terminal(*argv, cwd, env):
    """Run with standard error on a pseudo-terminal; return the code, standard output and what the terminal got."""
    import pty

    terminal, end = pty.openpty()
    process = start(*argv, cwd=cwd, env=env, stderr=end)
    os.close(end)
    received = b""
    try:
        while piece := os.read(terminal, 1 << 16):
            received += piece
    except OSError:  # Linux's way to say that the other end is closed
        pass
    os.close(terminal)
    output, _ = process.communicate(timeout=300)
    return process.returncode, output, received.decode()


@pytest.mark.parametrize("argv", [["--help"], ["train", "--help"], ["--version"], ["train", "--bogus"]])
def test_help_and_errors_of_usage_load_nothing_heavy(tmp_path, argv):
    code = (
        "import sys; from fastnet.cli import main; main(sys.argv[1:]); "
        "print([name for name in ('numba', 'sklearn', 'numpy', 'safetensors') if name in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", code, *argv], cwd=tmp_path, env=environment(), capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines()[-1] == "[]"


def test_help_names_commands_options_and_defaults(tmp_path):
    output, _ = start("--help", cwd=tmp_path).communicate()
    assert all(f"  {name} " in output for name in ("train", "predict", "evaluate", "info"))
    assert start(cwd=tmp_path).communicate()[0] == output
    output = " ".join(start("train", "--help", cwd=tmp_path).communicate()[0].split())
    for words in ("embedded digits", "--hidden", "--optimizer", "[default: 128,64]", "fastnet train mnist/"):
        assert words in output


def test_version(tmp_path):
    assert start("--version", cwd=tmp_path).communicate() == (f"fastnet {fastnet.__version__}\n", "")


def test_the_script_is_the_main_function():
    scripts = [script.value for script in entry_points(group="console_scripts", name="fastnet")]
    metadata = ROOT / "pyproject.toml"
    if metadata.is_file():
        scripts.append(tomllib.loads(metadata.read_text())["project"]["scripts"]["fastnet"])
    assert scripts
    for script in scripts:
        module, name = script.split(":")
        assert getattr(import_module(module), name) is import_module("fastnet.cli").main


def test_exit_codes_reach_the_shell(tmp_path):
    process = start("train", "missing.csv", cwd=tmp_path)
    assert process.communicate() == ("", "fastnet: error: missing.csv: no such file\n")
    assert process.returncode == 2


@POSIX
def test_a_bar_and_the_last_figures_on_a_terminal(tmp_path):
    code, output, shown = run_on_terminal(*QUICK, cwd=tmp_path, env=environment())
    assert code == 0
    assert [line.split()[0] for line in output.splitlines()] == ["data", "network", "test", "speed", "saved"]
    assert "epoch 1/3" in shown
    assert "100%" in shown
    assert re.search(r"loss \d\.\d+  accuracy [\d.]+ %  test accuracy [\d.]+ %  [\d,]+ samples/s", shown)
    assert "\x1b[" in shown


@POSIX
def test_json_with_a_bar(tmp_path):
    code, output, shown = run_on_terminal(*QUICK, "--json", cwd=tmp_path, env=environment(COLUMNS="40"))
    assert code == 0
    assert len(json.loads(output)["history"]) == 3
    assert "100%" in shown


@POSIX
def test_kernels_are_announced_on_a_terminal(tmp_path):
    argv = ["train", "--epochs", "1", "--threads", "1"]
    _, _, shown = run_on_terminal(*argv, cwd=tmp_path, env=environment(COLUMNS="120"))
    assert "once per machine" in shown


@POSIX
def test_no_color_where_none_is_wanted(tmp_path):
    _, _, shown = run_on_terminal(*QUICK, cwd=tmp_path, env=environment(NO_COLOR="1"))
    assert "100%" in shown
    assert not re.search(r"\x1b\[(\d+;)*[349]\d", shown)


@POSIX
@pytest.mark.parametrize("changes", [{"TERM": "dumb"}, {"CI": "true"}])
def test_plain_lines_where_a_terminal_is_none(tmp_path, changes):
    code, output, shown = run_on_terminal(*QUICK, cwd=tmp_path, env=environment(**changes))
    assert (code, shown) == (0, "")
    assert [line.split()[:2] for line in output.splitlines()[2:5]] == [["epoch", f"{i}/3"] for i in (1, 2, 3)]


@POSIX
def test_ctrl_c_saves_what_there_is(tmp_path):
    ways = ["--epochs", "1000000", "--checkpoint", "run.ckpt", "--checkpoint-every", "1000000"]
    process = start("train", "--backend", "numpy", *ways, "--json", cwd=tmp_path)
    assert process.stderr.readline().startswith("epoch ")
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    document = json.loads(output)
    n_epochs, n_steps = len(document["history"]), document["history"][-1]["step"]
    assert document["interrupted"] is True
    assert errors.splitlines()[-1].startswith(f"fastnet: interrupted after {n_steps:,} steps")
    assert load_model(tmp_path / "model.safetensors").metrics["epochs"] == n_epochs
    _, notes = load_checkpoint(tmp_path / "run.ckpt")
    assert notes["figures"][-1]["step"] == n_steps


@POSIX
def test_ctrl_c_before_training_saves_nothing(tmp_path):
    os.mkfifo(tmp_path / "never.csv")
    process = start("train", "never.csv", cwd=tmp_path)
    with open(tmp_path / "never.csv", "wb"):  # returns once the other side reads
        time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=60) == ("", "fastnet: interrupted\n")
    assert process.returncode == 130
    assert os.listdir(tmp_path) == ["never.csv"]


@POSIX
def test_a_reader_that_leaves_early(tmp_path):
    save_model(tmp_path / "m.safetensors", Model(Network([1, 2], seed=0)))
    np.save(tmp_path / "many.npy", np.zeros((200_000, 1), np.float32))
    argv = ["predict", "m.safetensors", "many.npy", "--backend", "numpy"]
    process = start(*argv, cwd=tmp_path)
    assert process.stdout.readline() == "label\n"
    process.stdout.close()
    assert process.stderr.read() == ""
    assert process.wait(timeout=60) == 141
    process.stderr.close()


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="Linux only")
def test_output_that_cannot_be_written(tmp_path):
    with open("/dev/full", "w") as full:
        process = start(*QUICK, cwd=tmp_path, stdout=full)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 2
    assert errors == "fastnet: error: No space left on device\n"
    assert os.listdir(tmp_path) == []


@pytest.mark.skipif(sys.platform != "linux", reason="file names of any bytes")
def test_names_that_are_not_text(tmp_path):
    (tmp_path / "caf\udce9.csv").write_text("label,a\n0,1\n1,2\n0,1\n1,2\n")
    env = environment(PYTHONIOENCODING="ascii")
    process = start("train", "caf\udce9.csv", "--backend", "numpy", "--epochs", "1", cwd=tmp_path, env=env)
    output, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (0, "")
    assert "caf\\udce9: " in output
