"""A film as SVG: text that plays in a browser by itself, and stands still where motion is not wanted."""

from __future__ import annotations

import base64
import io
from itertools import groupby
from xml.sax.saxutils import escape

from PIL import Image as Pillow

from .shapes import Film, Image, Path, Play, Rect, Shape, Text

FONTS = "DejaVu Sans, Verdana, Segoe UI, Helvetica, Arial, sans-serif"
CAPITAL = 0.365
"""Half of a capital's height over the letters' size: how far the line on which they stand is below their middle."""


def svg(film: Film, width: float) -> str:
    """A film as the text of an .svg file, so many pixels wide where nobody says otherwise.

    Shapes that come and go together are one group, which CSS shows from one part of the loop to another. Without CSS's
    animations, and where the reader wants less motion, the film's still is seen.

    >>> squares = Play(Rect(1, 1, 8, 8, "#ff0000"), 0, 1), Play(Rect(0, 0, 4, 4, "#00ff00"), 1, 2)
    >>> text = svg(Film(10, 10, squares, 0, 2, 0.5, "two squares", 1.5), 100)
    >>> text.count("<rect"), text.count("@keyframes")
    (2, 2)
    """
    spans = dict.fromkeys((play.first, play.stop) for play in film.plays if _moves(film, play))
    named = {span: f"s{n}" for n, span in enumerate(spans)}
    paints = _Paints()
    parts = []
    for span, plays in groupby(film.plays, key=lambda play: (play.first, play.stop)):
        inside = "".join(_drawn(play.shape, paints) for play in plays)
        parts.append(f'<g class="s {named[span]}">{inside}</g>' if span in named else inside)
    height = width * film.height / film.width
    style = paints.style() + _style(film, named)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_n(film.width)} {_n(film.height)}" '
        f'width="{_n(width)}" height="{_n(height)}" role="img" font-family="{FONTS}">'
        f"<title>{escape(film.title)}</title><style>{style}</style>{''.join(parts)}</svg>\n"
    )


def _moves(film: Film, play: Play) -> bool:
    return (play.first, play.stop) != (film.first, film.stop)


def _style(film: Film, named: dict[tuple[float, float], str]) -> str:
    """When each group is seen."""
    length = film.stop - film.first
    lines = [f".s{{visibility:hidden;animation:{_n(length * film.seconds)}s step-end infinite}}"]
    for (first, stop), name in named.items():
        begin, end = (_p((at - film.first) / length) for at in (first, stop))
        frames = f"{begin}{{visibility:visible}}"
        if begin != "0%":
            frames = f"0%{{visibility:hidden}}{frames}"
        if end != "100%":
            frames += f"{end}{{visibility:hidden}}"
        lines.append(f".{name}{{animation-name:{name}}}@keyframes {name}{{{frames}}}")
    still = [f".{name}" for (first, stop), name in named.items() if first <= film.still < stop]
    if still:
        lines.append(f"{','.join(still)}{{visibility:visible}}")
    lines.append("@media (prefers-reduced-motion:reduce){.s{animation:none!important}}")
    return "".join(lines)


class _Paints:
    """Ways to paint, each named once."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}

    def name(self, paint: str) -> str:
        """The class of a way to paint."""
        return self._names.setdefault(paint, f"p{len(self._names)}")

    def style(self) -> str:
        """What the classes mean."""
        return "".join(f".{name}{{{paint}}}" for paint, name in self._names.items())


def _n(number: float) -> str:
    return f"{number:.1f}".removesuffix(".0")


def _p(part: float) -> str:
    return f"{100 * part:.3f}".rstrip("0").rstrip(".") + "%"


# ---- shapes ----


def _drawn(shape: Shape, paints: _Paints) -> str:
    if isinstance(shape, Rect):
        box = _box(shape.left, shape.top, shape.width, shape.height)
        dashes = ";stroke-dasharray:5 4" if shape.dashed else ""
        paint = _paint(shape.fill, shape.edge, shape.thick, shape.opacity) + dashes
        return f'<rect class="{paints.name(paint)}" {box}/>'
    if isinstance(shape, Text):
        return _text(shape, paints)
    if isinstance(shape, Path):
        paint = _paint(shape.fill, shape.edge, shape.thick, shape.opacity) + ";stroke-linejoin:round"
        points = " ".join(f"{_n(x)},{_n(y)}" for x, y in shape.points)
        return f'<{"polygon" if shape.fill else "polyline"} class="{paints.name(paint)}" points="{points}"/>'
    return _image(shape)


def _box(left: float, top: float, width: float, height: float) -> str:
    return f'x="{_n(left)}" y="{_n(top)}" width="{_n(width)}" height="{_n(height)}"'


def _paint(fill: str, edge: str, thick: float, opacity: float) -> str:
    found = f"fill:{fill or 'none'}"
    if edge:
        found += f";stroke:{edge};stroke-width:{_n(thick)}"
    return found + (f";opacity:{opacity:g}" if opacity < 1 else "")


def _text(text: Text, paints: _Paints) -> str:
    colours = [(colour, "".join(words for words, _ in runs)) for colour, runs in groupby(text.runs, key=lambda r: r[1])]
    paint = f"font-size:{_n(text.size)}px;text-anchor:{text.anchor};fill:{colours[0][0]}"
    paint += ";font-weight:bold" if text.bold else ""
    first = f'<text class="{paints.name(paint)}" x="{_n(text.x)}" y="{_n(text.y + CAPITAL * text.size)}"'
    if len(colours) == 1:
        return f"{first}>{escape(colours[0][1])}</text>"
    pieces = (f'<tspan class="{paints.name(f"fill:{colour}")}">{escape(words)}</tspan>' for colour, words in colours)
    return f'{first} xml:space="preserve">{"".join(pieces)}</text>'


def _image(image: Image) -> str:
    file = io.BytesIO()
    Pillow.fromarray(image.pixels).save(file, "PNG", optimize=True)
    source = f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"
    box = _box(image.left, image.top, image.width, image.height)
    return f'<image {box} preserveAspectRatio="none" style="image-rendering:pixelated" href="{source}"/>'
