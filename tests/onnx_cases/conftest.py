"""Prints the count of ONNX cases at the end of a run that had any."""

from __future__ import annotations

import pytest

from .tally import Tally

KEY = pytest.StashKey[Tally]()


@pytest.fixture(scope="session")
def tally(request: pytest.FixtureRequest) -> Tally:
    """What passes is noted here."""
    return request.config.stash.setdefault(KEY, Tally())


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print the count."""
    found = config.stash.get(KEY, None)
    for line in found.lines() if found else ():
        terminalreporter.write_line(line)
