"""The families: what is sought among what, on what, in photos of which size; and the folder that they become.

Every photo has a random generator of its own, of the seed, the family and the photo's number, so that a family is the
same whichever others are made.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from .. import truth
from ..truth import Boxes, Family, Photo, Pixels
from . import drawn, sprites
from .compose import Light, Thing, compose
from .drawn import Draw
from .sprites import MissingError, glyph
from .surface import coloured, grain, hue, texture

Rng = np.random.Generator
Shot = tuple[Pixels, Boxes]
QUALITY = 90
"""Of the JPEG files."""


@dataclass(frozen=True)
class Recipe:
    """How a family is made.

    Args:
        name, target, rotation: as ``truth.json`` says them.
        shoot: makes photo ``number`` with a generator; ``sought`` false: without an instance. A ValueError says that
            there is none such.
        photos: how many.
        empty: how many photos without an instance there are besides.
        named: made only when it is asked for by name.
    """

    name: str
    target: str
    rotation: float
    shoot: Callable[[Rng, int, bool], Shot]
    photos: int = 3
    empty: int = 1
    named: bool = False


@dataclass(frozen=True)
class Crowd:
    """Counts of a photo: how many are sought, how many others there are, and how long their longer sides are.

    ``far``: how much farther away the farthest are than the nearest, so that their sides are divided by up to so much.
    """

    size: tuple[int, int]
    sought: tuple[int, int]
    others: int
    sides: tuple[float, float]
    closeness: float
    light: Light
    far: float = 1.0

    def side(self, rng: Rng) -> float:
        """The longer side of one of them; of those that are far every doubling is as likely as another."""
        near = rng.uniform(*self.sides)
        return near if self.far == 1 else near / self.far ** rng.random()


def scattered(
    rng: Rng,
    crowd: Crowd,
    rotation: float,
    sought: Sequence[Image.Image],
    others: Sequence[Image.Image],
    surface: Callable[[], np.ndarray],
) -> Shot:
    """Lay a crowd down: pictures of what is sought and of the others are taken at random, turned and resized."""
    things = []
    count = int(rng.integers(crowd.sought[0], crowd.sought[1] + 1)) if len(sought) else 0
    for wanted, pictures, number in ((True, sought, count), (False, others, crowd.others)):
        for _ in range(number):
            picture = pictures[int(rng.integers(len(pictures)))]
            things.append(Thing(picture, wanted, crowd.side(rng), rng.uniform(-rotation, rotation)))
    mixed = [things[i] for i in rng.permutation(len(things))]
    return compose(surface(), mixed, crowd.closeness, crowd.light, rng)


# ---- emoji ----

FACES = (
    "😀😁😂🤣😃😄😅😆😉😊😋😎😍😘😗😙😚🙂🤗🤔😐😑😶🙄😏😣😥😮🤐😯😪😫😴😌😛😜😝🤤😒😓"
    "😔😕🙃🤑😲🙁😖😞😟😤😢😭😦😧😨😩😬😰😱😳😵😡😠🤠🤡🤥🤓"
)
ANIMALS = "🐶🐱🐭🐹🐰🦊🐻🐼🐨🐯🦁🐮🐷🐸🐵🐔🐧🐦🦆🦉🐺🐗🐴🐝🐛🐌🐞🐢🐍🦎🐙🦑🦀🐡🐠🐟🐬🐳🐊🐅🐘🐪🐑🐐🦌"
PEOPLE = "👮👷💂👶👦👧👨👩👴👵👸🤴👼🎅🤶🙋🙅🙆💁🤷🙎🧙🧚🧛🧜🧝🧞🧟"
OBJECTS = "🍎🍊🍋🍌🍉🍇🍓🍒🍍🥝🍅🥑🥒🥕🌽🍞🧀🍖🍔🍟🍕🌭⚽🏀🏈⚾🎾🏐🎱🎁🎈📷🔑🚗🚕🚑🚒🚜🚲⏰🌵🌲🍁🍄🌻"


def _emoji(target: str, kin: str, crowd: Crowd, rng: Rng, number: int, sought: bool) -> Shot:
    kin_pictures = [glyph(one) for one in kin if one != target]
    rest = [glyph(one) for one in FACES + ANIMALS + PEOPLE + OBJECTS if one != target]
    # half of the others are of the target's own kind
    pool = [*kin_pictures, *(rest[int(i)] for i in rng.permutation(len(rest))[: len(kin_pictures)])]
    pattern = texture(sprites.photographs()["grass"], rng, crowd.size, 1.3)
    colour = hue(rng, 0.4, 0.6)
    made = [glyph(target)] if sought else []
    return scattered(rng, crowd, 30, made, pool, lambda: coloured(pattern, colour, 0.06, rng))


# ---- seeds and parts ----

SEEDS: tuple[Draw, ...] = (drawn.brown_bean, drawn.date_stone, drawn.lentil, drawn.pumpkin_seed)
PARTS: tuple[Draw, ...] = (
    drawn.nail,
    drawn.pin,
    drawn.bolt,
    drawn.nut,
    drawn.washer,
    drawn.brass_ring,
    drawn.star,
)
ALL_SEEDS, ALL_PARTS = (*SEEDS, drawn.coffee_bean), (*PARTS, drawn.screw)
VARIANTS = 12
"""Drawings of each kind in a photo."""


def crowded(
    target: Draw, others: Sequence[Draw], crowd: Crowd, same: bool, rng: Rng, number: int, sought: bool
) -> Shot:
    made = [target(rng) for _ in range(3 * VARIANTS)] if sought else []
    rest = [draw(rng) for draw in others for _ in range(VARIANTS)]
    shared = np.random.default_rng(7)
    colour = hue(shared, 0.25, 0.55) if same else hue(rng, 0.4, 0.6)
    stretch = 6.0 if same else float(rng.choice([1.0, 3.0, 8.0]))
    contrast = 0.05 if same else float(rng.uniform(0.03, 0.1))
    return scattered(
        rng, crowd, 180, made, rest, lambda: coloured(grain(rng, crowd.size, stretch), colour, contrast, rng)
    )


# ---- faces and clothes ----


def _faces(rng: Rng, number: int, sought: bool) -> Shot:
    faces, pieces = sprites.faces()
    crowd = Crowd((1000, 800), (20, 30), 30, (36, 52), 0.95, Light(shadow=0.2, gains=0.1))
    photographs = sprites.photographs()
    name = ("gravel", "grass", "brick", "gravel")[number % 4]
    pattern = texture(photographs[name], rng, crowd.size, 1.5)
    # nobody is in two photos
    own = faces[number % 4 :: 4] if sought else []
    grey = np.full(3, rng.uniform(90, 150), np.float32)
    return scattered(rng, crowd, 15, own, pieces[number % 4 :: 4], lambda: coloured(pattern, grey, 0.3, rng))


DRESS, SANDAL, SNEAKER, CLASSES = 3, 5, 7, 10


def _clothes(wanted: int, rng: Rng, number: int, sought: bool) -> Shot:
    crowd = Crowd((1000, 800), (20, 28), 50, (50, 72), 0.9, Light(shadow=0.25))
    own = sprites.clothes(wanted)[number % 4 :: 4] if sought else []
    rest = [one for kind in range(CLASSES) if kind != wanted for one in sprites.clothes(kind)[number % 4 :: 4][:20]]
    colour = hue(rng, 0.3, 0.65)
    return scattered(rng, crowd, 15, own, rest, lambda: coloured(grain(rng, crowd.size), colour, 0.05, rng))


# ---- coins ----

COINS = (
    (22, 35, 45, 39),
    (81, 39, 39, 35),
    (132, 28, 47, 46),
    (192, 30, 48, 43),
    (255, 34, 42, 38),
    (305, 16, 60, 56),
    (25, 104, 42, 41),
    (84, 108, 38, 37),
    (134, 110, 39, 35),
    (186, 105, 40, 39),
    (245, 95, 51, 49),
    (317, 106, 39, 39),
    (26, 179, 37, 38),
    (80, 175, 44, 42),
    (135, 179, 39, 38),
    (189, 170, 48, 47),
    (251, 172, 46, 45),
    (315, 156, 65, 62),
    (18, 233, 57, 55),
    (93, 245, 43, 42),
    (144, 236, 57, 52),
    (220, 240, 49, 48),
    (276, 239, 50, 50),
    (336, 248, 46, 41),
)
"""Left, top, width, height of scikit-image's coins: regions of a watershed on its edges, looked at one by one."""
MIDDLE = 150
"""The row between the second and the third row of coins."""


