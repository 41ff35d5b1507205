"""What makes a network fast: machine code written from Python, a block of images in the lanes of every vector.

>>> import numpy as np
>>> from convlens.network import Network
>>> network = Network.parse("2x5x5: conv 3 3, relu, flatten, linear 4")
>>> parameters = {"0.weight": np.ones((3, 2, 3, 3)), "0.bias": np.zeros(3)}
>>> parameters |= {"3.weight": np.ones((4, 27)), "3.bias": np.zeros(4)}
>>> compile(network, parameters)(np.ones((1, 2, 5, 5)))
array([[486., 486., 486., 486.]], dtype=float32)
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from convlens.network import Network

from .agreement import Agreement
from .blending import Laid, Noise, blend
from .crew import cores, share_out
from .errors import EngineError
from .interpolation import interpolate
from .operators import convolve, correlate
from .optimisers import Optimiser, adamw, sgd
from .orientations import orientations
from .patches import patches
from .plan import Plan, plan, refusals
from .planar import Planar, planar
from .pools import avg_pool, max_pool
from .products import Products
from .program import Program
from .scan import Scan
from .slower import outrun, slower
from .stages import scan_refusals
from .target import TARGETS, Target, host, runnable

__all__ = [
    "TARGETS",
    "Agreement",
    "EngineError",
    "Laid",
    "Noise",
    "Optimiser",
    "Plan",
    "Planar",
    "Products",
    "Program",
    "Scan",
    "Target",
    "adamw",
    "avg_pool",
    "blend",
    "compile",
    "convolve",
    "cores",
    "correlate",
    "host",
    "interpolate",
    "max_pool",
    "orientations",
    "outrun",
    "patches",
    "plan",
    "planar",
    "refusals",
    "runnable",
    "scan_refusals",
    "sgd",
    "share_out",
    "slower",
]


def compile(
    network: Network,
    parameters: Mapping[str, NDArray[np.generic]],
    *,
    training: bool = False,
    threads: int | None = None,
) -> Program:
    """Compile a network for this processor.

    Args:
        network: the network.
        parameters: name to array, named and shaped as in ``nn.build(network).state_dict()``.
        training: whether gradients are wanted.
        threads: how many run at once; None: the cores this process may use.

    Returns:
        A Program, called with batches (N, *input_shape).

    Raises:
        EngineError: a layer has no kernel (every reason is named), or a parameter is missing or of another shape.
    """
    return Program(network, parameters, training=training, threads=threads)
