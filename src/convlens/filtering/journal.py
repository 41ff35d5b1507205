"""What of a long job is finished: a small file beside the partial output, a line a box, which outlives a kill.

The first line names the job: another one begins anew. A torn last line does not count. One process at a time.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from convlens.data.locks import locked

from .errors import FilterError


class Journal:
    """The lines of a job, by stage and by box."""

    def __init__(self, path: Path, job: dict[str, Any]) -> None:
        """Open a journal; what it holds of another job is forgotten.

        Raises:
            FilterError: another process is at it.
            OSError: it cannot be written.
        """
        self.path = path
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        if not locked(self._file):
            os.close(self._file)
            raise FilterError(f"{path} is being written by another process; wait for it, or stop it")
        self.way: str | None = None
        self.done: dict[str, dict[int, dict[str, Any]]] = {}
        self._job = json.loads(json.dumps(job))
        self._read()

    def _read(self) -> None:
        content = b""
        while part := os.read(self._file, 1 << 20):
            content += part
        lines = content.splitlines(keepends=True)
        whole = 0
        for n, line in enumerate(lines):
            entry = _entry(line)
            if entry is None or (n == 0 and entry.get("job") != self._job):
                break
            if n == 0:
                self.way = entry["way"]
            else:
                self.done.setdefault(entry["stage"], {})[entry["box"]] = entry
            whole += len(line)
        os.ftruncate(self._file, whole)
        os.lseek(self._file, 0, os.SEEK_END)

    @property
    def known(self) -> bool:
        """Whether the journal holds this job."""
        return self.way is not None

    def begin(self, way: str) -> None:
        """Begin the job anew, to be done in some way."""
        os.ftruncate(self._file, 0)
        os.lseek(self._file, 0, os.SEEK_SET)
        self.way, self.done = way, {}
        self._write({"job": self._job, "way": way})

    def add(self, stage: str, box: int, **more: Any) -> None:
        """A box is finished."""
        entry = {"stage": stage, "box": box, **more}
        self.done.setdefault(stage, {})[box] = entry
        self._write(entry)

    def _write(self, entry: dict[str, Any]) -> None:
        left = json.dumps(entry).encode() + b"\n"
        while left:
            left = left[os.write(self._file, left) :]

    def close(self) -> None:
        """Let another process have it."""
        os.close(self._file)


def _entry(line: bytes) -> dict[str, Any] | None:
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    return entry if isinstance(entry, dict) and line.endswith(b"\n") else None
