"""``convlens info``: what this installation is and finds."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version

from convlens import __version__

PACKAGES = ("torch", "numpy", "pillow", "tifffile", "safetensors", "tensorboard")


def info() -> None:
    """Print versions, processor and cores, and where Fashion-MNIST would come from."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    rows = [
        ("convlens", __version__),
        ("python", platform.python_version()),
        *((name, _version(name)) for name in PACKAGES),
        ("system", f"{platform.system()} {platform.machine()}"),
        ("cores", f"{cores} this process may use"),
        ("fashion-mnist", _fashion_mnist()),
    ]
    for name, value in rows:
        print(f"{name:14} {value}")


def _fashion_mnist() -> str:
    from convlens.data.fashion_mnist import FILES, SYSTEM, cache_folder

    name = FILES["train"][0].name
    for folder in (cache_folder() / "fashion-mnist", SYSTEM):
        if any((folder / f).is_file() for f in (name, f"{name}.gz")):
            return str(folder)
    return "not here yet; convlens train fashion-mnist fetches it"


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"
