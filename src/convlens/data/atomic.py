"""Replacing a file in one step, so that a kill at any moment leaves the old file or the new one.

What the bytes mean is the caller's; so is the sentence in which an OSError is told.
"""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path

PART = ".part"


def replace(path: Path, content: bytes) -> None:
    """Replace ``path`` by ``content``: a temporary file beside it, flushed to the disk, renamed.

    Raises:
        OSError: the place is a folder, may not be written or is full; it names ``path``, and the old file is as it was.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=PART)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
    except BaseException as error:
        Path(temporary).unlink(missing_ok=True)
        if isinstance(error, OSError):  # a full disk names nothing, a renaming the temporary file
            error.filename = str(path)
        raise


def writable(path: Path) -> None:
    """Raise at once where ``replace`` would raise it after the work is done; the folder is made.

    Raises:
        OSError: the place is a folder, or nothing may be written beside it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, "it is a folder")
    with tempfile.TemporaryFile(dir=path.parent):
        pass


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
