"""Where a user points: links, pipes, devices, mounted files, modes and owners, folders that take nothing."""

import contextlib
import multiprocessing
import os
import socket
import stat
import subprocess
import sys
import threading

import numpy as np
import pytest

from fastnet import Model, Network, datasets, load_model, save_model
from fastnet.datasets import load_digits
from fastnet.models import save_pytorch
from fastnet.output.atomic import check_target, replacing
from fastnet.output.targets import descriptor
from fastnet.training.checkpoints import save_checkpoint
from fastnet.training.trainer import Trainer

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="files of POSIX")
ROOT = pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() != 0, reason="root alone may do that")
MODEL = Model(Network([2, 2], seed=0))
DATA = datasets.Dataset(np.eye(2, dtype=np.float32), np.int32([0, 1]))
WRITERS = {
    "model.safetensors": lambda path: save_model(path, MODEL),
    "model.npz": lambda path: save_model(path, MODEL),
    "state.safetensors": lambda path: save_pytorch(path, MODEL),
    "run.checkpoint": lambda path: save_checkpoint(path, Trainer(MODEL.network, seed=0)),
    "data.npz": lambda path: datasets.save(path, DATA),
    "data.csv": lambda path: datasets.save(path, DATA),
    "data.csv.gz": lambda path: datasets.save(path, DATA),
    "data.parquet": lambda path: datasets.save(path, DATA),
}


@pytest.fixture(params=WRITERS)
def written(request, tmp_path):
    """Return a writer, a path of a name that it takes, and what it writes to a new file."""
    if request.param.endswith("parquet"):
        pytest.importorskip("pyarrow")
    WRITERS[request.param](tmp_path / request.param)
    expected = (tmp_path / request.param).read_bytes()
    (tmp_path / request.param).unlink()
    return WRITERS[request.param], tmp_path / request.param, expected


def put(path, text, mode="w"):
    with replacing(path, mode) as file:
        file.write(text)


def test_a_pipe_gets_what_a_file_would(written):
    write, path, expected = written
    os.mkfifo(path)
    received = []
    reader = threading.Thread(target=lambda: received.append(path.read_bytes()))
    reader.start()
    write(path)
    reader.join()
    assert received[0][:4] == expected[:4]
    assert len(received[0]) == len(expected)
    assert stat.S_ISFIFO(os.stat(path).st_mode)


def test_links_stay_and_what_they_lead_to_is_replaced(written):
    write, path, expected = written
    (path.parent / "store").mkdir()
    (path.parent / "between").symlink_to("store/there")
    path.symlink_to("between")
    for _ in range(2):
        write(path)
        assert path.is_symlink()
        assert (path.parent / "between").is_symlink()
        assert len((path.parent / "store" / "there").read_bytes()) == len(expected)
    assert sorted(os.listdir(path.parent)) == sorted(["between", path.name, "store"])


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o664, 0o755, 0o4711])
def test_mode_is_kept(written, mode):
    write, path, _ = written
    path.write_bytes(b"old")
    path.chmod(mode)
    write(path)
    assert stat.S_IMODE(path.stat().st_mode) == mode


@pytest.mark.parametrize("mask", [0o022, 0o077, 0o002])
def test_a_new_file_has_the_mode_that_the_mask_leaves(tmp_path, mask):
    before = os.umask(mask)
    try:
        put(tmp_path / "new", "text")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o666 & ~mask


@ROOT
def test_owner_and_group_are_kept(tmp_path):
    put(tmp_path / "file", "old")
    os.chown(tmp_path / "file", 1234, 2345)
    put(tmp_path / "file", "new")
    state = os.stat(tmp_path / "file")
    assert (state.st_uid, state.st_gid) == (1234, 2345)


def test_a_file_whose_owner_cannot_be_given_away_is_written_in_place(tmp_path, monkeypatch):
    put(tmp_path / "file", "old and longer")
    inode = os.stat(tmp_path / "file").st_ino
    monkeypatch.setattr("fastnet.output.atomic._take_after", lambda *_: False)
    put(tmp_path / "file", "new")
    assert (tmp_path / "file").read_text() == "new"
    assert os.stat(tmp_path / "file").st_ino == inode
    assert os.listdir(tmp_path) == ["file"]


@pytest.mark.parametrize("code", ["EBUSY", "EXDEV", "EPERM"])
def test_what_cannot_be_renamed_over_is_written_in_place(tmp_path, monkeypatch, code):
    import errno

    def refuse(*_):
        raise OSError(getattr(errno, code), code)

    put(tmp_path / "file", "old and longer")
    monkeypatch.setattr("fastnet.output.atomic.os.replace", refuse)
    put(tmp_path / "file", "new")
    assert (tmp_path / "file").read_text() == "new"
    assert os.listdir(tmp_path) == ["file"]


@ROOT
@pytest.mark.parametrize("through", ["bound", "link"])
def test_a_mounted_file(tmp_path, through):
    for name in ("host", "bound"):
        (tmp_path / name).write_text("old and longer")
    (tmp_path / "link").symlink_to("bound")
    command = ["mount", "--bind", tmp_path / "host", tmp_path / "bound"]
    if subprocess.run(command, capture_output=True).returncode:
        pytest.skip("no rights to mount here")
    try:
        check_target(tmp_path / through)
        put(tmp_path / through, "new")
    finally:
        subprocess.run(["umount", tmp_path / "bound"], check=True)
    assert (tmp_path / "host").read_text() == "new"
    assert sorted(os.listdir(tmp_path)) == ["bound", "host", "link"]


