"""The report's last sections: the network's layers, the run's settings and numbers, the notes on its data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .report_text import number, section, table, text

FILES = 200  # file names and messages listed of one kind of note


def layers(rows: Sequence[Mapping[str, object]]) -> str:
    """The network's layers; parameters and multiply-adds are summed."""
    if not rows:
        return ""
    keys = list(dict.fromkeys(key for row in rows for key in row))
    summed = [key for key in ("parameters", "multiply_adds") if key in keys]
    sums: dict[str, int | None] = {key: _sum(rows, key) for key in summed}
    cells = "".join(
        f'<td class="n">{number(sums[k])}</td>' if sums.get(k) is not None else "<td></td>" for k in keys[1:]
    )
    foot = f'<tfoot><tr><th scope="row">all</th>{cells}</tr></tfoot>'
    return section("layers", "Layers", "", table(rows, foot))


def _sum(rows: Sequence[Mapping[str, object]], key: str) -> int | None:
    values = [row.get(key) for row in rows]
    return sum(v for v in values if isinstance(v, int)) if all(isinstance(v, int | None) for v in values) else None


def settings(options: Mapping[str, object], result: Mapping[str, object]) -> str:
    """Two lists: what was asked for, and every number that came out."""
    lists = [_definitions(title, values) for title, values in (("Settings", options), ("Result", result)) if values]
    return section("settings", "Settings and result", "", f'<div class="two">{"".join(lists)}</div>') if lists else ""


def _definitions(title: str, values: Mapping[str, object]) -> str:
    rows = "".join(
        f'<tr><th scope="row">{text(str(key).replace("_", " "))}</th><td>{number(value)}</td></tr>'
        for key, value in values.items()
    )
    return f'<div><h3>{title}</h3><table class="plain pairs-table"><tbody>{rows}</tbody></table></div>'


def notes(entries: Sequence[tuple[str, str, tuple[str, ...]]]) -> str:
    """What was noticed about the data, by kind, with the files concerned."""
    if not entries:
        return ""
    kinds: dict[str, list[tuple[str, tuple[str, ...]]]] = {}
    for kind, message, files in entries:
        kinds.setdefault(kind, []).append((message, files))
    body = "".join(_kind(kind, found) for kind, found in kinds.items())
    lead = f"{number(len(entries))} {'thing was' if len(entries) == 1 else 'things were'} noticed about the data."
    return section("notes", "Notes on the data", lead, body)


def _kind(kind: str, found: Sequence[tuple[str, tuple[str, ...]]]) -> str:
    room, items = FILES, []
    for message, files in found[:FILES]:
        listed = files[:room]
        room -= len(listed)
        more = f'<li class="quiet">and {number(len(files) - len(listed))} more</li>' if len(files) > len(listed) else ""
        names = f"<ul>{''.join(f'<li><code>{text(name)}</code></li>' for name in listed)}{more}</ul>" if files else ""
        items.append(f"<p>{text(message)}</p>{names}")
    if len(found) > FILES:
        items.append(f'<p class="quiet">and {number(len(found) - FILES)} more</p>')
    return (
        f"<details><summary>{text(kind)} <b>{number(len(found))}</b></summary>"
        f'<div class="note">{"".join(items)}</div></details>'
    )
