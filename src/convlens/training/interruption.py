"""Ctrl-C and SIGTERM, held back until a run stands between two batches: a step is done whole, or not begun."""

from __future__ import annotations

import signal
import threading
from types import FrameType


class Interruption:
    """Within ``with``, the first request to stop is only noted; a second one stops at once, as Python does.

    Elsewhere than in the main thread signals cannot be held back, and nothing is noted.
    """

    SIGNALS = (signal.SIGINT, signal.SIGTERM)

    def __init__(self) -> None:
        self.asked = False
        self._before: dict[signal.Signals, object] = {}

    def __enter__(self) -> Interruption:
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._note) for number in self.SIGNALS}
        return self

    def __exit__(self, *error: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]
        self._before = {}

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True
