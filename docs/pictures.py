"""Draws the pictures of these pages: ``python docs/pictures.py [FOLDER]``, by default into docs/pictures.

It needs two packages that convlens does not: ``pip install scikit-image matplotlib``. The photograph is scikit-image's
``camera``, given to the public domain (CC0) by its photographer, Lav Varshney.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path

import matplotlib
import numpy as np
import torch
from PIL import Image
from skimage import data

from convlens.filtering import animate, compare
from convlens.finding import Finder
from convlens.finding.overlay import DARK, colour
from convlens.network import cells, fields, named, print_layer
from convlens.nn import Conv2d

matplotlib.use("Agg")
from matplotlib import pyplot as plt
from matplotlib.patches import Rectangle

HERE = Path(__file__).parent / "pictures"
EXAMPLES = Path(__file__).parents[1] / "examples"

KERNELS = {
    "as it is": [[0, 0, 0], [0, 1, 0], [0, 0, 0]],
    "blur": [[1 / 9] * 3] * 3,
    "sharpen": [[0, -1, 0], [-1, 5, -1], [0, -1, 0]],
    "vertical edges": [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]],
    "horizontal edges": [[-1, -2, -1], [0, 0, 0], [1, 2, 1]],
    "every edge": [[0, 1, 0], [1, -4, 1], [0, 1, 0]],
}
"""Six kernels by hand. Those that add up to 1 keep the brightness; those that add up to 0 make flat places 0."""

GREY, SEEN, NEXT = "#e6e8eb", "#2b6cb0", "#c2410c"


def photograph() -> np.ndarray:
    """The man and his camera at half size, (190, 190), brightness 0 to 1."""
    small = Image.fromarray(data.camera()).resize((256, 256), Image.Resampling.BOX)
    return np.asarray(small, np.float32)[30:220, 30:220] / 255


def filtered(picture: np.ndarray) -> np.ndarray:
    """One conv layer with six output channels, its kernels written by hand: (6, H - 2, W - 2)."""
    conv = Conv2d(1, len(KERNELS), 3, bias=False)
    conv.load_state_dict({"weight": torch.tensor(list(KERNELS.values()))[:, None].float()})
    with torch.no_grad():
        return np.asarray(conv(torch.from_numpy(picture)[None, None])[0])


def draw_kernels() -> plt.Figure:
    """The photograph under each kernel; where a kernel adds up to 0, grey is 0, white above and black below."""
    figure, axes = plt.subplots(2, 3, figsize=(6.6, 5.6), layout="constrained")
    figure.get_layout_engine().set(hspace=0.06)
    for ax, (name, kernel), plane in zip(axes.flat, KERNELS.items(), filtered(photograph()), strict=True):
        centred = abs(np.sum(kernel)) < 1e-6
        reach = np.quantile(np.abs(plane), 0.99)
        ax.imshow(plane, cmap="gray", vmin=-reach if centred else 0, vmax=reach if centred else 1)
        rows = "\n".join(" ".join("1/9" if 0 < v < 1 else f"{v:2g}" for v in row) for row in kernel)
        ax.set_title(name, fontsize=10, loc="left")
        ax.set_xlabel(rows, fontsize=8, family="monospace", loc="left", linespacing=1.25)
        ax.set(xticks=[], yticks=[])
        ax.spines[:].set_visible(False)
    return figure


def draw_field() -> plt.Figure:
    """What one unit of lenet sees after each layer that widens its view, and what its right neighbour sees."""
    net = named("lenet")
    after = [(0, (13, 13)), (2, (6, 6)), (3, (4, 4)), (5, (2, 2)), (7, (0,))]
    figure, axes = plt.subplots(1, len(after), figsize=(11, 2.75), layout="constrained")
    for ax, (layer, unit) in zip(axes, after, strict=True):
        field = fields(net)[layer + 1][0]
        ax.add_patch(Rectangle((-2, -2), 32, 32, facecolor="none", edgecolor="#9aa3ad", linestyle=":"))
        ax.add_patch(Rectangle((0, 0), 28, 28, facecolor=GREY))
        for row in cells(net, unit, layer + 1)[0]:
            for column in cells(net, unit, layer + 1)[1]:
                ax.add_patch(Rectangle((column, row), 1, 1, facecolor=SEEN, edgecolor="white", linewidth=0.3))
        if field.jump:
            row, column = (field.span(u, u)[0] for u in (unit[0], unit[1] + 1))
            ax.add_patch(
                Rectangle((column, row), field.size, field.size, facecolor="none", edgecolor=NEXT, linewidth=1.6)
            )
        ax.set(xlim=(-2.5, 30.5), ylim=(30.5, -2.5), aspect="equal")
        ax.axis("off")
        ax.set_title(print_layer(net.layers[layer]), fontsize=10, family="monospace")
        shown = f"sees {field.size} x {field.size}, jump {field.jump}" if field.jump else "every unit sees all 28 x 28"
        ax.text(14, 31.5, shown, fontsize=9, ha="center", va="top")
    return figure


def tell(path: Path) -> None:
    """Say what was written."""
    print(f"{path}  {path.stat().st_size / 1000:.0f} kB")


def animations(folder: Path) -> None:
    """Kernels at work, step by step."""
    coins = np.asarray(Image.open(EXAMPLES / "coins.png").convert("L"))
    planes = np.random.default_rng(2).integers(0, 6, (4, 4, 3))
    bar = np.array([[0, 0, 9, 9, 9]] * 3 + [[0, 0, 0, 9, 9]] * 2)
    films = {
        "correlation.svg": animate(np.arange(9).reshape(3, 3), "0 1; 2 3"),
        "convolution.svg": animate(np.arange(9).reshape(3, 3), "0 1; 2 3", flip=True),
        "edges.svg": animate(bar, "1 0 -1; 2 0 -2; 1 0 -1", pad=1, stride=2),
        "channels.svg": animate(planes, "1 0; 0 1 | 1 1; 1 1 | 0 1; -1 0"),
        "comparison.svg": compare([0, 0, 3, 2, 1, 0, 0, 1], [3, 2, 1], seconds=0.7),
        "coins.gif": animate(coins, "sobel", pad=1, frames=54, width=640),
    }
    for name, film in films.items():
        film.save(folder / name)
        tell(folder / name)


def found(folder: Path) -> None:
    """What the marks of the examples find, in few greys and the colours of the boxes."""
    colours = [DARK, *(colour(share) for share in np.linspace(0, 1, 13)), *((grey,) * 3 for grey in range(0, 256, 9))]
    palette = Image.new("P", (1, 1))
    palette.putpalette([level for one in colours for level in one])
    # of the page the paragraph, of the coins all
    for example, name, shown in (("coins", "coins.png", 1.0), ("page", "letters.png", 0.9)):
        picture = EXAMPLES / f"{example}.png"
        drawn = Finder.fit([picture], EXAMPLES / f"{example}.csv").find(picture).draw(longest=1200)
        few = drawn.crop((0, 0, drawn.width, round(shown * drawn.height)))
        few.quantize(palette=palette, dither=Image.Dither.NONE).save(folder / name, optimize=True)
        tell(folder / name)


def save(figure: plt.Figure, path: Path, greys: int | None = None) -> None:
    """Write a PNG of few colours, a quarter of the bytes and the same to the eye: evenly spaced greys, or a palette."""
    buffer = io.BytesIO()
    figure.savefig(buffer, dpi=100)
    plt.close(figure)
    picture = Image.open(buffer).convert("RGB")
    if greys:
        step = 255 / (greys - 1)
        picture = picture.convert("L").point([round(round(v / step) * step) for v in range(256)])
    picture.quantize(greys or 32, dither=Image.Dither.NONE).save(path, optimize=True)
    tell(path)


def main() -> None:
    """Draw all."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE
    folder.mkdir(parents=True, exist_ok=True)
    save(draw_kernels(), folder / "kernels.png", greys=32)
    save(draw_field(), folder / "lenet-field.png")
    animations(folder)
    found(folder)


if __name__ == "__main__":
    main()
