"""What commands write where users point, and signals that end a training."""

import contextlib
import json
import os
import signal
import socket
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from fastnet import Model, Network, load_model, save_model
from fastnet.cli import main
from fastnet.training.checkpoints import load_checkpoint

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="files and signals of POSIX")
COMMAND = [sys.executable, "-m", "fastnet"]
TRAIN = ["train", "--backend", "numpy", "--epochs", "1", "--hidden", "4"]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save_model("m.safetensors", Model(Network([2, 2], seed=0)))
    Path("d.csv").write_text("label,a,b\n0,1,2\n1,3,4\n")
    return tmp_path


def shell(line, **options):
    line = line.replace("fastnet", f"'{sys.executable}' -m fastnet")
    return subprocess.run(["bash", "-c", line], capture_output=True, **options)


def test_devices_stay_what_they_are(capsys):
    before = os.stat("/dev/null")
    assert main([*TRAIN, "--out", "/dev/null"]) == 0
    assert main(["predict", "m.safetensors", "d.csv", "--backend", "numpy", "--out", "/dev/null"]) == 0
    assert main(["export", "m.safetensors", "/dev/null", "--to", "pytorch"]) == 2
    assert os.stat("/dev/null").st_ino == before.st_ino
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


@pytest.mark.parametrize("name", ["/dev/stdout", "/proc/self/fd/1", "link"])
@pytest.mark.parametrize("sink", ["| cat", "> captured; cat captured"])
def test_what_goes_to_standard_output_goes_there_alone(folder, name, sink):
    (folder / "link").symlink_to("/dev/stdout")
    done = shell(f"fastnet {' '.join(TRAIN)} --out {name} {sink}")
    assert b"saved" in done.stderr
    (folder / "got").write_bytes(done.stdout)
    assert load_model("got").network.sizes[0] == 64
    done = shell(f"fastnet predict m.safetensors d.csv --backend numpy --out {name} {sink}")
    assert done.stdout.split()[0] == b"label"
    assert len(done.stdout.split()) == 3
    assert (folder / "link").is_symlink()


def test_a_model_through_a_pipe(folder):
    done = shell(f"fastnet {' '.join(TRAIN)} --out >(cat > got; touch done) && while [ ! -e done ]; do sleep 0.1; done")
    assert done.returncode == 0
    assert load_model("got").network.sizes[0] == 64


def test_commands_keep_links_and_modes(folder):
    Path("store").mkdir()
    for name, line in {
        "p.csv": "predict m.safetensors d.csv --backend numpy --out p.csv",
        "c.npz": "data convert d.csv c.npz",
        "x.npz": "export m.safetensors x.npz",
        "i.safetensors": "import m.safetensors i.safetensors",
        "t.safetensors": " ".join([*TRAIN, "--out t.safetensors"]),
        "o.toml": " ".join([*TRAIN, "--out t.safetensors --write-config o.toml"]),
        "k.checkpoint": " ".join([*TRAIN, "--out t.safetensors --checkpoint k.checkpoint"]),
    }.items():
        Path("store", name).touch(mode=0o640)
        Path("store", name).chmod(0o640)
        if not Path(name).exists():
            Path(name).symlink_to(Path("store", name))
        assert main(line.split()) == 0
        assert Path(name).is_symlink()
        assert stat.S_IMODE(os.stat(name).st_mode) == 0o640
        assert os.path.getsize(name) > 0


