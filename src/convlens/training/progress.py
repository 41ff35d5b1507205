"""What a run says while it goes: a rich bar on a terminal, plain lines otherwise, nothing from helper processes."""

from __future__ import annotations

import sys
import time
from typing import Any, Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


class Reporter(Protocol):
    """Who is told how a run goes."""

    def say(self, sentence: str) -> None:
        """A sentence that stays."""

    def start(self, epoch: int, epochs: int, examples: int) -> None:
        """An epoch begins (from 1)."""

    def batch(self, done: int, loss: float) -> None:
        """So many examples of the epoch are done, at this mean loss."""

    def epoch(self, row: dict[str, Any]) -> None:
        """An epoch ended with this row of metrics."""

    def close(self) -> None:
        """The run ended, or was stopped."""


class Silent:
    """Says nothing."""

    def say(self, sentence: str) -> None: ...

    def start(self, epoch: int, epochs: int, examples: int) -> None: ...

    def batch(self, done: int, loss: float) -> None: ...

    def epoch(self, row: dict[str, Any]) -> None: ...

    def close(self) -> None: ...


def epoch_line(row: dict[str, Any], epochs: int) -> str:
    """One epoch in one line.

    >>> epoch_line({"epoch": 1, "train_loss": 2.3, "train_accuracy": 0.11, "images_per_second": 8123.4}, 10)
    'epoch  1/10   train loss 2.3000, accuracy 0.1100   8,123 examples/s'
    """
    parts = [f"epoch {row['epoch']:2d}/{epochs}", _pair("train", row)]
    if row.get("val_loss") is not None:
        parts.append(_pair("validation", row, "val"))
    parts.append(f"{row['images_per_second']:,.0f} examples/s")
    return "   ".join(parts)


def _pair(name: str, row: dict[str, Any], key: str = "train") -> str:
    return f"{name} loss {row[f'{key}_loss']:.4f}, accuracy {row[f'{key}_accuracy']:.4f}"


class Lines:
    """Plain lines, one an epoch, and one a minute within long ones."""

    MINUTE = 60.0

    def __init__(self) -> None:
        self._epoch, self._epochs, self._examples, self._said = 0, 0, 0, time.monotonic()

    def say(self, sentence: str) -> None:
        print(sentence, flush=True)

    def start(self, epoch: int, epochs: int, examples: int) -> None:
        self._epoch, self._epochs, self._examples, self._said = epoch, epochs, examples, time.monotonic()

    def batch(self, done: int, loss: float) -> None:
        if time.monotonic() - self._said >= self.MINUTE:
            self._said = time.monotonic()
            self.say(f"epoch {self._epoch:2d}/{self._epochs}   {done:,} of {self._examples:,}   loss {loss:.4f}")

    def epoch(self, row: dict[str, Any]) -> None:
        self.say(epoch_line(row, self._epochs))

    def close(self) -> None: ...


class Bar:
    """A bar with the time left of the epoch, and a line for every epoch that ended."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._epochs = 0
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            TextColumn("{task.fields[loss]}"),
            TimeRemainingColumn(),
            console=console,
            transient=True,
        )
        self._task = self._progress.add_task("", loss="", visible=False)

    def say(self, sentence: str) -> None:
        self._console.print(sentence, highlight=False, markup=False, soft_wrap=True)

    def start(self, epoch: int, epochs: int, examples: int) -> None:
        self._epochs = epochs
        self._progress.start()
        self._progress.reset(self._task, description=f"epoch {epoch}/{epochs}", total=examples, visible=True, loss="")

    def batch(self, done: int, loss: float) -> None:
        self._progress.update(self._task, completed=done, loss=f"loss {loss:.4f}")

    def epoch(self, row: dict[str, Any]) -> None:
        self.say(epoch_line(row, self._epochs))

    def close(self) -> None:
        self._progress.stop()


def reporter(*, main: bool) -> Reporter:
    """The reporter for this process: silent for helpers, a bar on a terminal, lines otherwise."""
    if not main:
        return Silent()
    return Bar(Console()) if sys.stdout.isatty() else Lines()
