"""``convlens mark``: a page on which a person draws what is sought."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from convlens.cli.find import PICTURES


def mark(
    pictures: Annotated[list[str], typer.Argument(help=PICTURES, metavar="PICTURES...")],
    marks: Annotated[Path | None, typer.Option(help="Marks that there are already, to go on from.")] = None,
    out: Annotated[Path, typer.Option(help="The page.")] = Path("mark.html"),
) -> None:
    """Make a page to mark things on: boxes and points drawn in a browser become marks.csv for convlens find.

    One file that needs neither a server nor a network.
    """
    from convlens.data import read_marks
    from convlens.data.marks_check import picture_names
    from convlens.data.picture_files import picture_files
    from convlens.finding.errors import FindingError
    from convlens.finding.marking import TABLE, write

    files = picture_files(pictures)
    known = [] if marks is None else read_marks(marks, files)
    command = shlex.join(["convlens", "find", *pictures, "--marks", TABLE, "--out", "found"])
    try:
        write(out, dict(zip(picture_names(files), files, strict=True)), known, command)
    except OSError as error:
        raise FindingError(f"cannot write {out} ({error.strerror or error}); choose another place") from error
    print(f"page     {out}")
    print(f"open it, mark a few, save {TABLE}, then: {command}")