@pytest.mark.parametrize("option", ["--out", "--checkpoint", "--write-config", "--report"])
@pytest.mark.parametrize("place", ["a folder", "a dangling link", "a socket", "a closed folder"])
def test_what_cannot_be_written_is_refused_before_training(capsys, option, place):
    with contextlib.ExitStack() as stack:
        if place == "a socket":
            stack.enter_context(socket.socket(socket.AF_UNIX)).bind("t")
        elif place == "a folder":
            Path("t").mkdir()
        elif place == "a dangling link":
            Path("t").symlink_to("nowhere/t")
        elif os.geteuid() == 0:
            pytest.skip("root may write everywhere")
        else:
            Path("closed").mkdir(mode=0o500)
        target = "closed/t" if place == "a closed folder" else "t"
        assert main([*TRAIN, option, target]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(f"fastnet: error: {option} {target}: ")
    assert captured.err.count("\n") == 1


def test_a_copy_that_cannot_be_kept_is_refused_before_reading(capsys, monkeypatch):
    Path("d.csv.fastnet.npz").mkdir()
    monkeypatch.setattr("fastnet.datasets.tables.reader.read_columns", None)
    assert main([*TRAIN, "d.csv", "--cache-data"]) == 2
    assert capsys.readouterr().err == "fastnet: error: d.csv.fastnet.npz: Is a directory\n"


def test_parts_of_a_killed_training_are_cleared(folder):
    done = subprocess.run([sys.executable, "-c", ""])
    assert done.returncode == 0
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    Path(f".model.safetensors.{process.pid}.0.part").touch()
    Path(f".mine.{process.pid}.0.part").touch()
    assert main(TRAIN) == 0
    assert sorted(path.name for path in folder.glob(".*")) == [f".mine.{process.pid}.0.part"]


# Signals


@contextlib.contextmanager
def training(*before, **streams):
    """Start a training that would not end, and wait for its first epoch."""
    argv = ["train", "--backend", "numpy", "--epochs", "1000000", "--checkpoint", "run.ckpt", "--json"]
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True} | streams
    with subprocess.Popen([*before, *COMMAND, *argv, "--checkpoint-every", "1000000"], **streams) as process:
        try:
            assert process.stderr.readline().startswith("epoch ")
            yield process
        finally:
            process.kill()


@pytest.mark.usefixtures("ctrl_c")
@pytest.mark.parametrize(("name", "code"), [("SIGTERM", 143), ("SIGHUP", 129), ("SIGINT", 130)])
@pytest.mark.parametrize("before", [(), ("bash", "-c", "trap '' INT; exec \"$@\"", "_")])
def test_signals_end_a_training_and_save_it(name, code, before):
    if before and name == "SIGINT":
        pytest.skip("ignored, as it is to be")
    with training(*before) as process:
        process.send_signal(getattr(signal, name))
        output, errors = process.communicate(timeout=60)
    assert process.returncode == code
    n_epochs = len(json.loads(output)["history"])
    assert errors.splitlines()[-1].startswith("fastnet: interrupted after ")
    assert load_model("model.safetensors").metrics["epochs"] == n_epochs
    assert len(load_checkpoint("run.ckpt")[1]["metrics"]) == n_epochs


def test_a_second_signal_does_not_keep_it_from_saving():
    with training() as process:
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGTERM):
            process.send_signal(number)
        process.communicate(timeout=60)
    assert process.returncode in (143, 129)  # of two that come at once, Python takes the lower number first
    assert load_model("model.safetensors").metrics["epochs"] >= 1


def test_a_hangup_that_is_ignored_stays_so():
    with training("nohup") as process:
        process.send_signal(signal.SIGHUP)
        assert process.stderr.readline().startswith("epoch ")
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
    assert process.returncode == 143


def test_a_terminal_that_is_closed():
    import pty

    pid, terminal = pty.fork()
    if pid == 0:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)  # the tests may have been started by nohup
        os.execv(sys.executable, [*COMMAND, "train", "--backend", "numpy", "--epochs", "1000000"])
    seen = b""
    while b"epoch 2" not in seen:
        seen += os.read(terminal, 1 << 12)
    os.close(terminal)
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 129
    assert load_model("model.safetensors").metrics["epochs"] >= 1


def test_a_signal_before_training_saves_nothing(folder):
    os.mkfifo("never.csv")
    command = [*COMMAND, "train", "never.csv"]
    with (
        subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process,
        open("never.csv", "wb"),  # returns once the other side reads
    ):
        process.send_signal(signal.SIGTERM)
        assert process.communicate(timeout=60)[1] == "fastnet: interrupted\n"
    assert process.returncode == 143
    assert not (folder / "model.safetensors").exists()


def test_handlers_are_put_back():
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)]
    np.savez("d.npz", X=np.eye(2), y=[0, 1])
    assert main(["data", "info", "d.npz"]) == 0
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)] == before


@pytest.mark.parametrize("out", ["t.npy", "t.csv", "full", "t.npz"])
def test_a_conversion_that_cannot_be_written_is_refused_before_reading(capsys, monkeypatch, out):
    Path("full").mkdir()
    Path("full/file").touch()
    for name in ("t_labels.npy", "t.csv", "t.npz"):
        Path(name).mkdir()
    monkeypatch.setattr("fastnet.datasets.load", None)
    assert main(["data", "convert", "d.csv", out]) == 2
    assert capsys.readouterr().err.count("\n") == 1
