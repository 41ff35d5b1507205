"""``convlens find`` and ``convlens correct``: mark a few, find them all."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from convlens.cli.progress import Stages
from convlens.cli.words import SCHEDULER, command

if TYPE_CHECKING:
    from convlens.finding.request import Request
    from convlens.finding.search import Outcome

PICTURES = "Pictures: files, folders, or patterns such as photos/*.jpg."
MARKS = "A few marked objects: CSV with image,kind,x,y,w,h; COCO .json; a folder of YOLO .txt or Pascal VOC .xml."
OUT = "The folder for the tables, the drawn pictures and the report."
ANGLES = "Tell how each find is turned: a stroke in the drawing, and rotation in found.coco.json."
ADD = "More marks, such as the report's corrections.csv: what is new of them is added to --marks first."
LISTED = 20


def find(
    pictures: Annotated[list[str], typer.Argument(help=PICTURES, metavar="PICTURES...")],
    marks: Annotated[Path | None, typer.Option(help=MARKS)] = None,
    out: Annotated[Path, typer.Option(help=OUT)] = Path("found"),
    model: Annotated[Path | None, typer.Option(help="A saved finder to use; nothing is learned then.")] = None,
    save_model: Annotated[Path | None, typer.Option(help="Where the finder is to be saved as well.")] = None,
    seed: Annotated[int, typer.Option(help="Of all that is drawn while it learns.")] = 0,
    angles: Annotated[bool, typer.Option("--angles", help=ANGLES)] = False,
    scheduler: Annotated[str, typer.Option(help=SCHEDULER)] = "",
) -> None:
    """Learn from a few marks, find all of them in every picture, and count them.

    Stopped at any moment it keeps what is done, and the same command goes on from there.
    """
    from convlens.finding import Finder
    from convlens.finding.request import Request
    from convlens.finding.search import search

    request = Request(pictures, out, marks, model, save_model, seed, command(), angles, scheduler)
    _run(lambda progress: search(request, Finder, progress), request)


def correct(
    model: Annotated[Path, typer.Argument(help="A finder that convlens find saved; it is saved again in its place.")],
    pictures: Annotated[list[str], typer.Argument(help=PICTURES, metavar="PICTURES...")],
    marks: Annotated[Path, typer.Option(help="The marks so far, with more rows: what was missed, and what is none.")],
    out: Annotated[Path, typer.Option(help=OUT)] = Path("found"),
    angles: Annotated[bool, typer.Option("--angles", help=ANGLES)] = False,
    add: Annotated[Path | None, typer.Option(help=ADD)] = None,
) -> None:
    """Let a saved finder learn from corrections, and search the pictures again."""
    from convlens.finding import Finder
    from convlens.finding.request import Request
    from convlens.finding.search import correct as go_on

    if add is not None:
        _add(add, marks, pictures, out)
    request = Request(pictures, out, marks, model, command=command(), angles=angles)
    _run(lambda progress: go_on(request, Finder, progress), request)


def _add(more: Path, marks: Path, pictures: list[str], out: Path) -> None:
    from convlens.finding.additions import add, spelled
    from convlens.finding.request import Request, look_up

    # what does not lie in its picture is refused before it stands among the marks
    asked = look_up(Request(pictures, out, more), learns=False)
    new, contrary = add(more, marks, list(asked.pictures))
    print(f"marks    {f'{spelled(new)} added to {marks}' if new else f'nothing of {more} is new in {marks}'}")
    for mark in contrary:
        where = f"{mark.kind} at {mark.x:g}, {mark.y:g} of {mark.image}"
        print(f"convlens: {where} is contrary to a mark in {marks}, which stays", file=sys.stderr)


def _run(work: Callable[[Stages], Outcome], request: Request) -> None:
    from convlens.finding.errors import FindingError
    from convlens.finding.outputs import COUNTS, FOUND, OVERLAYS, overlay_names
    from convlens.finding.search import REPORT

    start = time.monotonic()
    try:
        with Stages() as progress:
            outcome = work(progress)
    except OSError as error:
        place = f"{error.filename or request.out} ({error.strerror or error})"
        raise FindingError(
            f"cannot write {place}; what was finished is kept: mend that, and the same command goes on"
        ) from error
    print(f"finder   {'learned' if outcome.learned else 'taken as it was'}; {time.monotonic() - start:.1f} s in all")
    for finds in outcome.found[:LISTED]:
        print(f"         {finds.image}  {finds.counted}")
    if len(outcome.found) > LISTED:
        print(f"         and {len(outcome.found) - LISTED:,} more pictures in counts.csv")
    total = sum(finds.count for finds in outcome.found)
    print(f"found    {total:,} in {len(outcome.found):,} {'picture' if len(outcome.found) == 1 else 'pictures'}")
    _remark(outcome)
    drawn = (
        OVERLAYS
        if len(outcome.found) > 1
        else overlay_names([r.image for r in outcome.results])[outcome.found[0].image]
    )
    for name, file in (("finds", FOUND), ("counts", COUNTS), ("drawn", drawn), ("report", REPORT)):
        print(f"{name:9}{request.out / file}")
    for failed in outcome.failed:
        print(f"convlens: {failed.image} could not be read: {failed.reason}", file=sys.stderr)


def _remark(outcome: Outcome) -> None:
    """What was done to pictures that may surprise, each with the pictures of which it is said."""
    images: dict[str, list[str]] = {}
    for finds in outcome.found:
        for remark in finds.remarks:
            images.setdefault(remark, []).append(finds.image)
    for remark, own in list(images.items())[:LISTED]:
        print(f"remark   {remark} ({own[0]}{f' and {len(own) - 1:,} more' if len(own) > 1 else ''})")
    if len(images) > LISTED:
        print(f"         and {len(images) - LISTED:,} more remarks in the report")
