"""The curves of a run as SVG text: one value per epoch and line, no script needed.

Values appear in the plot when an epoch is pointed at (CSS), and as a native tooltip; the same numbers stand in a table.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from .report_text import text

WIDTH, LEFT, RIGHT, TOP, BOTTOM = 560, 46, 142, 24, 26  # right: room for "validation 89.4 %" at 12 px
HOVERS = 400  # epochs that answer to the pointer; beyond that they are narrower than a pixel or two


@dataclass(frozen=True)
class Line:
    """One curve: None where nothing was measured, NaN or infinity where the value was not finite."""

    label: str
    style: str
    values: tuple[float | None, ...]

    def points(self) -> list[tuple[int, float]]:
        return [(at, value) for at, value in enumerate(self.values) if value is not None and math.isfinite(value)]


def column(rows: Sequence[Mapping[str, object]], key: str) -> tuple[float | None, ...]:
    """The values of ``key`` in the rows of metrics: numbers, or None where absent."""
    values = (row.get(key) for row in rows)
    return tuple(float(value) if isinstance(value, int | float) else None for value in values)


def ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Round numbers, 1, 2 or 5 times a power of ten apart, that cover [low, high].

    >>> ticks(0.13, 0.87)
    [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    """
    if not high > low:
        low, high = low - (abs(low) / 2 or 0.5), high + (abs(high) / 2 or 0.5)
    raw = (high - low) / about
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= raw * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(number * step, 12) for number in range(first, last + 1)]


def plain(value: float) -> str:
    """Four significant digits, without the noise of an exponent where there need be none."""
    return f"{value:.4g}"


def percent(value: float) -> str:
    return f"{100 * value:.2f} %"


@dataclass(frozen=True)
class Scale:
    """From epoch positions and values to the plot's coordinates."""

    count: int
    marks: tuple[float, ...]
    height: int
    logarithmic: bool

    def x(self, at: int) -> float:
        inner = WIDTH - LEFT - RIGHT
        return round(LEFT + inner * (at / (self.count - 1) if self.count > 1 else 0.5), 1)

    def y(self, value: float) -> float:
        low, high = self.marks[0], self.marks[-1]
        if self.logarithmic:
            low, high, value = math.log(low), math.log(high), math.log(value)
        return round(self.height - BOTTOM - (self.height - TOP - BOTTOM) * (value - low) / (high - low), 1)


def _scale(lines: Sequence[Line], count: int, height: int, ceiling: float | None) -> Scale:
    """Round marks around the finite values; powers of ten where a tall chart's values span more than a factor of 20."""
    finite = [value for line in lines for _, value in line.points()]
    low, high = (min(finite), max(finite)) if finite else (0.0, 1.0)
    if ceiling is None and height > 150 and low > 0 and high > 20 * low:
        exponents = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
        return Scale(count, tuple(10.0**exponent for exponent in exponents), height, True)
    if ceiling is not None:
        high = min(high + (high - low) * 0.04, ceiling)
    marks = ticks(low, high, 5 if height > 150 else 2)
    if ceiling is not None:
        marks = [mark for mark in marks if mark <= ceiling + 1e-9]
    return Scale(count, tuple(marks), height, False)


def chart(
    title: str,
    lines: Sequence[Line],
    epochs: Sequence[int],
    *,
    best: int | None = None,
    show: Callable[[float], str] = plain,
    tick: Callable[[float], str] = plain,
    ceiling: float | None = None,
    height: int = 260,
) -> str:
    """Lines over epochs as one ``<svg>``; ``best`` is the position of the epoch to mark, ``ceiling`` the largest y."""
    lines = [line for line in lines if any(value is not None for value in line.values)]
    scale = _scale(lines, len(epochs), height, ceiling)
    ends = "; ".join(f"{line.label} ends at {show(line.points()[-1][1])}" for line in lines if line.points())
    parts = [
        f'<svg class="chart" viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{text(title)}: {text(ends)}">',
        *_frame(scale, epochs, tick),
        *(_best(scale, epochs, best) if best is not None else ()),
        *(_curve(line, scale) for line in lines),
        *_ends(lines, scale, show),
        *_hovers(lines, scale, epochs, show),
        "</svg>",
    ]
    return "".join(parts)


