"""The one error of the network floor: a sentence, and where in the line it applies.

Nothing here knows what a layer is; the modules that refuse something say which word of the line is to blame.
"""

from __future__ import annotations

import reprlib


class NetworkError(ValueError):
    """A network, a layer or a line of notation that cannot be: one sentence, and the place when there is a line.

    Args:
        sentence: what is wrong, with the numbers that met, and how to mend it.
        field: the name of the layer's field to blame (``"kernel"``), for whoever knows where it stands in the line.
        line: the network in its notation, fit to be pasted back.
        span: first and past-the-end character of the words to blame in ``line``.

    >>> print(NetworkError("the stride must be at least 1", line="1x8: conv 1 3 stride 0", span=(20, 21)))
    the stride must be at least 1
      1x8: conv 1 3 stride 0
                          ^
    """

    def __init__(
        self, sentence: str, *, field: str | None = None, line: str | None = None, span: tuple[int, int] | None = None
    ) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.field = field
        self.line = line
        self.span = span

    def __str__(self) -> str:
        if self.line is None:
            return self.sentence
        if self.span is None:
            return f"{self.sentence}\n  {self.line}"
        start, stop = self.span
        return f"{self.sentence}\n  {self.line}\n  {' ' * start}{'^' * max(1, stop - start)}"


def shown(value: object) -> str:
    """Any value as a sentence shows it: on one line, and shortened.

    >>> shown(2.5), shown("5x"), shown("x" * 99), shown(10**9999)
    ('2.5', "'5x'", "'xxxxxxxxxxxx...xxxxxxxxxxxxx'", 'a number of 33216 bits')
    """
    if isinstance(value, int) and not isinstance(value, bool) and value.bit_length() > 128:
        return f"a number of {value.bit_length()} bits"  # Python refuses to write out thousands of digits
    try:
        return " ".join(reprlib.repr(value).split())
    except Exception:  # whatever a foreign __repr__ may do, the sentence is about something else
        return f"a {type(value).__name__}"
