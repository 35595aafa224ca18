"""`fastnet cache`."""

import json
from pathlib import Path

from fastnet import _jit
from fastnet.cli import main


def test_what_is_kept_is_shown_and_removed(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("FASTNET_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(_jit, "cache_directory", _jit.cache_directory.__wrapped__)  # which remembers another folder

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
