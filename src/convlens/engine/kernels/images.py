"""Images in and out of lanes: [image][cell] as arrays hold them, [cell][lane] as kernels do."""

from __future__ import annotations

from ..builder import Index, Kernel, Value, blueprint
from ..layout import Layout
from ..target import Target


@blueprint
def into_lanes(target: Target, layout: Layout, name: str) -> Kernel:
    """Write the kernel ``(images, result)``: as many images as lanes, (C, D, H, W) one after another."""
    k = Kernel(name, target, ("images", "result"))
    depth, height, width = layout.size
    image = layout.channels * layout.cells
    if not layout.bordered:
        _row(k, k.arguments[0], k.arguments[1], image, image)
        return k
    with k.each(layout.channels) as c, k.each(depth) as d, k.each(height) as h:
        source = k.at(k.arguments[0], (c, layout.cells), (d, height * width), (h, width))
        place = (layout.origin, (c, layout.channel), (d, layout.strides[0]), (h, layout.strides[1]))
        _row(k, source, k.at(k.arguments[1], *place), width, image)
    return k


def _row(k: Kernel, source: Value, result: Value, cells: int, image: int) -> None:
    """A row of cells: whole squares of lanes x lanes are mirrored, a last one overlapping; short rows cell by cell."""
    if cells < k.lanes:
        for cell in range(cells):
            one = k.zero()
            for lane in range(k.lanes):
                one = k.b.insert_element(one, k.scalar(source, lane * image + cell), k.lane(lane))
            k.store(one, result, cell * k.lanes)
        return
    if cells >= k.lanes:
        with k.each(cells // k.lanes) as n:
            _square(k, source, result, k.times(n, k.lanes), image)
    if cells % k.lanes:
        _square(k, source, result, cells - k.lanes, image)


def _square(k: Kernel, source: Value, result: Value, first: Index, image: int) -> None:
    rows = [k.load(source, first, lane * image, aligned=False) for lane in range(k.lanes)]
    for i, v in enumerate(k.transpose(rows)):
        k.store(v, result, (first, k.lanes), i * k.lanes)


@blueprint
def out_of_lanes(target: Target, layout: Layout, name: str) -> Kernel:
    """Write the kernel ``(source, images)``: feature maps without borders back to images one after another."""
    k = Kernel(name, target, ("source", "images"))
    source, images = k.arguments
    image = layout.channels * layout.cells
    if image < k.lanes:
        for cell in range(image):
            one = k.load(source, cell * k.lanes)
            for lane in range(k.lanes):
                k.b.store(k.b.extract_element(one, k.lane(lane)), k.at(images, lane * image + cell))
        return k

    def square(first: Index) -> None:
        columns = [k.load(source, (first, k.lanes), i * k.lanes) for i in range(k.lanes)]
        for lane, v in enumerate(k.transpose(columns)):
            k.store(v, images, first, lane * image, aligned=False)

    with k.each(image // k.lanes) as n:
        square(k.times(n, k.lanes))
    if image % k.lanes:
        square(image - k.lanes)
    return k
