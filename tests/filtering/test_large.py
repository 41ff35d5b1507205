"""What is larger than the memory that may be taken, bit for bit as if it were not; killed, and gone on with."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
import tifffile
import zarr
from numpy.typing import NDArray

import convlens
from convlens.engine.borders import BORDERS
from convlens.filtering import FilterError, batch, large, tiles
from convlens.filtering.batch import Request
from convlens.filtering.large import JOURNAL, PART
from convlens.filtering.lying import open_lying

LITTLE, MUCH = 50_000, 1 << 40
PHOTO, VOLUME, SIGNAL = (150, 130, 3), (18, 60, 50), (50_001,)


def numbers(shape: tuple[int, ...], kind: str) -> NDArray[Any]:
    rng = np.random.default_rng(0)
    if np.dtype(kind).kind == "f":
        return rng.standard_normal(shape).astype(kind)
    return rng.integers(0, np.iinfo(kind).max, shape).astype(kind)


def laid(path: Path, cells: NDArray[Any], form: str) -> Path:
    """A file that holds cells, by other people's writers."""
    colour = "rgb" if cells.ndim > 2 and cells.shape[-1] == 3 else "minisblack"
    if form == "npy":
        np.save(path := path.with_suffix(".npy"), cells)
    elif form == "columns first":
        np.save(path := path.with_suffix(".npy"), np.asfortranarray(cells))
    elif form in ("zarr 2", "zarr 3"):
        path = path.with_suffix(".zarr")
        chunks = tuple(max(1, n // 3) for n in cells.shape)
        zarr.create_array(str(path), data=cells, chunks=chunks, zarr_format=int(form[-1]), attributes={"of": "a test"})
    elif form == "nii":
        nibabel.save(nibabel.Nifti1Image(cells.T, np.diag([2.0, 3, 4, 1])), path := path.with_suffix(".nii"))
    else:
        more: dict[str, Any] = {
            "strips": {"rowsperstrip": 16},
            "tiles": {"tile": (32, 48)},
            "deflated": {"tile": (32, 48), "compression": "zlib", "predictor": True},
            "big": {"bigtiff": True, "byteorder": ">"},
        }[form]
        tifffile.imwrite(path := path.with_suffix(".tif"), cells, photometric=colour, metadata=None, **more)
    return path


def held(path: Path) -> NDArray[Any]:
    """What a file holds, by other people's readers."""
    if path.suffix == ".npy":
        return np.asarray(np.load(path))
    if path.suffix == ".zarr":
        return np.asarray(zarr.open_array(str(path), mode="r")[...])
    if path.suffix == ".nii":
        return np.asarray(nibabel.load(path).dataobj).T  # type: ignore[attr-defined]
    return np.asarray(tifffile.imread(path))


def filtered(source: Path, out: Path, memory: int, kernel: str = "box 3", **more: Any) -> tuple[NDArray[Any], Any]:
    """The result of a request, and what was said of it; nothing else is left beside it."""
    lying = open_lying(source)
    assert memory == MUCH or (lying is not None and lying.bytes > memory)
    (done,) = batch.run(Request([str(source)], kernel, out, memory=memory, **more))
    assert not [name for name in os.listdir(out.parent) if ".part" in name or ".old" in name]
    return held(out), done.remarks


def same(a: NDArray[Any], b: NDArray[Any]) -> bool:
    return a.dtype.newbyteorder("=") == b.dtype.newbyteorder("=") and a.shape == b.shape and bool((a == b).all())


@pytest.mark.parametrize("form", ["strips", "tiles", "deflated", "big", "npy", "columns first", "zarr 2", "zarr 3"])
def test_photos_in_every_form(form: str, tmp_path: Path) -> None:
    for kind, end in (("uint8", "tif"), ("uint16", "npy"), ("float32", "zarr")):
        if (form, kind) == ("deflated", "float32"):
            continue  # tifffile packs no differences of floats
        cells = numbers(PHOTO, kind)
        source = laid(tmp_path / f"{kind} in", cells, form)
        # of Zarr a piece is a file: fewer of them
        got, _ = filtered(source, tmp_path / f"{kind}.{end}", 4 * LITTLE if end == "zarr" else LITTLE)
        assert same(got, convlens.filter(cells, "box 3"))


@pytest.mark.parametrize("border", BORDERS)
def test_every_border_stride_dilation_and_turn(border: Any, tmp_path: Path) -> None:
    kernel = "1 2 3 0; 0 -1 0.5 1; 2 0 1 0"
    source = laid(tmp_path / "in", numbers(PHOTO, "uint16"), "tiles")
    for n, more in enumerate(({}, {"stride": 3, "flip": True}, {"dilation": 2}, {"luminance": True})):
        parts, said = filtered(source, tmp_path / f"a{n}.tif", LITTLE, kernel, border=border, **more)
        whole, told = filtered(source, tmp_path / f"b{n}.tif", MUCH, kernel, border=border, **more)
        assert same(parts, whole)
        assert said == told
        assert "above 65,535" in said[0]


@pytest.mark.parametrize(("size", "out"), [((11, 9), "a.tif"), ((11, 9), "a.zarr"), ((60, 57), "a.tif")])
def test_wide_kernels_of_deflated_photos(size: Any, out: str, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("convlens.filtering.transform.SMALL", 40_000)
    np.save(tmp_path / "k.npy", np.random.default_rng(3).standard_normal(size) / 500)
    source = laid(tmp_path / "in", numbers((300, 260), "uint8"), "deflated")
    boxes: list[int] = []
    real = tiles.grid
    monkeypatch.setattr(large, "grid", lambda *args: boxes.append(len(found := real(*args))) or found)
    parts, said = filtered(source, tmp_path / out, LITTLE, str(tmp_path / "k.npy"))
    whole, told = filtered(source, tmp_path / f"b{Path(out).suffix}", MUCH, str(tmp_path / "k.npy"))
    assert boxes[0] > 1
    assert same(parts, whole)
    assert said == told


def test_signed_sums_get_one_middle(tmp_path: Path) -> None:
    source = laid(tmp_path / "in", numbers(PHOTO, "uint8"), "tiles")
    for out in ("a.tif", "a.npy"):
        parts, said = filtered(source, tmp_path / out, LITTLE, "sobel")
        whole, told = filtered(source, tmp_path / f"b{Path(out).suffix}", MUCH, "sobel")
        assert same(parts, whole)
        assert said == told
        assert ("shown with 0 as 128" in said[0]) == (out == "a.tif")


def test_volumes_and_signals(tmp_path: Path) -> None:
    cells = numbers(VOLUME, "uint16")
    for form, out in (
        ("strips", "a.tif"),
        ("deflated", "a.nii"),
        ("npy", "b.tif"),
        ("nii", "b.npy"),
        ("zarr 3", "b.nii"),
    ):
        source = laid(tmp_path / f"in {form}", cells, form)
        got, _ = filtered(source, tmp_path / out, LITTLE, "box 3", border="wrap")
        assert same(got, convlens.filter(cells, np.full((3, 3, 3), 1 / 27), "wrap")), (form, out)
    got, _ = filtered(laid(tmp_path / "in", cells, "deflated"), tmp_path / "c.tif", LITTLE, "box 3", border="edge")
    assert same(got, convlens.filter(cells, np.full((3, 3, 3), 1 / 27), "edge"))
    for form in ("npy", "zarr 2"):
        wave = numbers(SIGNAL, "float32")
        got, _ = filtered(laid(tmp_path / "wave", wave, form), tmp_path / "out.npy", LITTLE, "gaussian 9", stride=2)
        assert same(got, convlens.filter(wave, convlens.filtering.kernel("gaussian 9", 1), stride=2))


def test_a_number_that_is_none_in_a_late_box(tmp_path: Path) -> None:
    cells = numbers((300, 200), "float32")
    cells[290, 7] = np.nan
    np.save(tmp_path / "k.npy", np.random.default_rng(3).standard_normal((11, 9)))
    source = laid(tmp_path / "in", cells, "npy")
    parts, _ = filtered(source, tmp_path / "a.npy", LITTLE, str(tmp_path / "k.npy"))
    assert np.array_equal(parts, convlens.filter(cells, np.load(tmp_path / "k.npy")), equal_nan=True)


# ---- kills ----

KILLED = """
import signal, sys, time
from convlens.filtering import large
from convlens.cli.main import main
real, pieces = large._Run._written, iter(range(10_000))
def slow(*args):
    time.sleep(0.02 if next(pieces) < 6 else 2)  # however busy the machine is, it is stopped before the end
    return real(*args)
large._Run._written = slow
signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever runs the tests may have it ignored
sys.argv = ["convlens", *sys.argv[1:]]
main()
"""


@pytest.mark.parametrize(
    ("end", "kernel", "stop"),
    [("tif", "sharpen", signal.SIGKILL), ("zarr", "box 3", signal.SIGKILL), ("npy", "sobel", signal.SIGINT)],
)
def test_what_was_killed_is_gone_on_with(end: str, kernel: str, stop: int, tmp_path: Path) -> None:
    source = laid(tmp_path / "in", numbers((300, 200), "uint8"), "deflated")
    out, whole = tmp_path / f"out.{end}", tmp_path / f"whole.{end}"
    journal = out.with_name(out.name + JOURNAL)
    words = ["filter", str(source), "--kernel", kernel, "--out", str(out), "--memory", "0.01"]
    process = subprocess.Popen([sys.executable, "-c", KILLED, *words], stderr=subprocess.PIPE, text=True)
    for _ in range(1500):
        if journal.exists() and journal.read_text().count('"filtering"') > 3:
            break
        time.sleep(0.01)
    process.send_signal(stop)
    _, told = process.communicate()
    assert not out.exists()
    lines = journal.read_text()
    done = lines.count('"filtering"')
    assert 3 < done < json.loads(lines.splitlines()[0])["job"]["boxes"]
    if stop == signal.SIGINT:
        assert process.returncode == 130
        assert "interrupted; what was finished is kept" in told
    # a torn line, and a box that the disk did not keep
    entries = [json.loads(line) for line in lines.splitlines() if '"filtering"' in line]
    entries[0]["note"][-1] ^= 1
    with journal.open("a") as file:
        file.write(json.dumps(entries[0]) + "\n" + '{"stage": "filte')
    steps: list[tuple[str, int]] = []
    request = Request([str(source)], kernel, out, memory=round(0.01 * 2**20))
    for _ in batch.run(request, lambda stage, at, total: steps.append((stage, at))):
        pass
    assert next(at for stage, at in steps if stage == "filtering") == done - 1
    assert same(held(out), filtered(source, whole, MUCH, kernel)[0])
    assert not journal.exists()
    assert not out.with_name(out.name + PART).exists()


def test_another_job_begins_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cells = numbers((300, 200), "uint8")
    source = laid(tmp_path / "in", cells, "npy")

    def interrupted(self: Any, *args: Any) -> Any:
        if args[0] == 1:
            raise KeyboardInterrupt
        return written(self, *args)

    written = large._Run._written
    monkeypatch.setattr(large._Run, "_written", interrupted)
    with pytest.raises(KeyboardInterrupt):
        filtered(source, tmp_path / "a.npy", LITTLE)
    assert (tmp_path / "a.npy.part").exists()
    monkeypatch.undo()
    again = numbers((300, 200), "uint8")[::-1]
    np.save(source, again)
    got, _ = filtered(source, tmp_path / "a.npy", LITTLE)
    assert same(got, convlens.filter(again, "box 3"))


def test_two_at_once_are_told(tmp_path: Path) -> None:
    source = laid(tmp_path / "in", numbers((300, 200), "uint8"), "npy")
    book = large.Journal(tmp_path / "a.npy.part.json", {})
    with pytest.raises(FilterError, match="is being written by another process"):
        filtered(source, tmp_path / "a.npy", LITTLE)
    book.close()
    filtered(source, tmp_path / "a.npy", LITTLE)


# ---- what cannot be ----


def refused(words: list[str], **more: Any) -> str:
    """What the command says, and that it is one sentence with exit code 2."""
    left = subprocess.run([sys.executable, "-m", "convlens", "filter", *words], capture_output=True, text=True, **more)
    assert left.returncode == 2, left.stderr
    said = [line for line in left.stderr.splitlines() if not line.endswith(" ...")]
    assert len(said) == 1
    return said[0]


@pytest.mark.parametrize("end", ["tif", "npy", "zarr"])
def test_a_full_disk_leaves_nothing_behind(end: str, tmp_path: Path) -> None:
    laid(tmp_path / "in", numbers((300, 200, 3), "uint16"), "deflated")
    before = sorted(tmp_path.rglob("*"))

    def little() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (7_000, 7_000))

    words = ["in.tif", "--kernel", "box 3", "--out", f"a.{end}", "--memory", "0.05"]
    assert f"a.{end} cannot be written: File too large" in refused(words, cwd=tmp_path, preexec_fn=little)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_damaged_piece_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = laid(tmp_path / "in", numbers((300, 200), "uint8"), "deflated")
    with tifffile.TiffFile(source) as tif:
        start = tif.pages[0].dataoffsets[-2]  # type: ignore[union-attr]
    content = bytearray(source.read_bytes())
    content[start : start + 20] = bytes(20)
    source.write_bytes(content)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(ValueError, match="damaged"):
        filtered(source, tmp_path / "a.npy", LITTLE)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_result_that_no_disk_holds_is_told_at_once(tmp_path: Path) -> None:
    with (tmp_path / "in.npy").open("wb") as file:
        header = np.lib.format.header_data_from_array_1_0(np.zeros(1, np.uint8))
        np.lib.format.write_array_header_1_0(file, {**header, "shape": (2**22, 2**21)})
        file.truncate(file.tell() + 2**43)
    said = refused(["in.npy", "--kernel", "box 3", "--out", "a.npy"], cwd=tmp_path)
    assert "a.npy would take 8.8 TB, but" in said
    assert "of the disk are left" in said
    said = refused(["in.npy", "--kernel", "box 3", "--out", "a.png"], cwd=tmp_path)
    assert "filtered in pieces; name the result .tif, .npy or .zarr instead of a.png" in said
    assert [path.name for path in tmp_path.iterdir()] == ["in.npy"]
