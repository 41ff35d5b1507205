"""The pages of docs/ say what is so: examples run, commands print what is shown, tables are the code's.

What a page says of the code is compared with the code itself: options with the command line, the recipe's table with
the dataclass, the grammar with the docstring, the floors with the import contract, the notes with the places that
make them.
"""

from __future__ import annotations

import ast
import dataclasses
import doctest
import inspect
import re
import runpy
import shlex
import statistics
import sys
import textwrap
import tomllib
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import typer
from PIL import Image

import convlens
from benchmarks import examples, filters
from convlens.cli.main import app, main
from convlens.data.fashion_mnist import SYSTEM as DEBIAN
from convlens.data.fashion_mnist import cache_folder
from convlens.engine import Scan
from convlens.filtering.gallery import GALLERY, told
from convlens.network import notation
from convlens.training.recipe import RECIPES, Recipe

from . import records
from .pages import DOCS, PAGES, Command, anchors, blocks, commands, links, only, prose, section, table

ROOT = DOCS.parent
TEXTS = {page.name: page.read_text(encoding="utf-8") for page in PAGES}
FLAGS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
CLI: Any = typer.main.get_command(app)
PICTURES = {".png": 150_000, ".svg": 150_000, ".gif": 400_000}
"""Bytes that a picture may have at most, by its name's ending."""
LIGHT = {"summary", "info", "data"}
"""The commands that need no torch: they are run. The others are read, option by option."""


def every_command() -> list[Any]:
    return [
        pytest.param(name, command, id=f"{name}:{command.line}")
        for name, text in TEXTS.items()
        for command in commands(text)
    ]


# ---- the pages themselves ----


def test_the_pages_are_there() -> None:
    assert set(TEXTS) == {
        "README.md",
        "from-dense-to-conv.md",
        "correlation-and-convolution.md",
        "sizes-fields-costs.md",
        "operators.md",
        "filtering.md",
        "animating.md",
        "notation.md",
        "data.md",
        "training.md",
        "finding.md",
        "scanning.md",
        "speed.md",
        "house.md",
    }


def test_the_index_has_a_line_for_each_page() -> None:
    linked = [target for target in links(TEXTS["README.md"]) if re.fullmatch(r"[\w-]+\.md", target)]
    assert sorted(set(linked)) == sorted(set(TEXTS) - {"README.md"})


@pytest.mark.parametrize("name", TEXTS)
def test_links_and_pictures_lead_somewhere(name: str) -> None:
    for target in links(TEXTS[name]):
        if re.match(r"https?://", target):
            continue
        path, _, fragment = target.partition("#")
        file = DOCS / path if path else DOCS / name
        assert file.exists(), f"{name} links to {target}"
        if fragment:
            assert fragment in anchors(file.read_text(encoding="utf-8")), f"{name} links to {target}"


def test_pictures_are_small_and_shown() -> None:
    shown = {DOCS / target for text in TEXTS.values() for target in links(text) if Path(target).suffix in PICTURES}
    shown |= {ROOT / target for target in links((ROOT / "README.md").read_text(encoding="utf-8")) if ".png" in target}
    assert shown == set((DOCS / "pictures").iterdir())
    for path in shown:
        assert path.stat().st_size < PICTURES[path.suffix], path
        if path.suffix == ".svg":
            assert ElementTree.parse(path).getroot().tag.endswith("}svg")
            continue
        with Image.open(path) as picture:
            picture.load()


@pytest.mark.parametrize("name", TEXTS)
def test_blocks_have_a_language_that_is_tested_or_is_no_code(name: str) -> None:
    languages = {block.language for block in blocks(TEXTS[name])}
    assert languages <= {"pycon", "console", "text"}
    for block in blocks(TEXTS[name], "text"):
        assert ">>> " not in block.text


@pytest.mark.parametrize("name", TEXTS)
def test_files_that_a_page_names_exist(name: str) -> None:
    for path in re.findall(r"`((?:src|tests|docs|examples|benchmarks)/[^`\s]*)`", prose(TEXTS[name])):
        assert (ROOT / path).exists(), f"{name} names {path}"


# ---- examples ----


