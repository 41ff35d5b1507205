"""The text form of a network: one line, the same wherever a network is written.

    network   input ":" layer { "," layer }            1x28x28: conv 6 5 pad 2, sigmoid, avgpool 2, flatten, linear 10
    input     C | CxW | CxHxW | CxDxHxW                features, a signal, a picture, a volume; channels first
    layer     conv OUT SIZES [stride SIZES] [pad PAD] [dilation SIZES] [groups N] [nobias]
              local OUT SIZES ...                      as conv, with its own weights at every position
              dense4d [SIZES] [nobias]                 output height x width; the input's when not given
              maxpool SIZES|all [stride SIZES] [pad PAD] [dilation SIZES] [ceil]
              avgpool SIZES|all [stride SIZES] [pad PAD] [ceil] [excludepad]
              sigmoid | tanh | relu | flatten
              linear OUT [nobias]
              dropout [P]
              batchnorm [eps E] [momentum M]
    SIZES     5 | 5x3 | 5x3x1                          one number for all axes, or one an axis
    PAD       SIZES | 1+2 | 1+2x0 | same | valid       before+after where the two sides differ

Options come in any order; spaces and line breaks between words are free. This module knows words and fields; whether a
network makes sense is for ``network`` and ``sizes`` to say.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from dataclasses import MISSING, dataclass, fields
from typing import Literal

from .errors import NetworkError
from .layers import (
    AvgPool,
    BatchNorm,
    Conv,
    Dense4d,
    Dropout,
    Flatten,
    Layer,
    Linear,
    LocalConv,
    MaxPool,
    ReLU,
    Sigmoid,
    Tanh,
    spell,
)

Kind = Literal["count", "sizes", "window", "padding", "number"]
Span = tuple[int, int]


@dataclass(frozen=True)
class Form:
    """How one layer is written: its fields by position, by keyword, and its flags with the value each one sets."""

    layer: type[Layer]
    positional: tuple[tuple[str, Kind], ...] = ()
    options: tuple[tuple[str, str, Kind], ...] = ()
    flags: tuple[tuple[str, str, bool], ...] = ()

    @property
    def required(self) -> int:
        """How many of the positional fields have no default."""
        defaults = {f.name: f.default for f in fields(self.layer)}
        return sum(defaults[name] is MISSING for name, _ in self.positional)

    def words(self) -> list[str]:
        """The keywords and flags that may follow."""
        return [word for word, *_ in self.options] + [word for word, *_ in self.flags]


_STRIDE: tuple[str, str, Kind] = ("stride", "stride", "sizes")
_PAD: tuple[str, str, Kind] = ("pad", "padding", "padding")
_DILATION: tuple[str, str, Kind] = ("dilation", "dilation", "sizes")
_NOBIAS = ("nobias", "bias", False)
_CORRELATION: dict[str, object] = {
    "positional": (("out_channels", "count"), ("kernel", "sizes")),
    "options": (_STRIDE, _PAD, _DILATION, ("groups", "groups", "count")),
    "flags": (_NOBIAS,),
}

FORMS: dict[str, Form] = {
    "conv": Form(Conv, **_CORRELATION),  # type: ignore[arg-type]
    "local": Form(LocalConv, **_CORRELATION),  # type: ignore[arg-type]
    "dense4d": Form(Dense4d, (("size", "sizes"),), (), (_NOBIAS,)),
    "maxpool": Form(MaxPool, (("window", "window"),), (_STRIDE, _PAD, _DILATION), (("ceil", "ceil", True),)),
    "avgpool": Form(
        AvgPool,
        (("window", "window"),),
        (_STRIDE, _PAD),
        (("ceil", "ceil", True), ("excludepad", "count_padding", False)),
    ),
    "sigmoid": Form(Sigmoid),
    "tanh": Form(Tanh),
    "relu": Form(ReLU),
    "flatten": Form(Flatten),
    "linear": Form(Linear, (("out_features", "count"),), (), (_NOBIAS,)),
    "dropout": Form(Dropout, (("probability", "number"),)),
    "batchnorm": Form(BatchNorm, (), (("eps", "eps", "number"), ("momentum", "momentum", "number"))),
}
NAMES: dict[type[Layer], str] = {form.layer: name for name, form in FORMS.items()}


# ---- printing ----


def layer_words(layer: Layer) -> list[tuple[str, str]]:
    """The words of one layer, each with the field it spells (the layer's name spells the field ``""``)."""
    name = NAMES.get(type(layer))
    if name is None:
        raise NetworkError(f"{layer!r} is not a layer of the notation")
    form = FORMS[name]
    defaults = {f.name: f.default for f in fields(layer)}
    words = [("", name)]
    for field, kind in form.positional:
        value = getattr(layer, field)
        if value is not None and (kind != "number" or value != defaults[field]):
            words.append((field, spell(value)))
    for word, field, _ in form.options:
        value = getattr(layer, field)
        if value != defaults[field]:
            words += [(field, word), (field, spell(value))]
    for word, field, value in form.flags:
        if getattr(layer, field) == value:
            words.append((field, word))
    return words


def print_layer(layer: Layer) -> str:
    """Write one layer in the notation.

    >>> print_layer(Conv(6, 5, padding=((1, 2), 0), bias=False))
    'conv 6 5 pad 1+2x0 nobias'
    """
    return " ".join(text for _, text in layer_words(layer))


def print_line(input_shape: tuple[int, ...], layers: tuple[Layer, ...]) -> str:
    """Write a whole network in the notation.

    >>> print_line((1, 28), (Conv(6, 5), ReLU()))
    '1x28: conv 6 5, relu'
    """
    body = ", ".join(print_layer(layer) for layer in layers)
    return f"{spell(tuple(input_shape))}: {body}" if body else f"{spell(tuple(input_shape))}:"


@dataclass(frozen=True)
class Place:
    """Where a layer stands in a line: its own span, and that of the words that spell each field."""

    span: Span
    fields: dict[str, Span]

    def of(self, field: str | None) -> Span:
        """The span of the words that spell ``field``, or of the whole layer."""
        return self.fields.get(field, self.span) if field else self.span


def printed_places(input_shape: tuple[int, ...], layers: tuple[Layer, ...]) -> tuple[Place, ...]:
    """Where each layer stands in the line that ``print_line`` writes; the input's place comes first."""
    end = len(spell(tuple(input_shape)))
    places = [Place((0, end), {})]
    at = end + 2
    for layer in layers:
        start = at
        found: dict[str, Span] = {}
        for field, text in layer_words(layer):
            found[field] = (found[field][0] if field in found else at, at + len(text))
            at += len(text) + 1
        places.append(Place((start, at - 1), found))
        at += 1
    return tuple(places)


# ---- parsing ----


@dataclass(frozen=True)
class _Word:
    text: str
    span: Span


def parse_line(line: str) -> tuple[tuple[int, ...], tuple[Layer, ...], tuple[Place, ...]]:
    """Read a line of notation: the input's shape, the layers, and where each stands (the input first).

    Raises NetworkError that points at the first word that is wrong.
    """
    if not isinstance(line, str):
        raise NetworkError(f"a line of notation is text, not {type(line).__name__}")
    # one line, whatever the layout it came in, so that spans point into what is printed
    line = re.sub(r"\s", " ", line).rstrip()
    head, colon, body = line.partition(":")
    if not colon:
        raise NetworkError(
            'a network starts with its input and a colon, for example "1x28x28: conv 6 5, relu"', line=line
        )
    # where nothing stands before the colon, it is the colon that is pointed at
    left = len(head) - len(head.lstrip())
    shape_word = _Word(head.strip(), (left, max(len(head.rstrip()), left + 1)))
    shape = _sizes(shape_word, line, "the input")
    start = len(head) + 1
    layers, places = parse_layers(line, start) if body.strip() else ((), ())
    return shape if isinstance(shape, tuple) else (shape,), layers, (Place(shape_word.span, {}), *places)


def parse_layers(line: str, start: int = 0) -> tuple[tuple[Layer, ...], tuple[Place, ...]]:
    """Read the layers of ``line`` from character ``start`` on: the layers, and where each stands.

    >>> parse_layers("relu, dropout 0.2")[0]
    (ReLU(), Dropout(probability=0.2))
    """
    layers, places = [], []
    for piece, at in _pieces(line, start):
        words = [_Word(m.group(), (at + m.start(), at + m.end())) for m in re.finditer(r"\S+", piece)]
        if not words:
            raise NetworkError("a layer is missing before or after this comma", line=line, span=(max(at - 1, 0), at))
        layer, place = _layer(words, line)
        layers.append(layer)
        places.append(place)
    return tuple(layers), tuple(places)


def _pieces(line: str, start: int) -> Iterator[tuple[str, int]]:
    for piece in line[start:].split(","):
        yield piece, start
        start += len(piece) + 1


def _layer(words: list[_Word], line: str) -> tuple[Layer, Place]:
    name, rest = words[0], words[1:]
    if name.text not in FORMS:
        raise _unknown(name, "layer", list(FORMS), line)
    form = FORMS[name.text]
    values, spans = _values(name, rest, form, line)
    place = Place((words[0].span[0], words[-1].span[1]), {"": name.span, **spans})
    try:
        return form.layer(**values), place
    except NetworkError as error:
        raise NetworkError(f"{name.text}: {error.sentence}", line=line, span=place.of(error.field)) from None


def _values(name: _Word, rest: list[_Word], form: Form, line: str) -> tuple[dict[str, object], dict[str, Span]]:
    values: dict[str, object] = {}
    spans: dict[str, Span] = {}
    options = {word: (field, kind) for word, field, kind in form.options}
    flags = {word: (field, value) for word, field, value in form.flags}
    positional = list(form.positional)
    while rest:
        word = rest.pop(0)
        if word.text in options:
            field, kind = options[word.text]
            if not rest:
                raise NetworkError(f'"{word.text}" needs a value after it', line=line, span=word.span)
            value_word = rest.pop(0)
            value, span = _value(value_word, kind, line, word.text), (word.span[0], value_word.span[1])
        elif word.text in flags:
            (field, value), span = flags[word.text], word.span
        elif positional and (word.text == "all" or not word.text[0].isalpha()):
            field, kind = positional.pop(0)
            value, span = _value(word, kind, line, field.replace("_", " ")), word.span
        else:
            raise _unknown(word, f"word for {name.text}", form.words(), line)
        if field in spans:
            raise NetworkError(f"{name.text} is given its {field.replace('_', ' ')} twice", line=line, span=span)
        values[field], spans[field] = value, span
    given = len(form.positional) - len(positional)
    if given < form.required:
        missing = " and ".join(field.replace("_", " ") for field, _ in form.positional[given : form.required])
        raise NetworkError(f"{name.text} needs its {missing}, {_example(name.text)}", line=line, span=name.span)
    return values, spans


def _example(name: str) -> str:
    return {
        "conv": "for example conv 6 5: 6 channels out, a 5x5 kernel",
        "local": "for example local 6 5: 6 channels out, 5x5 kernels",
        "linear": "for example linear 10",
    }.get(name, f"for example {name} 2")


def _unknown(word: _Word, what: str, known: list[str], line: str) -> NetworkError:
    close = difflib.get_close_matches(word.text.lower(), known, n=1, cutoff=0.5)
    if close:
        hint = f"; did you mean {close[0]}?"
    elif known:
        hint = f"; known: {', '.join(known)}"
    else:
        hint = "; nothing may follow here (a comma ends a layer)"
    return NetworkError(f'unknown {what}: "{word.text}"{hint}', line=line, span=word.span)


def _value(word: _Word, kind: Kind, line: str, what: str) -> object:
    if kind == "count":
        return _whole(word.text, word, line, what)
    if kind == "number":
        try:
            return float(word.text)
        except ValueError:
            raise NetworkError(f'the {what} must be a number, not "{word.text}"', line=line, span=word.span) from None
    if kind == "window" and word.text == "all":
        return "all"
    if kind == "padding":
        return _padding(word, line)
    return _sizes(word, line, f"the {what}")


def _padding(word: _Word, line: str) -> object:
    if word.text in ("same", "valid"):
        return word.text
    axes: list[object] = []
    for part in word.text.split("x"):
        sides = [_whole(side, word, line, "padding") for side in part.split("+")]
        if len(sides) > 2:
            raise NetworkError("a padding has two sides, before+after", line=line, span=word.span)
        axes.append(sides[0] if len(sides) == 1 else tuple(sides))
    return axes[0] if len(axes) == 1 and isinstance(axes[0], int) else tuple(axes)


def _sizes(word: _Word, line: str, what: str) -> int | tuple[int, ...]:
    numbers = tuple(_whole(part, word, line, what.removeprefix("the ")) for part in word.text.split("x"))
    return numbers[0] if len(numbers) == 1 else numbers


def _whole(text: str, word: _Word, line: str, what: str) -> int:
    # 19 digits hold 2**62; longer ones are refused before int() is asked to read a novel
    if not re.fullmatch(r"[+-]?[0-9]{1,19}", text):
        raise NetworkError(
            f'the {what} must be whole numbers, such as 5 or 5x3, not "{word.text[:40]}"', line=line, span=word.span
        )
    return int(text)
