"""A command as a person runs it, and what it says."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from convlens.cli.main import main


def say(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *words: str) -> tuple[int, str, str]:
    """The exit code of a command, and what it printed."""
    code = leave(monkeypatch, *words)
    shown = capsys.readouterr()
    return code, shown.out, shown.err


def leave(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    """The exit code of a command; what it printed is still to be read."""
    monkeypatch.setattr(sys, "argv", ["convlens", *words])
    with pytest.raises(SystemExit) as left:
        main()
    return int(left.value.code or 0)


def contents(folder: Path) -> dict[Path, bytes]:
    """Every file in a folder and below, with its bytes."""
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
