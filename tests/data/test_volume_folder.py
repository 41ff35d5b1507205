"""Class folders of volumes and short videos, whole and broken."""

from __future__ import annotations

import gzip
import sys
from pathlib import Path

import nibabel
import numpy as np
import pytest
import tifffile
from PIL import Image

from convlens.data import DataError, FileSplit, Preprocessing, load, read_example
from convlens.data.cell_files import packed_labels
from convlens.data.nifti import read_nifti
from convlens.data.video import MOST
from convlens.data.volume_files import holds_volume, read_volume_file
from convlens.data.volume_folder import resample


def cells(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return rng.integers(0, 256, shape, dtype=np.uint8)


def animate(path: Path, frames: np.ndarray) -> Path:
    """Frames (D, H, W) or (D, H, W, 3) as an animated picture that loses nothing."""
    pictures = [Image.fromarray(frame) for frame in frames]
    pictures[0].save(
        path, save_all=True, append_images=pictures[1:], **({"lossless": True} if "webp" in path.name else {})
    )
    return path


def nifti(path: Path, array: np.ndarray, affine: np.ndarray | None = None) -> Path:
    nibabel.Nifti1Image(array, np.eye(4) if affine is None else affine).to_filename(path)
    return path


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
def test_nifti_runs_fastest_along_width(tmp_path: Path, rng: np.random.Generator, name: str) -> None:
    array = cells(rng, 3, 4, 5)
    volume = read_volume_file(nifti(tmp_path / name, array)).pixels
    assert volume.dtype == np.uint8
    assert np.array_equal(volume[0], array.T)
    volume = read_volume_file(nifti(tmp_path / name, array[..., None])).pixels  # a time of one
    assert np.array_equal(volume[0], array.T)
    times = cells(rng, 3, 4, 5, 2)
    assert np.array_equal(read_volume_file(nifti(tmp_path / name, times)).pixels, times.T)


def test_nifti_of_scaled_cells_and_of_nan(tmp_path: Path) -> None:
    array = np.arange(24.0).reshape(2, 3, 4) / 7
    array[0, 0, 0] = np.nan
    found = read_volume_file(nifti(tmp_path / "f.nii", array))
    assert found.pixels.dtype == np.float32
    assert found.pixels[0, 0, 0, 0] == pytest.approx(np.nanmean(array))
    assert found.remarks[0][0] == "nan"
    image = nibabel.Nifti1Image(np.arange(24, dtype=np.int16).reshape(2, 3, 4), np.eye(4))
    image.header.set_slope_inter(0.5, 10)
    image.to_filename(tmp_path / "s.nii")
    scaled = np.asanyarray(nibabel.load(tmp_path / "s.nii").dataobj)
    assert np.allclose(read_nifti(tmp_path / "s.nii"), scaled.T)


@pytest.mark.parametrize("name", ["out.nii", "out.nii.gz"])
def test_labels_are_written_where_the_volume_lies(tmp_path: Path, rng: np.random.Generator, name: str) -> None:
    affine = np.array([[0, -2.0, 0, 5], [1.5, 0, 0, 6], [0, 0, 3.0, 7], [0, 0, 0, 1]])
    like = nifti(tmp_path / "like.nii.gz", cells(rng, 3, 4, 5), affine)
    labels = rng.integers(0, 3, (5, 4, 3)).astype(np.uint8)
    (tmp_path / name).write_bytes(packed_labels(tmp_path / name, labels, like))
    back = nibabel.load(tmp_path / name)
    assert np.array_equal(back.affine, affine)
    assert back.header.get_zooms() == nibabel.load(like).header.get_zooms()
    assert np.array_equal(read_nifti(tmp_path / name), labels)
    tifffile.imwrite(tmp_path / "pages.tif", cells(rng, 5, 4, 3), photometric="minisblack")  # lies nowhere
    (tmp_path / name).write_bytes(packed_labels(tmp_path / name, labels, tmp_path / "pages.tif"))
    assert np.array_equal(read_nifti(tmp_path / name), labels)


def test_damaged_volumes_say_why(tmp_path: Path, rng: np.random.Generator) -> None:
    whole = nifti(tmp_path / "whole.nii.gz", cells(rng, 20, 20, 20)).read_bytes()
    plain = gzip.decompress(whole)
    claims = bytearray(plain)
    claims[42:48] = np.array([3000, 3000, 3000], "<i2").tobytes()
    bad = {
        "empty.nii": b"",
        "cut.nii": plain[: len(plain) // 2],
        "cut.nii.gz": whole[: len(whole) // 2],
        "text.nii": b"no volume at all" * 40,
        "huge.nii": bytes(claims),
        "text.npy": b"words",
    }
    for name, content in bad.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DataError, match=f"the volume .*{name} cannot be read: it"):
            read_volume_file(tmp_path / name)
    with pytest.raises(DataError, match="3000 x 3000 x 3000 cells"):
        read_volume_file(tmp_path / "huge.nii")
    with pytest.raises(DataError, match="no such file"):
        read_volume_file(tmp_path / "none.nii")
    nifti(tmp_path / "flat.nii", cells(rng, 4, 5))
    with pytest.raises(DataError, match="its axes are 4 x 5"):
        read_volume_file(tmp_path / "flat.nii")


def test_without_nibabel_a_sentence_says_what_to_install(
    tmp_path: Path, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = nifti(tmp_path / "a.nii", cells(rng, 2, 2, 2))
    monkeypatch.setitem(sys.modules, "nibabel", None)
    with pytest.raises(DataError, match="pip install nibabel"):
        read_volume_file(path)


@pytest.mark.parametrize("name", ["film.gif", "film.webp", "film.png", "film.tif"])
def test_frames_are_depth(tmp_path: Path, rng: np.random.Generator, name: str) -> None:
    frames = cells(rng, 4, 6, 5)
    path = tmp_path / name
    if name.endswith("tif"):
        tifffile.imwrite(path, frames, photometric="minisblack")
    else:
        animate(path, frames)
    assert holds_volume(path)
    assert np.array_equal(read_volume_file(path).pixels, frames[None])
    animate(tmp_path / "colour.webp", cells(rng, 3, 6, 5, 3))
    assert read_volume_file(tmp_path / "colour.webp").pixels.shape == (3, 3, 6, 5)
    Image.fromarray(frames[0]).save(tmp_path / "one.png")
    assert not holds_volume(tmp_path / "one.png")


FFMPEG = """#!{python}
import sys
source = sys.argv[sys.argv.index("-i") + 1]
assert source.startswith("file:")
if "broken" in source:
    sys.exit("moov atom not found")
for shade in range({frames}):
    sys.stdout.buffer.write(b"P6\\n{width} 3\\n255\\n" + bytes([shade, shade, shade {green}]) * {width} * 3)
"""


def film_reader(folder: Path, monkeypatch: pytest.MonkeyPatch, *, width: int = 4, green: str = "") -> None:
    """What stands for the user's ffmpeg: it writes five frames as the real one does."""
    folder.mkdir(exist_ok=True)
    (folder / "ffmpeg").write_text(FFMPEG.format(python=sys.executable, frames=5, width=width, green=green))
    (folder / "ffmpeg").chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))


def test_films_are_read_by_the_users_ffmpeg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a.mp4", "broken.mp4"):
        (tmp_path / name).write_bytes(b"film")
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    with pytest.raises(DataError, match=r"\.mp4 films are read by ffmpeg, which is not on the PATH"):
        read_volume_file(tmp_path / "a.mp4")
    film_reader(tmp_path / "bin", monkeypatch)
    found = read_volume_file(tmp_path / "a.mp4").pixels
    assert found.shape == (1, 5, 3, 4)
    assert found[0, :, 0, 0].tolist() == [0, 1, 2, 3, 4]
    with pytest.raises(DataError, match=r"ffmpeg cannot read it \(moov atom not found\)"):
        read_volume_file(tmp_path / "broken.mp4")
    film_reader(tmp_path / "bin", monkeypatch, green="+ 1")
    assert read_volume_file(tmp_path / "a.mp4").pixels.shape == (3, 5, 3, 4)
    film_reader(tmp_path / "bin", monkeypatch, width=MOST // 20)
    with pytest.raises(DataError, match=r"frames of .* make it shorter or smaller"):
        read_volume_file(tmp_path / "a.mp4")


def test_class_folders_of_volumes(tmp_path: Path, rng: np.random.Generator) -> None:
    for kind in ("thick", "thin"):
        (tmp_path / kind).mkdir()
        for i in range(4):
            nifti(tmp_path / kind / f"{i}.nii.gz", cells(rng, 6, 5, 4))
    nifti(tmp_path / "thin" / "large.nii.gz", cells(rng, 12, 10, 8))
    np.save(tmp_path / "thick" / "real.npy", rng.random((4, 5, 6)).astype(np.float32))
    (tmp_path / "thick" / "broken.nii.gz").write_bytes(b"nothing")
    data = load(tmp_path, val=0)
    assert (data.kind, data.train.shape, data.train.dtype, len(data.train)) == ("volume", (1, 4, 5, 6), np.float32, 10)
    notes = {note.kind: note for note in data.notes}
    assert notes["skipped"].names[0].startswith("thick/broken.nii.gz: it is")
    assert notes["resized"].names == ("thin/large.nii.gz",)
    assert "resampled to 4x5x6" in notes["resized"].message
    assert len(notes["mixed types"].names) == 9
    streamed = load(tmp_path, val=0, memory=100)
    assert isinstance(streamed.train, FileSplit)
    every = np.arange(10)
    assert np.array_equal(streamed.train.read(every), data.train.read(every))
    smaller = load(tmp_path, val=0, size=(2,))
    assert smaller.train.shape == (1, 2, 2, 2)
    with pytest.raises(DataError, match="a volume has the size DxHxW, so give 3 numbers, not 8x8"):
        load(tmp_path, size=(8, 8))


def test_a_folder_of_pictures_stays_one_where_a_few_have_frames(pets: Path, rng: np.random.Generator) -> None:
    animate(pets / "class2" / "film.gif", cells(rng, 3, 6, 5))
    assert load(pets).kind == "picture"


def test_class_folders_of_videos_have_one_length(tmp_path: Path, rng: np.random.Generator) -> None:
    for kind in ("left", "right"):
        (tmp_path / kind).mkdir()
        for i in range(3):
            animate(tmp_path / kind / f"{i}.gif", cells(rng, 5, 6, 7))
    animate(tmp_path / "left" / "long.webp", cells(rng, 9, 6, 7))
    data = load(tmp_path, val=0)
    assert (data.kind, data.train.shape) == ("volume", (1, 5, 6, 7))
    assert next(n for n in data.notes if n.kind == "resized").names == ("left/long.webp",)
    example = read_example(tmp_path / "left" / "long.webp", data.preprocessing)
    place = list(data.train.names).index("left/long.webp")
    assert np.array_equal(example, data.train.read([place])[0])


def test_a_volume_for_a_network_of_other_cells(tmp_path: Path, rng: np.random.Generator) -> None:
    seen = Preprocessing("volume", (1, 2, 2, 2), "uint8", 255.0, (0.5,), (0.2,))
    np.save(tmp_path / "real.npy", rng.random((2, 2, 2)))
    with pytest.raises(DataError, match="its cells are float32 and the network sees uint8"):
        read_example(tmp_path / "real.npy", seen)
    np.save(tmp_path / "one.npy", cells(rng, 1, 1, 2, 2, 2))
    assert read_example(tmp_path / "one.npy", seen).shape == (1, 2, 2, 2)


def test_resampling_keeps_constants_and_averages(rng: np.random.Generator) -> None:
    constant = np.full((2, 5, 7, 3), 9, np.uint8)
    assert (resample(constant, (3, 4, 8)) == 9).all()
    ramp = np.arange(8, dtype=np.float32)[None, :, None, None] * np.ones((1, 1, 2, 2), np.float32)
    half = resample(ramp, (4, 2, 2))[0, :, 0, 0]
    assert np.allclose(np.diff(half)[1:-1], 2)  # between the borders a ramp stays one
