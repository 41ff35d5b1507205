"""A page of pieces: one HTML file that needs nothing else, neither network nor fonts nor a server.

A policy in the page's head allows the one script that is given (by its hash) and no connection, so that even a slip in
escaping could not run a stranger's code.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from .report_text import text

HERE = Path(__file__).parent


def whole(title: str, css: str, parts: Sequence[str], data: object, script: str = "") -> str:
    """The page's text.

    Args:
        title: plain text.
        css: what its pieces need beyond the common style.
        parts: the header, then the sections in the order of reading, as HTML.
        data: what machines may read of it, as JSON has it.
        script: may only use what is in the page.
    """
    return _fill(
        (HERE / "report.html").read_text(encoding="utf-8"),
        {
            "title": text(title),
            "policy": _policy(script),
            "css": (HERE / "report.css").read_text(encoding="utf-8") + css,
            "nav": _contents(parts),
            "header": parts[0],
            "main": "".join(parts[1:]),
            "data": embed(data),
            "js": script,
        },
    )


def _contents(parts: Sequence[str]) -> str:
    """Links to the sections that are there."""
    found = re.findall(r'<section id="(\w+)"[^>]*><h2[^>]*>([^<]*)</h2>', "".join(parts[1:]))
    return "".join(f'<a href="#{anchor}">{title}</a>' for anchor, title in found)


def embed(value: object) -> str:
    """JSON that may stand inside a ``<script>`` element: no bare ``<``, ``>``, ``&``, no number that JSON lacks.

    >>> embed({"class": "</script>", "loss": float("nan")})
    '{"class": "\\\\u003c/script\\\\u003e", "loss": null}'
    """
    dumped = json.dumps(_storable(value), allow_nan=False)
    return dumped.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _storable(value: object) -> object:
    """The value in JSON's own types; what is not finite becomes null, what is unknown its text."""
    if isinstance(value, Mapping):
        return {str(key): _storable(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_storable(one) for one in value]
    if isinstance(value, np.ndarray | np.generic):
        return _storable(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if isinstance(value, str | int | bool | None) else str(value)


def _policy(script: str) -> str:
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return (
        f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; base-uri 'none'"
    )


def _fill(template: str, values: Mapping[str, str]) -> str:
    """Put the values in the template's ``{{places}}``, in one pass, so that no value is itself a template."""
    return re.sub(r"\{\{(\w+)\}\}", lambda found: values[found[1]], template)
