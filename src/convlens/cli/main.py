"""The command ``convlens``: its sub-commands, and what happens to an error.

A command parses, calls one function of a lower floor, and shows what came back. Torch is imported by the commands that
train or run a network, never by ``--help`` or ``summary``.
"""

from __future__ import annotations

import io
import os
import sys
import traceback
from typing import Annotated

import typer

from convlens import __version__
from convlens.cli import animate, check, data, evaluate, filter, find, info, learn_kernel, mark, predict, summary, train
from convlens.data.errors import DataError
from convlens.filtering.errors import FilterError
from convlens.finding.errors import FindingError
from convlens.network import NetworkError
from convlens.training.errors import TrainingError

app = typer.Typer(
    name="convlens",
    help="Convolutional networks: look at them, train them, use them. Start with: convlens train fashion-mnist",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("train", short_help="Train a network on labelled examples.")(train.train)
app.command("evaluate", short_help="Judge a trained network on labelled examples.")(evaluate.evaluate)
app.command("predict", short_help="Predict the class of each file.")(predict.predict)
app.command("mark", short_help="Make a page to mark things on.")(mark.mark)
app.command("find", short_help="Mark a few, find them all.")(find.find)
app.command("correct", short_help="Let a finder learn from corrections.")(find.correct)
app.command("check", short_help="Judge finds by a few answers.")(check.check)
app.command("filter", short_help="Slide one kernel over photos, signals or volumes.")(filter.filter)
app.command("animate", short_help="Show a kernel at work, step by step.")(animate.animate)
app.command("kernels", short_help="Show the kernels that have names.")(filter.kernels)
app.command("learn-kernel", short_help="Find the kernel that turned one picture into another.")(
    learn_kernel.learn_kernel
)
app.command("summary", short_help="Show what a network is, layer by layer.")(summary.summary)
app.command("data", short_help="Show what a data source holds.")(data.data)
app.command("info", short_help="Show what is installed and found.")(info.info)


def _version(asked: bool) -> None:
    if asked:
        print(f"convlens {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_version, is_eager=True)
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show the traceback of an error (also after the command).")
    ] = False,
) -> None:
    """Convolutional networks: look at them, train them, use them."""


INTERRUPTED = 130
USER_ERRORS = (NetworkError, DataError, TrainingError, FindingError, FilterError)


def main() -> None:
    """Run the command line: exit code 0, 2 with one sentence for what the user can mend, 130 when interrupted."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a name that the terminal cannot spell is no reason to stop
            stream.reconfigure(errors="backslashreplace")
    debug = "--debug" in sys.argv
    arguments = [a for a in sys.argv[1:] if a != "--debug"]
    try:
        app(args=arguments, prog_name="convlens")
    except USER_ERRORS as error:
        _fail(str(error), 2, debug)
    except SystemExit as left:
        if left.code == INTERRUPTED:  # what Typer makes of Ctrl-C, without a word
            _fail("interrupted; what was finished is kept", INTERRUPTED, debug)
        raise
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except MemoryError:
        _fail("this needs more memory than there is; take a smaller --batch or a smaller network", 2, debug)
    except OSError as error:
        where = f" {error.filename}" if error.filename else ""
        _fail(f"cannot read or write{where}: {error.strerror or error}", 2, debug)
    except Exception as error:  # the last door: a defect of ours, told as one
        _fail(
            f"convlens made a mistake ({type(error).__name__}: {error}); run again with --debug and report it", 1, debug
        )


def _fail(sentence: str, code: int, debug: bool) -> None:
    if debug:
        traceback.print_exc()
    if os.environ.get("RANK", "0") == "0":
        print(f"convlens: {sentence}", file=sys.stderr)
    sys.exit(code)
