"""The colours of figures, as eyes that lack one kind of cones see them."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import ImageColor

from convlens.filtering.figures.look import INK, INPUT, KERNEL, MUTED, OUTPUT, PAPER, PRODUCT, RED

# Machado, Oliveira and Fernandes 2009, at full severity, for linear red, green and blue
SEEN = {
    "everybody": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "tritanopia": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}
XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])


def linear(colour: str) -> NDArray[np.float64]:
    part = np.array(ImageColor.getrgb(colour)) / 255
    return np.where(part <= 0.04045, part / 12.92, ((part + 0.055) / 1.055) ** 2.4)


def lab(colour: str, eyes: str) -> NDArray[np.float64]:
    x, y, z = XYZ @ (SEEN[eyes] @ linear(colour)).clip(0, 1) / XYZ.sum(1)
    x, y, z = (np.cbrt(v) if v > 0.008856 else 7.787 * v + 16 / 116 for v in (x, y, z))
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("eyes", SEEN)
def test_input_kernel_products_and_output_are_told_apart(eyes: str) -> None:
    meanings = (INPUT.strong, KERNEL.strong, OUTPUT.strong, PRODUCT.strong)
    for a, b in combinations(meanings, 2):
        assert np.linalg.norm(lab(a, eyes) - lab(b, eyes)) > 15, (a, b)


def contrast(a: str, b: str) -> float:
    light, dark = sorted((float(XYZ[1] @ linear(colour)) for colour in (a, b)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_letters_are_read_on_what_they_stand_on() -> None:
    """WCAG asks for 4.5 to 1."""
    for hue in (INPUT, KERNEL, OUTPUT, PRODUCT, RED):
        assert contrast(INK, hue.pale) > 4.5
        assert contrast(INK, hue.strong) > 4.5
        assert contrast(hue.dark, PAPER) > 4.5
    assert contrast(MUTED, PAPER) > 4.5
    assert contrast(MUTED, PRODUCT.pale) > 4.5