def _frame(scale: Scale, epochs: Sequence[int], tick: Callable[[float], str]) -> list[str]:
    right, floor = WIDTH - RIGHT, scale.height - BOTTOM
    parts = []
    for mark in scale.marks:
        y = scale.y(mark)
        parts.append(f'<path class="rule" d="M{LEFT} {y}H{right}"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y + 4}" text-anchor="end">{tick(mark)}</text>')
    every = max(1, math.ceil(len(epochs) / 8))
    chosen = [at for at in range(len(epochs)) if at % every == 0 and len(epochs) - 1 - at >= every * 0.6]
    for at in [*chosen, len(epochs) - 1] if epochs else []:
        name = "epoch " if at == 0 else ""
        parts.append(f'<text x="{scale.x(at)}" y="{floor + 18}" text-anchor="middle">{name}{epochs[at]}</text>')
    return parts


def _best(scale: Scale, epochs: Sequence[int], best: int) -> list[str]:
    x = scale.x(best)
    anchor = "start" if x < LEFT + 40 else "end" if x > WIDTH - RIGHT - 40 else "middle"
    return [
        f'<path class="best" d="M{x} {TOP - 6}V{scale.height - BOTTOM}"/>',
        f'<text class="rest" x="{x}" y="{TOP - 11}" text-anchor="{anchor}">best: epoch {epochs[best]}</text>',
    ]


def _curve(line: Line, scale: Scale) -> str:
    """The line, broken where a value is missing; a lone point is a dot, a value that is not finite a cross on top."""
    path, dots, before = [], [], -2
    points = line.points()
    at_all = {at for at, _ in points}
    for at, value in points:
        path.append(f"{'L' if at == before + 1 else 'M'}{scale.x(at)} {scale.y(value)}")
        if at - 1 not in at_all and at + 1 not in at_all:
            dots.append(f'<circle class="dot" cx="{scale.x(at)}" cy="{scale.y(value)}" r="4"/>')
        before = at
    lost = [at for at, value in enumerate(line.values) if value is not None and not math.isfinite(value)]
    crosses = "".join(f"M{scale.x(at) - 4} {TOP - 4}l8 8m0-8l-8 8" for at in lost)
    cross = f'<path class="lost" d="{crosses}"/>' if crosses else ""
    return f'<g class="{line.style}"><path class="line" d="{"".join(path)}"/>{"".join(dots)}{cross}</g>'


def _ends(lines: Sequence[Line], scale: Scale, show: Callable[[float], str]) -> list[str]:
    """Each line's name and last value at its right end, moved apart where they would touch."""
    ends = sorted(((scale.y(line.points()[-1][1]), line) for line in lines if line.points()), key=lambda end: end[0])
    parts, free = [], float(TOP - 8)
    lowest = scale.height - BOTTOM - 16 * (len(ends) - 1)
    for number, (wanted, line) in enumerate(ends):
        y = max(free, min(wanted, lowest + 16 * number))
        free = y + 16
        words = f"{line.label}<tspan> {show(line.points()[-1][1])}</tspan>"
        parts.append(f'<text class="end {line.style}" x="{WIDTH - RIGHT + 12}" y="{y + 4:g}">{words}</text>')
    return parts


def _hovers(lines: Sequence[Line], scale: Scale, epochs: Sequence[int], show: Callable[[float], str]) -> list[str]:
    """One invisible strip an epoch that reveals its dots and its values."""
    every = max(1, math.ceil(len(epochs) / HOVERS))
    wide = (WIDTH - LEFT - RIGHT) / max(1, len(epochs) - 1) * every
    parts = []
    for at in range(0, len(epochs), every):
        measured = [(line, value) for line in lines if (value := line.values[at]) is not None]
        said = "  ".join(f"{line.label} {_say(value, show)}" for line, value in measured)
        x = scale.x(at)
        dots = "".join(
            f'<circle class="dot {line.style}" cx="{x}" cy="{scale.y(value)}" r="4"/>'
            for line, value in measured
            if math.isfinite(value)
        )
        parts.append(
            f'<g class="at"><title>epoch {epochs[at]}: {said}</title>'
            f'<rect x="{x - wide / 2:.1f}" y="0" width="{wide:.1f}" height="{scale.height}"/>'
            f'<path d="M{x} {TOP}V{scale.height - BOTTOM}"/>{dots}'
            f'<text x="{LEFT}" y="{TOP - 11}">epoch {epochs[at]}  {said}</text></g>'
        )
    return parts


def _say(value: float, show: Callable[[float], str]) -> str:
    return show(value) if math.isfinite(value) else "not finite"
