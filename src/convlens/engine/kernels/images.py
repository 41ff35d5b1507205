"""Images in and out of lanes: [image][cell] as arrays hold them, [cell][lane] as kernels do.

A single image goes in and out plane by plane: its channels are to its vectors what the images of a block are to theirs.
"""

from __future__ import annotations

from ..blueprint import blueprint
from ..builder import Index, Kernel, Value
from ..layout import Layout
from ..target import Target


@blueprint
def into_lanes(target: Target, layout: Layout, name: str) -> Kernel:
    """Write the kernel ``(images, result)``: as many images as lanes, (C, D, H, W) one after another."""
    k = Kernel(name, target, ("images", "result"))
    depth, height, width = layout.size
    image = layout.channels * layout.cells
    if not layout.bordered:
        _row(k, k.arguments[0], k.arguments[1], image, image, k.lanes)
        return k
    with k.each(layout.channels) as c, k.each(depth) as d, k.each(height) as h:
        source = k.at(k.arguments[0], (c, layout.cells), (d, height * width), (h, width))
        place = (layout.origin, (c, layout.channel), (d, layout.strides[0]), (h, layout.strides[1]))
        _row(k, source, k.at(k.arguments[1], *place), width, image, k.lanes)
    return k


def _row(k: Kernel, source: Value, result: Value, cells: int, image: int, rows: int) -> None:
    """A row of cells: whole squares of lanes x lanes are mirrored, a last one overlapping; short rows cell by cell."""
    if cells < k.lanes:
        for cell in range(cells):
            one = k.zero()
            for lane in range(rows):
                one = k.b.insert_element(one, k.scalar(source, lane * image + cell), k.lane(lane))
            k.store(one, result, cell * k.lanes)
        return
    with k.each(cells // k.lanes) as n:
        _square(k, source, result, k.times(n, k.lanes), image, rows)
    if cells % k.lanes:
        _square(k, source, result, cells - k.lanes, image, rows)


def _square(k: Kernel, source: Value, result: Value, first: Index, image: int, rows: int) -> None:
    given = [k.load(source, first, lane * image, aligned=False) for lane in range(rows)]
    for i, v in enumerate(k.transpose(given + [k.zero()] * (k.lanes - rows))):
        k.store(v, result, (first, k.lanes), i * k.lanes)


@blueprint
def out_of_lanes(target: Target, layout: Layout, name: str) -> Kernel:
    """Write the kernel ``(source, images)``: feature maps without borders back to images one after another."""
    k = Kernel(name, target, ("source", "images"))
    source, images = k.arguments
    _back(k, source, images, layout.channels * layout.cells, k.lanes)
    return k


def _back(k: Kernel, source: Value, images: Value, image: int, rows: int) -> None:
    """Cells in lanes back to as many ``rows``, each ``image`` long."""
    if image < k.lanes:
        for cell in range(image):
            one = k.load(source, cell * k.lanes)
            for lane in range(rows):
                k.b.store(k.b.extract_element(one, k.lane(lane)), k.at(images, lane * image + cell))
        return

    def square(first: Index) -> None:
        columns = [k.load(source, (first, k.lanes), i * k.lanes) for i in range(k.lanes)]
        for lane, v in enumerate(k.transpose(columns)[:rows]):
            k.store(v, images, first, lane * image, aligned=False)

    with k.each(image // k.lanes) as n:
        square(k.times(n, k.lanes))
    if image % k.lanes:
        square(image - k.lanes)


# ---- a single image, its channels in lanes ----


@blueprint
def into_channels(target: Target, layout: Layout, channels: int, name: str) -> Kernel:
    """Write the kernel ``(image, result)``: one image, plane by plane, between the borders of ``layout``.

    Args:
        target: the processor.
        layout: vectors of channels, or with one lane planes.
        channels: feature maps of the image; the lanes behind the last one are zero.
        name: the function's name.
    """
    k = Kernel(name, target, ("image", "result"))
    image, result = k.arguments
    depth, height, width = layout.size if layout.bordered else (1, 1, layout.cells)
    for first, many, rows in _vectors(layout, channels):
        with k.each(many) as v, k.each(depth) as d, k.each(height) as h:
            channel = k.add(v, first)
            source = k.at(image, (channel, layout.lanes * layout.cells), (d, height * width), (h, width))
            place = (layout.origin, (channel, layout.channel), (d, layout.strides[0]), (h, layout.strides[1]))
            if layout.lanes == 1:
                _copy(k, source, k.at(result, *place), width)
            else:
                _row(k, source, k.at(result, *place), width, layout.cells, rows)
    return k


@blueprint
def out_of_channels(target: Target, layout: Layout, channels: int, name: str) -> Kernel:
    """Write the kernel ``(source, image)``: maps without borders, channels in lanes, back to planes."""
    k = Kernel(name, target, ("source", "image"))
    source, image = k.arguments
    if layout.cells == 1:
        _copy(k, source, image, channels)
        return k
    for first, many, rows in _vectors(layout, channels):
        with k.each(many) as n:
            v = k.add(n, first)
            planes = k.at(image, (v, k.lanes * layout.cells))
            _back(k, k.at(source, (v, layout.channel)), planes, layout.cells, rows)
    return k


def _vectors(layout: Layout, channels: int) -> list[tuple[int, int, int]]:
    """Vectors of channels as (first, how many, channels of each): the full ones, then one that is not."""
    full, rest = divmod(channels, layout.lanes)
    return [part for part in ((0, full, layout.lanes), (full, 1, rest)) if part[1] and part[2]]


def _copy(k: Kernel, source: Value, result: Value, floats: int) -> None:
    """Copy a row: whole vectors, a last one overlapping; short rows number by number."""
    if floats < k.lanes:
        for i in range(floats):
            k.b.store(k.scalar(source, i), k.at(result, i))
        return
    with k.each(floats // k.lanes) as n:
        k.store(k.load(source, (n, k.lanes), aligned=False), result, (n, k.lanes), aligned=False)
    if floats % k.lanes:
        last = floats - k.lanes
        k.store(k.load(source, last, aligned=False), result, last, aligned=False)
