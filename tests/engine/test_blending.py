"""Pictures laid on pictures: what NumPy says of them, the same bits on every target, nothing read outside."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from convlens import engine
from convlens.engine import TARGETS, EngineError, Laid, Noise, runnable
from convlens.engine.kernels.blending import blended

from .compiling import assembly
from .guarded import room

pytestmark = pytest.mark.usefixtures("forced")

Floats = NDArray[np.float32]
RUNNABLE = [target.name for target in runnable()]


def given(shape: tuple[int, int, int, int], on: list[int], *, whole: bool = False) -> dict[str, Any]:
    """Arguments of a call for pictures of a shape: real numbers, or such whole ones that nothing is rounded."""
    rng = np.random.default_rng(0)

    def drawn(*size: int) -> Floats:
        numbers = rng.integers(-4, 5, size) if whole else rng.normal(size=size)
        return numbers.astype(np.float32)

    many, channels, height, width = shape
    cells = channels * height * width
    things = drawn(len(on), channels + 1, height, width)
    things[:, -1] = rng.integers(0, 2, things[:, -1].shape) if whole else rng.random(things[:, -1].shape)
    return {
        "grounds": drawn(*shape),
        "colours": drawn(many, channels, channels + 1),
        "laid": Laid(np.array(on, np.intp), things, drawn(len(on), channels, channels + 1)),
        "blurred": np.arange(many) % 2 == 0,
        "noise": Noise(drawn(cells + 9), rng.integers(0, 10, many), drawn(many)),
    }


def wanted(
    grounds: Floats, colours: Floats, laid: Laid, blurred: NDArray[np.bool_], noise: Noise
) -> NDArray[np.float64]:
    def recoloured(pictures: Floats, how: Floats) -> NDArray[np.float64]:
        mixed = np.einsum("ncd,ndhw->nchw", how[:, :, :-1].astype(float), pictures.astype(float))
        found: NDArray[np.float64] = mixed + how[:, :, -1, None, None]
        return found

    found = recoloured(grounds, colours)
    cover = laid.things[:, -1:].astype(float)
    found[laid.on] = (1 - cover) * found[laid.on] + cover * recoloured(laid.things[:, :-1], laid.colours)
    flat = found[blurred].reshape(*found[blurred].shape[:2], -1)
    for step in (1, grounds.shape[3]):
        flat = flat / 2 + (np.roll(flat, step, 2) + np.roll(flat, -step, 2)) / 4
    found[blurred] = flat.reshape(found[blurred].shape)
    for own, start, strength in zip(found, noise.starts, noise.strengths, strict=True):
        own += strength * noise.numbers[start : start + own.size].reshape(own.shape).astype(float)
    return found


@pytest.mark.parametrize(
    ("shape", "on"),
    [
        ((5, 3, 52, 52), [3, 0]),
        ((2, 1, 2, 8), []),
        ((3, 2, 5, 7), [0, 1, 2]),
        ((4, 4, 17, 1), [2]),
        ((1, 3, 2, 50), [0]),
    ],
)
def test_it_is_numpys(shape: tuple[int, int, int, int], on: list[int]) -> None:
    exact, real = given(shape, on, whole=True), given(shape, on)
    np.testing.assert_array_equal(engine.blend(**exact), wanted(**exact))
    # a sum of products a channel, twice; the mask, the eight neighbours and the noise round five times more
    roundings, size = 2 * (shape[1] + 1) + 5, np.abs(wanted(**real)).max() * 8
    np.testing.assert_allclose(engine.blend(**real), wanted(**real), atol=roundings * size * np.finfo(np.float32).eps)


def test_bits_do_not_depend_on_the_target(monkeypatch: pytest.MonkeyPatch) -> None:
    call = given((6, 3, 13, 11), [1, 4])
    here = engine.blend(**call)
    for name in RUNNABLE:
        monkeypatch.setenv("CONVLENS_TARGET", name)
        np.testing.assert_array_equal(engine.blend(**call), here)


def test_a_picture_does_not_depend_on_those_beside_it() -> None:
    call = given((4, 3, 9, 9), [0, 2])
    laid, noise = call["laid"], call["noise"]
    alone = engine.blend(
        call["grounds"][2:3],
        call["colours"][2:3],
        Laid(np.array([0]), laid.things[1:], laid.colours[1:]),
        call["blurred"][2:3],
        replace(noise, starts=noise.starts[2:3], strengths=noise.strengths[2:3]),
    )
    np.testing.assert_array_equal(engine.blend(**call)[2:3], alone)


def test_nothing_outside_is_read() -> None:
    call = given((3, 2, 5, 7), [1])
    for name, own in (
        ("grounds", call["grounds"]),
        ("things", call["laid"].things),
        ("numbers", call["noise"].numbers),
    ):
        guarded = room(own.shape, np.dtype(np.float32))  # before a page that kills who reads it
        guarded[...] = own
        if name == "grounds":
            call[name] = guarded
        elif name == "things":
            call["laid"] = replace(call["laid"], things=guarded)
        else:
            starts = np.full(3, len(own) - 2 * 5 * 7)
            call["noise"] = replace(call["noise"], numbers=guarded, starts=starts)
    np.testing.assert_allclose(engine.blend(**call), wanted(**call), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"grounds": np.zeros((3, 2, 3, 5), np.float32)}, "16 pixels"),
        ({"grounds": np.zeros((3, 2, 1, 35), np.float32)}, "two rows"),
        ({"colours": np.zeros((3, 2, 2), np.float32)}, "colours must be"),
        ({"blurred": np.zeros(2, np.bool_)}, "blurred must be"),
        ({"noise": Noise(np.zeros(99, np.float32), np.array([0, 0, 30]), np.zeros(3, np.float32))}, "between 0 and 29"),
    ],
)
def test_what_does_not_fit_is_refused(changed: dict[str, Any], sentence: str) -> None:
    with pytest.raises(EngineError, match=sentence):
        engine.blend(**{**given((3, 2, 5, 7), [1]), **changed})


@pytest.mark.parametrize("on", [[1, 1], [3], [-1]])
def test_a_picture_takes_one_thing(on: list[int]) -> None:
    with pytest.raises(EngineError, match="one picture each of 3"):
        engine.blend(**given((3, 2, 5, 7), on))


def test_nothing_is_asked_of_nothing() -> None:
    assert engine.blend(**given((0, 3, 5, 7), [])).shape == (0, 3, 5, 7)


@pytest.mark.parametrize("target", TARGETS.values(), ids=lambda target: target.name)
def test_code_is_emitted_for_every_target(target: engine.Target) -> None:
    text = assembly(blended(target, 3, "blended"))
    assert {"avx512": "zmm", "avx2": "ymm", "sse2": "xmm", "neon": ".4s"}[target.name] in text
