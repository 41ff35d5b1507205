"""Every kind of picture file, whole and broken."""

from __future__ import annotations

import io
import os
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from convlens.data.errors import PictureError
from convlens.data.pictures import read_picture
from tests.data.conftest import png

# What the picture [[0, 1, 2], [3, 4, 5]] looks like once each orientation has been undone, from the EXIF standard.
UPRIGHT = {
    1: [[0, 1, 2], [3, 4, 5]],
    2: [[2, 1, 0], [5, 4, 3]],
    3: [[5, 4, 3], [2, 1, 0]],
    4: [[3, 4, 5], [0, 1, 2]],
    5: [[0, 3], [1, 4], [2, 5]],
    6: [[3, 0], [4, 1], [5, 2]],
    7: [[5, 2], [4, 1], [3, 0]],
    8: [[2, 5], [1, 4], [0, 3]],
}
SIX = np.arange(6, dtype=np.uint8).reshape(2, 3)


def kinds(path: Path) -> list[str]:
    return [kind for kind, _ in read_picture(path).remarks]


@pytest.mark.parametrize("turn", range(1, 9))
@pytest.mark.parametrize("name", ["a.png", "a.webp", "by_pillow.tif", "lzw.tif"])
def test_orientation_is_applied_exactly_once(tmp_path: Path, turn: int, name: str) -> None:
    image = Image.fromarray(SIX)
    exif = Image.Exif()
    exif[274] = turn
    options = {"lossless": True, "exact": True} if name == "a.webp" else {}
    if name == "lzw.tif":
        options = {"compression": "tiff_lzw"}
    image.save(tmp_path / name, exif=exif, **options)
    assert read_picture(tmp_path / name).pixels[0].tolist() == UPRIGHT[turn]


@pytest.mark.parametrize("turn", range(1, 9))
def test_orientation_of_a_jpeg(tmp_path: Path, turn: int) -> None:
    exif = Image.Exif()
    exif[274] = turn
    Image.fromarray(np.kron(SIX * 40, np.ones((8, 8), np.uint8))).save(tmp_path / "a.JPG", exif=exif, quality=100)
    pixels = read_picture(tmp_path / "a.JPG").pixels[0, 4::8, 4::8]
    assert np.abs(pixels.astype(int) - 40 * np.array(UPRIGHT[turn])).max() <= 3


@pytest.mark.parametrize("turn", range(1, 9))
def test_orientation_of_a_sixteen_bit_tiff(tmp_path: Path, turn: int) -> None:
    cells = SIX.astype(np.uint16) * 1000
    tifffile.imwrite(tmp_path / "a.tif", cells, extratags=[(274, "H", 1, turn, False)])
    assert (read_picture(tmp_path / "a.tif").pixels[0] == np.array(UPRIGHT[turn]) * 1000).all()


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_tiff_keeps_its_range(tmp_path: Path, dtype: str, compression: str | None, rng: np.random.Generator) -> None:
    cells = (rng.random((7, 5)) * (1 if dtype == "float32" else 255)).astype(dtype)
    cells[0, 0] = 65535 if dtype == "uint16" else cells[0, 0]
    tifffile.imwrite(tmp_path / "a.tiff", cells, compression=compression)
    pixels = read_picture(tmp_path / "a.tiff").pixels
    assert pixels.dtype == dtype
    assert np.array_equal(pixels, cells[None])


