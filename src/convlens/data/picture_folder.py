"""Class folders of pictures: how one is read, and what is said about bringing all to one form."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from convlens.data.class_folder import Common, Found, Medium, told
from convlens.data.conform import Look, can_become, common_form
from convlens.data.dataset import Note
from convlens.data.pictures import read_picture

REMARKS = {
    "frames": "hold several frames or pages, of which the first is taken",
    "transparent": "are partly transparent and were laid over white",
    "reduced": "have 16-bit colour, of which 8 bits are read; save them as TIFF to keep all",
    "nan": "hold NaN or infinite pixels, which are replaced by the mean",
}


def channels_fit(look: Look, form: Common) -> bool:
    """Whether the channels of one that looks so can become those of the form."""
    return can_become(look.shape[0], form.shape[0])


def form_notes(found: Sequence[Found], usable: Sequence[Found], form: Common) -> list[Note]:
    """Say what had to be changed to give all pictures one form, and which could not be."""
    height, width = form.shape[1:]
    sizes = Counter(f.look.shape[1:] for f in usable)
    scales = f"were brought to {form.dtype}, full brightness to full brightness (255, 65535, 1.0)"
    resized = f"were resized to {height}x{width} (of {len(sizes)} sizes; proportions are not kept)"
    return [
        *channel_notes(found, usable, form, "pictures"),
        *told("mixed types", scales, usable, lambda f: f.look.dtype != form.dtype, "pictures"),
        *told("resized", resized, usable, lambda f: f.look.shape[1:] != form.shape[1:], "pictures"),
    ]


def channel_notes(found: Sequence[Found], usable: Sequence[Found], form: Common, nouns: str) -> list[Note]:
    """Say which were left out for their channels, and which were made grey or RGB."""
    left_out = {id(f) for f in found} - {id(f) for f in usable}
    wanted = form.shape[0]
    cannot = f"have channels that cannot become {wanted}, and are left out"
    return [
        *told("skipped", cannot, found, lambda f: id(f) in left_out, nouns),
        *told(
            "mixed channels",
            f"were made {'grey' if wanted == 1 else 'RGB'}",
            usable,
            lambda f: f.look.shape[0] != wanted,
            nouns,
        ),
    ]


PICTURES = Medium("picture", read_picture, common_form, channels_fit, form_notes, REMARKS)
"""Of every picture the first frame, brought to the most common size."""
