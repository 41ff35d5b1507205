"""A command as a person runs it, and what it says."""

from __future__ import annotations

import sys

import pytest

from convlens.cli.main import main


def say(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *words: str) -> tuple[int, str, str]:
    """The exit code of a command, and what it printed."""
    monkeypatch.setattr(sys, "argv", ["convlens", *words])
    with pytest.raises(SystemExit) as left:
        main()
    shown = capsys.readouterr()
    return int(left.value.code or 0), shown.out, shown.err
