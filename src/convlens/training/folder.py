"""The run folder: what a run writes, where, and how a run that was killed finds its place again.

settings.json           what was asked for; a resumed run asks for the same
metrics.jsonl           a row an epoch
checkpoint.safetensors  where the run stands
model.safetensors       the best epoch so far
result.json             at the end: scores, seconds, parameters
report.html             at the end: the page
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from .errors import TrainingError
from .header import MODEL
from .tensors import leftovers, write_bytes


class RunFolder:
    """A run's files under one folder."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.model = path / MODEL
        self.report = path / "report.html"
        self.result = path / "result.json"
        self.metrics = path / "metrics.jsonl"
        self._settings = path / "settings.json"

    @classmethod
    def fresh(cls, parent: Path, name: str) -> RunFolder:
        """Make the first folder ``parent/name``, ``parent/name-2``, ... that does not exist yet."""
        number = 1
        while True:
            path = parent / (name if number == 1 else f"{name}-{number}")
            try:
                path.mkdir(parents=True)
                return cls(path)
            except FileExistsError:
                number += 1
            except OSError as error:
                raise TrainingError(
                    f"cannot make the folder {path} ({error.strerror}); choose another --out"
                ) from error

    def begin(self, settings: dict[str, Any]) -> None:
        """Start a new run here; TrainingError where one lies already or nothing can be written."""
        if self._settings.exists():
            raise TrainingError(
                f"{self.path} already holds a run; add --resume to continue it, or choose another --out"
            )
        self.write_json(self._settings, settings)

    def tidy(self) -> None:
        """Remove what a killed process left half written; only the one process that writes here may."""
        for path in leftovers(self.path):
            path.unlink(missing_ok=True)

    def settings(self) -> dict[str, Any]:
        """What the run here was asked for; TrainingError where there is none, or it is damaged."""
        try:
            found = json.loads(self._settings.read_text())
        except FileNotFoundError as error:
            raise TrainingError(
                f"there is no run to resume in {self.path}; leave out --resume to start one there"
            ) from error
        except (OSError, ValueError) as error:
            raise TrainingError(f"{self._settings} cannot be read ({error}); start a new run") from error
        if not isinstance(found, dict):
            raise TrainingError(f"{self._settings} is damaged; start a new run")
        return found

    def add_metrics(self, row: dict[str, Any]) -> None:
        """Append a row and flush it to the disk."""
        with self.metrics.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row, allow_nan=True) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def read_metrics(self) -> list[dict[str, Any]]:
        """All whole rows; a last line that a kill cut short is left out."""
        rows = []
        text = self.metrics.read_text(encoding="utf-8", errors="replace") if self.metrics.exists() else ""
        for line in text.splitlines():
            try:
                row = json.loads(line)
            except ValueError:
                break
            if not isinstance(row, dict):
                break
            rows.append(row)
        return rows

    def keep_metrics(self, epochs: int) -> None:
        """Drop the rows of epochs after ``epochs``: a resumed run writes them again.

        Raises:
            TrainingError: a row of an epoch up to there is missing, which no kill does.
        """
        rows = self.read_metrics()[:epochs]
        if [row.get("epoch") for row in rows] != list(range(1, epochs + 1)):
            raise TrainingError(
                f"{self.metrics} lacks a row of the {epochs} epochs that the run has done; "
                "put it back, or start a new run with another --out"
            )
        write_bytes(self.metrics, "".join(json.dumps(row) + "\n" for row in rows).encode())

    @staticmethod
    def write_json(path: Path, values: dict[str, Any]) -> None:
        """Write a JSON file in one step."""
        write_bytes(path, (json.dumps(values, indent=2) + "\n").encode())
