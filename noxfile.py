"""Development tasks: `nox -s tests`, `nox -s lint`, ...; `nox --list` shows them all."""

import sys
from itertools import chain
from pathlib import Path

import nox

nox.needs_version = ">=2025.2"
nox.options.sessions = ["tests", "lint", "types", "docs", "compare"]
nox.options.reuse_existing_virtualenvs = True

PROJECT = nox.project.load_toml("pyproject.toml")
LOWEST_PYTHON = PROJECT["project"]["requires-python"].removeprefix(">=")

# Examples in docstrings are tests too, those of the installed package; timed comparisons run once, as tests.
WHAT = ("--pyargs", "tests", "benchmarks/comparison", "fastnet")

# A process for each core; what one is short of, it takes from the other's tests.
IN_PARALLEL = ("-n", "auto", "--dist", "worksteal")

# Ratio to NumPy that every operation has to reach: all are ahead, and a twentieth is left to the noise of a machine.
LEAST_RATIO = "0.95"

# A benchmark of every kind, and of every operation in float32: what shows that the asv suite works.
ASV_SAMPLE = (
    r"^operations\..*float32",
    r"^speed_up\.linear_forward.*32x128x10",
    r"^training\..*784-128-10, batch 128",
    r"^training\.Accuracy.*adam",
    r"^inference\.",
    r"^estimators\..*1,000 x 20, adam",
    r"^estimators\.PredictProba",
    r"^start\.Import",
    r"^start\.FirstCall.*linear_relu_forward",
)


def install(session: nox.Session, *groups: str) -> None:
    """Install the package as a user gets it, and the tools of some dependency groups."""
    session.install(".", *nox.project.dependency_groups(PROJECT, *groups))


@nox.session
def tests(session: nox.Session) -> None:
    """Run the tests of every change on the installed package; arguments go to pytest instead."""
    install(session, "test")
    session.run("pytest", *(session.posargs or (*IN_PARALLEL, "--cov", "--cov-report=", *WHAT)))
    if not session.posargs:
        session.run("coverage", "report", "--skip-covered")


@nox.session(python=LOWEST_PYTHON)
def minimum(session: nox.Session) -> None:
    """Run the tests of every change with the lowest releases that pyproject.toml admits; arguments go to pytest."""
    project = PROJECT["project"]
    declared = chain(project["dependencies"], *project["optional-dependencies"].values())
    lowest = Path(session.create_tmp()) / "lowest.txt"
    lowest.write_text("\n".join(one.replace(">=", "==") for one in declared), "utf-8")
    session.install(".", *nox.project.dependency_groups(PROJECT, "test"), "--constraint", str(lowest))
    session.run("pytest", *(session.posargs or (*IN_PARALLEL, *WHAT)))


@nox.session
def exhaustive(session: nox.Session) -> None:
    """Run all tests, and those of all sizes, layouts and vector widths too: for every night, not for every change."""
    install(session, "test")
    session.run("pytest", *(session.posargs or (*IN_PARALLEL, "-m", "exhaustive or not exhaustive", *WHAT)))


@nox.session
def digests(session: nox.Session) -> None:
    """Write the table of digests anew, when other bits are meant to be computed; names of runs print theirs instead."""
    install(session)
    session.run("python", "tests/digests.py", *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and formatting."""
    session.install(*nox.project.dependency_groups(PROJECT, "lint"))
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")


@nox.session
def types(session: nox.Session) -> None:
    """Check types."""
    install(session, "types")
    session.run("mypy")


@nox.session
def docs(session: nox.Session) -> None:
    """Build the site into `site`, with warnings as errors; arguments go to mkdocs instead, such as `serve`."""
    install(session, "docs")
    session.run("mkdocs", *(session.posargs or ("build", "--strict")))


@nox.session
def compare(session: nox.Session) -> None:
    """Gate: the compiled kernels agree with the reference and are as much faster as before; arguments go to fastnet.

    With one thread, which other work on the machine disturbs least. There is a baseline for each width of vectors. A
    kernel that became 1.6 times as slow fails on the kind of machine that it was measured on; elsewhere, and where the
    baseline has no row yet, results must agree, and no kernel be much slower than NumPy.
    """
    install(session)
    width = "from fastnet.compiler.policy import vector_bits; print(vector_bits())"
    bits = str(session.run("python", "-c", width, silent=True)).strip()
    bits = bits if bits == "512" else "256"
    limits = ["--factor", "1.6", "--fail-under", LEAST_RATIO, "--threads", "1"]
    session.run("fastnet", "compare", *(session.posargs or [f"benchmarks/baseline-{bits}.json", *limits]))


@nox.session
def bench(session: nox.Session) -> None:
    """Measure this machine, beside other libraries if they are installed; arguments go to `fastnet bench`."""
    install(session, "bench")
    session.run("fastnet", "bench", *session.posargs)


@nox.session
def asv(session: nox.Session) -> None:
    """Check the asv suite and run a sample of it once; arguments go to asv instead (asv.conf.json has some)."""
    install(session, "bench")
    session.run("asv", "machine", "--yes", silent=True)  # or asv would ask
    if session.posargs:
        session.run("asv", *session.posargs)
        return
    session.run("asv", "check", "-E", "existing:same")
    sample = [word for pattern in ASV_SAMPLE for word in ("-b", pattern)]
    method = "forkserver" if sys.platform == "linux" else "spawn"  # asv.conf.json says why
    arguments = ("-E", "existing:same", "--quick", "--show-stderr", "--launch-method", method)
    session.run("asv", "run", *arguments, *sample)
