"""``python -m tests.onnx_cases``: run every case on every reading and print the count."""

from __future__ import annotations

from .readings import READINGS, check
from .tally import Tally, converted


def main() -> None:
    """Run all, stop at the first that differs."""
    tally = Tally()
    for name, case in converted().items():
        for reading in READINGS:
            check(case, reading)
            tally.passed[reading].add(name)
    print("\n".join(tally.lines()))


if __name__ == "__main__":
    main()
