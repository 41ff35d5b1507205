"""Pictures with others laid on them: both recoloured, both mixed as a mask says, blurred where asked, and with noise.

    ground'[c] = a[c] + sum over d of A[c, d] ground[d], the same for the thing with its own numbers
    mixed[c] = ground'[c] + cover (thing'[c] - ground'[c])
    result = mixed, or (1 2 1) / 4 of it along columns and rows, plus strength * noise

Rows follow each other when they are blurred: beside the last pixel of one lies the first of the next, and behind the
last row the first. Products are rounded before they are added, so every processor gives the same bits.
"""

from __future__ import annotations

from ..blueprint import blueprint
from ..builder import I64, Index, Kernel, Value
from ..target import Target

RECORD = ("ground", "thing", "noise", "blurred")
"""What is told of a picture in 64-bit whole numbers: addresses, that of the thing 0 where there is none; whether."""


def colours(channels: int) -> int:
    """How many numbers recolour a picture: of each channel its row of A, and a."""
    return channels * (channels + 1)


def margin(row: int) -> int:
    """Numbers before and behind a plane in the room, so that all neighbours of its pixels lie there, too."""
    return row + 1


@blueprint
def blended(target: Target, channels: int, name: str) -> Kernel:
    """Write the kernel ``(records, how, room, result; pictures, cells, row)``.

    Args:
        target: the processor.
        channels: planes of a picture.
        name: the function's name.

    ``records`` are those of ``RECORD``, one picture after another; ``how`` the numbers of its ground's colours, of the
    thing's, and the strength. Grounds, results and noise are (channels, cells), things one plane more, which covers;
    ``room`` holds a picture with margins. A plane is two rows and a vector at least.
    """
    k = Kernel(name, target, ("records", "how", "room", "result"), ("pictures", "cells", "row"))
    records, how, room, result, pictures, cells, row = k.arguments
    records, many = k.b.bitcast(records, I64.as_pointer()), 2 * colours(channels) + 1
    edge = k.b.add(row, k.index(margin(0)))
    plane = k.b.add(cells, k.b.add(edge, edge))
    with k.loop(pictures) as picture:
        told = [k.entry(records, k.offset((picture.index, len(RECORD)), i)) for i in range(len(RECORD))]
        ground, thing, noise = (k.b.inttoptr(address, k.number.as_pointer()) for address in told[:3])
        own, into = k.at(how, (picture.index, many)), k.at(result, k.times(picture.index, k.times(channels, cells)))
        planes = [k.at(room, edge, k.times(c, plane)) for c in range(channels)]
        with k.b.if_else(_set(k, told[1])) as (laid, bare):
            with laid:
                _mixed(k, ground, thing, own, planes, cells)
            with bare:
                _mixed(k, ground, None, own, planes, cells)
        with k.b.if_else(_set(k, told[3])) as (soft, sharp):
            with soft:
                _closed(k, planes, cells, edge)
                _finished(k, planes, (noise, k.at(own, many - 1)), into, cells, row)
            with sharp:
                _finished(k, planes, (noise, k.at(own, many - 1)), into, cells, None)
    return k


def _set(k: Kernel, told: Value) -> Value:
    return k.b.icmp_signed("!=", told, k.index(0))


def _mixed(k: Kernel, ground: Value, thing: Value | None, how: Value, planes: list[Value], cells: Value) -> None:
    """A ground, with what is laid on it."""
    channels = len(planes)
    with k.vectors(cells) as first:

        def planes_of(source: Value, count: int) -> list[Value]:
            return [k.load(source, k.times(c, cells), first, aligned=False) for c in range(count)]

        found = _recoloured(k, planes_of(ground, channels), how)
        if thing is not None:
            *given, cover = planes_of(thing, channels + 1)
            over = _recoloured(k, given, k.at(how, colours(channels)))
            found = [k.b.fadd(a, k.b.fmul(cover, k.b.fsub(b, a))) for a, b in zip(found, over, strict=True)]
        for plane, value in zip(planes, found, strict=True):
            k.store(value, plane, first, aligned=False)


def _recoloured(k: Kernel, given: list[Value], how: Value) -> list[Value]:
    found, step = [], len(given) + 1
    for c in range(len(given)):
        value = k.splat(how, c * step + len(given))
        for d, one in enumerate(given):
            value = k.b.fadd(value, k.b.fmul(k.splat(how, c * step + d), one))
        found.append(value)
    return found


def _closed(k: Kernel, planes: list[Value], cells: Value, edge: Value) -> None:
    """Fill the margins: before a plane lies its end, and behind it its beginning."""
    for plane in planes:
        with k.loop(edge) as turn:
            before, behind = k.b.sub(turn.index, edge), k.b.add(cells, turn.index)
            k.b.store(k.scalar(plane, cells, before), k.at(plane, before))
            k.b.store(k.scalar(plane, turn.index), k.at(plane, behind))


def _finished(
    k: Kernel, planes: list[Value], noise: tuple[Value, Value], result: Value, cells: Value, row: Value | None
) -> None:
    """Planes with noise, as they are or, with the length of a row, blurred."""
    with k.vectors(cells) as first:
        strength = k.splat(noise[1])
        for c, plane in enumerate(planes):
            at = k.times(c, cells)
            value = k.load(plane, first, aligned=False) if row is None else _blurred(k, plane, first, row)
            more = k.b.fmul(strength, k.load(noise[0], at, first, aligned=False))
            k.store(k.b.fadd(value, more), result, at, first, aligned=False)


def _blurred(k: Kernel, plane: Value, first: Index, row: Value) -> Value:
    def around(before: Value, here: Value, behind: Value) -> Value:
        return k.b.fadd(k.b.fadd(before, behind), k.b.fadd(here, here))

    lines = (k.b.sub(first, row), first, k.b.add(first, row))
    columns = [around(*(k.load(plane, line, aside, aligned=False) for line in lines)) for aside in (-1, 0, 1)]
    return k.b.fmul(around(*columns), k.constant(1 / 16))
