"""The console that tables are printed on: as wide as the terminal, but never so narrow that a number is cut."""

from __future__ import annotations

from rich.console import Console

NARROWEST = 120


def table_console() -> Console:
    """A console at least 120 columns wide; a narrower terminal wraps lines rather than lose digits."""
    console = Console(highlight=False)
    console.width = max(console.width, NARROWEST)
    return console
