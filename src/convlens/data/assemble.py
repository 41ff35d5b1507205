"""From decoded splits to a data set: hold out, look for trouble, measure, note.

The one place through which every source passes, so that every source gets the same checks.  Knows no file format.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import cast

import numpy as np
from numpy.typing import NDArray

from convlens.data.dataset import Dataset, Note, Split
from convlens.data.duplicates import duplicate_notes
from convlens.data.errors import DataError
from convlens.data.holdout import hold_out
from convlens.data.preprocessing import SCALES, Preprocessing, kind_of
from convlens.data.survey import Survey, survey

# A class with ten times the examples of another is worth a word: always guessing it already looks like learning.
IMBALANCE = 10


def assemble(
    name: str,
    classes: Sequence[str],
    parts: Mapping[str, Split],
    notes: Sequence[Note],
    *,
    val: float,
    seed: int,
    preprocessing: Preprocessing | None = None,
    rate: int | None = None,
) -> Dataset:
    """Make a data set of decoded splits.

    Args:
        name: what the set is called.
        classes: the name of each label.
        parts: the splits by name; "train" must be there, "val" and "test" may.
        notes: what the reader noticed.
        val: fraction of the training examples to set aside where there is no "val".
        seed: decides which.
        preprocessing: where it does not follow from what the training split measures.
        rate: samples a second, of sounds.

    Returns:
        The set, with the reader's notes and those that come to light here.

    Raises:
        DataError: there is nothing to train on, or the splits do not fit each other.
    """
    parts = {part: split for part, split in parts.items() if len(split)}
    if "train" not in parts:
        raise DataError(f"{name} holds no training examples that can be read; {_why(notes)}")
    train = parts["train"]
    for part, split in parts.items():
        if (split.shape, split.dtype) != (train.shape, train.dtype):
            raise DataError(
                f"the {part} split of {name} holds {split.dtype} of shape {split.shape} and the train split "
                f"{train.dtype} of shape {train.shape}; make them the same"
            )
    notes = list(notes)
    surveys = {part: survey(split) for part, split in parts.items()}
    if "val" not in parts:
        parts, surveys, said = _set_aside(parts, surveys, val, seed)
        notes += said
    notes += class_notes(classes, parts)
    notes += duplicate_notes(parts, {part: s.digests for part, s in surveys.items()}, classes)
    if preprocessing is None:
        preprocessing, said = preprocessing_of(parts["train"], surveys["train"])
        preprocessing, notes = replace(preprocessing, rate=rate), [*notes, *said]
    return Dataset(
        name=name,
        kind=preprocessing.kind,
        classes=tuple(classes),
        train=parts["train"],
        val=parts.get("val"),
        test=parts.get("test"),
        notes=tuple(notes),
        preprocessing=preprocessing,
        ranges={part: s.range for part, s in surveys.items()},
    )


def _why(notes: Sequence[Note]) -> str:
    return "; ".join(str(note) for note in notes[:3]) or "see what it should look like in the documentation"


def _set_aside(
    parts: Mapping[str, Split], surveys: Mapping[str, Survey], fraction: float, seed: int
) -> tuple[dict[str, Split], dict[str, Survey], list[Note]]:
    """Split val off train; an example whose twin stays in train stays too, so that the cut itself makes no leak."""
    train, measured = parts["train"], surveys["train"]
    chosen = hold_out(train.y, fraction, seed)
    rest = np.setdiff1d(np.arange(len(train)), chosen)
    kept = {measured.digests[i] for i in rest}
    alone = np.array([measured.digests[i] not in kept for i in chosen], bool)
    back = len(chosen) - int(alone.sum())
    chosen = chosen[alone]
    notes = []
    if not len(chosen):
        if fraction:
            notes.append(Note("split", "no class has two different examples, so none could be set aside as val"))
        return dict(parts), dict(surveys), notes
    rest = np.setdiff1d(np.arange(len(train)), chosen)
    text = f"{len(chosen):,} of {len(train):,} training examples are set aside as val, class by class (seed {seed})"
    if back:
        text += f"; {back:,} that equal one in train stayed there"
    new = {"train": train.take(rest), "val": train.take(chosen)}
    seen = {"train": measured.take(rest), "val": measured.take(chosen)}
    others = {part: split for part, split in parts.items() if part != "train"}
    other_surveys = {part: s for part, s in surveys.items() if part != "train"}
    return {**new, **others}, {**seen, **other_surveys}, [Note("split", text)]


def class_notes(classes: Sequence[str], parts: Mapping[str, Split]) -> list[Note]:
    """Note classes that a split lacks, a set of a single class, and great imbalance in train."""
    notes = []
    counts = {part: np.bincount(split.y, minlength=len(classes)) for part, split in parts.items()}
    for part, count in counts.items():
        missing = tuple(classes[k] for k in np.flatnonzero(count == 0).tolist())
        if missing:
            shown = ", ".join(missing[:5]) + (", ..." if len(missing) > 5 else "")
            notes.append(Note("empty class", f"{part} has no examples of {shown}", missing))
    if len(classes) == 1:
        notes.append(Note("one class", f"there is only one class, {classes[0]}, so there is nothing to tell apart"))
    present: NDArray[np.int64] = counts["train"][counts["train"] > 0]
    if len(present) and present.max() >= IMBALANCE * present.min():
        most, least = int(counts["train"].argmax()), int(np.flatnonzero(counts["train"] == present.min())[0])
        text = f"train has {present.max():,} examples of {classes[most]} and {present.min():,} of {classes[least]}"
        notes.append(Note("imbalance", text, (classes[most], classes[least])))
    return notes


def preprocessing_of(train: Split, measured: Survey) -> tuple[Preprocessing, list[Note]]:
    """Derive the preprocessing from the training split alone; a channel that does not vary gets std 1 and a note."""
    scale = SCALES[train.dtype.name]
    mean, std = (moment / scale for moment in measured.moments())
    flat = np.flatnonzero(std == 0)
    notes = []
    if len(flat):
        names = tuple(f"channel {k}" for k in flat)
        notes.append(Note("constant", f"{', '.join(names)} never varies in train, so its std is taken as 1", names))
    if not (np.isfinite(mean).all() and np.isfinite(std).all()):
        raise DataError("the training values are too large to average; divide them before saving")
    std[flat] = 1.0
    shape = train.shape
    means, stds = (cast(list[float], v.tolist()) for v in (mean, std))
    return Preprocessing(kind_of(shape), shape, train.dtype.name, scale, tuple(means), tuple(stds)), notes
