"""Compiled kernels on disk: damage is found, a folder that cannot be written only slows, the second start is fast."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from convlens.engine import TARGETS, Program, Target, host
from convlens.engine.kernels.gradients import fold
from convlens.network import Network

from .cases import whole_parameters
from .compiling import compiling, load

NETWORK = Network.parse("2x5x5: conv 3 3, relu, flatten, linear 4")
ROOT = Path(__file__).parents[2]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, and a process that has loaded nothing yet."""
    found = tmp_path / "kernels"
    forget(monkeypatch, found)
    return found


def forget(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setenv("CONVLENS_CACHE", str(folder))
    for name, empty in {"_loaded": {}, "_engines": {}, "_swept": False}.items():
        monkeypatch.setattr(compiling, name, empty)


def outputs() -> np.ndarray:
    parameters = whole_parameters(NETWORK, np.random.default_rng(0))
    found: np.ndarray = Program(NETWORK, parameters, threads=1)(np.arange(100).reshape(2, 2, 5, 5) % 7)
    return found


def compiled(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of kernels that are compiled from now on."""
    names: list[str] = []
    real = compiling._compiled

    def noted(kernel: object, name: str) -> object:
        names.append(name)
        return real(kernel, name)

    monkeypatch.setattr(compiling, "_compiled", noted)
    return names


def test_the_second_time_nothing_is_compiled(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, names = outputs(), None
    forget(monkeypatch, folder)
    names = compiled(monkeypatch)
    np.testing.assert_array_equal(outputs(), first)
    assert names == []
    assert not list(folder.glob("*.part"))


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"",
        lambda content: content[:10],
        lambda content: content[:-1],
        lambda content: content + b"\0",
        lambda content: content[:-50] + bytes([content[-50] ^ 1]) + content[-49:],
        lambda content: b"convlens object 1\n" + content[18:],
        lambda content: b"not an object at all\n" * 100,
    ],
)
def test_a_damaged_object_is_compiled_again(folder: Path, monkeypatch: pytest.MonkeyPatch, damage: object) -> None:
    assert callable(damage)
    first = outputs()
    sound = {file: file.read_bytes() for file in folder.iterdir()}
    for file, content in sound.items():
        file.write_bytes(damage(content))
    forget(monkeypatch, folder)
    names = compiled(monkeypatch)
    np.testing.assert_array_equal(outputs(), first)
    assert len(names) == len(sound)
    assert all(compiling._read(file) is not None for file in sound)


def test_a_folder_that_cannot_be_written_only_slows(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = outputs()
    file = tmp_path / "a file"
    file.write_text("here")
    hopeless = [file, file / "below", Path("/proc/nowhere"), Path("/dev/null"), tmp_path / ("n" * 300)]
    for path in hopeless:
        forget(monkeypatch, path)
        np.testing.assert_array_equal(outputs(), first)
    assert file.read_text() == "here"


def test_a_read_only_folder_is_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = outputs()
    next(folder.iterdir()).unlink()
    before = sorted(folder.iterdir())

    def refused(*_: object, **__: object) -> None:
        raise PermissionError("read-only")

    forget(monkeypatch, folder)
    monkeypatch.setattr(compiling.tempfile, "mkstemp", refused)
    names = compiled(monkeypatch)
    np.testing.assert_array_equal(outputs(), first)
    assert len(names) == 1
    assert sorted(folder.iterdir()) == before


def test_a_full_disk_leaves_nothing_behind(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(compiling.os, "replace", full)
    outputs()
    assert list(folder.iterdir()) == []


def test_what_killed_processes_left_is_swept(folder: Path) -> None:
    folder.mkdir()
    left, fresh, old, mine = (folder / name for name in ("left.part", "fresh.part", "old.o", "notes.txt"))
    for file in (left, fresh, old, mine):
        file.write_text("x")
    day = 86400
    os.utime(left, (time.time() - 2 * 3600,) * 2)
    os.utime(old, (time.time() - 31 * day,) * 2)
    os.utime(mine, (time.time() - 99 * day,) * 2)
    outputs()
    assert not left.exists()
    assert not old.exists()
    assert fresh.exists()
    assert mine.exists()


def test_the_key_holds_what_determines_the_code(monkeypatch: pytest.MonkeyPatch) -> None:
    def key(target: Target = TARGETS["sse2"], count: int = 5, name: str = "fold") -> str:
        found: str = compiling.key(fold(target, count, name))
        return found

    first = key()
    assert first == key()
    assert len({first, key(TARGETS["avx2"]), key(count=6), key(name="other")}) == 4
    with monkeypatch.context() as patch:
        patch.setattr(compiling.llvmlite, "__version__", "0.0")
        assert key() != first
    with monkeypatch.context() as patch:
        patch.setattr(compiling, "_sources", lambda: "a line was changed")
        assert key() != first
    code = (
        "from convlens.engine import TARGETS\nfrom convlens.engine.kernels.gradients import fold\n"
        "from tests.engine.compiling import compiling\nprint(compiling.key(fold(TARGETS['sse2'], 5, 'fold')))"
    )
    other = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert other.stdout.strip() == first


def test_a_kernel_for_another_processor_is_refused() -> None:
    foreign = TARGETS["neon"]
    if foreign.triple == host().triple:
        pytest.skip("this processor")
    with pytest.raises(ValueError, match="cannot run"):
        load(fold(foreign, 5, "fold"))


def start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "CONVLENS_CACHE": str(folder)}
    command = [sys.executable, "-m", "tests.engine.starting", *arguments]
    return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)


def finished(process: subprocess.Popen[str]) -> tuple[float, str]:
    out, _ = process.communicate()
    assert process.returncode == 0
    seconds, digest = out.split()
    return float(seconds), digest


def test_processes_that_compile_the_same_at_once(folder: Path) -> None:
    results = {finished(p)[1] for p in [start(folder, str(NETWORK)) for _ in range(3)]}
    assert len(results) == 1
    assert list(folder.glob("*.o"))
    assert not list(folder.glob("*.part"))
    assert all(compiling._read(file) is not None for file in folder.glob("*.o"))


def test_lenet_starts_many_times_faster_from_the_cache(folder: Path) -> None:
    cold, first = finished(start(folder))
    warm, second = min(finished(start(folder)) for _ in range(2))
    print(f"LeNet, training, one call: {1000 * cold:.0f} ms cold, {1000 * warm:.0f} ms from the cache")
    assert first == second
    assert warm < cold / 4
