"""Labelled signals, texts, pictures, volumes and short videos, and marks in pictures: read, checked, oddities noted.

    load("fashion-mnist"), load("my_pictures/"), load("set.npz"), load("GunPoint_TRAIN.ts")

Importing this needs no torch; `convlens.data.stream`, which makes batches, does.
"""

from convlens.data.cell_set import CellSet, CellSplit
from convlens.data.dataset import ArraySplit, Dataset, FileSplit, Note, Preprocessing, Split
from convlens.data.describe import describe
from convlens.data.errors import DataError, PictureError
from convlens.data.load import load, read_example, text_example
from convlens.data.load_set import load_set
from convlens.data.marks import Mark, MarksError, append_marks, check_marks, read_marks, write_marks
from convlens.data.source import Source, open_picture
from convlens.data.texts import read_lines

__all__ = [
    "ArraySplit",
    "CellSet",
    "CellSplit",
    "DataError",
    "Dataset",
    "FileSplit",
    "Mark",
    "MarksError",
    "Note",
    "PictureError",
    "Preprocessing",
    "Source",
    "Split",
    "append_marks",
    "check_marks",
    "describe",
    "load",
    "load_set",
    "open_picture",
    "read_example",
    "read_lines",
    "read_marks",
    "text_example",
    "write_marks",
]
