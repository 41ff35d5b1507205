"""Make scenes of our own: ``python -m benchmarks.finding.scenes FOLDER [--family WORD] [--seed N]``.

Families that are made of packages which are not installed are left out and named. ``--family thousands`` makes the
one with 5,000 objects in a photo of 12 megapixels, ``--family near`` those with things of 20 to 84 pixels, ``--family
"other targets" --seed 1`` those on which nothing of the finder was chosen.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from .families import RECIPES, make


def main() -> None:
    """Make what the command line names."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.finding.scenes",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    parser.add_argument(
        "--family", action="append", default=[], metavar="WORD", help="families with this in their name"
    )
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    named = [one for one in RECIPES if any(word in one.name for word in given.family)]
    if given.family and not named:
        parser.error(f"there is no such family; there are {', '.join(one.name for one in RECIPES)}")
    families, missing = make(given.folder, given.seed, named or None)
    for family in families:
        counts = ", ".join(str(len(photo.boxes)) for photo in family.photos)
        print(f"{family.name}: {family.target}, {counts} in {len(family.photos)} photos, {len(family.empty)} without")
    for name, reason in missing.items():
        print(f"{name}: left out, {reason}")


if __name__ == "__main__":
    main()
