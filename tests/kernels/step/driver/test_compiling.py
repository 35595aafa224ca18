"""Stages that are compiled in several processes, and what a person is told meanwhile."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from fastnet import kernels
from fastnet.compiler import policy
from fastnet.machine import cores
from fastnet.output import notices

pytestmark = pytest.mark.skipif(not policy.COMPILES, reason="nothing is compiled")

COUNT = """
import json, sys
import numba
import numpy as np
from fastnet.machine import cores
from fastnet import kernels
from fastnet.kernels.runtime import stages
from fastnet.kernels.step.driver import compiling, selection, teams

cores.available_cores = lambda: 2
here, compile_form = [], stages.Form.compile

def compile_here(form):
    compiled = compile_form(form)
    if form.function.stats.cache_misses:
        here.append(form.name.rpartition(" ")[2])
    return compiled

stages.Form.compile = compile_here
"""

TRAINING = """
rng = np.random.default_rng(1)
parameters, x = rng.random(6 * 12 + 13 * 3, np.float32), rng.random((60, 5), np.float32)
task = [5, 12, 3], ["relu"], "cross_entropy", ("sgd", 0.1), 16
kernels.train_epoch(parameters, (), x, np.arange(60) % 3, np.arange(60), *task)
"""

TRAIN = f"""{COUNT}{TRAINING}
print(json.dumps([parameters.tobytes().hex(), len(set(here))]))
"""

SOME = f"""{COUNT}
import warnings
warnings.simplefilter("ignore")  # that nothing can be kept
asked = selection.Inference(((0, 0),), False)
state_type = teams.type_of_state(np.dtype(np.float32))
forms = [form for form in compiling._forms(selection.choose(asked), state_type) if form.name.endswith(STAGES)]
assert len(forms) == len(STAGES)
compiling._compile_together(forms, asked, np.float32)
for form in forms:
    form.compile()  # as is done to have their addresses
print(json.dumps(sorted(set(here))))
"""

STAGES = ("gather_floats", "unpack_logits", "_place", "pack_weights")


@pytest.fixture
def run(tmp_path):
    def run(script, folder=tmp_path / "cache"):
        environment = {**os.environ, "FASTNET_CACHE_DIR": str(folder)}
        command = [sys.executable, "-c", script]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240, check=True)
        assert done.stderr == ""
        return done.stdout

    return run


def some(before, chosen=STAGES):
    """Return a script that compiles some stages, after some lines."""
    begin, end = SOME.split("import warnings")
    return f"{begin}STAGES = {chosen!r}\n{before}\nimport warnings{end}"


def test_a_first_training_is_compiled_by_two_processes(run):
    expected = {"np": np, "kernels": kernels}
    exec(TRAINING, expected)
    parameters, n_here = json.loads(run(TRAIN))
    assert parameters == expected["parameters"].tobytes().hex()
    assert 0 < n_here < 10
    assert json.loads(run(TRAIN)) == [parameters, 0]


ENDS = "compiling._SERVE = 'raise SystemExit(3)'"
SILENT = "compiling._SERVE = 'import sys; sys.stdin.readline()'"
TAKES_AND_ENDS = "compiling._SERVE = 'import sys; sys.stdin.readline(); print(flush=True); sys.stdin.readline()'"
OTHER_FOLDER = 'compiling._SERVE = \'import os; os.environ["FASTNET_CPU_LEVEL"] = "native"\' + compiling._SERVE'
NO_PROGRAM = "sys.executable = '/nowhere/python'"
NONE_AT_ALL = "sys.executable = None"


WAYS = [ENDS, SILENT, OTHER_FOLDER, NONE_AT_ALL]


@pytest.mark.parametrize(
    "before", [TAKES_AND_ENDS, NO_PROGRAM, *(pytest.param(way, marks=pytest.mark.exhaustive) for way in WAYS)]
)
def test_what_another_process_does_not_compile_is_compiled_here(run, before):
    assert json.loads(run(some(before, STAGES[:2]))) == sorted(STAGES[:2])
    assert json.loads(run(some("", STAGES[:2]))) == []


def test_what_is_absent_is_looked_for_once_and_found_after_it_was_compiled(monkeypatch):
    from fastnet.kernels.runtime import stages
    from fastnet.kernels.step.driver import compiling, selection, teams

    looked = []
    monkeypatch.setattr(compiling, "_loaded", {})
    monkeypatch.setattr(compiling, "_absent", set())
    monkeypatch.setattr(stages.Form, "is_at_hand", lambda form: looked.append(form))
    monkeypatch.setattr(cores, "available_cores", lambda: 1)
    one = np.ones((1, 1), np.float32)
    samples = teams.make_samples(one, None, np.zeros(1, np.int64), 1.0, one.dtype)
    state = teams._inference_state(teams.Task((1, 1), ()), np.ones(2, np.float32), samples, one[0], 1)
    asked = selection.Inference(((0, 0),), False)
    counts = []
    for _ in range(2):
        with stages.nothing_compiled(), pytest.raises(stages.NotCompiledError):
            compiling.load_stages(asked, state)
        counts.append(len(looked))
    assert counts[0] == counts[1] > 0
    loaded = compiling.load_stages(asked, state)
    with stages.nothing_compiled():
        assert compiling.load_stages(asked, state) is loaded


def test_nobody_else_compiles_what_cannot_be_kept(run, tmp_path):
    nothing = tmp_path / "a file"
    nothing.touch()
    assert json.loads(run(some(""), nothing)) == sorted(STAGES)


def test_other_processes_end_with_an_interrupted_call(run):
    interrupted = """
