"""What nobody should ask for: a right answer or one sentence of our own, never a crash, a hang, or a wrong shape.

Memory counts as 16 MB here, so that what would not fit is refused the same way on every machine.
"""

from __future__ import annotations

import math
import time
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import convlens
from convlens import engine, reference
from convlens.engine import EngineError, Program, memory
from convlens.network import Network, NetworkError

SECONDS = 10.0
"""What a refusal or a small answer may take on a busy machine; what hangs takes minutes."""
BOUNDED = settings(max_examples=120, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="module", autouse=True)
def little_memory() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(memory, "SMALL", 1 << 20)
        patch.setattr(memory, "available", lambda: 1 << 24)
        yield


class Rude:
    """An object whose every word is an error."""

    def __repr__(self) -> str:
        raise RuntimeError("no")


NUMBERS: list[Any] = [-(2**62), -1, 0, 1, 2, 3, 5, 2**31 - 1, 2**31, 2**62, 10**40, 10**5000]
ODDITIES: list[Any] = [
    *(None, True, False, 2.0, 2.5, math.nan, math.inf, 1j, "", "same", "valid", "full", "all", "2", b"2", {}, Rude()),
    *((), (1,), [2], (1, 2), [2, 1], (1, 2, 3), (1, 1, 1, 1), (2**62, 1), ((1, 2), (0, 1)), ((1, 2, 3),), ((1,), 2)),
    *(np.int64(2), np.array(2), np.array([1, 2]), np.float32(2), np.array([]), ("same", "valid"), [None]),
]
arguments = st.one_of(st.sampled_from(NUMBERS), st.sampled_from(ODDITIES), st.integers(0, 4))


@st.composite
def arrays(draw: st.DrawFn, shape: tuple[int, ...] | None = None) -> Any:
    """Arrays of few cells with odd values, types, strides and numbers of axes, and what is no array at all."""
    if draw(st.integers(0, 12)) == 0:
        return draw(st.sampled_from([None, "abc", b"abc", Rude(), [[1], [1, 2]], {}, 5, [], np.array(["a"]), [1j, 2]]))
    if shape is None or draw(st.integers(0, 5)) == 0:
        axes = draw(st.sampled_from([4, 4, 3, 5, 0, 1, 2, 6]))
        shape = tuple(draw(st.lists(st.sampled_from([0, 1, 2, 3, 5, 9]), min_size=axes, max_size=axes)))
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    kind = draw(st.sampled_from(["f4", "f8", "f2", "i1", ">i4", "u8", "?"]))
    array: Any = rng.integers(0 if kind == "u8" else -3, 4, shape).astype(kind)
    how = draw(st.integers(0, 11))
    if how == 0 and array.dtype.kind == "f" and array.size:
        array = array.copy()
        array.flat[0] = draw(st.sampled_from([math.nan, math.inf, -math.inf]))
    elif how == 1:
        array = array[..., ::-1] if array.ndim else array
    elif how == 2:
        array = np.asfortranarray(array)
    elif how == 3:
        array.setflags(write=False)
    elif how == 4:
        array = array.astype(draw(st.sampled_from(["c8", "O", "U3", "M8[s]"])))
    elif how == 5:
        array = np.ma.masked_less(array, 0)
    elif how == 6:
        array = array.tolist()
    return array


def one_sentence(error: NetworkError, beginning: str = "") -> None:
    text = error.sentence
    assert text.startswith(beginning), text
    assert "\n" not in text, text
    assert 10 < len(text) < 500, text


def answered(name: str, **given_: Any) -> np.ndarray | None:
    """What an operator gives; None where it refuses in a sentence, in time."""
    begun = time.perf_counter()
    try:
        found: np.ndarray = getattr(convlens, name)(**given_)
    except EngineError as error:
        one_sentence(error, name)
        return None
    finally:
        assert time.perf_counter() - begun < SECONDS, (name, given_)
    assert isinstance(found, np.ndarray)
    assert found.dtype == np.float32
    return found


def same(found: np.ndarray, meant: np.ndarray, weight: Any = 0) -> None:
    assert found.shape == meant.shape
    if np.isfinite(np.asarray(weight, np.float64)).all():  # an infinite weight on padding is NaN to a machine
        np.testing.assert_allclose(found, meant, rtol=1e-6)


