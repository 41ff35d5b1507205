"""The pages of docs/ taken apart: fenced blocks, commands with what they print, tables, links. Knows Markdown only."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"
PAGES = sorted(DOCS.glob("*.md"))


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, its text, and the line of the page on which the text starts (from 1)."""

    language: str
    text: str
    line: int


@dataclass(frozen=True)
class Command:
    """A line after ``$`` and what stands below it, up to the next one."""

    words: str
    output: str
    line: int


def blocks(page: str, language: str | None = None) -> list[Block]:
    """The fenced blocks of a page, or those of one language."""
    found: list[Block] = []
    opened: tuple[str, int] | None = None
    lines: list[str] = []
    for number, line in enumerate(page.splitlines(), 1):
        if line.startswith("```") and opened is None:
            opened, lines = (line[3:].strip(), number + 1), []
        elif line.startswith("```") and opened is not None:
            found.append(Block(opened[0], "\n".join(lines) + "\n", opened[1]))
            opened = None
        elif opened is not None:
            lines.append(line)
    assert opened is None, f"the block opened on line {opened} is never closed"
    return [block for block in found if language in (None, block.language)]


def prose(page: str) -> str:
    """The page without its fenced blocks."""
    return re.sub(r"^```.*?^```$", "", page, flags=re.MULTILINE | re.DOTALL)


def only(page: str, language: str) -> str:
    """The page with every line blank that is not in a block of this language: line numbers stay."""
    lines = [""] * len(page.splitlines())
    for block in blocks(page, language):
        for i, line in enumerate(block.text.splitlines()):
            lines[block.line - 1 + i] = line
    return "\n".join(lines) + "\n"


def commands(page: str) -> list[Command]:
    """The commands of the page's console blocks."""
    found = []
    for block in blocks(page, "console"):
        starts = [i for i, line in enumerate(block.text.splitlines()) if line.startswith("$ ")]
        lines = block.text.splitlines()
        assert starts[:1] == [0], f"the console block on line {block.line} starts with no command"
        for start, stop in zip(starts, [*starts[1:], len(lines)], strict=True):
            found.append(Command(lines[start][2:], "\n".join(lines[start + 1 : stop]), block.line + start))
    return found


def section(page: str, title: str) -> str:
    """What stands below a heading, up to the next of the same level or above."""
    match = re.search(rf"^(#+) {re.escape(title)}\n", page, re.MULTILINE)
    assert match, f"there is no heading {title!r}"
    rest = page[match.end() :]
    following = re.search(rf"^#{{1,{len(match[1])}}} ", rest, re.MULTILINE)
    return rest[: following.start()] if following else rest


def table(text: str) -> list[dict[str, str]]:
    """The first table of a text: a row a dict, by the names in its head; backticks taken away."""
    rows = []
    for line in text.splitlines():
        if line.startswith("|"):
            rows.append([cell.strip().replace("`", "") for cell in line.strip("|").split("|")])
        elif rows:
            break
    head, _, *body = rows
    return [dict(zip(head, row, strict=True)) for row in body]


def links(page: str) -> list[str]:
    """The targets of links and pictures."""
    return re.findall(r"\]\(([^)\s]+)\)", prose(page))


def anchors(page: str) -> set[str]:
    """The fragments by which a code host reaches the page's headings."""
    titles = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}
