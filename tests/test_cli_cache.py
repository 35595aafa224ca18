"""`fastnet cache`."""

import json
import os
import subprocess
import sys

import pytest


@pytest.fixture
def fastnet(tmp_path):
    """A command in a process of its own, whose kernels are kept in a folder of its own."""

    def run(*words):
        environment = {**os.environ, "FASTNET_CACHE_DIR": str(tmp_path)}
        command = [sys.executable, "-m", "fastnet", *words]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout

    return run


def test_what_is_kept_is_shown_and_removed(fastnet, tmp_path):
    other, mine = tmp_path / "fastnet" / "kernels-0123456789abcdef", tmp_path / "fastnet" / "notes"
    other.mkdir(parents=True)
    (other / "kernel.nbc").write_bytes(b"\0" * 1500)
    mine.mkdir()
    facts = json.loads(fastnet("cache", "info", "--json"))
    assert (facts["stale"], facts["stale_bytes"]) == (1, 1500)
    in_use = tmp_path / "fastnet" / os.path.basename(facts["in_use"])
    in_use.mkdir()
    (in_use / "kernel.nbc").write_bytes(b"\0" * 10)
    assert "1 of other versions" in fastnet("cache", "info")
    assert "1 of" in fastnet("cache", "clear", "--stale")
    assert not other.exists()
    assert in_use.exists()
    assert json.loads(fastnet("cache", "clear", "--json"))["removed_bytes"] == 10
    assert not (in_use / "kernel.nbc").exists()
    assert mine.exists(), "what is no folder of kernels stays"
