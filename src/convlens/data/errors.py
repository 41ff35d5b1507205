"""What the readers of this room raise: one sentence that says what is wrong and how to mend it.

Nothing else lives here.  Everything that comes from a user's disk or from the network ends either as data or as a
`DataError`; a reader lets no exception of a decoding library through.
"""

from __future__ import annotations

from pathlib import Path


class DataError(ValueError):
    """What the user gave cannot be used; the message says why and what to do."""


class PictureError(DataError):
    """One file cannot be read as a picture; `reason` is the part of the message that does not repeat its name."""

    def __init__(self, message: str, reason: str | None = None) -> None:
        super().__init__(message)
        self.reason = message if reason is None else reason


def reason(error: DataError, path: Path) -> str:
    """Why a file cannot be used, to stand beside its name.

    >>> reason(DataError("sounds/a.wav is empty"), Path("sounds/a.wav"))
    'it is empty'
    """
    if isinstance(error, PictureError):
        return error.reason
    text = str(error)
    return text if not text.startswith(f"{path} ") else f"it {text[len(str(path)) + 1 :]}"
