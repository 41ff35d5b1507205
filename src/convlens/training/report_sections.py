"""The report's sections as HTML text: each function takes values and returns one piece of the page.

The tables at the page's end are in ``report_tables``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np

from .report_curves import Line, chart, column, percent, plain
from .report_kernels import KERNELS, draw, reach
from .report_tally import Tally, wilson
from .report_text import copyable, number, scrolled, seconds, section, table, text

GRID = 100  # classes in the confusion grid
NONE = '<span class="none">–</span>'

Metrics = Sequence[Mapping[str, object]]
Tile = Callable[[int], str]


# ---------------------------------------------------------------- headline


def headline(title: str, result: Mapping[str, object], tally: Tally, split: str) -> str:
    """Title, accuracy with its interval, and the run's few other numbers."""
    facts = [_fact(label, said) for label, said in _facts(result)]
    return (
        f'<p class="eyebrow">convlens training report</p><h1>{text(title)}</h1>'
        f'<div class="headline"><div class="score">{_score(result, tally, split)}</div>'
        f'<dl class="facts">{"".join(facts)}</dl></div>'
    )


def _score(result: Mapping[str, object], tally: Tally, split: str) -> str:
    if tally.count:
        share = tally.right / tally.count
        digits = 2 if tally.count >= 1000 else 1
        low, high = (f"{100 * bound:.{digits}f}" for bound in wilson(tally.right, tally.count))
        return (
            f'<p class="big">{100 * share:.{digits}f}<span class="unit"> %</span></p>'
            f"<p><b>{text(split)} accuracy</b>, {number(tally.right)} of {number(tally.count)} right</p>"
            f'<p class="quiet">95 % interval {low} to {high} % (Wilson)</p>'
        )
    for key, name in (("test_accuracy", "test"), ("val_accuracy", "validation"), ("train_accuracy", "training")):
        value = result.get(key)
        if isinstance(value, int | float) and math.isfinite(value):
            return (
                f'<p class="big">{100 * value:.2f}<span class="unit"> %</span></p><p><b>{name} accuracy</b></p>'
                '<p class="quiet">No example was judged one by one, so there is no interval.</p>'
            )
    return '<p class="big">–</p><p><b>No example was judged.</b></p>'


def _facts(result: Mapping[str, object]) -> Iterable[tuple[str, str]]:
    took, speed = result.get("seconds"), result.get("images_per_second")
    if isinstance(took, int | float) and math.isfinite(took):
        yield "training time", seconds(float(took))
    if isinstance(speed, int | float) and math.isfinite(speed):
        yield "images per second", number(round(speed))
    for key in ("parameters", "epochs"):
        if result.get(key) is not None:
            yield key, number(result[key])


def _fact(label: str, said: str) -> str:
    return f"<div><dt>{text(label)}</dt><dd>{said}</dd></div>"


def line(label: str, code: str) -> str:
    """A line to copy: the network's notation, the command."""
    button = f'<button type="button" class="copy" aria-label="copy the {text(label)}">copy</button>'
    return copyable(label, code, button)


# ---------------------------------------------------------------- curves


def curves(rows: Metrics, best: object = None) -> str:
    """Loss, accuracy and learning rate over the epochs, and the same numbers as a table."""
    if not rows:
        return ""
    epochs = [_epoch(row, at) for at, row in enumerate(rows)]
    loss = [Line("train", "train", column(rows, "train_loss")), Line("validation", "val", column(rows, "val_loss"))]
    right = [
        Line("train", "train", column(rows, "train_accuracy")),
        Line("validation", "val", column(rows, "val_accuracy")),
    ]
    at = epochs.index(best) if isinstance(best, int) and best in epochs else _best(right[1], loss[1])
    charts = [_plot("Loss", chart("loss", loss, epochs, best=at))]
    if right[0].points() or right[1].points():
        accuracy = chart(
            "accuracy", right, epochs, best=at, show=percent, tick=lambda v: f"{100 * v:.3g} %", ceiling=1.0
        )
        charts.append(_plot("Accuracy", accuracy))
    rate = Line("rate", "rate", column(rows, "learning_rate"))
    return section(
        "curves",
        "Curves",
        _curve_lead(loss, right, epochs, at),
        f'<div class="charts">{"".join(charts)}</div>{_rate(rate, epochs)}{_epoch_table(rows)}',
    )


def _epoch(row: Mapping[str, object], at: int) -> int:
    epoch = row.get("epoch", at + 1)
    return int(epoch) if isinstance(epoch, int | float) else at + 1


def _best(accuracy: Line, loss: Line) -> int | None:
    """The first epoch of the highest validation accuracy, else of the lowest validation loss."""
    if accuracy.points():
        return max(accuracy.points(), key=lambda point: (point[1], -point[0]))[0]
    if loss.points():
        return min(loss.points(), key=lambda point: (point[1], point[0]))[0]
    return None


