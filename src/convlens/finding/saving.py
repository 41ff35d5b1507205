"""A finder as one safetensors file: the network's weights and the marked objects, the rest as JSON in its metadata.

Nothing that can execute code is ever read: a file is a header and raw numbers, checked before use.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as packed

from convlens.data import Mark
from convlens.data.atomic import replace
from convlens.data.tensor_file import settled
from convlens.network import parameter_shapes

from .appearance import length as looks
from .canvas import View
from .errors import FindingError
from .extent import DIRECTIONS
from .likeness import AXES as MOST
from .mixture import Belief
from .network import Floats, network
from .scores import Closely
from .templates import Templates
from .views import Views

if TYPE_CHECKING:
    from .finder import Finder

FORMAT = "convlens finder 14"
EXAMPLES, BREADTHS, AXES, WEIGHTS, THINGS = "examples", "breadths", "axes", "network.", "things."


def save(finder: Finder, path: Path) -> None:
    """Write a finder in one step; raises OSError."""
    tensors = {WEIGHTS + name: np.ascontiguousarray(w) for name, w in finder.weights.items()}
    tensors[EXAMPLES] = np.ascontiguousarray(finder.templates.examples)
    tensors[BREADTHS] = np.ascontiguousarray(finder.templates.breadths)
    tensors |= {f"{THINGS}{k}": np.ascontiguousarray(thing) for k, thing in enumerate(finder.templates.things)}
    if finder.templates.axes is not None:
        tensors[AXES] = np.ascontiguousarray(finder.templates.axes)
    told = {
        "views": asdict(finder.views),
        "calibration": asdict(finder.calibration),
        "closely": asdict(finder.closely),
        "box": finder.box,
        "turn": finder.turn,
        "seed": finder.seed,
        "rounds": finder.rounds,
        "leaning": finder.leaning,
        "grey": finder.grey,
        "marks": [mark.cells for mark in finder.marks],
        "taken": [mark.cells for mark in finder.taken],
    }
    line = str(network(finder.views.typical.channels, 64, 64))
    metadata = {"format": FORMAT, "network": line, "finder": json.dumps(told, allow_nan=False)}
    replace(path, settled(packed(tensors, metadata)))


def load(path: Path) -> dict[str, Any]:
    """Read a finder's fields; raises FindingError."""
    if not path.is_file():
        raise FindingError(f"there is no file {path}; give the path of a finder that was saved")
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            tensors: dict[str, Floats] = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no dict)
        if metadata.get("format") != FORMAT:
            form = metadata.get("format", "it says no format")
            raise FindingError(f"{path} is not a finder of this version ({form}); make one with convlens find")
        return _fields(metadata, tensors)
    except FindingError:
        raise
    except (SafetensorError, OSError, ValueError, KeyError, TypeError, OverflowError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise FindingError(f"{path} is not a finder, or it is damaged ({reason}); copy it or save it anew") from error


def _fields(metadata: dict[str, str], tensors: dict[str, Floats]) -> dict[str, Any]:
    told = json.loads(metadata["finder"])
    views = _views(told["views"])
    channels = views.typical.channels
    net = network(channels, 64, 64)
    if str(net) != metadata["network"]:
        raise ValueError(f"its network is another: {metadata['network']}")
    weights = {name.removeprefix(WEIGHTS): w for name, w in tensors.items() if name.startswith(WEIGHTS)}
    wanted = {
        f"{i}.{name}": shape
        for i, layer in enumerate(net.layers)
        for name, shape in parameter_shapes(layer, net.shapes[i]).items()
    }
    if {name: w.shape for name, w in weights.items()} != wanted:
        raise ValueError("its weights do not fit its network")
    if not all(np.isfinite(w).all() for w in tensors.values()):
        raise ValueError("it holds numbers that are not finite")
    if tensors[BREADTHS].shape != (len(tensors[EXAMPLES]), DIRECTIONS) or not (tensors[BREADTHS] > 0).all():
        raise ValueError("its marked objects have no sizes")
    width, height = (float(value) for value in told["box"])
    turn = float(told["turn"])
    return {
        "views": views,
        "box": (width, height),
        "turn": turn,
        "seed": int(told["seed"]),
        "weights": {name: weights[name].astype(np.float32) for name in wanted},
        "templates": Templates(
            tensors[EXAMPLES].astype(np.float32),
            tensors[BREADTHS].astype(np.float32),
            _things(tensors, channels),
            views.side((width, height)),
            turn,
            _axes(tensors.get(AXES), channels),
        ),
        "calibration": _belief(told["calibration"]),
        "closely": Closely(float(told["closely"]["least"]), float(told["closely"]["usual"])),
        "marks": tuple(Mark(*mark) for mark in told["marks"]),
        "taken": tuple(Mark(*mark) for mark in told["taken"]),
        "rounds": int(told["rounds"]),
        "leaning": int(told["leaning"]),
        "grey": bool(told["grey"]),
    }


def _views(told: dict[str, Any]) -> Views:
    typical, length, sizes = (told[name] for name in ("typical", "length", "sizes"))
    views = Views(View(**typical), float(length), tuple(float(size) for size in sizes))
    if not (views.length > 0 and views.sizes and all(size > 0 for size in views.sizes)):
        raise ValueError("what its working scales suit has no size")
    return views


def _axes(axes: Floats | None, channels: int) -> Floats | None:
    if axes is not None and axes.shape != (looks(channels), min(looks(channels), MOST)):
        raise ValueError("its axes do not fit what places look like")
    return None if axes is None else axes.astype(np.float32)


def _things(tensors: dict[str, Floats], channels: int) -> tuple[Floats, ...]:
    found = [tensors[f"{THINGS}{k}"].astype(np.float32) for k in range(len(tensors[EXAMPLES]))]
    # in the middle of a square lies a pixel
    if any(t.ndim != 3 or len(t) != channels + 1 or t.shape[1] != t.shape[2] or t.shape[1] % 2 != 1 for t in found):
        raise ValueError("its marked objects are not cut out as they should be")
    return tuple(found)


def _belief(told: dict[str, Any]) -> Belief:
    cut, typical, doubt, unit, wrong, many = (
        float(told[name]) for name in ("cut", "typical", "doubt", "unit", "wrong", "many")
    )
    spreads, grounds, alikes = (
        tuple(float(value) for value in told[name]) for name in ("spreads", "grounds", "alikes")
    )
    lookalikes, alike, half = (
        None if told[name] is None else float(told[name]) for name in ("lookalikes", "alike", "half")
    )
    return Belief(cut, typical, doubt, unit, wrong, many, lookalikes, alike, half, spreads, grounds, alikes)
