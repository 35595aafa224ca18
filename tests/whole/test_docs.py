"""Every code block of the README and of the documentation runs, in order, as one reader would type them.

Blocks of `python` on a page share their names. Lines of `sh` are commands of fastnet, which find the files that `files`
makes; `> FILE` keeps what they print. A block of `toml` with a title becomes a file of that name, and `run: fastnet`
in a block of `yaml` begins a command. Blocks of `text` are shown, not run.
"""

import contextlib
import importlib.util
import io
import re
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest
import typer

import fastnet.reference
from fastnet import datasets, models, recipes
from fastnet.cli import main
from fastnet.cli.application import app

ROOT = Path(__file__).parents[2]
TEXTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(ROOT.glob("docs/**/*.md"))]
PAGES = [path.relative_to(ROOT).as_posix() for path in TEXTS]
BLOCK = re.compile(r"^( *)```(\w*)([^\n]*)\n(.*?)^\1```$", flags=re.MULTILINE | re.DOTALL)
TITLE = re.compile(r'title="(.+?)"')
RUN = re.compile(r"(?:run:|RUN) (fastnet .*)")
NAMED_FILE = re.compile(r"`((?:\.ci|benchmarks|docs|examples|fastnet|tests)/[\w./]+)`")
NAMED_SESSIONS = re.compile(r"nox -s ([a-z]+(?: [a-z]+)*)`")

# What takes minutes, and has tests of its own: here the words are read, and nothing more.
LONG = re.compile(r"fastnet (bench|compare|cache build|recipes .*--run|train .*--recipe best)\b")


def read(page):
    if not (ROOT / page).exists():
        pytest.skip(f"{page} is not beside these tests")
    return (ROOT / page).read_text("utf-8")


def blocks(page):
    """Language, title and text of each block."""
    for indent, language, attributes, text in BLOCK.findall(read(page)):
        title = TITLE.search(attributes)
        yield language, title and title[1], re.sub(f"^{indent}", "", text, flags=re.MULTILINE)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A folder with MNIST's four files, Kaggle's two, and a table of measurements with names of classes."""
    folder = tmp_path_factory.mktemp("files")
    digits = datasets.load_digits()
    images = np.pad(np.kron(digits.X.reshape(-1, 8, 8), np.ones((3, 3), np.uint8)), [(0, 0), (2, 2), (2, 2)]) * 15
    X, y = images.reshape(len(images), -1), digits.y
    datasets.save(folder / "mnist", datasets.Dataset(X[:500], y[:500], X[500:700], y[500:700], image_shape=(28, 28)))
    header = [f"pixel{i}" for i in range(784)]
    np.savetxt(folder / "train.csv", np.c_[y, X][:400], "%d", ",", header=",".join(["label", *header]), comments="")
    np.savetxt(folder / "test.csv", X[400:500], "%d", ",", header=",".join(header), comments="")
    rng = np.random.default_rng(0)
    kinds = ["setosa", "versicolor", "virginica"] * 30
    table = np.c_[rng.normal(np.arange(90) % 3, 0.3, (4, 90)).T.round(3).astype(str), kinds]
    np.savetxt(folder / "measurements.csv", table, "%s", ",", header="a,b,c,d,kind", comments="")
    return folder


def run_command(line, where):
    line, *redirected = line.split(" > ")
    program, *argv = shlex.split(line)
    assert program == "fastnet", f"{where}: a block of sh holds commands of fastnet, got {line!r}"
    if LONG.match(line):
        command = typer.main.get_command(app)
        while getattr(command, "commands", None):
            command, argv = command.commands[argv[0]], argv[1:]
        command.make_context(line, argv).close()
    else:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed) if redirected else contextlib.nullcontext():
            assert main(argv) == 0, f"{where}: {line}"
        if redirected:
            Path(redirected[0]).write_text(printed.getvalue(), "utf-8")


def run_block(language, title, text, names, where):
    if language == "python":
        exec(compile(text, where, "exec"), names)
    elif language == "sh":
        for line in text.replace("\\\n", " ").splitlines():
            if line.strip() and not line.startswith("#"):
                run_command(line, where)
    elif language in ("yaml", "dockerfile"):
        for line in RUN.findall(text):
            run_command(line, where)
    elif language == "toml":
        Path(title).write_text(text, "utf-8")
    else:
        assert language == "text", f"{where}: got {language!r}, expected a language that is run, or text"


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("page", PAGES)
def test_every_block_runs(page, files, monkeypatch, tmp_path):
    shutil.copytree(files, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    names = {}
    for number, (language, title, text) in enumerate(blocks(page), 1):
        run_block(language, title, text, names, f"{page}, block {number}")


@pytest.mark.parametrize(("page", "least"), [("README.md", 6), ("docs/migration.md", 10), ("docs/tutorial.md", 10)])
def test_blocks_are_found(page, least):
    assert len(list(blocks(page))) >= least
    assert len(re.findall(r"^ *```", read(page), flags=re.MULTILINE)) == 2 * len(list(blocks(page)))


@pytest.mark.parametrize("page", PAGES)
def test_files_and_sessions_of_nox_that_a_page_names_are_there(page):
    text = read(page)
    assert [path for path in NAMED_FILE.findall(text) if not (ROOT / path).exists()] == []
    named = {name for names in NAMED_SESSIONS.findall(text) for name in names.split()}
    assert named - set(re.findall(r"^def (\w+)\(session", read("noxfile.py"), flags=re.MULTILINE)) == set()


def test_the_readme_names_every_session_of_nox():
    named = {name for names in NAMED_SESSIONS.findall(read("README.md")) for name in names.split()}
    defined = re.findall(r"^@nox.session.*\ndef (\w+)\(", read("noxfile.py"), flags=re.MULTILINE)
    assert named == set(defined)


@pytest.mark.parametrize("module", [fastnet, fastnet.reference, datasets, models, recipes], ids=lambda m: m.__name__)
def test_every_public_name_is_on_a_page_of_the_api(module):
    pages = "".join(read(page) for page in PAGES if page.startswith("docs/api"))
    listed = set(re.findall(r"\w+", "".join(re.findall(r"^::: .*|members: \[.*", pages, flags=re.MULTILINE))))
    assert set(module.__all__) - listed == set()


def test_the_page_of_commands_has_every_option():
    page = read("docs/commands.md")
    spec = importlib.util.spec_from_file_location("hooks", ROOT / "docs/hooks.py")
    hooks = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(hooks)
    rendered = hooks.on_page_markdown(page)
    assert rendered.count("\n### fastnet ") == len(list(hooks.commands())) > 5
    for path, command in hooks.commands():
        assert f"\n### {path}\n" in rendered
        assert page.count(f"`{path}`") >= 1, f"{path} is not in the page's tour"
        for parameter in command.params:
            if any(option.startswith("--") for option in parameter.opts):
                assert f"`{parameter.opts[0]}" in rendered
