"""The application, and the one place where its errors become exit codes."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Sequence
from typing import Annotated

import typer

from fastnet import __version__
from fastnet.cli.commands import bench, compare, evaluate, formats, info, plot, predict, recipes, report, show
from fastnet.cli.commands.cache import build
from fastnet.cli.commands.cache.command import cache_app
from fastnet.cli.commands.data import data_app
from fastnet.cli.commands.plan import command as planning
from fastnet.cli.commands.train.command import EXAMPLES, train
from fastnet.cli.errors import USAGE_ERROR, discard_output, report_error, report_warning
from fastnet.cli.signals import INTERRUPTED, endings

EPILOG = """Try "fastnet train": without arguments, it trains on scikit-learn's digits dataset in a few seconds.

"fastnet COMMAND --help" explains a command."""

COMPLETE = "_FASTNET_COMPLETE"
"""The variable by which a shell asks what may follow."""

app = typer.Typer(pretty_exceptions_enable=False, rich_markup_mode=None)
app.command(epilog=EXAMPLES)(train)
app.command(epilog=predict.EXAMPLES)(predict.predict)
app.command()(evaluate.evaluate)
app.command()(info.info)
app.command(epilog=plot.EXAMPLES)(plot.plot)
app.command(epilog=show.EXAMPLES)(show.show)
app.command(epilog=recipes.EXAMPLES)(recipes.recipes)
app.command(epilog=formats.EXPORT_EXAMPLES)(formats.export)
app.command("import", epilog=formats.IMPORT_EXAMPLES)(formats.import_)
app.command("report")(report.write_page)
app.command(epilog=bench.EXAMPLES)(bench.bench)
app.command(epilog=compare.EXAMPLES)(compare.compare)
app.command(epilog=planning.EXAMPLES)(planning.plan)
app.add_typer(data_app, name="data")
cache_app.command(epilog=build.EXAMPLES)(build.build)
app.add_typer(cache_app, name="cache")


def _print_version(asked: bool) -> None:
    if asked:
        print(f"fastnet {__version__}")
        raise typer.Exit


@app.callback(epilog=EPILOG)
def _fastnet(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_print_version, help="Print the version.")
    ] = False,
) -> None:
    """Fast dense neural networks on a CPU."""


def _invoke(argv: Sequence[str]) -> int:
    command = typer.main.get_command(app)
    try:
        if COMPLETE in os.environ:
            command.main([], "fastnet")
        with command.make_context("fastnet", list(argv)) as context:
            return command.invoke(context) or 0
    except typer.Exit as exit_:
        return exit_.exit_code
    except SystemExit as exit_:  # how the completion of shells ends
        return int(exit_.code or 0)


def _run(argv: Sequence[str]) -> int:
    stdout = sys.stdout  # for which a command may take standard error instead
    with endings() as ended:
        try:
            return ended.exit_code(_reported(argv))
        finally:
            sys.stdout = stdout


def _reported(argv: Sequence[str]) -> int:
    try:
        code = _invoke(argv)
        print(end="", flush=True)
        return code
    except BrokenPipeError:  # whoever read our output has seen enough
        discard_output()
        return 141
    except KeyboardInterrupt:
        print("fastnet: interrupted", file=sys.stderr)
        return INTERRUPTED
    except FloatingPointError as error:
        return report_error(error, 1)
    except (USAGE_ERROR, ValueError, TypeError, OSError, ImportError, MemoryError) as error:
        return report_error(error, 2)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments; those of the process if not given. None at all mean ``--help``.

    Returns
    -------
    int
        0 after success; 1 if training diverged; 2 for an option, a file or data that cannot be used, which one
        line on standard error explains; 130 after Ctrl-C, 143 after SIGTERM, 129 after SIGHUP.

    Examples
    --------
    >>> from fastnet.cli import main
    >>> main(["--version"])  # doctest: +ELLIPSIS
    fastnet ...
    0
    """
    argv = sys.argv[1:] if argv is None else argv
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="backslashreplace")  # file names need not be UTF-8
    with warnings.catch_warnings():
        warnings.showwarning = report_warning
        return _run(argv or ["--help"])
