"""The command line as a process: start-up, terminals, pipes, Ctrl-C."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import tomllib
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path

import numpy as np
import pytest

import fastnet
from fastnet import Model, Network, load_model, save_model
from fastnet.cli import main
from fastnet.cli.output import print_rows
from fastnet.cli.signals import deferred_interrupt
from fastnet.training.checkpoints import load_checkpoint

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals and signals of POSIX")
ROOT = Path(fastnet.__file__).parents[1]
COMMAND = [sys.executable, "-m", "fastnet"]
QUICK = ["train", "--backend", "numpy", "--epochs", "3"]


def environment(**changes):
    return {**os.environ, "TERM": "xterm-256color", **changes}


@pytest.fixture
def start(tmp_path):
    """Start the command in a process that ends with the test at the latest."""
    with contextlib.ExitStack() as stack:

        def start(*argv, env=None, **options):
            streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True} | options
            process = subprocess.Popen([*COMMAND, *argv], cwd=tmp_path, env=env or environment(), **streams)
            stack.enter_context(process)
            stack.callback(process.kill)
            return process

        yield start


def everything_from(terminal):
    """Read a pseudo-terminal until its other end is closed."""
    received = b""
    with contextlib.suppress(OSError):  # Linux's way to say that the other end is closed
        while piece := os.read(terminal, 1 << 16):
            received += piece
    os.close(terminal)
    return received.decode()


@pytest.fixture
def run_on_terminal(tmp_path, monkeypatch):
    """Run the command with standard error on a pseudo-terminal; return the code and what the terminal got."""
    import pty

    def run(*argv, **changes):
        monkeypatch.chdir(tmp_path)
        for name, text in ({"TERM": "xterm-256color"} | changes).items():
            monkeypatch.setenv(name, text)
        terminal, end = pty.openpty()
        received = []
        reader = threading.Thread(target=lambda: received.append(everything_from(terminal)))
        reader.start()
        with open(end, "w", encoding="utf-8") as stream, monkeypatch.context() as patch:
            patch.setattr(sys, "stderr", stream)
            code = main(argv)
        reader.join()
        return code, *received

    return run


def test_help_and_errors_of_usage_load_nothing_heavy(tmp_path):
    code = (
        "import sys; from fastnet.cli import main; "
        "codes = [main(words.split()) for words in ('--help', 'train --help', '--version', 'train --bogus')]; "
        "print(codes, [name for name in ('numba', 'sklearn', 'numpy', 'safetensors') if name in sys.modules])"
    )
    command = [sys.executable, "-c", code]
    result = subprocess.run(command, cwd=tmp_path, env=environment(), capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines()[-1] == "[0, 0, 0, 2] []"


def test_help_names_commands_options_and_defaults(capsys):
    assert main(["--help"]) == 0
    output = capsys.readouterr().out
    assert all(f"  {name} " in output for name in ("train", "predict", "evaluate", "info"))
    assert main([]) == 0
    assert capsys.readouterr().out == output
    assert main(["train", "--help"]) == 0
    output = " ".join(capsys.readouterr().out.split())
    for words in ("digits dataset]", "--hidden", "--optimizer", "[default: 128,64]", "fastnet train mnist/"):
        assert words in output
    assert main(["--version"]) == 0
    assert capsys.readouterr() == (f"fastnet {fastnet.__version__}\n", "")


def test_the_script_is_the_main_function():
    scripts = [script.value for script in entry_points(group="console_scripts", name="fastnet")]
    metadata = ROOT / "pyproject.toml"
    if metadata.is_file():
        scripts.append(tomllib.loads(metadata.read_text())["project"]["scripts"]["fastnet"])
    assert scripts
    for script in scripts:
        module, name = script.split(":")
        assert getattr(import_module(module), name) is import_module("fastnet.cli").main


def test_exit_codes_reach_the_shell(start):
    process = start("train", "missing.csv")
    assert process.communicate() == ("", "fastnet: error: missing.csv: no such file\n")
    assert process.returncode == 2


@POSIX
def test_a_bar_and_the_last_metrics_on_a_terminal(start):
    import pty

    terminal, end = pty.openpty()
    process = start(*QUICK, stderr=end)
    os.close(end)
    shown = everything_from(terminal)
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 0
    assert [line.split()[0] for line in output.splitlines()] == ["data", "inputs", "network", "test", "speed", "saved"]
    assert "epoch 1/3" in shown
    assert "100%" in shown
    assert re.search(r"loss \d\.\d+  accuracy [\d.]+ %  test accuracy [\d.]+ %  [\d,]+ samples/s", shown)
    assert "\x1b[" in shown


@POSIX
def test_json_with_a_bar(run_on_terminal, capsys):
    code, shown = run_on_terminal(*QUICK, "--json", COLUMNS="40")
    assert code == 0
    assert len(json.loads(capsys.readouterr().out)["history"]) == 3
    assert "100%" in shown


@POSIX
def test_kernels_are_announced_on_a_terminal(run_on_terminal):
    _, shown = run_on_terminal("train", "--epochs", "1", "--threads", "1", COLUMNS="120")
    assert "once per machine" in shown


@POSIX
def test_no_color_where_none_is_wanted(run_on_terminal):
    colour = r"\x1b\[(\d+;)*[349]\d"
    for changes, expected in (({}, True), ({"NO_COLOR": "1"}, False)):
        _, shown = run_on_terminal(*QUICK, **changes)
        assert "100%" in shown
        assert bool(re.search(colour, shown)) is expected


@POSIX
@pytest.mark.parametrize("changes", [{"TERM": "dumb"}, {"CI": "true"}])
def test_plain_lines_where_a_terminal_is_none(run_on_terminal, capsys, changes):
    code, shown = run_on_terminal(*QUICK, **changes)
    assert code == 0
    assert "epoch 1/3" not in capsys.readouterr().out
    lines = shown.splitlines()
    assert [line.split()[:2] for line in lines] == [["epoch", f"{i}/3"] for i in (1, 2, 3)]


@POSIX
def test_what_runs_is_named_on_a_terminal(run_on_terminal):
    words = ["compare", "--operations", "sigmoid_forward", "--dtype", "float32", "--budget", "0.01"]
    code, shown = run_on_terminal(*words)
    assert code == 0
    assert "comparing 1/1  sigmoid_forward" in shown


def test_long_lines_are_broken_between_words_for_a_terminal(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "40")
    rows = {"one": "word " * 20, "another": "a-word-with-hyphens " * 3}
    print_rows(rows)
    assert len(capsys.readouterr().out.splitlines()) == 2
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    print_rows(rows)
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 40
    assert [line[:9] for line in lines] == ["one      ", " " * 9, " " * 9, " " * 9, "another  ", " " * 9, " " * 9]
    assert lines[-1].split() == ["a-word-with-hyphens"]


@pytest.mark.usefixtures("ctrl_c")
def test_the_first_ctrl_c_waits_and_the_second_does_not():
    with deferred_interrupt() as was_asked:
        assert not was_asked()
        signal.raise_signal(signal.SIGINT)
        assert was_asked()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.usefixtures("ctrl_c")
def test_ctrl_c_is_left_alone_where_it_cannot_be_held_back():
    def handler_within():
        with deferred_interrupt() as was_asked:
            assert not was_asked()
            return signal.getsignal(signal.SIGINT)

    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(handler_within).result() is signal.default_int_handler
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    assert handler_within() is signal.SIG_IGN


@POSIX
@pytest.mark.usefixtures("ctrl_c")
def test_ctrl_c_saves_what_there_is(start, tmp_path):
    ways = ["--epochs", "1000000", "--checkpoint", "run.ckpt", "--checkpoint-every", "1000000"]
    process = start("train", "--backend", "numpy", *ways, "--json")
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
    assert notes["metrics"][-1]["step"] == n_steps


@POSIX
@pytest.mark.usefixtures("ctrl_c")
def test_ctrl_c_before_training_saves_nothing(start, tmp_path):
    os.mkfifo(tmp_path / "never.csv")
    process = start("train", "never.csv")
    with open(tmp_path / "never.csv", "wb"):  # returns once the other side reads
        time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=60) == ("", "fastnet: interrupted\n")
    assert process.returncode == 130
    assert os.listdir(tmp_path) == ["never.csv"]


@POSIX
def test_a_reader_that_leaves_early(start, tmp_path):
    save_model(tmp_path / "m.safetensors", Model(Network([1, 2], seed=0)))
    np.save(tmp_path / "many.npy", np.zeros((200_000, 1), np.float32))
    process = start("predict", "m.safetensors", "many.npy", "--backend", "numpy")
    assert process.stdout.readline() == "label\n"
    process.stdout.close()
    assert process.stderr.read() == ""
    assert process.wait(timeout=60) == 141


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="Linux only")
def test_output_that_cannot_be_written(start, tmp_path):
    with open("/dev/full", "w") as full:
        process = start(*QUICK, stdout=full)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 2
    assert errors == "fastnet: error: No space left on device\n"
    assert os.listdir(tmp_path) == []


@pytest.mark.skipif(sys.platform != "linux", reason="file names of any bytes")
def test_names_that_are_not_text(start, tmp_path):
    (tmp_path / "caf\udce9.csv").write_text("label,a\n0,1\n1,2\n")
    process = start("data", "info", "caf\udce9.csv", env=environment(PYTHONIOENCODING="ascii"))
    output, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (0, "")
    assert "caf\\udce9.csv" in output
