"""Windows of a picture are cut from what `read_picture` gives, whatever the file; and large ones stay on the disk."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from convlens.data.errors import PictureError
from convlens.data.pictures import picture_size, read_picture
from convlens.data.source import open_picture, reduced
from convlens.data.tiff_windows import TiffWindows

WAYS: dict[str, dict[str, Any]] = {
    "plain": {},
    "strips": {"rowsperstrip": 16},
    "deflated strips": {"rowsperstrip": 16, "compression": "zlib"},
    "deflated tiles": {"tile": (32, 48), "compression": "zlib"},
    "predictor": {"tile": (32, 48), "compression": "zlib", "predictor": True},
    "big endian": {"byteorder": ">", "rowsperstrip": 7, "compression": "zlib"},
    "big endian, plain": {"byteorder": ">"},
}
WINDOWS = [(0, 93, 0, 117), (0, 1, 0, 1), (31, 33, 47, 49), (90, 200, 100, 300), (40, 40, 3, 9), (5, 80, 60, 61)]
STATUS = Path("/proc/self/status")


def agrees(path: Path) -> bool:
    """Whether all windows of a file are those of the whole, and it is read by windows indeed."""
    whole = read_picture(path)
    with open_picture(path, held=0) as source:
        same = [np.array_equal(source[a:b, c:d], whole.pixels[:, a:b, c:d]) for a, b, c, d in WINDOWS]
        kinds = source.dtype == whole.pixels.dtype and source.shape == whole.pixels.shape
        size = picture_size(path) == whole.pixels.shape[1:]
        return isinstance(source, TiffWindows) and all(same) and kinds and size and source.remarks == whole.remarks


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("channels", [1, 3, 5])
def test_windows_of_a_tiff(tmp_path: Path, rng: np.random.Generator, way: str, dtype: str, channels: int) -> None:
    cells = (rng.random((93, 117, channels)) * 250).astype(dtype)
    if (way, dtype) == ("predictor", "float32"):
        pytest.skip("tifffile writes no differences of floats")
    if channels == 1:
        cells = cells[..., 0]
    tifffile.imwrite(tmp_path / "a.tif", cells, photometric="rgb" if channels == 3 else "minisblack", **WAYS[way])
    assert agrees(tmp_path / "a.tif")


@pytest.mark.parametrize("kw", [{}, {"compression": "zlib", "tile": (32, 48)}, {"compression": "zlib"}])
def test_planes_one_after_another(tmp_path: Path, rng: np.random.Generator, kw: dict[str, Any]) -> None:
    cells = rng.integers(0, 2**16, (4, 93, 117), dtype=np.uint16)
    tifffile.imwrite(tmp_path / "planes.tif", cells, photometric="minisblack", planarconfig="separate", **kw)
    assert agrees(tmp_path / "planes.tif")
    tifffile.imwrite(tmp_path / "channels.ome.tif", cells, metadata={"axes": "CYX"}, **kw)
    assert agrees(tmp_path / "channels.ome.tif")


@pytest.mark.parametrize("turn", range(1, 9))
def test_windows_of_a_turned_tiff(tmp_path: Path, rng: np.random.Generator, turn: int) -> None:
    cells = rng.integers(0, 2**16, (93, 117), dtype=np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", cells, extratags=[(274, "H", 1, turn, False)])
    assert agrees(tmp_path / "a.tif")


def test_opacity_and_min_is_white(tmp_path: Path, rng: np.random.Generator) -> None:
    cells = rng.integers(0, 2**16, (93, 117, 4), dtype=np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", cells, photometric="rgb", extrasamples=["unassalpha"])
    assert agrees(tmp_path / "a.tif")
    tifffile.imwrite(tmp_path / "b.tif", cells[..., 0], photometric="miniswhite", compression="zlib")
    assert agrees(tmp_path / "b.tif")


def test_other_formats_are_held(tmp_path: Path, rng: np.random.Generator) -> None:
    cells = rng.integers(0, 256, (93, 117, 3), dtype=np.uint8)
    for name, options in {"a.png": {}, "a.jpg": {}, "lzw.tif": {"compression": "tiff_lzw"}}.items():
        exif = Image.Exif()
        exif[274] = 6
        Image.fromarray(cells).save(tmp_path / name, exif=exif, **options)
        whole = read_picture(tmp_path / name).pixels
        assert picture_size(tmp_path / name) == whole.shape[1:] == (117, 93)
        with open_picture(tmp_path / name, held=0) as source:
            assert np.array_equal(source[3:50, 60:200], whole[:, 3:50, 60:200])


@pytest.mark.parametrize("content", [b"", b"no picture", b"II*\0", b"II*\0\x08\0\0\0\xff\xff"])
def test_what_cannot_be_opened_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.tif").write_bytes(content)
    for door in (open_picture, picture_size):
        with pytest.raises(PictureError, match=r"a\.tif cannot be read"):
            door(tmp_path / "a.tif")
    with pytest.raises(PictureError, match="there is no such file"):
        picture_size(tmp_path / "b.tif")


def test_what_is_too_large_to_be_held_is_told_the_way_out(tmp_path: Path) -> None:
    for name, side in (("a.png", 12000), ("b.png", 15000)):
        Image.new("1", (side, side)).save(tmp_path / name)
        with pytest.raises(PictureError, match=r"pixels.*; save it as a TIFF, which is read in pieces"):
            open_picture(tmp_path / name)


def test_a_strip_that_would_fill_the_memory_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("convlens.data.tiff_pages.PIECE", 1000)
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((64, 64), np.uint8), compression="zlib", rowsperstrip=64)
    with pytest.raises(PictureError, match="save it in tiles"):
        open_picture(tmp_path / "a.tif", held=0)


def test_a_damaged_tile_is_told(tmp_path: Path, rng: np.random.Generator) -> None:
    cells = rng.integers(0, 256, (64, 64), dtype=np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", cells, compression="zlib", tile=(32, 32))
    with tifffile.TiffFile(tmp_path / "a.tif") as tif:
        start = tif.pages[0].dataoffsets[3]  # type: ignore[union-attr]
    content = bytearray((tmp_path / "a.tif").read_bytes())
    content[start : start + 40] = bytes(40)
    (tmp_path / "a.tif").write_bytes(content)
    with open_picture(tmp_path / "a.tif", held=0) as source:
        assert np.array_equal(source[0:32, 0:32], cells[None, :32, :32])
        with pytest.raises(PictureError, match="damaged"):
            source[0:64, 0:64]


def test_few_pieces_are_kept(tmp_path: Path, rng: np.random.Generator) -> None:
    cells = rng.integers(0, 256, (93, 117), dtype=np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", cells, compression="zlib", tile=(32, 32))
    windows = TiffWindows.of(tmp_path / "a.tif", kept=3000)
    assert windows is not None
    with windows:
        assert all(np.array_equal(windows[a:b, c:d][0], cells[a:b, c:d]) for a, b, c, d in WINDOWS)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_reduced_is_the_mean_of_squares(tmp_path: Path, rng: np.random.Generator, dtype: str) -> None:
    cells = (rng.random((3, 90, 60)) * 200).astype(dtype)
    tifffile.imwrite(tmp_path / "a.tif", cells, photometric="rgb", planarconfig="separate", rowsperstrip=8)
    means = cells.astype(np.float64).reshape(3, 30, 3, 20, 3).mean(axis=(2, 4))
    with open_picture(tmp_path / "a.tif", held=0) as source:
        small = reduced(source, 31)
        assert small.shape == (3, 30, 20)
        assert small.dtype == dtype
        # Pillow multiplies bytes by a rounded reciprocal of the count
        assert np.abs(small - means).max() <= {"uint8": 0.6, "uint16": 0.501, "float32": 1e-3}[dtype]
        assert np.array_equal(reduced(source, 90), cells)


@pytest.mark.skipif(not STATUS.exists(), reason="only Linux tells a process its own peak")
def test_thirty_thousand_a_side_in_little_memory(tmp_path: Path) -> None:
    """A file of 0.9 GB (with holes, so that it takes no room on the disk) is reduced within 300 MB."""
    path = tmp_path / "large.tif"
    tifffile.memmap(path, shape=(30000, 30000), dtype=np.uint8).flush()
    look = (
        "import re, sys; from convlens.data.source import open_picture, reduced;"
        "source = open_picture(sys.argv[1]); small = reduced(source, 1000);"
        "print(small.shape, source[29000:31000, 29990:30010].shape);"
        # getrusage would tell the peak of the process that started this one, where that was larger
        f"print(re.search(r'VmHWM:\\s+(\\d+) kB', open('{STATUS}').read())[1])"
    )
    done = subprocess.run([sys.executable, "-c", look, path], capture_output=True, text=True, check=True)
    shapes, most = done.stdout.splitlines()
    assert shapes == "(1, 1000, 1000) (1, 1000, 10)"
    assert int(most) < 300_000, "kilobytes"
