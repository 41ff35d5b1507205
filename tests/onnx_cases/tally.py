"""The count of a run: how many cases each reading passed, and what was refused and why."""

from __future__ import annotations

import functools
from collections import defaultdict
from dataclasses import dataclass, field

from .cases import OnnxCase, onnx_cases
from .convert import Converted, RefusedError, convert
from .readings import READINGS


@functools.cache
def converted() -> dict[str, Converted]:
    """Every case that is a network, by name."""
    return {case.name: found for case in onnx_cases() if isinstance(found := _converted_or_reason(case), Converted)}


@functools.cache
def refused() -> dict[str, str]:
    """Every case that is none, by name, with its reason."""
    return {case.name: found for case in onnx_cases() if isinstance(found := _converted_or_reason(case), str)}


def _converted_or_reason(case: OnnxCase) -> Converted | str:
    try:
        return convert(case)
    except RefusedError as reason:
        return str(reason)


@dataclass
class Tally:
    """Which cases each reading passed in this run."""

    passed: dict[str, set[str]] = field(default_factory=lambda: {name: set() for name in READINGS})

    def lines(self) -> list[str]:
        """The count in words: conv and pooling first, then the other layers, then every reason with its cases."""
        sliding = {case.name for case in onnx_cases() if case.sliding}
        found = []
        for what, names in (("conv and pooling", sliding), ("other", {case.name for case in onnx_cases()} - sliding)):
            counts = ", ".join(f"{reading} {len(passed & names)} passed" for reading, passed in self.passed.items())
            found.append(f"ONNX {what} cases: {counts}, {len(refused().keys() & names)} refused")
        by_reason = defaultdict(list)
        for name, reason in refused().items():
            by_reason[reason].append(name)
        return found + [f"  refused {len(by_reason[reason])}: {reason}" for reason in sorted(by_reason)]
