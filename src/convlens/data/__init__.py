"""Labelled signals, pictures and volumes: read from whatever holds them, checked, and noted where they are odd.

    load("fashion-mnist"), load("my_pictures/"), load("set.npz"), load("GunPoint_TRAIN.ts")

Importing this needs no torch; `convlens.data.stream`, which makes batches, does.
"""

from convlens.data.dataset import ArraySplit, Dataset, FileSplit, Note, Preprocessing, Split
from convlens.data.errors import DataError, PictureError
from convlens.data.load import describe, load, read_example

__all__ = [
    "ArraySplit",
    "DataError",
    "Dataset",
    "FileSplit",
    "Note",
    "PictureError",
    "Preprocessing",
    "Split",
    "describe",
    "load",
    "read_example",
]
