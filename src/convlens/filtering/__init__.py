"""One kernel over anything: pictures, signals, volumes; kernels with names, and files in and out.

convlens.filter(photo, "gaussian 9"), convlens.filter(signal, [1, 0, -1], border="edge")
"""

from convlens.filtering.errors import FilterError
from convlens.filtering.gallery import GALLERY
from convlens.filtering.notation import kernel
from convlens.filtering.sliding import filter

__all__ = ["GALLERY", "FilterError", "filter", "kernel"]
