"""One picture searched: what was found, drawn, or the reason why not; here, or by the worker of a Dask scheduler.

Workers see pictures and outputs under the same names, as on one machine or on a folder that machines share. The finder
is sent to each of them once.
"""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from convlens.data import Mark, PictureError
from convlens.data.workers import mapped

from . import outputs
from .finds import Finds
from .results import Result

if TYPE_CHECKING:
    from .search import School, Seeker


@dataclass(frozen=True)
class Look:
    """A picture that is to be searched.

    Args:
        name: what it is called in the outputs.
        path: its file.
        drawing: where it is drawn with its finds.
        marks: its own.
        angles: whether it is asked how each find is turned.
    """

    name: str
    path: Path
    drawing: Path
    marks: tuple[Mark, ...]
    angles: bool


def look(seeker: Seeker, asked: Look, progress: Callable[[float], None]) -> Result:
    """Search a picture and draw what was found."""
    return draw(asked, seek(seeker, asked, progress))


def seek(seeker: Seeker, asked: Look, progress: Callable[[float], None]) -> Result:
    """Search a picture."""

    def job() -> Finds:
        finds = seeker.find(asked.path, progress, asked.marks, angles=asked.angles)
        return dataclasses.replace(finds, image=asked.name, picture=asked.path)

    return _result(asked, job)


def draw(asked: Look, found: Result) -> Result:
    """Draw what was found in a picture; a reason in its place, if it can be read no more."""
    finds = found.finds
    if finds is None:
        return found

    def job() -> Finds:
        outputs.write_overlay(asked.drawing, finds)
        return finds

    return _result(asked, job)


def _result(asked: Look, job: Callable[[], Finds]) -> Result:
    """What a job on a picture gives, or the reason why it gives nothing."""
    try:
        return Result(asked.name, asked.path, job())
    except PictureError as error:
        return Result(asked.name, asked.path, None, error.reason)
    except ValueError as error:  # other channels than those that were learned from
        return Result(asked.name, asked.path, None, str(error))
    except MemoryError:
        return Result(asked.name, asked.path, None, "it needs more memory than there is; save it as a TIFF in tiles")


def looked_at_afar(school: School, model: Path, asked: Sequence[Look], scheduler: str) -> Iterator[Result]:
    """``look`` at each, by the workers of a scheduler, in order.

    Raises:
        DataError: the scheduler does not answer or has no workers.
    """
    # a worker has a folder of its own that it started in
    there = [dataclasses.replace(one, path=one.path.resolve(), drawing=one.drawing.resolve()) for one in asked]
    found = mapped(_look_there, (school, model.read_bytes()), there, scheduler)
    for one, result in zip(asked, found, strict=True):
        finds = result.finds and dataclasses.replace(result.finds, picture=one.path)
        yield Result(one.name, one.path, finds, result.reason)


def _look_there(taught: tuple[Any, bytes], asked: Look) -> Result:
    return look(_loaded(*taught), asked, lambda part: None)  # nobody hears from afar how far one picture is


@lru_cache(1)
def _loaded(school: Any, model: bytes) -> Seeker:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "finder.safetensors"
        path.write_bytes(model)
        seeker: Seeker = school.load(path)
        return seeker
