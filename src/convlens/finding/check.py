"""A spot check as a person meets it: a sheet of numbered crops, a table for the answers, and what the answers say.

The order is shuffled and no score is shown on the sheet, so that nothing but the picture suggests an answer. The
statistics are in ``spotcheck.py``.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from convlens.data import Mark
from convlens.data.atomic import replace
from convlens.data.mark import number
from convlens.training.report_page import whole
from convlens.training.report_pictures import sheet
from convlens.training.report_text import section, text

from .additions import fresh
from .errors import FindingError
from .places import SIDE, Place, crops
from .results import Result, Results
from .search import STATE
from .spotcheck import Candidate, Stratum, Verdict, judge, plan

SHEET, PAGE, ANSWERS = "check.png", "check.html", "answers.csv"
COLUMNS = ("number", "image", "x", "y", "w", "h", "score", "answer")
YES, NO = ("yes", "y", "1", "true"), ("no", "n", "0", "false")
ACROSS = 8


@dataclass(frozen=True, eq=False)
class Check:
    """What is to be looked at: numbered from 1 in the order of ``order``, pairs of a stratum and a place in it."""

    results: tuple[Result, ...]
    strata: tuple[Stratum, ...]
    order: tuple[tuple[int, int], ...]

    @classmethod
    def of(cls, folder: Path, samples: int, seed: int) -> Check:
        """Choose from what a search left in its folder of outputs.

        Raises:
            FindingError: there was no search, or it found nothing to look at.
        """
        results = tuple(r for r in Results.reopened(folder / STATE) if r.finds is not None)
        strata = plan([r.finds for r in results if r.finds is not None], samples, seed)
        places = [(at, k) for at, stratum in enumerate(strata) for k in range(len(stratum.samples))]
        shuffled = np.random.default_rng((seed, 1)).permutation(len(places))
        return cls(results, strata, tuple(places[i] for i in shuffled))

    @property
    def candidates(self) -> list[Candidate]:
        """In the order of their numbers."""
        return [self.strata[at].samples[k] for at, k in self.order]

    def judge(self, answers: Mapping[int, bool]) -> Verdict:
        """What the answers, by number, say.

        Raises:
            FindingError: too few were answered.
        """
        said: list[list[bool | None]] = [[None] * len(stratum.samples) for stratum in self.strata]
        for at, (stratum, place) in enumerate(self.order, 1):
            said[stratum][place] = answers.get(at)
        return judge(self.strata, said)

    def news(self, answers: Mapping[int, bool], marks: Sequence[Mark]) -> tuple[list[Mark], list[int]]:
        """The answers as marks: yes is an ``object``, no a ``not``; of places that bear a mark already there are none.

        Args:
            answers: by number.
            marks: that there are already.

        Returns:
            The new marks, and the numbers of the places whose mark says the contrary.
        """
        names = [result.image for result in self.results]
        said, numbers = [], []
        for at, c in enumerate(self.candidates, 1):
            if at in answers:
                x, y, w, h = (round(n, 2) for n in c.box)
                said.append(Mark(names[c.picture], "object" if answers[at] else "not", x, y, w, h))
                numbers.append(at)
        new, contrary = fresh(said, marks, names)
        return [said[k] for k in new], [numbers[k] for k in contrary]

    def show(self, folder: Path) -> None:
        """Write the sheet, the page and, unless it is there already, the table for the answers.

        Raises:
            OSError: they cannot be written.
        """
        cut = crops([Place(self.results[c.picture].path, c.box) for c in self.candidates])
        held = io.BytesIO()
        contact_sheet(cut).save(held, "PNG")
        replace(folder / SHEET, held.getvalue())
        replace(folder / PAGE, self._page(cut).encode("utf-8", "replace"))
        table = folder / ANSWERS
        if not (table.exists() and self._rows_agree(table)):
            replace(table, self._table().encode("utf-8", "surrogateescape"))

    def _rows(self) -> list[list[str]]:
        return [
            [str(at), self.results[c.picture].image, *(number(repr(round(n, 2))) for n in c.box), f"{c.score:.6f}"]
            for at, c in enumerate(self.candidates, 1)
        ]

    def _table(self) -> str:
        held = io.StringIO()
        writer = csv.writer(held, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows([*row, ""] for row in self._rows())
        return held.getvalue()

    def _rows_agree(self, path: Path) -> bool:
        with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
            found = list(csv.reader(file))
        return [row[:-1] for row in found[1:]] == self._rows()

    def answers(self, path: Path) -> dict[int, bool]:
        """Read the answers, by number, from the table that ``show`` wrote; an empty answer is none.

        Raises:
            FindingError: it is of another check, or an answer is neither yes nor no.
        """
        if not path.is_file():
            raise FindingError(f"there is no file {path} with answers")
        if not self._rows_agree(path):
            raise FindingError(f"{path} answers another check; give the same --samples and --seed, or check anew")
        answers: dict[int, bool] = {}
        with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
            for at, row in enumerate(list(csv.reader(file))[1:], 1):
                said = row[-1].strip().lower()
                if said and said not in YES + NO:
                    raise FindingError(f"{path}, line {at + 1} has the answer {row[-1]!r}; say yes or no, or nothing")
                if said:
                    answers[at] = said in YES
        return answers

    def _page(self, cut: np.ndarray) -> str:
        css, places = sheet("pic", cut, 120)
        tiles = "".join(
            f'<figure class="tile"><i class="pic" role="img" aria-label="place {at}" {place}></i>'
            f"<figcaption><b>{at}</b><span>{text(self.results[c.picture].image)}</span></figcaption></figure>"
            for at, (c, place) in enumerate(zip(self.candidates, places, strict=True), 1)
        )
        lead = (
            f"Is the thing in the middle of each square one of those that are sought? Answer in {ANSWERS}: yes or no."
        )
        body = section("places", "Places to look at", lead, f'<div class="tiles">{tiles}</div>')
        head = f'<p class="eyebrow">convlens spot check</p><h1>{len(self.order)} places</h1>'
        return whole("spot check", css, [head, body], {"places": self._rows()})


def contact_sheet(cut: np.ndarray) -> Image.Image:
    """Crops (N, SIDE, SIDE, 3) in rows, each with its number above."""
    label, gap = 20, 8
    rows = -(-len(cut) // ACROSS)
    wide, tall = SIDE + gap, SIDE + gap + label
    image = Image.new("RGB", (ACROSS * wide + gap, rows * tall + gap), "white")
    pen, font = ImageDraw.Draw(image), ImageFont.load_default(size=14)
    for at, crop in enumerate(cut):
        x, y = gap + at % ACROSS * wide, gap + at // ACROSS * tall
        pen.text((x, y), str(at + 1), fill="black", font=font)
        image.paste(Image.fromarray(crop), (x, y + label))
    return image


def sentences(verdict: Verdict) -> Sequence[str]:
    """What a verdict says, in words."""
    share = round(100 * verdict.level)

    def percent(name: str, value: float, low: float, high: float) -> str:
        return f"{name:10}{100 * value:.0f} %  ({100 * low:.0f} to {100 * high:.0f})"

    p, r, c = verdict.precision, verdict.recall, verdict.count
    return (
        percent("precision", p.value, p.low, p.high) + "  of the finds are right",
        percent("recall", r.value, r.low, r.high) + "  of the objects among finds and near misses were found",
        f"{'count':10}{c.value:,.0f}  ({c.low:,.0f} to {c.high:,.0f})  objects in all",
        f"from {verdict.looked_at} answers; the bounds are meant to hold the truth {share} times in 100",
    )
