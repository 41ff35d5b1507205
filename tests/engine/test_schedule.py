"""What a run consists of: the way back runs again no group whose results it does not read."""

from __future__ import annotations

import pytest

from convlens.engine import host, plan
from convlens.engine.schedule import Schedule
from convlens.network import Network

FORWARD = {"into_lanes", "conv", "linear", "pool"}


@pytest.mark.parametrize(
    ("line", "again"),
    [
        ("2x9x9: conv 3 3", ["into_lanes"]),
        ("2x9x9: conv 3 3, relu", ["into_lanes", "conv"]),
        ("2x9x9: conv 3 3, avgpool 3", ["into_lanes"]),
        ("2x9x9: conv 3 3, maxpool 3", ["into_lanes", "conv"]),
        ("2x9x9: maxpool 3 stride 2", ["into_lanes", "pool"]),
        ("2x9x9: conv 3 3, avgpool 3 stride 2", ["into_lanes"]),
        ("7: linear 3", ["into_lanes"]),
        ("2x9x9: conv 3 3, relu, flatten, linear 5", ["into_lanes", "conv"]),
        ("2x9x9: conv 3 3, flatten, linear 5, tanh, linear 2", ["into_lanes", "conv", "linear"]),
    ],
)
def test_only_what_is_read_runs_again(line: str, again: list[str]) -> None:
    schedule = Schedule(plan(Network.parse(line), host(), training=True))
    (steps,) = schedule.from_upstream(input_too=True)
    assert [name for step in steps if (name := step.kernel.facts[-1]) in FORWARD] == again


def test_nothing_runs_again_after_a_pause() -> None:
    line = "2x9x9: conv 3 3, batchnorm, relu, conv 3 3, relu, flatten, linear 5"
    schedule = Schedule(plan(Network.parse(line), host(), training=True))
    sweeps = [[step.kernel.facts[-1] for step in steps] for steps in schedule.with_pause()]
    forward = [[name for name in names if name in FORWARD] for names in sweeps]
    assert forward == [["into_lanes", "conv"], ["conv", "conv", "linear"], [], ["into_lanes"]]
    assert sweeps[2][0] == "upstream_into_lanes"
