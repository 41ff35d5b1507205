"""What the marks say of scores: where a typical object lies, and what is not looked at."""

from __future__ import annotations

import numpy as np
import pytest

from convlens.finding.calibration import AGAIN, RECOGNISED, TRIED, Seen, believe, kindred, recognised, valley
from convlens.finding.densities import SPREADS
from convlens.finding.mixture import Belief, learn
from convlens.finding.scores import CUT, FEW, LIKE, LOWER, cut

NOTHING = np.zeros(0, np.float32)


def places(seed: int, objects: int, typical: float) -> np.ndarray:
    rng = np.random.default_rng(seed)
    both = rng.normal(typical, 0.6, objects), rng.normal(-1, 1.2, 600)
    return np.concatenate(both).astype(np.float32)


def test_unmarked_objects_tell_what_objects_score() -> None:
    trials = np.linspace(2.4, 5.6, 40, dtype=np.float32)
    for typical in (3.5, 5.0):
        found = believe(trials, [Seen(places(0, 40, typical), np.full(5, typical, np.float32), NOTHING)])
        assert found.typical == pytest.approx(typical, abs=0.6)
        assert found.cut < typical - 1.5
        assert found.doubt < 0.98 * np.hypot(TRIED, AGAIN) * found.unit


def test_what_is_rejected_and_still_scores_like_an_object_widens_the_interval() -> None:
    trials, unknown = np.linspace(2.4, 5.6, 40, dtype=np.float32), places(0, 40, 4.0)
    marked, rejected = np.full(6, 4.0, np.float32), np.array([4.0, 4.1, -1.0], np.float32)
    before, after = (believe(trials, [Seen(unknown, marked, rest)]) for rest in (NOTHING, rejected))
    assert (before.wrong, after.wrong) == (0, 0.25)
    scores = unknown.astype(np.float64)
    assert learn(after, scores).interval()[0] < 0.8 * learn(before, scores).interval()[0]
    # two that look like the marked objects do not make look-alikes of all the others
    assert (scores[:40] >= learn(after, scores).best()).mean() > 0.9


def test_where_few_places_are_left_lower_ones_are_looked_at() -> None:
    rest = np.linspace(-4, 0, 101, dtype=np.float32)
    for above, part in ((FEW, CUT), (FEW - 1, LOWER)):
        others = np.append(rest, np.full(above, 7, np.float32))
        common = float(np.median(others))
        assert cut(8.0, others) == pytest.approx(common + part * (8 - common))


def test_marks_alone_are_a_belief_too() -> None:
    for seen in ([], [Seen(NOTHING, NOTHING, NOTHING)]):
        found = believe(np.array([4.0, 5.0], np.float32), seen)
        assert found.cut < 4 < found.typical < 6


def test_one_mark_says_less_than_five_of_what_others_of_its_kind_score() -> None:
    trials, rest = np.linspace(11, 16, 8, dtype=np.float32), np.linspace(0, 3, 10, dtype=np.float32)
    one, five = (believe(trials, [Seen(rest, NOTHING, NOTHING, area=400.0)], marks=marks) for marks in (1, 5))
    assert one.doubt > 1.3 * five.doubt
    # another that is less like the mark than the mark is like itself is still found, and nothing where there is none
    scores = rest.astype(np.float64)
    found = [learn(belief, np.append(scores, 8.4), expected=1.0) for belief in (one, five)]
    assert found[0].best() < 8.4 < found[1].best()
    assert learn(one, scores, expected=1.0).best() == np.inf


def test_pictures_of_other_light_are_looked_at_one_by_one() -> None:
    trials = np.linspace(2.4, 5.6, 40, dtype=np.float32)
    both = [Seen(places(seed, 40, typical), NOTHING, NOTHING) for seed, typical in ((0, 3.5), (1, 5.0))]
    found = believe(trials, both)
    assert found.typical == pytest.approx(4.25, abs=0.4)
    assert found.doubt > 0.5
    # together they would look like a class of objects that differ much
    together = believe(trials, [Seen(np.concatenate([one.unknown for one in both]), NOTHING, NOTHING)])
    wide = [
        sum(np.exp(w) for w, (spread, _) in zip(b.spreads, SPREADS, strict=True) if spread > 1)
        for b in (found, together)
    ]
    assert wide[0] < 0.5 * wide[1]


def test_many_pictures_say_no_more_of_shapes_than_two() -> None:
    trials, one = np.linspace(2.4, 5.6, 40, dtype=np.float32), Seen(places(0, 40, 4.0), NOTHING, NOTHING)
    single, two, many = (believe(trials, [one] * n) for n in (1, 2, 20))
    for shape in ("spreads", "grounds", "alikes"):
        np.testing.assert_allclose(getattr(many, shape), getattr(two, shape), rtol=1e-6)
        assert np.ptp(getattr(two, shape)) > np.ptp(getattr(single, shape))
    # but where a typical object lies is the better known
    assert many.doubt < two.doubt < single.doubt