def _curve_lead(loss: Sequence[Line], right: Sequence[Line], epochs: Sequence[int], best: int | None) -> str:
    words = []
    if best is not None:
        value = right[1].values[best]
        said = f", validation accuracy {percent(value)}" if value is not None and math.isfinite(value) else ""
        words.append(f"Best epoch: {epochs[best]} of {epochs[-1]}{said}.")
    else:
        words.append("There was no validation set, so no epoch is marked as the best.")
    lost = sum(1 for at in range(len(epochs)) if any(v is not None and not math.isfinite(v) for v in _at(loss, at)))
    if lost:
        words.append(f"In {lost} {'epoch' if lost == 1 else 'epochs'} the loss was not finite (crosses).")
    return " ".join(words)


def _at(lines: Sequence[Line], at: int) -> list[float | None]:
    return [one.values[at] for one in lines]


def _plot(title: str, svg: str) -> str:
    return f'<div class="plot"><h3>{title}</h3>{svg}</div>'


def _rate(rate: Line, epochs: Sequence[int]) -> str:
    values = {value for _, value in rate.points()}
    if not values:
        return ""
    if len(values) == 1:
        return f'<p class="quiet">The learning rate was {plain(values.pop())} throughout.</p>'
    return f'<div class="charts">{_plot("Learning rate", chart("learning rate", [rate], epochs, height=120))}</div>'


def _epoch_table(rows: Metrics) -> str:
    return f"<details><summary>The numbers of every epoch</summary>{table(rows)}</details>"


# ---------------------------------------------------------------- confusion


def confusion(tally: Tally, classes: Sequence[str], tile: Tile, shown: Sequence[int]) -> str:
    """The grid of counts, the most confused pairs, and for every pair its pictures, kept aside in templates."""
    if not tally.count:
        return ""
    kept = _kept(tally)
    lead = "Rows are the true classes, columns what the network said. Choose a cell to see its pictures."
    if len(kept) < len(classes):
        lead += f" Drawn are the {len(kept)} classes with the most mistakes of {len(classes)}; totals count all."
    pairs = tally.confused(30 if len(classes) > 40 else 10)
    buttons = "".join(
        f'<li><button type="button" data-pair="{t}-{p}"><span>{text(classes[t])} <span class="arrow">→</span> '
        f"{text(classes[p])}</span> <b>{number(n)}</b></button></li>"
        for t, p, n in pairs
    )
    listed = f'<div class="pairs"><h3>Most confused</h3><ol>{buttons}</ol></div>' if pairs else ""
    size = "small" if len(kept) > 40 else "middle" if len(kept) > 14 else "large"
    grid = f'<div class="grid {size} scroll">{_grid(tally, classes, kept)}</div>'
    legend = (
        '<p class="legend"><span class="swatch right"></span> right <span class="swatch wrong"></span> wrong; '
        "the shade is the share of the row, mistakes on a square-root scale so that few are seen too.</p>"
    )
    panel = '<div id="panel" class="panel" aria-live="polite"><p class="quiet">Choose a cell of the grid.</p></div>'
    return section(
        "confusion",
        "Confusion",
        lead,
        f'<div class="confusion">{grid}{listed}</div>{legend}{panel}{_stacks(tally, tile, shown)}',
    )


def _kept(tally: Tally) -> np.ndarray:
    """The classes that the grid shows: all, or where there are too many those in most mistakes, in their order."""
    counts = tally.counts
    if len(counts) <= GRID:
        return np.arange(len(counts))
    mistakes = counts.sum(axis=0) + counts.sum(axis=1) - 2 * np.diag(counts)
    return np.sort(np.argsort(-mistakes, kind="stable")[:GRID])


def _grid(tally: Tally, classes: Sequence[str], kept: np.ndarray) -> str:
    counts = tally.counts
    heads = "".join(f'<th scope="col" title="{text(classes[p])}"><span>{text(classes[p])}</span></th>' for p in kept)
    rows = []
    for t in kept:
        total = int(counts[t].sum())
        cells = "".join(_cell(int(t), int(p), int(counts[t, p]), total) for p in kept)
        rows.append(
            f'<tr><th scope="row" title="{text(classes[t])}"><span>{text(classes[t])}</span></th>{cells}'
            f'<td class="total">{number(total)}</td></tr>'
        )
    sums = "".join(f'<td class="total">{number(int(counts[:, p].sum()))}</td>' for p in kept)
    foot = f'<tr><th scope="row">predicted</th>{sums}<td class="total">{number(tally.count)}</td></tr>'
    corner = '<th class="corner"><span class="quiet">true ↓ said →</span></th>'
    return (
        '<table class="matrix" aria-label="confusion matrix: rows are true classes, columns predicted ones">'
        f'<thead><tr>{corner}{heads}<th scope="col" class="total"><span>all</span></th></tr></thead>'
        f"<tbody>{''.join(rows)}</tbody><tfoot>{foot}</tfoot></table>"
    )