@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="root may write everywhere")
def test_a_file_that_may_be_written_in_a_folder_that_may_not(tmp_path):
    put(tmp_path / "file", "old and longer")
    tmp_path.chmod(0o500)
    try:
        check_target(tmp_path / "file")
        put(tmp_path / "file", "new")
        assert (tmp_path / "file").read_text() == "new"
        with pytest.raises(PermissionError):
            check_target(tmp_path / "other")
    finally:
        tmp_path.chmod(0o700)


def test_devices_stay_devices():
    for path in ("/dev/null", "/dev/full"):
        before = os.stat(path)
        check_target(path)
        with contextlib.nullcontext() if path == "/dev/null" else pytest.raises(OSError, match="No space"):
            put(path, b"bytes", "wb")
        assert os.stat(path).st_ino == before.st_ino


def test_sockets_and_folders_are_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket")
        for path in ("socket", tmp_path):
            for call in (lambda path: put(path, "text"), check_target):
                with pytest.raises(OSError, match=r"No such device|Is a directory"):
                    call(path)
    assert os.listdir(tmp_path) == ["socket"]


@pytest.mark.parametrize("name", ["/dev/stdout", "/proc/self/fd/1", "/dev/fd/1", "link", "folder/1", "/dev/stderr"])
def test_open_streams_are_written_where_they_are(tmp_path, name):
    (tmp_path / "link").symlink_to("/proc/self/fd/1")
    (tmp_path / "folder").symlink_to("/dev/fd")
    code = (
        "import sys; from fastnet.output.atomic import replacing\nprint('before')\n"
        f"with replacing({name!r}) as file: file.write(b'within\\n')\nprint('after')"
    )
    stream = "stderr" if name == "/dev/stderr" else "stdout"
    with open(tmp_path / "captured", "wb") as file:
        file.write(b"first\n")
        file.flush()
        subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, **{stream: file})
    lines = ["within"] if stream == "stderr" else ["before", "within", "after"]
    assert (tmp_path / "captured").read_text().split() == ["first", *lines]
    assert sorted(os.listdir(tmp_path)) == ["captured", "folder", "link"]


def test_paths_that_are_no_open_streams(tmp_path):
    for path in (tmp_path / "1", "/dev/fd/x", f"/proc/{os.getppid()}/fd/1", "1", "/dev/null"):
        assert descriptor(path) is None


def test_links_in_a_circle_are_refused(tmp_path):
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(OSError, match="symbolic links"):
        put(tmp_path / "loop", "text")
    assert (tmp_path / "loop").is_symlink()


def test_a_failure_leaves_the_old_file_and_nothing_beside_it(tmp_path):
    put(tmp_path / "file", "old")
    for path in (tmp_path / "file", tmp_path / "new"):
        with pytest.raises(TypeError), replacing(path, "w") as file:
            print("half", file=file, end=b"")
    assert (tmp_path / "file").read_text() == "old"
    assert os.listdir(tmp_path) == ["file"]


# Parts of runs that were killed


def killed_process():
    process = multiprocessing.get_context("spawn").Process(target=int)
    process.start()
    process.join()
    return process.pid


def test_parts_of_killed_runs_are_cleared(tmp_path):
    pid = killed_process()
    code = (
        "import os; from fastnet.output.atomic import replacing\n"
        "with replacing('model', 'w') as file: file.write('half'); file.flush(); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path)
    assert len(os.listdir(tmp_path)) == 1
    for name in (f".model.{pid}.part", f".model.{pid}.3.part"):
        (tmp_path / name).touch()
    put(tmp_path / "model", "whole")
    assert os.listdir(tmp_path) == ["model"]


def test_nothing_else_is_cleared(tmp_path):
    pid = killed_process()
    others = [f".other.{pid}.part", ".model.part", ".model.x.part", f"model.{pid}.part", f".model.{os.getppid()}.part"]
    others += [f".model.{pid}.partial", f".model.{pid}.1.2.part", f".model.{10**40}.part"]
    for name in others:
        (tmp_path / name).touch()
    (tmp_path / f".model.{pid}.7.part").mkdir()
    put(tmp_path / "model", "whole")
    assert sorted(os.listdir(tmp_path)) == sorted([*others, f".model.{pid}.7.part", "model"])


def test_parts_of_other_threads_are_left_alone(tmp_path):
    with replacing(tmp_path / "model", "w") as first:
        first.write("first")
        put(tmp_path / "model", "second")
    assert (tmp_path / "model").read_text() == "first"
    assert os.listdir(tmp_path) == ["model"]


def test_models_through_links_load_again(tmp_path):
    (tmp_path / "latest.safetensors").symlink_to("run-1.safetensors")
    save_model(tmp_path / "latest.safetensors", MODEL)
    assert tuple(load_model(tmp_path / "run-1.safetensors").network.sizes) == (2, 2)


def test_a_folder_of_idx_files_follows_links(tmp_path):
    (tmp_path / "store").mkdir()
    (tmp_path / "mnist").symlink_to("store")
    datasets.save(tmp_path / "mnist", load_digits())
    assert (tmp_path / "mnist").is_symlink()
    assert len(os.listdir(tmp_path / "store")) == 2
