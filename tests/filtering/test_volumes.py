"""NIfTI and Zarr through ``convlens filter``: the place in the scanner stays right; what cannot be is a sentence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
import zarr

import convlens
from convlens.data import zarr_arrays
from convlens.data.errors import DataError
from convlens.filtering import FilterError, batch
from convlens.filtering.batch import Request

AFFINE = np.array([[2.0, 0, 0.5, -10], [0, 3, 0, -20], [0.1, 0, 4, -30], [0, 0, 0, 1]])


def scan(path: Path, cells: np.ndarray, slope: tuple[float, float] | None = None) -> Path:
    """A file of cells (i, j, k) that lies somewhere."""
    image = nibabel.Nifti1Image(cells, AFFINE)
    image.header.set_xyzt_units("mm", "sec")
    image.header["descrip"] = b"by a test"
    if slope:
        image.header.set_slope_inter(*slope)
    nibabel.save(image, path)
    return path


def filtered(source: Path, out: Path, memory: int = 1 << 40, **more: Any) -> Any:
    list(batch.run(Request([str(source)], "box 3", out, memory=memory, **more)))
    return nibabel.load(out)


@pytest.fixture
def cells() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 900, (14, 12, 10)).astype(np.int16)


@pytest.mark.parametrize(("end", "memory"), [("nii", 1 << 40), ("nii", 1000), ("nii.gz", 1 << 40)])
def test_what_is_around_the_cells_is_kept(end: str, memory: int, cells: np.ndarray, tmp_path: Path) -> None:
    done = filtered(scan(tmp_path / f"in.{end}", cells), tmp_path / f"out.{end}", memory)
    assert done.get_data_dtype() == np.int16
    assert np.array_equal(np.asarray(done.dataobj).T, convlens.filter(cells.T, np.full((3, 3, 3), 1 / 27)))
    assert np.allclose(done.affine, AFFINE)
    assert done.header.get_xyzt_units() == ("mm", "sec")
    assert bytes(done.header["descrip"].item()) == b"by a test"


@pytest.mark.parametrize(("flip", "dilation"), [(False, 1), (True, 2)])
def test_a_result_lies_where_its_cells_lay(flip: bool, dilation: int, cells: np.ndarray, tmp_path: Path) -> None:
    # a cell's own place as its number: the mean of a window is the place of its middle
    place = np.indices(cells.shape).astype(np.float32)
    for axis in range(3):
        source = scan(tmp_path / f"{axis}.nii", place[axis])
        done = filtered(source, tmp_path / "o.nii", border="valid", stride=2, flip=flip, dilation=dilation)
        found = np.asarray(done.dataobj)
        i, j, k = np.array(found.shape) - 1
        there = done.affine @ [i, j, k, 1]
        assert np.isclose((np.linalg.inv(AFFINE) @ there)[axis], found[i, j, k], atol=1e-4)
        assert np.allclose(done.header.get_zooms(), 2 * np.array(nibabel.load(source).header.get_zooms()))


def test_numbers_that_are_scaled_become_what_they_mean(cells: np.ndarray, tmp_path: Path) -> None:
    source = scan(tmp_path / "in.nii", cells.astype(np.float64) / 100, None)
    image = nibabel.load(source)
    raw = nibabel.Nifti1Image(cells, AFFINE)
    raw.header.set_data_dtype(np.int16)
    (tmp_path / "scaled.nii").write_bytes(_with_slope(raw.to_bytes(), 0.01, 5.0))
    meant = np.asarray(image.dataobj).T + 5
    for memory in (1 << 40, 1000):
        done = filtered(tmp_path / "scaled.nii", tmp_path / "out.nii", memory)
        assert done.get_data_dtype() == np.float32
        assert np.allclose(np.asarray(done.dataobj).T, convlens.filter(meant, np.full((3, 3, 3), 1 / 27)), atol=1e-4)


def _with_slope(content: bytes, slope: float, inter: float) -> bytes:
    header = nibabel.Nifti1Header(content[:348])
    header.set_slope_inter(slope, inter)
    return header.binaryblock + content[348:]


def test_what_is_no_volume_is_a_sentence(cells: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    times = scan(tmp_path / "times.nii", np.stack([cells] * 20, -1))
    cut = tmp_path / "cut.nii"
    cut.write_bytes(scan(tmp_path / "in.nii", cells).read_bytes()[:900])
    packed = scan(tmp_path / "in.nii.gz", cells)
    (tmp_path / "cut.nii.gz").write_bytes(packed.read_bytes()[:900])
    (tmp_path / "note.nii").write_text("no volume")
    group = zarr.create_group(str(tmp_path / "group.zarr"))
    group.create_array("0", data=cells)
    group.create_array("labels/cells", data=cells)
    zarr.create_group(str(tmp_path / "empty.zarr"))
    (tmp_path / "folder").mkdir()
    before = sorted(tmp_path.rglob("*"))
    for source, said in (
        (times, "holds 20 volumes, one after the other"),
        (cut, "is cut off: it promises 3,712 bytes and has 900"),
        (tmp_path / "cut.nii.gz", "cannot be read"),
        (tmp_path / "note.nii", "note.nii cannot be read"),
        (tmp_path / "group.zarr", "is a Zarr group of 0, labels/cells; name an array in it, such as"),
        (tmp_path / "empty.zarr", "is a Zarr group without an array"),
        (tmp_path / "folder", "is a folder; name files"),
    ):
        with pytest.raises((DataError, FilterError), match=said) as told:
            filtered(source, tmp_path / "o.nii")
        assert "\n" not in str(told.value)
    assert sorted(tmp_path.rglob("*")) == before
    list(batch.run(Request([str(tmp_path / "group.zarr/0")], "box 3", tmp_path / "o.zarr")))
    assert zarr.open_array(str(tmp_path / "o.zarr"))[...].shape == cells.shape

    def missing(name: str) -> Any:
        raise ImportError(name)

    monkeypatch.setattr(zarr_arrays, "import_module", missing)
    with pytest.raises(DataError, match="needs the zarr package; pip install zarr"):
        filtered(tmp_path / "group.zarr/0", tmp_path / "o.nii")


def test_a_zarr_array_replaces_its_like_and_nothing_else(cells: np.ndarray, tmp_path: Path) -> None:
    zarr.create_array(str(tmp_path / "in.zarr"), data=cells, zarr_format=2, attributes={"by": "a test"})
    for _ in range(2):
        list(batch.run(Request([str(tmp_path / "in.zarr")], "box 3", tmp_path / "out.zarr")))
    found = zarr.open_array(str(tmp_path / "out.zarr"))
    assert (found.metadata.zarr_format, dict(found.attrs)) == (2, {"by": "a test"})
    assert np.array_equal(found[...], convlens.filter(cells, np.full((3, 3, 3), 1 / 27)))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.zarr", "out.zarr"]
    (tmp_path / "mine.zarr").write_text("the only copy")
    with pytest.raises(FilterError, match=r"mine\.zarr is there and no Zarr array; name another folder"):
        list(batch.run(Request([str(tmp_path / "in.zarr")], "box 3", tmp_path / "mine.zarr")))
    assert (tmp_path / "mine.zarr").read_text() == "the only copy"