def _cell(t: int, p: int, count: int, total: int) -> str:
    if not count:
        return "<td></td>"
    share = count / total
    depth = share if t == p else math.sqrt(share)
    kind = ("right" if t == p else "wrong") + (" deep" if depth > 0.55 else "")
    return f'<td class="{kind}" data-pair="{t}-{p}" style="--r:{100 * depth:.0f}%">{count}</td>'


def _stacks(tally: Tally, tile: Tile, shown: Sequence[int]) -> str:
    """The pictures of every pair, the most confident first, inert until the page's script shows them."""
    stacks: dict[tuple[int, int], list[int]] = {}
    for at in sorted(shown, key=lambda at: -float(tally.confidence[at])):
        stacks.setdefault((int(tally.labels[at]), int(tally.predicted[at])), []).append(at)
    return "".join(
        f'<template data-stack="{t}-{p}"><div class="tiles">{"".join(tile(at) for at in ats)}</div></template>'
        for (t, p), ats in stacks.items()
    )


# ---------------------------------------------------------------- examples and scores


def examples(tally: Tally, tile: Tile) -> str:
    """The wrong ones that the network was surest of, and the right ones of which it was least sure."""
    if not tally.count:
        return ""
    worst = "".join(tile(int(at)) for at in tally.worst())
    unsure = "".join(tile(int(at)) for at in tally.unsure())
    none = f"<p>No mistake among {number(tally.count)} examples.</p>"
    wrong = section(
        "worst",
        "Worst mistakes",
        "Wrong, and the network was sure of it. In bold what it said, with its probability." if worst else "",
        f'<div class="tiles">{worst}</div>' if worst else none,
    )
    if not unsure:
        return wrong
    lead = "Right, but only just: the lowest probabilities among the right answers."
    return wrong + section("unsure", "Least certain right answers", lead, f'<div class="tiles">{unsure}</div>')


def per_class(tally: Tally, classes: Sequence[str]) -> str:
    """Precision, recall, F1 and support of every class, in a table that its heads sort."""
    if not tally.count:
        return ""
    scores = tally.scores()
    heads = ["class", "precision", "recall", "F1", "support"]
    head = "".join(
        f'<th scope="col"{"" if name == "class" else " class=n"}><button type="button">{name}</button></th>'
        for name in heads
    )
    rows = "".join(
        f'<tr><th scope="row" data-v="{at}">{text(name)}</th>'
        + "".join(_bar(float(scores[key][at])) for key in ("precision", "recall", "f1"))
        + f'<td class="n" data-v="{scores["support"][at]}">{number(scores["support"][at])}</td></tr>'
        for at, name in enumerate(classes)
    )
    body = scrolled("plain sortable", head, rows)
    lead = "Precision: of those called so, the share that is. Recall: of those that are, the share called so."
    return section("classes", "Classes", lead, body)


def _bar(value: float) -> str:
    if not math.isfinite(value):
        return f'<td class="n bar" data-v="-1">{NONE}</td>'
    return f'<td class="n bar" data-v="{value:.6f}" style="--v:{value:.3f}"><span>{100 * value:.1f}</span></td>'


# ---------------------------------------------------------------- kernels


def kernels(after: np.ndarray | None, before: np.ndarray | None) -> tuple[str, str]:
    """The first layer's kernels as (style, section); with ``before``, a switch between the two and both."""
    if after is None or after.size == 0 or after.ndim not in (2, 3, 4, 5):
        return "", ""
    if before is not None and before.shape != after.shape:
        before = None
    limit = reach(after, before)
    now = draw("k1", after, limit)
    css, body = now.css, _kernel_set("after", "After training", now.figures)
    if before is not None:
        then = draw("k0", before, limit)
        css += then.css
        body = f'{_switch()}<div class="moments">{_kernel_set("before", "Before training", then.figures)}{body}</div>'
    shape = " × ".join(str(size) for size in after.shape[1:])
    lead = f"{number(min(len(after), KERNELS))} kernels of {shape} weights, all on one scale.{now.left_out}"
    if after.ndim == 4 and after.shape[1] == 3:
        lead += " The first picture of each shows its three channels as red, green and blue."
    ramp = f'<p class="ramp"><span>−{limit:.3g}</span><i></i><span>+{limit:.3g}</span></p>'
    return css, section("kernels", "First layer", lead, f'<div class="kernelbox">{body}{ramp}</div>')


def _switch() -> str:
    choices = (("after", "after training"), ("before", "before"), ("both", "side by side"))
    return "".join(
        f'<input type="radio" name="moment" id="m-{key}"{" checked" if key == "after" else ""}>'
        f'<label for="m-{key}">{label}</label>'
        for key, label in choices
    )


def _kernel_set(key: str, title: str, figures: Sequence[str]) -> str:
    return f'<div class="kernels {key}"><h3>{title}</h3><div class="multiples">{"".join(figures)}</div></div>'
