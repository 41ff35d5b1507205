"""A plot of a suite, where matplotlib is installed: every contender's speed, with the machine's peak on top."""

from __future__ import annotations

from pathlib import Path

from .measure import Row

OURS, PEERS = "#c8401e", "#7d8794"


def plot(path: Path, suite: str, rows: list[Row]) -> bool:
    """Draw ``rows`` into a PNG; False where matplotlib is missing or there is nothing to draw.

    A panel a row; a bar a contender: GFLOP/s (or GB/s) by the median, with a line over the quartiles.
    """
    rows = [row for row in rows if any(entry.bursts for entry in row.entries)]
    try:
        import matplotlib

        matplotlib.use("Agg")
        from matplotlib import pyplot
    except ImportError:
        return False
    if not rows:
        return False
    scale = rows[0].scale
    heights = [1.1 + 0.24 * sum(bool(entry.bursts) for entry in row.entries) for row in rows]
    figure, panels = pyplot.subplots(
        len(rows), 1, figsize=(9, sum(heights)), squeeze=False, height_ratios=heights, layout="constrained"
    )
    for row, panel in zip(rows, panels[:, 0], strict=True):
        ran = [(entry, summary) for entry in row.entries if (summary := row.summary(entry)) is not None]
        ran.sort(key=lambda pair: -pair[1].median)
        speeds = [row.work / summary.median / 1e9 for _, summary in ran]
        colours = [PEERS if entry.peer else OURS for entry, _ in ran]
        ends = [
            [speed - row.work / s.high / 1e9 for speed, (_, s) in zip(speeds, ran, strict=True)],
            [row.work / s.low / 1e9 - speed for speed, (_, s) in zip(speeds, ran, strict=True)],
        ]
        panel.barh([entry.name for entry, _ in ran], speeds, color=colours, xerr=ends, ecolor="#333333")
        if row.peaks:
            peak = sorted(row.peaks)[len(row.peaks) // 2] / 1e9
            panel.axvline(peak, color="black", linewidth=1, linestyle="--")
            panel.set_xlim(0, max(peak, *speeds) * 1.03)
        panel.set_title(row.title, fontsize=8, loc="left", wrap=True)
        panel.tick_params(labelsize=7)
        panel.spines[["top", "right"]].set_visible(False)
    panels[-1, 0].set_xlabel(f"{scale.rate} by the median, one core; dashed: its measured {scale.limit}", fontsize=8)
    figure.suptitle(suite, fontsize=10)
    figure.savefig(path, dpi=110)
    pyplot.close(figure)
    return True
