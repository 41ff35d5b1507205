"""What has been found so far, kept on disk a picture at a time, so that a search that is stopped goes on.

Each picture has a file of its own, keyed by the finder and by the picture's size and time of change: what is unchanged
is not searched again, what changed is. Nothing that can execute code is read back: a file is JSON.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from convlens.data.atomic import replace

from .errors import FindingError
from .finds import Boxes, Finds

LIST = "pictures.json"
NEAR = 1000
"""Near misses that are kept of a picture, the highest scores first."""


@dataclass(frozen=True, eq=False)
class Result:
    """One picture: what was found, or why it could not be read."""

    image: str
    path: Path
    finds: Finds | None
    reason: str = ""


class Results:
    """The folder in which results are kept."""

    def __init__(self, folder: Path, finder: str) -> None:
        """``finder`` is a text that differs where the finder does."""
        self.folder, self.finder = folder, finder

    def key(self, path: Path) -> str:
        """What a result depends on; a file that is not there has a key too."""
        try:
            status = os.stat(path)
            about = [status.st_size, status.st_mtime_ns]
        except OSError:
            about = []
        return hashlib.sha256(json.dumps([self.finder, str(path.resolve()), about]).encode()).hexdigest()

    def _file(self, path: Path) -> Path:
        name = hashlib.sha256(str(path.resolve()).encode("utf-8", "surrogateescape")).hexdigest()
        return self.folder / f"{name}.json"

    def begin(self, pictures: Mapping[str, Path]) -> None:
        """Write down which pictures are searched, by name, so that ``reopened`` finds their results."""
        listed = [[name, str(path.resolve())] for name, path in pictures.items()]
        replace(self.folder / LIST, json.dumps({"finder": self.finder, "pictures": listed}).encode())

    @classmethod
    def reopened(cls, folder: Path) -> list[Result]:
        """The results that an earlier search kept, of pictures that have not changed since.

        Raises:
            FindingError: there was no search, or nothing of it stands.
        """
        try:
            known = json.loads((folder / LIST).read_bytes())
            results, pictures = cls(folder, str(known["finder"])), [(str(n), Path(p)) for n, p in known["pictures"]]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise FindingError(f"{folder.parent} holds no search; make one with convlens find --out") from error
        found = [kept for name, path in pictures if (kept := results.kept(name, path)) is not None]
        if not found:
            raise FindingError(f"no result in {folder.parent} is of a picture as it is now; search them again")
        return found

    def keep(self, result: Result) -> None:
        """Write a result in one step."""
        content = {"key": self.key(result.path), "reason": result.reason, "finds": _told(result.finds)}
        replace(self._file(result.path), json.dumps(content, allow_nan=False).encode())

    def kept(self, image: str, path: Path) -> Result | None:
        """The result of a picture that has not changed since, or None."""
        try:
            content = json.loads(self._file(path).read_bytes())
            if content["key"] != self.key(path):
                return None
            finds = content["finds"]
            return Result(image, path, None if finds is None else _read(image, path, finds), content["reason"])
        except (OSError, ValueError, KeyError, TypeError):
            return None  # a file that is missing or was meddled with costs a search, no more


def _told(finds: Finds | None) -> dict[str, Any] | None:
    if finds is None:
        return None
    return {
        "boxes": finds.boxes.tolist(),
        "scores": finds.scores.tolist(),
        "threshold": finds.threshold,
        "interval": finds.interval,
        "note": finds.note,
        "angles": None if finds.angles is None else finds.angles.tolist(),
        "near_boxes": finds.near.boxes[:NEAR].tolist(),
        "near_scores": finds.near.scores[:NEAR].tolist(),
        "size": finds.size,
        "remarks": finds.remarks,
        "marked": finds.marked,
    }


def _read(image: str, path: Path, told: dict[str, Any]) -> Finds:
    return Finds(
        boxes=np.array(told["boxes"], np.float64).reshape(-1, 4),
        scores=np.array(told["scores"], np.float64),
        image=image,
        threshold=float(told["threshold"]),
        interval=None if told["interval"] is None else (int(told["interval"][0]), int(told["interval"][1])),
        note=str(told["note"]),
        angles=None if told["angles"] is None else np.array(told["angles"], np.float64),
        near=Boxes(np.array(told["near_boxes"], np.float64).reshape(-1, 4), np.array(told["near_scores"], np.float64)),
        size=None if told["size"] is None else (int(told["size"][0]), int(told["size"][1])),
        picture=path,
        remarks=tuple(str(one) for one in told["remarks"]),
        marked=int(told["marked"]),
    )
