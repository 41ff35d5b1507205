"""No kernel touches a byte outside its buffers: forbidden pages around each, in a process that may die of it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from convlens.engine import Target, runnable

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="pages are forbidden by Linux's mprotect")


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", *arguments]
    return subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True)


@pytest.mark.parametrize("side", ["after", "before"])
@pytest.mark.parametrize("target", runnable(), ids=lambda target: target.name)
def test_nothing_is_touched_outside_the_buffers(target: Target, side: str) -> None:
    done = run("tests.engine.guarded", side, target.name, "5")
    assert done.returncode == 0, f"died ({done.returncode}) on {done.stdout.splitlines()[-1:]}\n{done.stderr[-2000:]}"
    assert "networks inside their bounds" in done.stdout


def test_a_forbidden_page_is_deadly() -> None:
    code = "import ctypes; from tests.engine.guarded import aligned; ctypes.string_at(aligned(16).ctypes.data, 65)"
    assert subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2]).returncode < 0
