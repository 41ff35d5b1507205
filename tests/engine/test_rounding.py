"""Random numbers against float64: off by no more than the lengths of the sums allow.

A float32 sum of n products, in any order, fused or not, is off by at most gamma(n) times the sum of the products' sizes
(Higham, 2002, section 3.1). The reference computes those sizes too: it runs the same layer on absolute values.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
import pytest

from convlens import reference
from convlens.engine import Program, Target, runnable
from convlens.network import AvgPool, Conv, Linear, Network, axes, parameter_shapes

from .cases import awkward

EPS = 2.0**-24
"""The unit roundoff of float32."""

SUMS = [
    "3x7x6: conv 5 3x2 pad 1x0+2",
    "2x13: conv 9 4 stride 3 pad 5+1 dilation 2 nobias",
    "8x4x5: conv 8 3 groups 8 pad 1",
    "2x3x4x5: conv 3 2x3x2 pad 1",
    "1x9x9: conv 2 9 pad 4",
    "401: linear 3",
    "33: linear 17 nobias",
    "3x9x7: avgpool 3x2",
    "2x9x7: avgpool 3 stride 2 pad 1 excludepad",
]
ACTIVATED = [
    f"{line}, {activation}"
    for line in ("3x6x6: conv 4 3 pad 1", "2x17: conv 5 5 stride 2", "40: linear 9")
    for activation in ("sigmoid", "tanh")
]
ULP = {"sigmoid": 3.0, "tanh": 2.0}
"""What the activations themselves may be off by, in units in the last place (2 EPS, of at most 1)."""
STEEPEST = {"sigmoid": 0.25, "tanh": 1.0}
TARGETS = pytest.mark.parametrize("target", runnable(), ids=lambda target: target.name)


def gamma(terms: int) -> float:
    return terms * EPS / (1 - terms * EPS)


@dataclass
class Case:
    """A network with random float32 numbers."""

    network: Network
    parameters: dict[str, np.ndarray]
    x: np.ndarray
    up: np.ndarray

    @classmethod
    def of(cls, line: str, n: int) -> Case:
        network, rng = Network.parse(line), np.random.default_rng(0)
        parameters = {
            f"{i}.{name}": rng.standard_normal(shape).astype(np.float32)
            for i, layer in enumerate(network.layers)
            for name, shape in parameter_shapes(layer, network.shapes[i]).items()
        }
        x = rng.standard_normal((n, *network.input_shape)).astype(np.float32)
        return cls(network, parameters, x, rng.standard_normal((n, *network.output_shape)).astype(np.float32))

    def sizes(self) -> dict[str, np.ndarray]:
        return {name: np.abs(value) for name, value in self.parameters.items()}


def terms(network: Network, images: int) -> int:
    """The longest sum of a network's one layer, forward or backward; two more for a bias and a division."""
    layer, shape, out = network.layers[0], network.shapes[0], network.shapes[1]
    forward = 1
    if isinstance(layer, (Conv, Linear)):
        weight = parameter_shapes(layer, shape)["weight"]
        forward = max(math.prod(weight[1:]), math.prod(weight) // weight[1])
    elif isinstance(layer, AvgPool):
        forward = math.prod(a.kernel for a in axes(layer, shape))
    return max(forward, images * math.prod(out[1:])) + 2


@cache
def sums(line: str) -> tuple[Case, dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Numbers, what the reference makes of them, and of their sizes: outputs and gradients by name."""
    case, found = Case.of(line, 3), []
    for p, x, up in ((case.parameters, case.x, case.up), (case.sizes(), np.abs(case.x), np.abs(case.up))):
        dx, grads = reference.gradients(case.network, p, x, up)
        found.append({"outputs": reference.run(case.network, p, x)[-1], "input": dx, **grads})
    return case, found[0], found[1]


def within(got: np.ndarray | None, wanted: np.ndarray, bound: np.ndarray, what: str) -> None:
    assert got is not None
    assert got.shape == wanted.shape
    error = np.abs(got - wanted)
    assert np.all(error <= bound), f"{what}: {np.max(error - bound)} beyond the bound"


@TARGETS
@pytest.mark.parametrize("line", [*SUMS, *(str(Network(n.input_shape, n.layers[:1])) for n in awkward(10, seed=7))])
def test_sums(line: str, target: Target) -> None:
    case, wanted, sizes = sums(line)
    program = Program(case.network, case.parameters, training=True, target=target)
    factor = gamma(terms(case.network, 3))
    dx, grads = program.gradients(case.x, case.up, input_too=True)
    assert dx is not None
    for name, value in {"outputs": program(case.x), "input": dx, **grads}.items():
        within(value, wanted[name], factor * sizes[name], name)


@TARGETS
@pytest.mark.parametrize("line", ACTIVATED)
def test_an_activation_behind_a_sum(line: str, target: Target) -> None:
    case, kind = Case.of(line, 3), line.rsplit(", ", 1)[1]
    program = Program(case.network, case.parameters, training=True, target=target)
    bare = Network(case.network.input_shape, case.network.layers[:1])
    factor = gamma(terms(bare, 3))
    before, after = reference.run(case.network, case.parameters, case.x)
    # an error of the sum, times the steepest slope, and the activation's own
    off = STEEPEST[kind] * factor * reference.run(bare, case.sizes(), np.abs(case.x))[-1] + ULP[kind] * 2 * EPS
    within(program(case.x), after, off, "outputs")
    # the slope s(1-s) or 1-t**2, computed from the output: no steeper than 1 or 2, and three roundings
    slope_off = (1 if kind == "sigmoid" else 2) * off + 4 * EPS
    gradient = reference.sigmoid_gradient if kind == "sigmoid" else reference.tanh_gradient
    through = gradient(before, case.up.astype(np.float64))
    through_off = np.abs(case.up) * slope_off
    dx, grads = program.gradients(case.x, case.up, input_too=True)
    wanted_dx, wanted = reference.gradients(case.network, case.parameters, case.x, case.up)
    size = np.abs(through) * factor + through_off * (1 + factor)
    bound_dx, bounds = reference.gradients(bare, case.sizes(), np.abs(case.x), size)
    within(dx, wanted_dx, bound_dx, "input gradient")
    for name, value in grads.items():
        within(value, wanted[name], bounds[name], name)


@TARGETS
@pytest.mark.parametrize("classes", [1, 2, 10, 100])
def test_the_loss(classes: int, target: Target) -> None:
    network = Network.parse(f"{classes}: linear {classes} nobias")
    program = Program(network, {"0.weight": np.eye(classes)}, training=True, target=target)
    rng = np.random.default_rng(0)
    x = (5 * rng.standard_normal((29, classes))).astype(np.float32)
    labels = rng.integers(0, classes, 29)
    loss, _, grads = program.loss_and_gradients(x, labels)
    wanted, _, wanted_grads = reference.loss_gradients(network, {"0.weight": np.eye(classes)}, x, labels)
    # the sum of exponentials is off by its length, an ulp of exp and of each difference; then log, and two additions
    spread = float(np.max(x.max(1) - x.min(1)))
    relative = gamma(classes) + 3 * EPS + spread * EPS
    assert abs(loss - wanted) <= 2 * (relative + 2 * EPS * (spread + math.log(classes) + 1))
    slopes = np.array([reference.cross_entropy_gradient(x[i : i + 1], labels[i : i + 1])[0] / 29 for i in range(29)])
    bound = (np.abs(slopes) + 1 / 29).T @ np.abs(x) * (2 * relative + 6 * EPS + gamma(29))
    within(grads["0.weight"], wanted_grads["0.weight"], bound, "weights")