import subprocess
started, popen = [], subprocess.Popen

def start(*args, **kwargs):
    started.append(popen(*args, **kwargs))
    return started[-1]

def interrupt(form):
    raise KeyboardInterrupt

def see(*_):
    print(json.dumps([process.returncode is not None for process in started]))
    sys.stdout.flush()
    os._exit(0)

import os
sys.excepthook = see
subprocess.Popen, stages.Form.compile = start, interrupt
"""
    assert json.loads(run(some(interrupted))) == [True]


def test_a_verbose_model_and_a_terminal_are_told(capsys, monkeypatch):
    notices.tell("nobody looks on")
    with notices.verbose(True):
        notices.tell("compiling")
    assert capsys.readouterr() == ("compiling\n", "")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    notices.tell("what shows a bar has replaced the stream")
    monkeypatch.setattr(sys, "__stderr__", sys.stderr)
    notices.tell("compiling")
    assert capsys.readouterr() == ("", "compiling\n")
    monkeypatch.setattr(sys, "stderr", None)
    notices.tell("nobody can")
    assert capsys.readouterr().out == ""


def test_a_verbose_fit_says_that_it_compiles(monkeypatch, capsys):
    from fastnet.estimators import MLPClassifier
    from fastnet.kernels.runtime import stages
    from fastnet.kernels.step.driver import compiling

    X = np.ones((20, 3)) * np.arange(20)[:, None]
    model = MLPClassifier((4,), max_iter=1, tol=0, n_iter_no_change=10, verbose=True)
    with pytest.warns(UserWarning, match="Maximum iterations"):
        model.fit(X, np.arange(20) % 2)
    assert "Compiling" not in capsys.readouterr().out.splitlines()[-1]
    monkeypatch.setattr(compiling, "_loaded", {})
    monkeypatch.setattr(stages.Form, "is_at_hand", lambda form: False)
    monkeypatch.setattr(cores, "available_cores", lambda: 1)
    with pytest.warns(UserWarning, match="Maximum iterations"):
        model.fit(X, np.arange(20) % 2)
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("Compiling fastnet's kernels")
    assert second.startswith("Iteration 1, loss")
