"""Which picture files are meant by the words of a command: files, folders, patterns."""

from __future__ import annotations

import glob
from collections.abc import Iterable, Sequence
from pathlib import Path

from convlens.data.errors import DataError

NAMES = (
    ".png .jpg .jpeg .jpe .jfif .mpo .gif .bmp .dib .webp .avif .tif .tiff .ppm .pgm .pbm .pnm "
    ".ico .pcx .sgi .rgb .bw .jp2 .j2k .jpx .qoi"
)
SUFFIXES = frozenset(NAMES.split())
"""Names by which pictures are recognised among the files of a folder; a file that is named itself needs none."""


def picture_files(places: Sequence[str | Path], without: Iterable[Path] = ()) -> list[Path]:
    """The files that are meant, each once, in the order in which they are named.

    Args:
        places: files, whatever they hold; folders, for the pictures in them and below, sorted; patterns such as
            ``photos/*.jpg``. Hidden files of a folder are left out.
        without: folders whose files are left out when a folder is listed.

    Raises:
        DataError: there is no such file, nothing matches a pattern, or a folder holds no pictures.
    """
    kept_out = [folder.resolve() for folder in without]
    found: dict[Path, Path] = {}
    for place in places:
        path = Path(place)
        if path.is_dir():
            inside = _inside(path, kept_out)
            if not inside:
                raise DataError(f"the folder {path} holds no pictures; name a folder with pictures in it")
        elif path.exists():
            inside = [path]
        elif glob.has_magic(str(place)):
            inside = [Path(name) for name in sorted(glob.glob(str(place), recursive=True)) if Path(name).is_file()]
            if not inside:
                raise DataError(f"no file matches {place}; check the pattern")
        else:
            raise DataError(f"there is no picture {path}; check the path")
        for file in inside:
            found.setdefault(file.resolve(), file)
    return list(found.values())


def _inside(folder: Path, kept_out: Sequence[Path]) -> list[Path]:
    return [
        file
        for file in sorted(folder.rglob("*"))
        if file.suffix.lower() in SUFFIXES
        and file.is_file()
        and not any(part.startswith(".") for part in file.relative_to(folder).parts)
        and not any(file.resolve().is_relative_to(one) for one in kept_out)
    ]
