"""Scans of pictures of any size: equal to the reference and to the whole, however they are cut, read and shared out."""

from __future__ import annotations

import threading
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from convlens import reference
from convlens.engine import EngineError, Program, Scan, Target, host, runnable, scan_refusals
from convlens.engine.pipeline import map_bytes
from convlens.engine.scan import BYTES, STRIPS
from convlens.engine.stages import stages
from convlens.network import Network, NetworkError, fields, halo
from tests.lines import LINES

from .cases import awkward, drawn, whole, whole_parameters
from .test_program import parameters

TILES = [1, (2, 9), (7, 40)]
ROOMS = [BYTES, 1]
"""Bytes of a strip's maps: with the least of them a strip is a row of its tile."""
TARGETS = runnable()
FLOATS = [
    "3x40x40: conv 8 5 pad 2, relu, maxpool 2, conv 5 3 pad same, tanh, maxpool 3 stride 2 pad 1, conv 2 1, sigmoid",
    "2x20x20: batchnorm, conv 4 3 stride 2 pad same, relu, avgpool 3 stride 1 pad 1 excludepad, dropout 0.5, conv 3 2",
    "1x16x16: conv 6 4 dilation 2 pad 5+0x1+4 groups 1, avgpool 2, maxpool 2x3 stride 1x2 ceil, batchnorm, tanh",
    "4x9x9: avgpool 2 stride 3 ceil, conv 8 3 pad 3 groups 4 nobias, maxpool 2 ceil",
    "2x6x6: sigmoid, maxpool 2",
    "3x5x5: dropout 0.1",
]


def rewritten(network: Network, size: tuple[int, int]) -> Network:
    return Network((network.input_shape[0], *size), network.layers)


# ---- the numbers ----


@cache
def lines() -> list[str]:
    made = [whole(n) for n in [*map(Network.parse, LINES), *awkward(160), *drawn(100)]]
    return list(dict.fromkeys(str(n) for n in made if n is not None and not scan_refusals(n)))


