"""One start of a training program in a process of its own: how long it took, and a fingerprint of what it gave.

Run by ``test_cache``: ``python -m tests.engine.starting [NETWORK]``. Imports are not counted.
"""

from __future__ import annotations

import hashlib
import sys
import time

import numpy as np

from convlens.engine import Program
from convlens.network import Network, zoo

from .test_program import parameters


def main(line: str) -> None:
    network = zoo.named("lenet") if line == "lenet" else Network.parse(line)
    rng = np.random.default_rng(0)
    given = parameters(network)
    x = rng.standard_normal((32, *network.input_shape)).astype(np.float32)
    labels = rng.integers(0, network.output_shape[0], 32)
    start = time.perf_counter()
    _, _, gradients = Program(network, given, training=True, threads=1).loss_and_gradients(x, labels)
    seconds = time.perf_counter() - start
    digest = hashlib.sha256(b"".join(value.tobytes() for value in gradients.values()))
    print(seconds, digest.hexdigest())


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "lenet")
