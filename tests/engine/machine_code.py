"""Reading assembly: the innermost loops of a function, and what they do to the stack."""

from __future__ import annotations

import re

_LABEL = re.compile(r"^(\.LBB\d+_\d+):")
_JUMP = re.compile(r"^\s+(?:j[a-z]+|b\.[a-z]+|b|cbn?z|tbn?z)\s+(?:.*,\s*)?(\.LBB\d+_\d+)")
# rbp and x29 are registers like others here: no function keeps a frame pointer
_STACK = re.compile(r"\(%rsp[,)]|\[sp[,\]]")


def innermost_loops(assembly: str) -> list[list[str]]:
    """The lines of every loop that holds no other: from a label to the jump back to it."""
    lines = assembly.splitlines()
    labels = {m.group(1): i for i, line in enumerate(lines) if (m := _LABEL.match(line))}
    back: dict[int, int] = {}
    for i, line in enumerate(lines):
        if (m := _JUMP.match(line)) and labels[m.group(1)] <= i:
            back[labels[m.group(1)]] = i
    loops = sorted(back.items())
    inner = [(a, b) for a, b in loops if not any(a <= c and d <= b and (a, b) != (c, d) for c, d in loops)]
    return [[line.strip() for line in lines[a + 1 : b + 1]] for a, b in inner]


def on_the_stack(loop: list[str]) -> list[str]:
    """The instructions of a loop that read or write the stack."""
    return [line for line in loop if _STACK.search(line)]


def fused(loop: list[str], register: str) -> list[str]:
    """The multiply-adds of a loop on a kind of register: ``"zmm"``, ``"ymm"``, ``"4s"``."""
    return [line for line in loop if re.match(r"(vfn?madd|fml[as])", line) and register in line]


def assert_wide(assembly: str, register: str, name: str) -> None:
    """A kernel's multiply-adds are on a kind of register, and no loop of them touches the stack."""
    assert fused([line.strip() for line in assembly.splitlines()], register), f"{name} has no wide multiply-add"
    for loop in innermost_loops(assembly):
        assert not fused(loop, register) or on_the_stack(loop) == [], f"{name} spills: {on_the_stack(loop)}"