def corrupted(draw: st.DrawFn, sound: dict[str, Any], arrays_: dict[str, tuple[int, ...] | None]) -> dict[str, Any]:
    """A sound call, with up to two of its arguments replaced by anything."""
    for name in draw(st.lists(st.sampled_from([*sound]), max_size=2, unique=True)):
        sound[name] = draw(arrays(arrays_[name]) if name in arrays_ else arguments)
    return sound


@BOUNDED
@given(st.data())
@pytest.mark.parametrize("name", ["correlate", "convolve"])
def test_correlation(name: str, data: st.DataObject) -> None:
    draw = data.draw
    groups, step = draw(st.sampled_from([1, 2])), st.sampled_from([1, 2, 3, (1, 2)])
    shapes: dict[str, Any] = {
        "x": (draw(st.sampled_from([0, 1, 3, 9])), 2, draw(st.integers(1, 9)), draw(st.integers(1, 19))),
        "weight": (2, 2 // groups, draw(st.integers(1, 4)), draw(st.integers(1, 4))),
        "bias": (2,),
    }
    sound: dict[str, Any] = {which: np.ones(shape) for which, shape in shapes.items()}
    sound |= {"stride": draw(step), "padding": draw(st.sampled_from([3, "same", ((4, 3), 3)])), "dilation": draw(step)}
    asked = corrupted(draw, {**sound, "groups": groups}, shapes)
    found = answered(name, **asked)
    if found is not None and found.size * np.asarray(asked["weight"])[0].size < 20_000:
        same(found, getattr(reference, name)(asked.pop("x"), asked.pop("weight"), **asked), sound["weight"])


@BOUNDED
@given(st.data())
@pytest.mark.parametrize("name", ["max_pool", "avg_pool"])
def test_pools(name: str, data: st.DataObject) -> None:
    draw = data.draw
    shape = draw(st.sampled_from([0, 1, 3])), 2, draw(st.integers(2, 9)), draw(st.integers(2, 40))
    sound: dict[str, Any] = {"x": np.ones(shape), "size": 2, "stride": draw(st.sampled_from([None, 1, 2, (3, 1)]))}
    sound |= {
        "padding": draw(st.sampled_from([0, 1, "same", ((0, 1), 1)])),
        "ceil_mode": draw(st.booleans()),
        "out": None,
    }
    sound |= {"dilation": 1} if name == "max_pool" else {"count_include_pad": draw(st.booleans())}
    asked = corrupted(draw, sound, {"x": shape, "out": None})
    found = answered(name, **asked)
    if found is not None and found.size < 20_000 and np.asarray(asked["x"]).size < 20_000:
        del asked["out"]
        theirs = {"ceil_mode": "ceil", "count_include_pad": "count_padding"}
        x, size = asked.pop("x"), asked.pop("size")
        same(found, getattr(reference, name)(x, size, **{theirs.get(key, key): value for key, value in asked.items()}))


# ---- networks ----

SIZES = st.sampled_from([1, 1, 2, 3, 8, 9, 31, 1000, 10**5, 10**7, 2**31 - 1])
FEW = st.sampled_from([1, 2, 3, 3, 5, 17, 1000, 10**6, 2**31 - 1])


@st.composite
def lines(draw: st.DrawFn) -> str:
    """Networks that nobody could hold, and small ones."""
    shape = "x".join(str(draw(SIZES)) for _ in range(draw(st.sampled_from([2, 3, 3, 4]))))
    words = []
    for _ in range(draw(st.integers(1, 3))):
        kind = draw(st.sampled_from(["conv", "maxpool", "avgpool", "relu", "flatten, linear"]))
        if kind == "relu":
            words.append(kind)
            continue
        sizes = {"conv": f"{draw(FEW)} {draw(FEW)}", "flatten, linear": f"{draw(FEW)}"}.get(kind, f"{draw(FEW)}")
        more = [f"stride {draw(FEW)}", f"pad {draw(FEW)}", "ceil", f"dilation {draw(FEW)}", f"groups {draw(FEW)}"]
        few = (
            []
            if "linear" in kind
            else draw(st.lists(st.sampled_from(more), max_size=2, unique_by=lambda w: w.split()[0]))
        )
        words.append(" ".join([kind, sizes, *few]))
    return f"{shape}: {', '.join(words)}"


@settings(parent=BOUNDED, max_examples=250)
@given(lines(), st.booleans(), st.sampled_from([1, 2, 9]))
def test_networks_that_nobody_could_hold(line: str, training: bool, images: int) -> None:
    try:
        network = Network.parse(line)
    except NetworkError as error:
        one_sentence(error)
        return
    begun = time.perf_counter()
    try:
        program = engine.compile(network, Ones(network), training=training)
        x = np.ones((images, *network.input_shape), np.float32) if math.prod(network.input_shape) < 1 << 20 else None
        if x is not None:
            assert program(x).shape == (images, *network.output_shape)
            if training:
                up = np.ones((images, *network.output_shape), np.float32)
                moved, _ = program.gradients(x, up, input_too=True)
                assert moved is not None
                assert moved.shape == x.shape
    except EngineError as error:
        one_sentence(error)
    finally:
        assert time.perf_counter() - begun < SECONDS, line


class Ones(dict[str, np.ndarray]):
    """Parameters that take no memory: ones of whatever shape."""

    def __init__(self, network: Network) -> None:
        from convlens.network import parameter_shapes

        for i, layer in enumerate(network.layers):
            for name, shape in parameter_shapes(layer, network.shapes[i]).items():
                self[f"{i}.{name}"] = np.broadcast_to(np.float32(1), shape)


PROGRAM = Network.parse("1x5x5: conv 2 3, relu, flatten, linear 3")


@BOUNDED
@given(st.data())
def test_programs_given_anything(data: st.DataObject) -> None:
    draw, ones = data.draw, Ones(PROGRAM)
    name = draw(st.sampled_from([*ones, "nothing"]))
    parameters: Any = {**ones, name: draw(st.one_of(st.just(ones.get(name)), arrays()))}
    try:
        program = engine.compile(
            draw(st.sampled_from([PROGRAM, PROGRAM, PROGRAM, PROGRAM, None, "1x5x5: relu"])),
            draw(st.sampled_from([parameters, parameters, parameters, None, []])),
            training=True,
            threads=draw(st.one_of(st.none(), st.integers(1, 3), arguments)),
        )
        x = draw(arrays((draw(st.sampled_from([0, 1, 9])), 1, 5, 5)))
        labels = draw(
            st.one_of(st.just(np.zeros(len(x) if isinstance(x, np.ndarray) and x.ndim else 0, int)), arrays())
        )
        loss, right, _ = program.loss_and_gradients(x, labels, draw(st.one_of(st.none(), arguments)))
        assert isinstance(loss, float)
        assert 0 <= right <= len(x)
        assert program(x).shape == (len(x), 3)
        program.gradients(x, draw(arrays((len(x), 3))))
    except (EngineError, NetworkError) as error:
        one_sentence(error)


def test_a_program_outlives_what_it_refuses() -> None:
    program = Program(PROGRAM, Ones(PROGRAM), training=True)
    x = np.ones((3, 1, 5, 5), np.float32)
    before = program(x)
    for bad in (None, "x", x[0], x[..., :4], x * 1j, np.full((3, 1, 5, 5), "a")):
        with pytest.raises(EngineError):
            program(bad)  # type: ignore[arg-type]
    np.testing.assert_array_equal(program(x), before)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (
            lambda: convlens.correlate(np.ones((1, 1, 1500, 1500), "f4"), np.ones((1, 1, 3, 3)), padding=1),
            "x with its padding",
        ),
        (
            lambda: convlens.correlate(np.ones((1, 1, 4)), np.ones((1, 1, 2)), padding=2**31 - 1),
            "the result 1x1x4294967297 would",
        ),
        (
            lambda: convlens.max_pool(np.ones((1, 1, 2100, 2100), "f4"), 1),
            "the result 1x1x2100x2100 would take 17.6 MB, but 16.8 MB",
        ),
        (
            lambda: engine.compile(Network.parse("1x9999x9999: relu"), {}),
            "would take .* GB, but 16.8 MB of memory are left",
        ),
        (lambda: Program(PROGRAM, Ones(PROGRAM))(np.broadcast_to(np.float32(0), (10**6, 1, 5, 5))), "would take"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_size(call: Any, sentence: str) -> None:
    with pytest.raises(EngineError, match=sentence):
        call()


@pytest.mark.parametrize(
    ("line", "training", "sentence"),
    [
        ("1x500: conv 1 65", True, "writes out a kernel's columns, 64 at most"),
        ("1x3000: maxpool 1025 stride 1", False, "writes out a window's columns, 1024 at most"),
        ("1x900000: maxpool 3 stride 2", False, "1349997 places where windows meet cells are more than a table"),
    ],
)
def test_what_would_take_minutes_to_write_is_refused(line: str, training: bool, sentence: str) -> None:
    (reason,) = engine.refusals(Network.parse(line), training=training)
    assert sentence in reason
