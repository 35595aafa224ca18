"""`python -m fastnet.patch` beside Python by itself."""

import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import sklearn.neural_network

import fastnet
from fastnet.patch.program import main

THEIRS = sklearn.neural_network.MLPClassifier

SETTING = """
import inspect, pickle, sys, warnings
from sklearn.neural_network import MLPClassifier as Chosen
class Own:
    pass
print(sys.argv, sys.path[0], __name__, __file__, __package__, bool(__spec__), __doc__, type(__loader__).__name__)
print(type(pickle.loads(pickle.dumps(Own()))) is Own, inspect.getsource(Own), sys.modules["__main__"].Own is Own)
"""

SCRIPTS = {
    "setting.py": SETTING,
    "chain.py": "def f():\n    raise ValueError('no')\ntry:\n    f()\nexcept ValueError as e:\n"
    "    raise OSError('two') from e\n",
    "syntax.py": "print('never')\nx = (\n",
    "coded.py": b"# -*- coding: latin-1 -*-\nprint(len('\xe9'))\nimport sys; sys.exit(7)\n",
    "text.py": "import sys\nsys.exit('too bad')\n",
    "stopped.py": "import atexit, threading\natexit.register(lambda: print(kept))\nkept = 'still there'\n"
    "threading.Timer(0.1, lambda: print(kept)).start()\nraise KeyboardInterrupt\n",
    "hook.py": "import sys\nsys.excepthook = lambda kind, e, t: print(kind, e, t.tb_frame.f_code.co_name)\n1 / 0\n",
    "package/__init__.py": "",
    "package/__main__.py": SETTING,
    "package/part.py": "1 / 0\n",
}  # fmt: skip


@pytest.fixture
def scripts(tmp_path, monkeypatch):
    (tmp_path / "package").mkdir()
    for name, content in SCRIPTS.items():
        (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    with zipfile.ZipFile(tmp_path / "archive.zip", "w") as archive:
        archive.write(tmp_path / "chain.py", "__main__.py")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments):
    ran = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, timeout=100)
    return ran.returncode, ran.stdout, ran.stderr


@pytest.mark.parametrize("script", ["setting.py a -m b", "stopped.py", "-m package.part"])
def test_a_script_says_and_ends_as_with_python_alone(script, scripts):
    assert run("-m", "fastnet.patch", *script.split()) == run(*script.split())


@pytest.fixture
def in_this_process(monkeypatch):
    """Run a program here, and return the code it ends with; what it changed is undone."""
    monkeypatch.setattr(sys, "argv", ["fastnet.patch"])
    monkeypatch.setattr(sys, "path", ["", *sys.path])
    monkeypatch.setattr(sys, "excepthook", sys.__excepthook__)
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])

    def ended(*arguments):
        try:
            main(arguments)
        except SystemExit as end:
            if isinstance(end.code, str):
                print(end.code, file=sys.stderr)
                return 1
            return end.code or 0
        except BaseException as error:
            sys.excepthook(type(error), error, error.__traceback__)
            return 1
        return 0

    yield ended
    fastnet.unpatch_sklearn()
    assert sklearn.neural_network.MLPClassifier is THEIRS


@pytest.mark.parametrize(
    "script", ["chain.py", "syntax.py", "coded.py", "text.py", "hook.py", "archive.zip", "package 1", "package/part.py"]
)
def test_a_script_in_this_process_is_that_of_python_alone(script, scripts, in_this_process, capsys):
    code = in_this_process(*script.split())
    shown = capsys.readouterr()
    expected = run(*script.split())
    # what Python itself runs archives and folders by begins their tracebacks
    plain = re.sub(r'  File "<frozen runpy>", .*\n( .*\n)?', "", expected[2])
    assert (code, shown.out, shown.err) == (expected[0], expected[1], plain)


@pytest.mark.parametrize("arguments", [["setting.py"], ["-m", "package"], ["package"]])
def test_a_script_finds_ours_under_the_name_of_theirs(arguments, scripts, in_this_process):
    assert in_this_process(*arguments, "1", "2") == 0
    assert sys.modules["__main__"].Chosen is fastnet.MLPClassifier
    assert sys.argv[1:] == ["1", "2"]


def test_a_link_is_followed_to_what_lies_beside_the_script(scripts, in_this_process):
    (scripts / "elsewhere").mkdir()
    try:
        (scripts / "elsewhere" / "link.py").symlink_to(scripts / "setting.py")
    except OSError:
        pytest.skip("no links on this platform")
    assert in_this_process("elsewhere/link.py") == 0
    assert Path(sys.path[0]) == scripts.resolve()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "expected a script, or -m and a module, got nothing"),
        (["-x", "script.py"], "expected a script, or -m and a module, got -x"),
        (["-m"], "-m wants the name of a module"),
        (["-m", "no_such_module"], "no module named no_such_module"),
        (["-m", "json.no_such_module"], "no module named json.no_such_module"),
        (["-m", "no_such_package.part"], "can't find module no_such_package.part: No module named 'no_such_package'"),
        (["-m", "math"], "no code to run in module math"),
        (["-m", ""], "-m wants the name of a module"),
        (["gone.py"], "can't open file gone.py: No such file or directory"),
        (["elsewhere"], "can't find '__main__' module in elsewhere"),
    ],
)
def test_misuse_is_one_line(arguments, message, scripts, in_this_process, capsys):
    (scripts / "elsewhere").mkdir()
    assert in_this_process(*arguments) == 2
    assert capsys.readouterr().err == f"fastnet.patch: error: {message}\n"


def test_help_is_shown(in_this_process, capsys):
    assert in_this_process("--help") == 0
    assert "python -m fastnet.patch -m MODULE" in capsys.readouterr().out
