"""A Zarr array through a kernel on a Dask cluster: read and written by its workers, from one laptop to many machines.

    python examples/cluster.py tcp://scheduler:8786 IN.zarr OUT.zarr "gaussian 9"    a cluster that runs
    python examples/cluster.py IN.zarr OUT.zarr "gaussian 9"                         two processes of this machine

Every worker needs convlens, and sees both places under the same names. Without places, a small array is made.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import dask.array
import numpy as np
from distributed import Client

import convlens


def main(words: list[str]) -> None:
    """Filter one array into another."""
    address = words.pop(0) if words and "://" in words[0] else None
    if not words:
        folder = Path(tempfile.mkdtemp())
        words = [str(folder / "in.zarr"), str(folder / "out.zarr"), "gaussian 9"]
        cells = np.random.default_rng(0).integers(0, 65536, (2000, 3000), dtype=np.uint16)
        dask.array.from_array(cells, chunks=(500, 1000)).to_zarr(words[0])
    source, target, kernel = words
    with Client(address) if address else Client(n_workers=2, threads_per_worker=1, dashboard_address=None) as client:
        print(f"workers  {len(client.scheduler_info()['workers'])}")
        lazy = convlens.filter(dask.array.from_zarr(source), kernel)
        lazy.to_zarr(target)
    print(f"wrote    {target}: {'x'.join(map(str, lazy.shape))}, {lazy.dtype}")


if __name__ == "__main__":
    main(sys.argv[1:])
