"""Development tasks: `nox -s tests`, `nox -s lint`, ...; `nox --list` shows them all."""

import nox

nox.needs_version = ">=2025.2"
nox.options.sessions = ["tests", "interpreted", "lint", "types", "compare"]
nox.options.reuse_existing_virtualenvs = True

PROJECT = nox.project.load_toml("pyproject.toml")


# Examples in docstrings are tests too, those of the installed package.
WHAT = ("--pyargs", "tests", "fastnet")


def install(session: nox.Session, *groups: str) -> None:
    """Install the package as a user gets it, and the tools of some dependency groups."""
    session.install(".", *nox.project.dependency_groups(PROJECT, *groups))


@nox.session
def tests(session: nox.Session) -> None:
    """Run all tests on the installed package; arguments go to pytest."""
    install(session, "test")
    session.run("pytest", *(session.posargs or WHAT))


@nox.session
def interpreted(session: nox.Session) -> None:
    """Run the tests with kernels as plain Python, which coverage can see."""
    install(session, "test", "coverage")
    session.env["NUMBA_DISABLE_JIT"] = "1"
    session.run("coverage", "run", "-m", "pytest", *(session.posargs or WHAT))
    session.run("coverage", "report")


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
def compare(session: nox.Session) -> None:
    """Gate: the compiled kernels agree with the reference and are faster; arguments go to the script."""
    install(session)
    arguments = session.posargs or ["--samples", "20000", "--fail-under", "1.2"]
    session.run("python", "benchmarks/epoch.py", *arguments)


@nox.session
def bench(session: nox.Session) -> None:
    """Time epochs against the reference; arguments go to the script."""
    install(session)
    session.run("python", "benchmarks/epoch.py", *session.posargs)