@pytest.mark.parametrize("line", lines())
def test_equal_to_the_reference_bit_for_bit(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    i = lines().index(line)
    monkeypatch.setattr("convlens.engine.scan.BYTES", ROOMS[i // 2 % 2])
    network, rng = Network.parse(line), np.random.default_rng(i)
    given = whole_parameters(network, rng)
    exact = {name: value.astype(np.int64) for name, value in given.items()}
    target = TARGETS[i % len(TARGETS)]
    scan = Scan(network, given, tile=TILES[i // len(TARGETS) % len(TILES)], threads=1, target=target)
    run = 0
    while run < 2:
        try:
            here = rewritten(network, (int(rng.integers(1, 17)), int(rng.integers(1, 30))))
        except NetworkError:
            continue
        run += 1
        x = rng.integers(-2, 3, here.input_shape)
        wanted = reference.run(here, exact, x[None])[-1][0]
        np.testing.assert_array_equal(scan(x), wanted, err_msg=str(here))


def test_there_are_enough_networks() -> None:
    assert len(lines()) >= 60


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
@pytest.mark.parametrize("line", FLOATS)
def test_neither_tiles_nor_strips_nor_threads_leave_a_trace(
    line: str, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    network, rng = Network.parse(line), np.random.default_rng(0)
    given = parameters(network)
    whole_ = Scan(network, given, tile=140, threads=1, target=target)
    cut = [Scan(network, given, tile=tile, threads=n, target=target) for tile in TILES for n in (1, 3)]
    for room in ROOMS[1], map_bytes(stages(network, target), (5, 140)):
        monkeypatch.setattr("convlens.engine.scan.BYTES", room)
        cut += [Scan(network, given, tile=tile, threads=2, target=target) for tile in (None, (33, 140))]
    for size in [(11, 7), (53, 61), (24, 90), (7, 131)]:
        here = rewritten(network, size)
        x = rng.standard_normal(here.input_shape).astype(np.float32)
        wanted = whole_(x)
        for scan in cut:
            np.testing.assert_array_equal(scan(x), wanted, err_msg=f"{here} in tiles of {scan.tile}")
        program = Program(here, given, threads=1, target=target)(x[None])[0]
        if " ceil" in line:  # a program divides a mean by its cells where a scan does, or multiplies by one over them
            np.testing.assert_allclose(wanted, program, rtol=1e-6)
        else:
            np.testing.assert_array_equal(wanted, program, err_msg=str(here))


def test_nan_and_infinity_go_where_they_are_seen_and_no_further() -> None:
    network = Network.parse("1x9x9: conv 2 3 pad 1, maxpool 2, relu, conv 1 1")
    given = parameters(network)
    x = np.random.default_rng(0).standard_normal((1, 40, 60)).astype(np.float32)
    scan, before = Scan(network, given, tile=(3, 8), threads=1), x.copy()
    x[0, 17, 31], x[0, 3, 3] = np.nan, np.inf
    got, was = scan(x), scan(before)
    seen = fields(network)[-1]
    touched = np.zeros(got.shape[1:], bool)
    for y, x_ in ((17, 31), (3, 3)):
        for unit in np.ndindex(touched.shape):
            spans = [f.span(u, u) for f, u in zip(seen, unit, strict=True)]
            touched[unit] |= all(a <= cell < b for (a, b), cell in zip(spans, (y, x_), strict=True))
    assert np.isnan(got[0]).sum() >= 4
    np.testing.assert_array_equal(got[0][~touched], was[0][~touched])
    np.testing.assert_array_equal(got[0], Program(rewritten(network, (40, 60)), given)(x[None])[0, 0])


# ---- what a picture may be ----

LINE = "3x16x16: conv 4 3 pad 1, relu, maxpool 2, conv 2 3 pad 1"


def scan_of(line: str = LINE, **more: Any) -> Scan:
    network = Network.parse(line)
    return Scan(network, parameters(network), **{"tile": (4, 11), "threads": 2, **more})


@pytest.mark.parametrize("kind", ["u1", "u2", "i2", "f2", "f4", "f8", ">f4", "?"])
def test_numbers_of_any_type(kind: str) -> None:
    x = np.random.default_rng(0).integers(0, 2, (3, 33, 45)) * 100
    x = x.astype(kind)
    scale, shift = [0.5, 2.0, 0.1], [1.0, -1.0, 0.0]
    scan = scan_of(scale=scale, shift=shift)
    floats = x.astype(np.float32) * np.float32(scale)[:, None, None] + np.float32(shift)[:, None, None]
    wanted = scan_of()(floats)
    np.testing.assert_array_equal(scan(x), wanted)
    np.testing.assert_array_equal(scan(x.transpose(1, 2, 0)), wanted)
    np.testing.assert_array_equal(scan(np.ascontiguousarray(x.transpose(1, 2, 0))), wanted)


def test_padding_is_zero_after_the_shift() -> None:
    scan = Scan(Network.parse("1x3x3: conv 1 3 pad 1 nobias"), {"0.weight": np.ones((1, 1, 3, 3))}, shift=1.0)
    assert scan(np.zeros((5, 20), np.uint8))[0, 0, 0] == 4


class Generated:
    """A picture that is nowhere: every part is made when it is asked for."""

    def __init__(self, height: int, width: int) -> None:
        self.shape, self.dtype, self.most, self.asked, self.cells = (height, width), np.dtype("u1"), 0, 0, 0

    def __getitem__(self, part: tuple[slice, slice]) -> np.ndarray:
        rows, columns = (np.arange(s.start, s.stop) for s in part)
        cells = len(rows) * len(columns)
        self.most, self.asked, self.cells = max(self.most, cells), self.asked + 1, self.cells + cells
        return ((rows[:, None] * 7 + columns * 13) % 251).astype(np.uint8)


def test_sources_views_maps_and_read_only_arrays(tmp_path: Path) -> None:
    scan = scan_of(LINE.replace("3x", "1x", 1))
    made = Generated(37, 83)
    x = made[0:37, 0:83]
    wanted = scan(x[None].astype(np.float32))
    np.testing.assert_array_equal(scan(made), wanted)
    np.testing.assert_array_equal(scan(x), wanted)
    np.testing.assert_array_equal(scan(x[:, :, None]), wanted)
    np.testing.assert_array_equal(scan(np.repeat(x, 2, 0)[::2]), wanted)
    np.testing.assert_array_equal(scan(np.asfortranarray(x)), wanted)
    np.testing.assert_array_equal(scan(x[::-1, ::-1][::-1, ::-1]), wanted)
    x.flags.writeable = False
    np.testing.assert_array_equal(scan(x), wanted)
    np.save(tmp_path / "x.npy", x)
    np.testing.assert_array_equal(scan(np.load(tmp_path / "x.npy", mmap_mode="r")), wanted)


def test_a_source_may_give_its_channels_first() -> None:
    class Planes(Generated):
        def __init__(self) -> None:
            super().__init__(30, 44)
            self.shape = (3, 30, 44)  # type: ignore[assignment]

        def __getitem__(self, part: tuple[slice, slice]) -> np.ndarray:
            plane = super().__getitem__(part)
            return np.stack([plane // n for n in (1, 2, 3)])

    made = Planes()
    np.testing.assert_array_equal(scan_of()(made), scan_of()(made[0:30, 0:44]))


def test_where_channels_stand() -> None:
    scan, x = scan_of(), np.random.default_rng(0).standard_normal((3, 8, 3)).astype(np.float32)
    first, last = scan(x, channels="first"), scan(x, channels="last")
    assert (first.shape, last.shape) == ((2, 4, 1), (2, 1, 4))
    np.testing.assert_array_equal(scan(x), first)
    np.testing.assert_array_equal(last, scan(np.ascontiguousarray(x.transpose(2, 0, 1))))


def test_out_is_written_where_it_lies() -> None:
    scan, x = scan_of(), np.random.default_rng(0).standard_normal((3, 40, 50)).astype(np.float32)
    room = np.full((2, 22, 54), np.float32(-7))
    out = room[:, 1:-1, ::2][:, :, 1:-1]
    assert scan(x, out=out) is out
    np.testing.assert_array_equal(out, scan(x))
    out[:] = -7
    assert (room == -7).all()


# ---- tiles ----


def test_tiles_cover_the_output_once_and_in_order() -> None:
    scan, x = scan_of(), np.random.default_rng(0).standard_normal((3, 41, 97)).astype(np.float32)
    told: list[tuple[int, int]] = []
    wanted, seen = scan(x), np.zeros((20, 48), int)
    places = []
    for row, column, tile in scan.tiles(x, progress=lambda done, total: told.append((done, total))):
        _, h, w = tile.shape
        assert h <= 4
        assert w <= max(11, host().lanes)  # a vector at least
        np.testing.assert_array_equal(tile, wanted[:, row : row + h, column : column + w])
        seen[row : row + h, column : column + w] += 1
        places.append((row, column))
    assert (seen == 1).all()
    assert places == sorted(places)
    assert told == [(n, len(places)) for n in range(1, len(places) + 1)]


def test_a_picture_larger_than_memory_is_read_a_strip_at_a_time() -> None:
    scan = scan_of("1x64x64: conv 1 1 nobias, maxpool 64", tile=None, threads=1)
    picture = Generated(10**7, 10**6)
    found = list(islice(scan.tiles(picture), 4))
    high, wide = scan.tile
    assert [place[:2] for place in found] == [(0, n * found[0][2].shape[2]) for n in range(4)]
    assert picture.asked == 4 * STRIPS
    assert 4 * picture.most <= 16 << 20
    assert STRIPS * picture.most <= 64 * 64 * high * wide


def test_the_tile_keeps_its_halo_and_no_more() -> None:
    network = Network.parse("1x64x64: conv 3 5 pad 2, maxpool 2, conv 2 3 pad 1, maxpool 2")
    scan, picture = Scan(network, parameters(network), tile=(5, 16), threads=1), Generated(400, 400)
    next(iter(scan.tiles(picture)))  # the first tile lacks the halo before it
    list(scan.tiles(picture))
    (top, bottom), (left, right) = halo(network)
    wide = max(15, host().lanes)  # 100 columns of output: 7 tiles of 15, or of a vector
    assert picture.most == (5 * 4 + top + bottom) * (wide * 4 + left + right)


def test_within_a_tile_nothing_is_read_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("convlens.engine.scan.BYTES", 1)
    scan, picture = scan_of("1x64x64: conv 3 5 pad 2, maxpool 2, conv 2 3 pad 1", tile=200), Generated(400, 60)
    scan(picture)
    assert picture.asked > 190
    assert picture.cells == 400 * 60


def test_a_picture_is_shared_out_evenly() -> None:
    scan, told = scan_of(tile=None, threads=3), list[tuple[int, int]]()
    scan(np.zeros((3, 500, 400), np.float32), progress=lambda done, total: told.append((done, total)))
    assert len(told) % 3 == 0


def test_whoever_stops_early_leaves_no_thread_behind() -> None:
    scan, picture, before = scan_of(threads=3), np.zeros((3, 200, 300), np.uint8), threading.active_count()

    def stop(done: int, total: int) -> None:
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        scan(picture, progress=stop)
    assert threading.active_count() == before
    tiles = scan.tiles(picture)
    next(tiles)
    tiles.close()  # type: ignore[attr-defined]
    assert threading.active_count() == before
    assert scan(picture).shape == (2, 100, 150)


# ---- what is refused ----


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (
            "1x8x8: conv 2 3, flatten, linear 3",
            "layer 2 \\(flatten\\): it is one size of picture that it flattens; a conv",
        ),
        ("1x8x8: dense4d", "layer 1 \\(dense4d\\): it is one size of picture that it weighs"),
        ("1x8x8: local 2 3", "layer 1 \\(local 2 3\\): it has weights of their own for every position"),
        ("1x8: conv 2 3", "a scan goes over pictures CxHxW, and this network reads 1x8"),
    ],
)
def test_networks_that_cannot_be_scanned(line: str, reason: str) -> None:
    with pytest.raises(EngineError, match=reason):
        Scan(Network.parse(line), {})


@pytest.mark.parametrize(
    ("picture", "more", "reason"),
    [
        (np.zeros((20, 20, 4)), {}, "the network reads 3 channels, but the picture 20x20x4 has 4 channels in its last"),
        (np.zeros((20, 20)), {}, "the network reads 3 channels, but the picture 20x20 has 1 channel"),
        (np.zeros((3, 20, 20)), {"channels": "last"}, "the picture 3x20x20 has 20 channels in its last place"),
        (np.zeros((3, 0, 20)), {}, "the picture 3x0x20 has no pixels"),
        (np.zeros(5), {}, "a picture has rows, columns and channels, not the shape 5"),
        (np.zeros((3, 9, 9), complex), {}, "a picture holds numbers, not complex128"),
        ([[1, 2], [3, 4]], {}, "a picture is a NumPy array, or has shape, dtype and slices .*; this is a list"),
        (np.zeros((3, 9, 9)), {"out": np.zeros((2, 4, 5), "f4")}, "out must be a float32 array of \\(2, 4, 4\\)"),
        (np.zeros((3, 9, 9)), {"out": np.zeros((2, 4, 4))}, "that can be written, not a float64 array"),
        (np.zeros((3, 9, 9)), {"channels": "middle"}, 'channels stand "first" or "last", not "middle"'),
    ],
)
def test_pictures_that_do_not_fit(picture: Any, more: dict[str, Any], reason: str) -> None:
    with pytest.raises(EngineError, match=reason):
        scan_of()(picture, **more)


def test_a_picture_smaller_than_the_field_names_the_layer() -> None:
    with pytest.raises(
        NetworkError, match=r"layer 3 \(maxpool 2\): the window 2x2 is larger than the padded input 1x50"
    ):
        scan_of()(np.zeros((3, 1, 50)))


def test_a_source_that_breaks_its_word() -> None:
    class Short(Generated):
        def __getitem__(self, part: tuple[slice, slice]) -> np.ndarray:
            return super().__getitem__(part)[:-1]

    with pytest.raises(EngineError, match=r"the picture gave an array of .* for the rows 0 to"):
        scan_of(LINE.replace("3x", "1x", 1))(Short(30, 30))


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"tile": 0}, "the rows of a tile must be at least 1, not 0"),
        ({"threads": 0}, "the threads must be at least 1, not 0"),
        ({"scale": [1, 2]}, "the scale must be one number, or 3 numbers, not an array of \\(2,\\)"),
        ({"shift": "much"}, "the shift must be a number, or one for each channel, not 'much'"),
    ],
)
def test_arguments_that_are_wrong(more: dict[str, Any], reason: str) -> None:
    with pytest.raises(EngineError, match=reason):
        scan_of(**more)
