"""The report's smallest pieces of HTML: escaped text, readable numbers, a section, a table.

Whatever a person named (classes, files, notes, settings) passes through ``text`` before it is written.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from html import escape

import numpy as np

# control characters but tab and newline, line separators, marks of writing direction, halves of surrogate pairs
UNSEEN = re.compile("[\\x00-\\x08\\x0b-\\x1f\\x7f-\\x9f\\u2028-\\u202e\\u2066-\\u2069\\ud800-\\udfff]")


def text(value: object) -> str:
    """A value as HTML text, safe in an attribute too; what would not show, or reorder what shows, becomes U+FFFD."""
    return escape(UNSEEN.sub("\ufffd", str(value)), quote=True)


def number(value: object) -> str:
    """A value for reading: integers in groups of three, floats with four significant digits."""
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "–"}[value]
    if isinstance(value, (int, np.integer)):
        return f"{int(value):,}".replace(",", "\u202f")
    if isinstance(value, (float, np.floating)):
        size = float(value)
        return number(round(size)) if math.isfinite(size) and abs(size) >= 10_000 else f"{size:.4g}"
    if isinstance(value, list | tuple):
        return ", ".join(number(one) for one in value)
    return text(value)


def seconds(value: float) -> str:
    if value < 120:
        return f"{value:.3g} s"
    hours, minutes = divmod(round(value / 60), 60)
    return f"{hours} h {minutes} min" if hours else f"{value // 60:.0f} min {value % 60:.0f} s"


def copyable(label: str, code: str, button: str = "") -> str:
    """A line to copy, with a button where a script serves it; nothing without a line."""
    if not code:
        return ""
    shown = f'<span class="label">{text(label)}</span><pre tabindex="0"><code>{text(code)}</code></pre>'
    return f'<div class="copyable">{shown}{button}</div>'


def section(anchor: str, title: str, lead: str, body: str) -> str:
    lead = f'<p class="lead">{lead}</p>' if lead else ""
    return f'<section id="{anchor}" aria-labelledby="{anchor}-h"><h2 id="{anchor}-h">{title}</h2>{lead}{body}</section>'


def table(rows: Sequence[Mapping[str, object]], total: str = "") -> str:
    """Rows of equal keys as a table; columns of numbers are set to the right."""
    keys = list(dict.fromkeys(key for row in rows for key in row))
    numeric = {key: all(isinstance(row.get(key), int | float | None) for row in rows) for key in keys}
    head = "".join(f'<th scope="col"{_right(numeric[key])}>{text(key.replace("_", " "))}</th>' for key in keys)
    body = "".join(
        f"<tr>{''.join(f'<td{_right(numeric[key])}>{number(row.get(key))}</td>' for key in keys)}</tr>" for row in rows
    )
    return scrolled("plain", head, body, total)


def scrolled(style: str, head: str, body: str, foot: str = "") -> str:
    """A table that scrolls by itself where the screen is narrower."""
    inside = f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody>{foot}"
    return f'<div class="scroll" tabindex="0"><table class="{style}">{inside}</table></div>'


def _right(numeric: bool) -> str:
    return ' class="n"' if numeric else ""
