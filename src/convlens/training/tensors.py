"""Safetensors files, written so that a kill at any moment leaves the old file or the new one, and read with suspicion.

Nothing that can execute code is ever read: a file is a JSON header and raw numbers, checked before use.
"""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import save
from torch import Tensor

from convlens.data import atomic
from convlens.data.tensor_file import settled

from .errors import TrainingError
from .header import opened

REMEDY = "choose another place with --out, or make room there"


def write_bytes(path: Path, content: bytes) -> None:
    """Replace ``path`` by ``content`` in one step: a temporary file beside it, flushed to the disk, renamed.

    Raises:
        TrainingError: the place is a folder, may not be written or is full.
    """
    try:
        atomic.replace(path, content)
    except OSError as error:
        raise TrainingError(f"cannot write {path} ({error.strerror or error}); {REMEDY}") from error


def writable(path: Path) -> None:
    """Raise TrainingError at once where ``write_bytes`` would raise it after the work is done."""
    try:
        atomic.writable(path)
    except OSError as error:
        raise TrainingError(f"cannot write {path} ({error.strerror or error}); {REMEDY}") from error


def leftovers(folder: Path) -> list[Path]:
    """The temporary files of processes that were killed while they wrote into a folder."""
    return sorted(folder.glob(f".*{atomic.PART}"))


def write(path: Path, tensors: dict[str, Tensor], metadata: dict[str, str]) -> None:
    """Write tensors and metadata as one safetensors file, in one step."""
    # clones, for tensors may be views of one: safetensors writes none that share memory
    plain = {
        name: tensor.detach().cpu().clone(memory_format=torch.contiguous_format) for name, tensor in tensors.items()
    }
    write_bytes(path, settled(save(plain, metadata)))


def read(path: Path, what: str) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Read a safetensors file: its tensors and metadata.

    Args:
        path: the file.
        what: what it should be, for the sentence (``"a convlens model"``).

    Raises:
        TrainingError: there is no such file, or it is damaged, truncated or something else.
    """
    with opened(path, what, "pt") as file:
        return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118 (no dict)


def same_tensors(found: dict[str, Tensor], expected: dict[str, Tensor], path: Path) -> None:
    """Raise TrainingError unless both hold the same names, shapes and types, and ``found`` only finite numbers."""
    missing, extra = sorted(expected.keys() - found.keys()), sorted(found.keys() - expected.keys())
    if missing or extra:
        parts = [f"{label} {', '.join(names[:3])}" for label, names in (("lacks", missing), ("adds", extra)) if names]
        raise TrainingError(f"{path} does not match the network it names: it {' and '.join(parts)}; train it anew")
    for name, tensor in expected.items():
        other = found[name]
        if other.shape != tensor.shape or other.dtype != tensor.dtype:
            raise TrainingError(
                f"{path} does not match the network it names: {name} is {_kind(other)}, not {_kind(tensor)}; "
                "train it anew"
            )
        if other.is_floating_point() and not bool(torch.isfinite(other).all()):
            raise TrainingError(f"{path} holds numbers that are not finite in {name}; its training diverged")


def _kind(tensor: Tensor) -> str:
    return f"{str(tensor.dtype).removeprefix('torch.')} {'x'.join(map(str, tensor.shape)) or 'scalar'}"