def test_how_many_objects_an_area_holds() -> None:
    trials, marked = np.linspace(2.4, 5.6, 40, dtype=np.float32), np.full(5, 4.0, np.float32)
    found = believe(trials, [Seen(places(0, 40, 4.0), marked, NOTHING, area=900.0)])
    assert found.many == pytest.approx(45 / 900, rel=0.1)
    # of an unmarked picture it is not known whether it holds any
    assert believe(trials, [Seen(places(0, 40, 4.0), NOTHING, NOTHING)]).many == 0
    # where every second place was looked at, there are twice as many
    sparse = believe(trials, [Seen(places(0, 40, 4.0), marked, NOTHING, area=900.0, each=2)])
    assert sparse.many == pytest.approx(85 / 900, rel=0.1)


def known_by_heart(objects: int, alike: float) -> tuple[np.ndarray, np.ndarray]:
    """Scores and logits of a picture whose objects are hardly known, yet as like the marks as these are."""
    rng = np.random.default_rng(3)
    logits = np.concatenate([rng.normal(0, 0.8, objects), rng.normal(-4, 1, 300)])
    likeness = np.concatenate([rng.normal(alike, 0.06, objects), rng.normal(alike - 0.25, 0.06, 300)])
    return logits + LIKE * likeness, logits


def test_what_is_as_like_the_marks_as_they_are_tells_what_objects_score() -> None:
    # the marks score 3 more: the network knows them by heart
    belief = Belief(cut=0.5, typical=3 + LIKE * 0.5, doubt=0.8, alike=LIKE * 0.5)
    scores, logits = known_by_heart(40, 0.5)
    told = recognised(belief, scores, logits)
    assert told.typical == pytest.approx(LIKE * 0.5, abs=0.6)
    found = [(scores[:40] >= learn(one, scores).best()).mean() for one in (belief, told)]
    assert found[0] < 0.8 * found[1] > 0.6
    # where likeness is not to be asked, or next to nothing is so like the marks, the belief stays
    assert recognised(Belief(0.5, 7.0, 0.8), scores, logits).typical == 7.0
    few = RECOGNISED - 1
    assert recognised(belief, scores[-300 - few :], logits[-300 - few :]) is belief
    nothing = scores[40:], logits[40:]
    assert recognised(belief, *nothing) is belief
    assert learn(belief, nothing[0]).best() == np.inf


def test_half_of_the_objects_are_so_like_the_marks_and_few_others() -> None:
    scores, logits = known_by_heart(40, 0.5)
    told = (part.astype(np.float32) for part in (scores, np.zeros(5), np.zeros(0), scores - logits, np.zeros(5)))
    unknown, marked, rest, like, liked = told
    trials = np.linspace(2.4, 5.6, 40, dtype=np.float32)
    seen = Seen(unknown, marked + 4, rest, 900.0, 1, like, liked + LIKE * np.float32(0.5))
    belief = believe(trials, [seen], alike=LIKE * 0.5)
    assert belief.half == pytest.approx(LIKE * 0.5, abs=0.2)
    found, others = (kindred(belief, scores[some], logits[some]) for some in (slice(0, 40), slice(40, None)))
    assert found == pytest.approx(20, abs=6)
    assert others == 0
    # where it is not to be asked, or nothing is known of likeness, it tells nothing
    assert kindred(believe(trials, [seen]), scores, logits) is None
    assert believe(trials, [Seen(unknown, marked[:0], rest)], alike=4.0).half is None


def test_of_thousands_none_is_taken_for_a_look_alike_before_anything_was_rejected() -> None:
    rng = np.random.default_rng(0)
    # some score much less than the others, as seeds do that lie under others; what is no object lies apart
    objects = 6.4 + 1.0 * rng.standard_normal(5000) - rng.exponential(0.6, 5000)
    scores = np.concatenate([objects, np.minimum(rng.exponential(0.8, 1200), 2.5)])
    marked = objects[:5].astype(np.float32)
    trials = rng.normal(6.5, 1.25, 40).astype(np.float32)
    taught = [Seen(scores[5:405].astype(np.float32), marked, NOTHING, area=9000.0)]
    claimed = []
    for alike in (None, 0.5):
        belief = believe(trials, [*taught, Seen(places(1, 40, 6.0), NOTHING, NOTHING)], alike=alike)
        claimed.append((objects >= learn(belief, scores, expected=2000.0).best()).mean())
    assert claimed[0] + 0.01 < claimed[1] > 0.94


def test_the_valley_lies_between_the_rest_and_the_objects() -> None:
    assert valley(np.array([5, 6, 7], np.float32), np.array([-4] * 50 + [6] * 9, np.float32)) == pytest.approx(3.0)