def _coins(rng: Rng, number: int, sought: bool) -> Shot:
    if not sought:
        raise ValueError("the photograph has no part without coins that is large enough")
    half = sprites.coins()[:MIDDLE] if number == 0 else sprites.coins()[MIDDLE:]
    boxes = np.array([(x, y - number * MIDDLE, w, h) for x, y, w, h in COINS if (y > MIDDLE) == bool(number)], float)
    return np.repeat(half[..., None], 3, 2), boxes


# ---- all of them ----

LIGHT = Light()
EMOJI = Crowd((1400, 1050), (14, 30), 260, (44, 66), 0.78, Light(shadow=0.3))
ONE = Crowd((1400, 1050), (1, 1), 290, (46, 66), 0.78, Light(shadow=0.3))
BEANS = Crowd((900, 700), (90, 120), 120, (22, 32), 0.78, LIGHT)
SCREWS = Crowd((1000, 800), (45, 65), 70, (38, 54), 0.75, Light(shadow=0.45))
SPREAD = Crowd((1200, 900), (45, 60), 70, (76, 84), 0.9, LIGHT, far=4.0)
"""Sides of 20 to 84 pixels: one working scale is too few."""
THOUSANDS = Crowd((4000, 3000), (5000, 5000), 2500, (22, 32), 0.78, LIGHT)


