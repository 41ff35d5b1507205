"""What each layer means, forward and gradient, as loops that a reader can follow with a pencil; numpy is storage.

The oracle: slow, in float64 or exact in int64, and asked by tests, docs and explanations only. Batches come first
(N, C, *spatial); parameters are named and shaped as in PyTorch.

>>> correlate_plane([[0, 1, 2], [3, 4, 5], [6, 7, 8]], [[0, 1], [2, 3]]).tolist()
[[19, 25], [37, 43]]
"""

from .activation import relu, relu_gradient, sigmoid, sigmoid_gradient, tanh, tanh_gradient
from .convolve import autocorrelate, convolve, convolve_plane, flip, full
from .correlate import correlate, correlate_gradient, correlate_plane
from .derivation import cut_locality, dense4d_from_local, local_from_conv, tie_translation
from .linear import flatten, flatten_gradient, linear, linear_gradient
from .local import dense4d, dense4d_gradient, local, local_gradient
from .loss import accuracy, cross_entropy, cross_entropy_gradient, log_softmax
from .normalise import (
    batch_norm,
    batch_norm_gradient,
    batch_norm_training_gradient,
    batch_statistics,
    dropout,
    updated_statistics,
)
from .pool import avg_pool, avg_pool_gradient, max_pool, max_pool_gradient
from .run import Training, gradients, loss_gradients, run
from .windows import windows

__all__ = [
    "Training",
    "accuracy",
    "autocorrelate",
    "avg_pool",
    "avg_pool_gradient",
    "batch_norm",
    "batch_norm_gradient",
    "batch_norm_training_gradient",
    "batch_statistics",
    "convolve",
    "convolve_plane",
    "correlate",
    "correlate_gradient",
    "correlate_plane",
    "cross_entropy",
    "cross_entropy_gradient",
    "cut_locality",
    "dense4d",
    "dense4d_from_local",
    "dense4d_gradient",
    "dropout",
    "flatten",
    "flatten_gradient",
    "flip",
    "full",
    "gradients",
    "linear",
    "linear_gradient",
    "local",
    "local_from_conv",
    "local_gradient",
    "log_softmax",
    "loss_gradients",
    "max_pool",
    "max_pool_gradient",
    "relu",
    "relu_gradient",
    "run",
    "sigmoid",
    "sigmoid_gradient",
    "tanh",
    "tanh_gradient",
    "tie_translation",
    "updated_statistics",
    "windows",
]
