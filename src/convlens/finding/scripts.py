"""The scripts of pages that give marks: each behind what all of them have in common (``table.js``)."""

from __future__ import annotations

from pathlib import Path

HERE = Path(__file__).parent


def script(name: str) -> str:
    """A page's whole script."""
    return "".join((HERE / f"{one}.js").read_text(encoding="utf-8") for one in ("table", name))