def _among(target: Draw, kinds: Sequence[Draw], crowd: Crowd, same: bool) -> Callable[[Rng, int, bool], Shot]:
    """One of some kinds among the others."""
    return partial(crowded, target, [kind for kind in kinds if kind is not target], crowd, same)


def _thousands(rng: Rng, number: int, sought: bool) -> Shot:
    """Two small photos to learn from, and one of 12 megapixels with 5,000 objects."""
    crowd = BEANS if number < 2 and sought else THOUSANDS
    return crowded(drawn.coffee_bean, SEEDS, crowd, True, rng, number, sought)


RECIPES: tuple[Recipe, ...] = (
    Recipe("emoji face", "😎", 30, partial(_emoji, "😎", FACES, EMOJI)),
    Recipe("emoji animal", "🐸", 30, partial(_emoji, "🐸", ANIMALS, EMOJI)),
    Recipe("one Waldo", "🕵", 30, partial(_emoji, "🕵", PEOPLE, ONE), photos=4),
    Recipe("seeds", "coffee bean", 180, partial(crowded, drawn.coffee_bean, SEEDS, BEANS, False)),
    Recipe("screws, same surface", "screw", 180, partial(crowded, drawn.screw, PARTS, SCREWS, True)),
    Recipe("screws, other surfaces", "screw", 180, partial(crowded, drawn.screw, PARTS, SCREWS, False)),
    Recipe("faces", "face", 15, _faces),
    Recipe("sneakers", "sneaker", 15, partial(_clothes, SNEAKER)),
    Recipe("coins", "coin", 0, _coins, photos=2, empty=0),
    Recipe(
        "near and far, seeds", "coffee bean", 180, partial(crowded, drawn.coffee_bean, SEEDS, SPREAD, False), named=True
    ),
    Recipe("near and far, emoji", "😎", 30, partial(_emoji, "😎", FACES, SPREAD), named=True),
    Recipe("thousands", "coffee bean", 180, _thousands, named=True),
    # with seed 1 nothing was chosen on these: they say what is to be expected elsewhere
    Recipe("other targets, angry face", "😡", 30, partial(_emoji, "😡", FACES, EMOJI), named=True),
    Recipe("other targets, panda", "🐼", 30, partial(_emoji, "🐼", ANIMALS, EMOJI), named=True),
    Recipe("other targets, one Santa", "🎅", 30, partial(_emoji, "🎅", PEOPLE, ONE), photos=4, named=True),
    Recipe(
        "other targets, date stones", "date stone", 180, _among(drawn.date_stone, ALL_SEEDS, BEANS, False), named=True
    ),
    Recipe(
        "other targets, rings, same surface", "ring", 180, _among(drawn.brass_ring, ALL_PARTS, SCREWS, True), named=True
    ),
    Recipe(
        "other targets, stars, other surfaces", "star", 180, _among(drawn.star, ALL_PARTS, SCREWS, False), named=True
    ),
    Recipe("other targets, faces", "face", 15, _faces, named=True),
    Recipe("other targets, sandals", "sandal", 15, partial(_clothes, SANDAL), named=True),
    Recipe("other targets, dresses", "dress", 15, partial(_clothes, DRESS), named=True),
)


def make(folder: Path, seed: int = 0, recipes: Sequence[Recipe] | None = None) -> tuple[list[Family], dict[str, str]]:
    """Make families in a folder: their photos and ``truth.json``.

    Args:
        folder: is made; what is in it stays.
        seed: of everything.
        recipes: which; all but those that are made when they are named, where none are given.

    Returns:
        The families, and the reason of each that could not be made, by its name.
    """
    folder.mkdir(parents=True, exist_ok=True)
    families, missing = [], {}
    for recipe in recipes if recipes is not None else [one for one in RECIPES if not one.named]:
        try:
            families.append(_family(folder, seed, recipe))
        except MissingError as error:
            missing[recipe.name] = str(error)
    truth.write(folder, families)
    return families, missing


def _family(folder: Path, seed: int, recipe: Recipe) -> Family:
    photos: dict[bool, list[Photo]] = {True: [], False: []}
    for sought, count in ((True, recipe.photos), (False, recipe.empty)):
        for number in range(count):
            # empty photos are numbered on, so that what varies with the number is not that of the first photo
            place = number if sought else recipe.photos + number
            rng = np.random.default_rng([seed, zlib.crc32(recipe.name.encode()), place])
            pixels, boxes = recipe.shoot(rng, place, sought)
            word = recipe.name.replace(",", "").replace(" ", "_").lower()
            path = folder / f"{word}_{number if sought else f'empty_{number}'}.jpg"
            Image.fromarray(pixels).save(path, quality=QUALITY, subsampling=0)
            photos[sought].append(Photo(path, boxes))
    return Family(recipe.name, recipe.target, recipe.rotation, tuple(photos[True]), tuple(photos[False]))
