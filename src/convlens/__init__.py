"""convlens: a convolutional network is a value, and it has readings.

``convlens.network`` is the value (standard library only), ``convlens.reference`` what it means (plain loops),
``convlens.nn`` how PyTorch runs it. Importing this package imports neither numpy nor torch.
"""

__version__ = "0.1.0"