def test_big_endian_tiff_comes_back_native(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", SIX.astype(np.uint16), byteorder=">", bigtiff=True)
    pixels = read_picture(tmp_path / "a.tif").pixels
    assert pixels.dtype == np.uint16
    assert pixels.dtype.isnative
    assert np.array_equal(pixels[0], SIX)


@pytest.mark.parametrize(("dtype", "kind"), [("int16", "float32"), ("float64", "float32"), ("uint32", "float32")])
def test_other_tiff_cells_become_float(tmp_path: Path, dtype: str, kind: str) -> None:
    tifffile.imwrite(tmp_path / "a.tif", SIX.astype(dtype))
    pixels = read_picture(tmp_path / "a.tif").pixels
    assert pixels.dtype == kind
    assert np.array_equal(pixels[0], SIX)


def test_min_is_white_is_turned_round(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", SIX, photometric="miniswhite")
    assert np.array_equal(read_picture(tmp_path / "a.tif").pixels[0], 255 - SIX)


def test_samples_and_declared_channels_are_channels_but_pages_are_pages(tmp_path: Path) -> None:
    five = np.arange(5 * 4 * 6, dtype=np.uint16).reshape(5, 4, 6)
    last = np.moveaxis(five, 0, -1)
    tifffile.imwrite(tmp_path / "last.tif", last, photometric="minisblack", planarconfig="contig")
    tifffile.imwrite(tmp_path / "first.tif", five, photometric="minisblack", planarconfig="separate")
    tifffile.imwrite(tmp_path / "imagej.tif", five, imagej=True, metadata={"axes": "CYX"})
    tifffile.imwrite(tmp_path / "ome.ome.tif", five, metadata={"axes": "CYX"})
    for name in ("last.tif", "first.tif", "imagej.tif", "ome.ome.tif"):
        assert np.array_equal(read_picture(tmp_path / name).pixels, five), name
    tifffile.imwrite(tmp_path / "pages.tif", five)
    assert np.array_equal(read_picture(tmp_path / "pages.tif").pixels, five[:1])
    assert read_picture(tmp_path / "pages.tif").remarks == (("frames", "the first of 5 pages"),)
    film = np.arange(3 * 2 * 4 * 6, dtype=np.uint16).reshape(3, 2, 4, 6)
    tifffile.imwrite(tmp_path / "film.tif", film, imagej=True, metadata={"axes": "TCYX"})
    assert np.array_equal(read_picture(tmp_path / "film.tif").pixels, film[0])
    assert kinds(tmp_path / "film.tif") == ["frames"]


def test_transparent_sixteen_bit_tiff_is_laid_over_white(tmp_path: Path) -> None:
    cells = np.zeros((1, 3, 4), np.uint16)
    cells[0, :, 3] = (0, 65535, 32768)
    tifffile.imwrite(tmp_path / "a.tif", cells, photometric="rgb")
    pixels = read_picture(tmp_path / "a.tif").pixels
    assert pixels[:, 0].tolist() == [[65535, 0, 32767]] * 3
    assert kinds(tmp_path / "a.tif") == ["transparent"]


def test_nan_is_replaced_by_the_mean_and_remarked(tmp_path: Path) -> None:
    cells = np.array([[1, np.nan, 3], [np.inf, 2, 2]], np.float32)
    tifffile.imwrite(tmp_path / "a.tif", cells)
    picture = read_picture(tmp_path / "a.tif")
    assert picture.pixels[0].tolist() == [[1, 2, 3], [2, 2, 2]]
    assert picture.remarks == (("nan", "2 NaN or infinite pixels replaced by the mean"),)


def test_palette_tiff_is_expanded(tmp_path: Path) -> None:
    image = Image.fromarray(SIX)
    image = image.convert("P")
    image.putpalette([v for k in range(256) for v in (k, 255 - k, 7)])
    image.save(tmp_path / "a.tif")
    pixels = read_picture(tmp_path / "a.tif").pixels
    assert np.array_equal(pixels, np.stack([SIX, 255 - SIX, np.full_like(SIX, 7)]))


def test_sixteen_bit_grey_png(tmp_path: Path) -> None:
    cells = np.array([[0, 256], [1, 65535]], np.uint16)
    Image.fromarray(cells).save(tmp_path / "a.png")
    pixels = read_picture(tmp_path / "a.png").pixels
    assert pixels.dtype == np.uint16
    assert np.array_equal(pixels[0], cells)


@pytest.mark.parametrize(("colour", "samples"), [(2, 3), (6, 4), (4, 2)])
def test_sixteen_bit_colour_png_says_what_it_loses(tmp_path: Path, colour: int, samples: int) -> None:
    (tmp_path / "a.png").write_bytes(png(1, 1, 16, colour, b"\0" + b"\xff\xff" * samples))
    picture = read_picture(tmp_path / "a.png")
    assert picture.pixels.dtype == np.uint8
    assert [kind for kind, _ in picture.remarks] == ["reduced"]


def test_sixteen_bit_pgm(tmp_path: Path) -> None:
    (tmp_path / "a.pgm").write_bytes(b"P5 2 1 65535\n\x01\x00\xff\xff")
    pixels = read_picture(tmp_path / "a.pgm").pixels
    assert pixels.dtype == np.uint16
    assert pixels.tolist() == [[[256, 65535]]]


def test_one_bit_is_expanded(tmp_path: Path) -> None:
    Image.fromarray(np.array([[True, False]])).save(tmp_path / "a.png")
    assert read_picture(tmp_path / "a.png").pixels.tolist() == [[[255, 0]]]


def test_cmyk_jpeg_becomes_rgb(tmp_path: Path) -> None:
    Image.new("CMYK", (16, 16), (0, 255, 255, 0)).save(tmp_path / "a.jpg", quality=100)
    red, green, blue = read_picture(tmp_path / "a.jpg").pixels[:, 8, 8].astype(int)
    assert red > 250
    assert max(green, blue) < 5


def test_palette_with_transparency(tmp_path: Path) -> None:
    image = Image.new("P", (2, 1))
    image.putpalette([10, 20, 30, 40, 50, 60])
    image.putdata([0, 1])
    image.save(tmp_path / "a.png", transparency=1)
    assert read_picture(tmp_path / "a.png").pixels[:, 0].tolist() == [[10, 255], [20, 255], [30, 255]]
    assert kinds(tmp_path / "a.png") == ["transparent"]


def test_grey_with_opacity_stays_grey(tmp_path: Path) -> None:
    image = Image.new("LA", (3, 1))
    image.putdata([(100, 255), (100, 0), (0, 128)])
    image.save(tmp_path / "a.png")
    assert read_picture(tmp_path / "a.png").pixels.tolist() == [[[100, 255, 127]]]


def test_full_opacity_is_not_worth_a_remark(tmp_path: Path) -> None:
    Image.new("RGBA", (2, 2), (1, 2, 3, 255)).save(tmp_path / "a.png")
    picture = read_picture(tmp_path / "a.png")
    assert picture.pixels[:, 0, 0].tolist() == [1, 2, 3]
    assert picture.remarks == ()


def test_a_grey_palette_is_grey(tmp_path: Path) -> None:
    Image.fromarray(SIX * 9).save(tmp_path / "a.gif")
    assert np.array_equal(read_picture(tmp_path / "a.gif").pixels, SIX[None] * 9)


@pytest.mark.parametrize("name", ["a.gif", "a.png", "a.webp"])
def test_of_several_frames_the_first(tmp_path: Path, name: str) -> None:
    frames = [Image.new("RGB", (4, 4), colour) for colour in ((255, 0, 0), (0, 255, 0), (0, 0, 255))]
    frames[0].save(
        tmp_path / name, save_all=True, append_images=frames[1:], **({"lossless": True} if "w" in name else {})
    )
    picture = read_picture(tmp_path / name)
    assert picture.pixels[:, 0, 0].tolist() == [255, 0, 0]
    assert picture.remarks == (("frames", "the first of 3 frames"),)


@pytest.mark.parametrize("format_", ["PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF"])
@pytest.mark.parametrize("share", [0.001, 0.1, 0.3, 0.6, 0.9])
def test_a_file_cut_short_is_a_sentence(tmp_path: Path, format_: str, share: float, rng: np.random.Generator) -> None:
    buffer = io.BytesIO()
    Image.fromarray(rng.integers(0, 256, (40, 40, 3), dtype=np.uint8)).save(buffer, format_)
    whole = buffer.getvalue()
    (tmp_path / "a.png").write_bytes(whole[: max(1, int(len(whole) * share))])
    with pytest.raises(PictureError, match="cannot be read"):
        read_picture(tmp_path / "a.png")


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
def test_damaged_bytes_never_raise_anything_else(tmp_path: Path, rng: np.random.Generator) -> None:
    cells = rng.integers(0, 256, (9, 9, 3), dtype=np.uint8)
    tifffile.imwrite(tmp_path / "sixteen.tif", cells.astype(np.uint16), photometric="rgb")
    sources = [(tmp_path / "sixteen.tif").read_bytes()]
    for format_ in ("PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF"):
        buffer = io.BytesIO()
        Image.fromarray(cells).save(buffer, format_)
        sources.append(buffer.getvalue())
    refused = 0
    for whole in sources:
        for _ in range(40):
            broken = bytearray(whole)
            for place in rng.integers(0, min(len(whole), 400), 4):
                broken[place] = rng.integers(0, 256)
            (tmp_path / "a").write_bytes(broken)
            try:
                assert read_picture(tmp_path / "a", limit=10**6).pixels.ndim == 3
            except PictureError:
                refused += 1
    assert refused > 20


@pytest.mark.parametrize("side", [20_000, 65_000])
def test_a_header_that_promises_too_much_is_not_decoded(tmp_path: Path, side: int) -> None:
    (tmp_path / "bomb.png").write_bytes(png(side, side, 8, 0, b"\0"))
    with pytest.raises(PictureError, match="134,217,728"):
        read_picture(tmp_path / "bomb.png")


def test_the_limit_counts_all_channels_of_a_tiff(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((30, 10, 10), np.uint16), imagej=True, metadata={"axes": "CYX"})
    with pytest.raises(PictureError, match="more than 1,000"):
        read_picture(tmp_path / "a.tif", limit=1000)


def test_things_that_are_no_pictures(tmp_path: Path) -> None:
    (tmp_path / "text.jpg").write_text("not a picture at all, but long enough to look at")
    (tmp_path / "empty.png").touch()
    (tmp_path / "folder.png").mkdir()
    os.mkfifo(tmp_path / "pipe.png")
    for name, reason in {
        "text.jpg": "not a picture",
        "empty.png": "empty",
        "folder.png": "a folder",
        "pipe.png": "no ordinary file",
        "missing.png": "no such file",
        "text.jpg/a.png": "Not a directory",
    }.items():
        with pytest.raises(PictureError) as caught:
            read_picture(tmp_path / name)
        assert reason in caught.value.reason
        assert name in str(caught.value)


def test_postscript_is_not_run(tmp_path: Path) -> None:
    (tmp_path / "a.eps").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n")
    with pytest.raises(PictureError, match="not a picture"):
        read_picture(tmp_path / "a.eps")


def test_a_forbidden_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.new("L", (2, 2)).save(tmp_path / "a.png")

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(PictureError, match="may not read it"):
        read_picture(tmp_path / "a.png")


def test_the_content_decides_not_the_name(tmp_path: Path) -> None:
    Image.fromarray(SIX).save(tmp_path / "a.bmp")
    (tmp_path / "a.bmp").rename(tmp_path / "a\nb.TXT")
    assert np.array_equal(read_picture(tmp_path / "a\nb.TXT").pixels[0], SIX)