@pytest.mark.parametrize("name", TEXTS)
def test_python_examples_run(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    parsed = doctest.DocTestParser().get_doctest(only(TEXTS[name], "pycon"), {}, name, str(DOCS / name), 0)
    assert len(parsed.examples) == len(re.findall(r"^>>> ", TEXTS[name], re.MULTILINE))
    told: list[str] = []
    results = doctest.DocTestRunner(optionflags=FLAGS).run(parsed, out=told.append)
    assert not results.failed, "".join(told)


def test_the_pages_have_examples() -> None:
    counts = {name: len(re.findall(r"^>>> ", text, re.MULTILINE)) for name, text in TEXTS.items()}
    few = {name: count for name, count in counts.items() if count < 10}
    assert set(few) == {"README.md", "speed.md"}, few  # an index, and tables that test_speed compares with records


# ---- commands ----


@pytest.mark.parametrize(("name", "command"), every_command())
def test_commands_are_read_by_the_command_line(name: str, command: Command) -> None:
    words = shlex.split(command.words, comments=True)
    if words[:2] == ["python", "examples/correlation2d.py"]:
        return
    if words[0] == "torchrun":
        words = words[words.index("convlens") :]
    assert words[0] == "convlens", command
    if words[1] not in CLI.commands:
        assert words[1:] in (["--help"], ["--version"]), command
        return
    sub = CLI.commands[words[1]]
    arguments = [word for word in words[2:] if word != "--debug"]
    assert sub.make_context(words[1], arguments).params  # raises on an option that is not there


@pytest.mark.parametrize(("name", "command"), every_command())
def test_commands_print_what_is_shown(
    name: str, command: Command, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    words = shlex.split(command.words, comments=True)
    monkeypatch.setenv("COLUMNS", "120")
    if "fashion-mnist" in words and not (DEBIAN.is_dir() or (cache_folder() / "fashion-mnist").is_dir()):
        pytest.skip("Fashion-MNIST is not on this machine")
    if words[0] == "python":
        monkeypatch.setattr(sys, "argv", words[1:])
        runpy.run_path(str(ROOT / words[1]), run_name="__main__")
        code = 0
    elif words[0] == "convlens" and (words[1] in LIGHT or words[-1] == "--help") and "runs/" not in command.words:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", words)
        with pytest.raises(SystemExit) as left:
            main()
        code = left.value.code or 0
    else:
        assert not command.output, f"{command} shows an output that nobody checks"
        return
    shown = capsys.readouterr()
    if command.output.startswith("convlens: "):  # an error, told in a sentence
        assert code == 2
        printed = shown.err
    else:
        assert code == 0, shown.err
        printed = shown.out
    if command.output.strip():
        wanted = command.output.strip() + "\n"
        assert doctest.OutputChecker().check_output(wanted, printed.strip() + "\n", FLAGS), printed


def options_of(name: str) -> dict[str, Any]:
    return {
        option: parameter
        for parameter in CLI.commands[name].params
        if parameter.param_type_name == "option"
        for option in parameter.opts
        if option.startswith("--") and option != "--help"
    }


PLACES = {"train": "training.md", "evaluate": "training.md", "predict": "training.md", "data": "data.md"} | {
    "summary": "sizes-fields-costs.md",
    "info": "README.md",
    "filter": "filtering.md",
    "animate": "animating.md",
    "kernels": "filtering.md",
    "learn-kernel": "filtering.md",
    "mark": "finding.md",
    "find": "finding.md",
    "correct": "finding.md",
    "check": "finding.md",
}


def test_every_command_has_its_place() -> None:
    assert set(PLACES) == set(CLI.commands)


@pytest.mark.parametrize("name", PLACES)
def test_the_options_of_a_command_are_documented_and_no_others(name: str) -> None:
    page = TEXTS[PLACES[name]]
    rows = {row["option"]: row for row in table(section(page, f"`convlens {name}`"))}
    recipe = {row["option"] for row in table(section(page, "Recipes"))} - {""} if name == "train" else set()
    assert set(rows) | recipe == set(options_of(name))
    assert not set(rows) & recipe
    for option, row in rows.items():
        default = options_of(name)[option].default
        if "default" in row and default is not None and default is not False:
            assert row["default"] == str(default), option


def test_no_page_names_an_option_that_does_not_exist() -> None:
    known = {option for name in CLI.commands for option in options_of(name)} | {"--help", "--nproc-per-node"}
    known |= {option for parameter in CLI.params for option in parameter.opts}
    for name, text in TEXTS.items():
        code = re.findall(r"`([^`\n]+)`", prose(text)) + [c.words for c in commands(text)]
        for option in (o for words in code for o in re.findall(r"(?<![\w-])--[a-z][a-z-]*", words)):
            assert option in known, f"{name} names {option}"


def test_the_options_of_all_commands_are_documented() -> None:
    own = {option for parameter in CLI.params for option in parameter.opts if option.startswith("--")}
    assert own <= {row["option"] for row in table(section(TEXTS["README.md"], "Options that belong to no command"))}


# ---- tables that are the code's ----


def spelled(value: object) -> str:
    """A default as the pages write it."""
    if value is None or value == ():
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def test_the_recipe_table_is_the_dataclass() -> None:
    rows = table(section(TEXTS["training.md"], "Recipes"))
    assert [row["field"] for row in rows] == [f.name for f in dataclasses.fields(Recipe)]
    for recipe in RECIPES:
        assert {row["field"]: row[recipe] for row in rows} == {
            f.name: spelled(getattr(RECIPES[recipe], f.name)) for f in dataclasses.fields(Recipe)
        }
    for row in rows:
        option = "--init" if row["field"] == "initialise" else "--" + row["field"].replace("_", "-")
        assert row["option"] == (option if option in options_of("train") else "")


def test_the_help_says_the_same_defaults() -> None:
    for row in table(section(TEXTS["training.md"], "Recipes")):
        if row["option"] and row["field"] != "patience":
            help_text = options_of("train")[row["option"]].help
            assert re.search(r"\[default: ([^];]*)", help_text)[1] == row["default"], row["option"]  # type: ignore[index]


def test_the_grammar_is_the_docstring_of_the_module() -> None:
    grammar = re.search(r"\n\n(    network .*?)\n\n", notation.__doc__ or "", re.DOTALL)
    assert grammar is not None
    shown = [block.text for block in blocks(section(TEXTS["notation.md"], "The grammar"), "text")]
    assert shown == [textwrap.dedent(grammar[1]) + "\n"]
    for word in notation.FORMS:
        assert re.search(rf"`{word}\b", prose(TEXTS["notation.md"])), f"notation.md explains no {word}"


def test_every_kind_of_note_is_explained() -> None:
    made = set()
    for path in (ROOT / "src/convlens/data").glob("*.py"):
        source = path.read_text(encoding="utf-8")
        made |= set(re.findall(r'(?:Note|_note|told|odd\.add)\(\s*"([a-z ]+)"', source))
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "REMARKS":
                made |= set(ast.literal_eval(node.value))
    assert len(made) > 20
    assert {row["note"] for row in table(section(TEXTS["data.md"], "Notes"))} == made


def test_the_floors_are_those_that_are_enforced() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = project["tool"]["importlinter"]["contracts"]
    (floors,) = [contract["layers"] for contract in contracts if contract["type"] == "layers"]
    enforced = [set(re.findall(r"\w+", floor)) for floor in floors]
    rows = table(section(TEXTS["house.md"], "The floors"))
    shown = [set(re.findall(r"\w+", row["rooms"])) - set(re.findall(r"\w+", row["planned"])) for row in rows]
    assert [rooms for rooms in shown if rooms] == enforced
    for contract in contracts:
        assert contract["name"].split(":")[0] in TEXTS["house.md"], contract["name"]


def test_the_operators_and_their_arguments_are_those_that_are_exported() -> None:
    rows = table(TEXTS["operators.md"])
    assert sorted(row["function"] for row in rows) == sorted(f"convlens.{name}" for name in convlens.OPERATORS)
    for row in rows:
        operator = getattr(convlens, row["function"].removeprefix("convlens."))
        assert row["arguments"].split(", ") == list(inspect.signature(operator).parameters)


def test_the_table_of_pools_is_the_record() -> None:
    rows = table(section(TEXTS["operators.md"], "How fast pools are"))
    assert rows == [pool_row(row) for row in records.rows("pools")]


def pool_row(row: records.Entry) -> dict[str, str]:
    """A row of the benchmark's record as the page shows it."""
    ours = records.ours(row)

    def times(layout: str) -> str:
        best = next(
            one for one in records.peers(row) if ("channels_last" in one["name"]) == (layout == "channels_last")
        )
        return f"{records.median(best) / records.median(ours):.1f}"

    return {
        "pool": row["network"].partition(": ")[2],
        "GB/s": f"{ours['gb_per_second']:.1f}",
        "of a copy": records.of_peak(ours),
        "times PyTorch, NCHW": times("NCHW"),
        "times PyTorch, channels_last": times("channels_last"),
    }


def test_the_gallery_is_the_one_that_there_is() -> None:
    rows = table(section(TEXTS["filtering.md"], "Kernels"))
    assert [tuple(one.values()) for one in rows] == [told(name) for name in GALLERY]


def test_the_table_of_filters_is_the_record() -> None:
    shown = section(TEXTS["filtering.md"], "How fast").splitlines()
    assert [line for line in shown if line.startswith("|")] == filters.lines(records.rows("filters"))


def test_the_table_of_examples_is_the_record() -> None:
    shown = section(TEXTS["training.md"], "Examples").splitlines()
    found = {row["example"]: row for row in records.rows("examples")}
    assert [line for line in shown if line.startswith("|")] == examples.lines(list(found.values()))
    known = {example.name: example for example in examples.examples()}
    assert list(found) == [name for name in known if name in found]
    for name, row in found.items():
        for field in ("command", "metric", "baseline", "source"):
            assert row[field] == getattr(known[name], field)
        assert row["mean"] == statistics.mean(row["scores"])
        assert row["spread"] == statistics.stdev(row["scores"])
        assert (row["seeds"], len(row["scores"])) == ([0, 1, 2], 3)


def test_the_arguments_of_a_scan_are_those_that_it_has() -> None:
    arguments = inspect.signature(Scan).parameters.values()
    rows = table(section(TEXTS["scanning.md"], "What a picture may be"))
    assert [(row["argument of Scan"], row["default"]) for row in rows] == [
        (argument.name, "" if argument.default is argument.empty else str(argument.default)) for argument in arguments
    ]
