"""Fashion-MNIST: found, fetched, refused.  The publisher is a server on this machine with files of its own."""

from __future__ import annotations

import gzip
import hashlib
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from convlens.data import DataError, fashion_mnist
from convlens.data.fashion_mnist import File, cache_folder, fetch, load_fashion_mnist, read_files
from tests.data.conftest import idx_bytes, write_idx

Server = tuple[str, Path, list[str]]


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Four files like the published ones, only smaller, that count as published; and nothing on this machine."""
    arrays = {}
    for pair in fashion_mnist.FILES.values():
        images = rng.integers(0, 256, (40 if "train" in pair[0].name else 20, 28, 28), dtype=np.uint8)
        arrays[pair[0].name] = images
        arrays[pair[1].name] = (np.arange(len(images)) % 10).astype(np.uint8)
    files = {
        part: tuple(
            File(f.name, arrays[f.name].shape, hashlib.sha256(arrays[f.name].tobytes()).hexdigest()) for f in pair
        )
        for part, pair in fashion_mnist.FILES.items()
    }
    monkeypatch.setattr(fashion_mnist, "FILES", files)
    monkeypatch.setattr(fashion_mnist, "SYSTEM", tmp_path / "no system")
    monkeypatch.setattr(fashion_mnist, "cache_folder", lambda: tmp_path / "cache")
    return arrays


@pytest.fixture
def server(tmp_path: Path, small: dict[str, np.ndarray]) -> Iterator[Server]:
    root = tmp_path / "published"
    root.mkdir()
    for name, array in small.items():
        write_idx(root / f"{name}.gz", array)
    asked: list[str] = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args: object) -> None:
            super().__init__(*args, directory=str(root))  # type: ignore[arg-type]

        def log_message(self, format: str, *args: object) -> None:
            asked.append(self.path)

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}", root, asked
        running.shutdown()


def test_it_is_fetched_once_and_kept(server: Server, small: dict[str, np.ndarray], tmp_path: Path) -> None:
    url, _, asked = server
    seen: list[tuple[str, int, int]] = []
    data = load_fashion_mnist(url=url, val=0, progress=lambda *step: seen.append(step))
    assert np.array_equal(data.train.read(range(40))[:, 0], small["train-images-idx3-ubyte"])
    assert len(asked) == 4
    assert {done == total for _, done, total in {name: (name, d, t) for name, d, t in seen}.values()} == {True}
    again = load_fashion_mnist(url="http://127.0.0.1:9/nobody", val=0)
    assert np.array_equal(again.train.y, data.train.y)
    assert sorted(p.name for p in (tmp_path / "cache/fashion-mnist").iterdir()) == sorted(f"{n}.gz" for n in small)


@pytest.mark.parametrize("damage", ["cut", "flip", "other", "huge", "missing"])
def test_a_bad_file_at_the_publisher_leaves_nothing_behind(server: Server, damage: str, tmp_path: Path) -> None:
    url, root, _ = server
    bad = root / "train-labels-idx1-ubyte.gz"
    raw = bad.read_bytes()
    if damage == "cut":
        bad.write_bytes(raw[:-9])
    elif damage == "flip":
        bad.write_bytes(raw[:30] + bytes([raw[30] ^ 255]) + raw[31:])
    elif damage == "other":
        write_idx(bad, np.zeros(40, np.uint8))
    elif damage == "huge":
        bad.write_bytes(raw + bytes(10**6))
    else:
        bad.unlink()
    with pytest.raises(DataError, match="apt-get install dataset-fashion-mnist") as caught:
        load_fashion_mnist(url=url)
    assert "train-labels-idx1-ubyte" in str(caught.value)
    assert ("Error 404" in str(caught.value)) == (damage == "missing")
    assert [p.name for p in (tmp_path / "cache/fashion-mnist").iterdir()] == ["train-images-idx3-ubyte.gz"]
    bad.write_bytes(raw)
    assert len(load_fashion_mnist(url=url, val=0).train) == 40


def test_a_damaged_cache_is_mended(server: Server, tmp_path: Path) -> None:
    url, _, asked = server
    fetch(url, tmp_path / "cache/fashion-mnist")
    bad = tmp_path / "cache/fashion-mnist/t10k-labels-idx1-ubyte.gz"
    bad.write_bytes(bad.read_bytes()[:20])
    del asked[:]
    data = load_fashion_mnist(url=url)
    assert asked == ["/t10k-labels-idx1-ubyte.gz"]
    assert next(iter(data.notes)).kind == "damaged"


def test_the_users_folder_comes_first_and_any_packing_will_do(small: dict[str, np.ndarray], tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    for k, (name, array) in enumerate(small.items()):
        if k % 2:
            (mine / name).write_bytes(idx_bytes(array))
        else:
            (mine / f"{name}.gz").write_bytes(gzip.compress(idx_bytes(array), compresslevel=1))
    data = load_fashion_mnist(data_dir=mine, url="http://127.0.0.1:9", val=0.2)
    assert (len(data.train), len(data.val or ()), len(data.test or ())) == (30, 10, 20)
    assert data.classes[9] == "ankle boot"
    assert not [note for note in data.notes if note.kind == "damaged"]


def test_nowhere_to_be_found_says_all_that_was_tried(small: dict[str, np.ndarray], tmp_path: Path) -> None:
    with pytest.raises(DataError, match="could not be fetched") as caught:
        load_fashion_mnist(data_dir=tmp_path / "mine", url="http://127.0.0.1:9")
    for place in ("mine", "cache", "no system", "127.0.0.1:9", "--data-dir"):
        assert place in str(caught.value)


def test_cache_folder_follows_the_platform(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(fashion_mnist.sys, "platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "convlens"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert cache_folder() == Path.home() / ".cache/convlens"
    monkeypatch.setattr(fashion_mnist.sys, "platform", "darwin")
    assert cache_folder() == Path.home() / "Library/Caches/convlens"


@pytest.mark.skipif(not fashion_mnist.SYSTEM.is_dir(), reason="dataset-fashion-mnist is not installed")
def test_the_real_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    data = load_fashion_mnist()
    assert {name: len(split) for name, split in data.splits.items()} == {"train": 54000, "val": 6000, "test": 10000}
    assert np.bincount(data.train.y).tolist() == [5400] * 10
    x = read_files(fashion_mnist.SYSTEM)["train"][0]
    whole = load_fashion_mnist(val=0).preprocessing
    # exact: every sum of bytes and of their squares fits a 64-bit integer
    mean = int(x.sum(dtype=np.int64)) / x.size
    std = np.sqrt(int((x.astype(np.int64) ** 2).sum()) / x.size - mean**2)
    assert whole.mean[0] == pytest.approx(mean / 255, rel=1e-12)
    assert whole.std[0] == pytest.approx(std / 255, rel=1e-9)
