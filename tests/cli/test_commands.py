"""The commands as a stranger types them: what they print, what they write, how they fail."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from convlens.cli.main import main
from convlens.network import Network, total
from convlens.training import RECIPES
from tests.conftest import TINY, bars


def convlens(*words: str, cwd: Path | None = None, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "convlens", *words], capture_output=True, text=True, cwd=cwd, env={**os.environ, **env}
    )


@pytest.fixture(scope="module")
def run(bars_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "run"
    done = convlens(
        "train", str(bars_file), "--net", TINY, "--epochs", "6", "--batch", "16", "--lr", "0.02", "--out", str(folder)
    )
    assert done.returncode == 0, done.stderr
    assert "test accuracy" in done.stdout
    assert str(folder / "report.html") in done.stdout
    return folder


@pytest.mark.parametrize(
    "words", [["--help"], ["summary", "lenet"], ["train", "--help"], ["info"], ["summary", "MODEL"]]
)
def test_these_start_without_torch(words: list[str], run: Path) -> None:
    words = [str(run / "model.safetensors") if w == "MODEL" else w for w in words]
    code = (
        "import sys; sys.argv = ['convlens', *sys.argv[1:]]\n"
        "from convlens.cli.main import main\n"
        "try: main()\n"
        "except SystemExit as e: assert not e.code, e.code\n"
        "assert 'torch' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_summary_of_a_dense_layer_on_a_photo() -> None:
    shown = convlens("summary", "3x3000x4000: flatten, linear 100").stdout
    assert "3,600,000,100" in shown
    assert "14.4 GB" in shown
    assert "304" in shown


def test_summary_compares_and_speaks_json() -> None:
    shown = convlens("summary", "dense4d", "--compare", "local", "--compare", "conv").stdout
    assert [row.split()[2] for row in shown.splitlines()[1:]] == ["452,160", "14,976", "26"]
    (values,) = json.loads(convlens("summary", "lenet", "--json").stdout)
    assert values["parameters"] == 61706
    assert values["layers"][3]["field"] == [14, 14]


def test_summary_of_a_model_file(run: Path) -> None:
    shown = convlens("summary", str(run / "model.safetensors")).stdout
    assert f"1x12x12: {TINY}" in shown


def test_evaluate(run: Path, bars_file: Path, tmp_path: Path) -> None:
    done = convlens("evaluate", str(run / "model.safetensors"), str(bars_file), "--out", str(tmp_path / "scores.json"))
    assert done.returncode == 0, done.stderr
    scores = json.loads((tmp_path / "scores.json").read_text())
    result = json.loads((run / "result.json").read_text())
    assert scores["split"] == "test"
    assert scores["accuracy"] == pytest.approx(result["test_accuracy"])
    assert np.array(scores["confusion"]).sum() == scores["examples"] == 90
    assert {row["name"] for row in scores["classes"]} == {"across", "down", "cross"}


def test_predict_gives_a_row_a_file_whatever_it_is(run: Path, tmp_path: Path) -> None:
    x, y = bars(12, 5)
    folder = tmp_path / "pictures"
    folder.mkdir()
    for i, picture in enumerate(x):
        Image.fromarray(picture[0]).save(folder / f"{i:02}, {['across', 'down', 'cross'][y[i]]}.png")
    (folder / "broken.png").write_bytes((folder / f"00, {['across', 'down', 'cross'][y[0]]}.png").read_bytes()[:60])
    (folder / "note.txt").write_text("no picture")
    done = convlens("predict", str(run / "model.safetensors"), "pictures", "gone.png", "--out", "out.csv", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "12 of 15 files predicted" in done.stdout
    assert "gone.png could not be read: there is no such file\n" in done.stderr
    with (tmp_path / "out.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 15
    read = [row for row in rows if not row["error"]]
    assert sum(row["predicted"] in row["file"] for row in read) >= 11
    assert all(row["predicted"] == "" for row in rows if row["error"])
    assert {Path(row["file"]).name for row in rows if row["error"]} == {"broken.png", "note.txt", "gone.png"}
    assert sum(
        float(row["p(down)"]) + float(row["p(across)"]) + float(row["p(cross)"]) for row in read
    ) == pytest.approx(12, abs=1e-3)


def test_predict_of_nothing_readable(run: Path, tmp_path: Path) -> None:
    done = convlens("predict", str(run / "model.safetensors"), "gone.png", cwd=tmp_path)
    assert done.returncode == 2
    assert "none of the 1 files could be read" in done.stderr
    assert (tmp_path / "predictions.csv").exists()


WRONG = [
    (["train", "nowhere"], "nowhere"),
    (["train", "BARS", "--net", "lenett"], "did you mean lenet?"),
    (["train", "BARS", "--net", "conv 4 3, relu, linear 3"], "put flatten before it"),
    (["train", "BARS", "--net", "flatten, linear 5"], "end it with linear 3"),
    (["train", "BARS", "--epochs", "0"], "--epochs must be"),
    (["train", "BARS", "--lr", "-1"], "--lr must be"),
    (["train", "BARS", "--epochs", "many"], "--epochs"),
    (["train", "BARS", "--optimizer", "adam"], "adamw, sgd"),
    (["train", "BARS", "--augment", "blur"], "shift, flip, crop"),
    (["train", "BARS", "--size", "0"], "--size must be"),
    (["train", "BARS", "--resume"], "--resume needs --out"),
    (["train", "BARS", "--resume", "--out", "nothing"], "no run to resume"),
    (["train", "BARS", "--out", "/proc/nothing"], "/proc/nothing"),
    (["train", "BARS", "--workers", "-1"], "--workers must be"),
    (["train", ""], "name a data set"),
    (["train", "BARS", "--recipe", "book"], "default, d2l"),
    (["evaluate", "BARS", "BARS"], "not a convlens model"),
    (["evaluate", "MODEL", "nowhere"], "nowhere"),
    (["evaluate", "MODEL", "BARS", "--split", "exam"], "--split must be"),
    (["predict", "nowhere.safetensors", "a.png"], "is no file"),
    (["evaluate", "RUN", "BARS"], "did you mean"),
    (["predict", "MODEL", "EMPTY"], "holds no files"),
    (["predict", "MODEL", "gone.png", "--out", "EMPTY"], "it is a folder"),
    (["evaluate", "MODEL", "BARS", "--out", "/proc/nothing"], "cannot write /proc/nothing"),
    (["summary", "1x28x28: relu" + ", relu" * 99 + ", rellu"], "did you mean relu?"),
    (["summary", "1x28x28: conv 6 5 pad 2, sigmod"], "did you mean sigmoid?"),
    (["summary", "BARS"], "not a convlens model"),
    (["data", "nowhere"], "nowhere"),
    (["dance"], "No such command"),
]


@pytest.mark.parametrize(("words", "part"), WRONG, ids=[" ".join(w)[:60] for w, _ in WRONG])
def test_errors_are_one_sentence_and_exit_code_2(
    words: list[str],
    part: str,
    run: Path,
    bars_file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "EMPTY").mkdir()
    stands = {
        "BARS": str(bars_file),
        "RUN": str(run),
        "MODEL": str(run / "model.safetensors"),
        "EMPTY": str(tmp_path / "EMPTY"),
    }
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(sys, "argv", ["convlens", *[stands.get(w, w) for w in words]])
    with pytest.raises(SystemExit) as left:  # in this process: importing torch thirty times takes a minute
        main()
    told = capsys.readouterr().err
    assert left.value.code == 2, told
    assert part in told
    assert "Traceback" not in told


def test_a_name_that_the_terminal_cannot_spell_stops_nothing(tmp_path: Path) -> None:
    for name in (b"caf\xe9", "naïve".encode(), b"ok"):
        for k in range(3):
            path = os.path.join(os.fsencode(tmp_path), b"set", name, b"%d.png" % k)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as file:
                Image.fromarray(np.full((4, 4), 9 * k + len(name), np.uint8)).save(file, "PNG")
    for encoding in ("ascii", "utf-8"):
        out = str(tmp_path / f"run-{encoding}")
        words = ["train", str(tmp_path / "set"), "--net", "flatten, linear 3", "--epochs", "1", "--out", out]
        done = convlens(*words, PYTHONIOENCODING=encoding)
        assert done.returncode == 0, done.stderr
        done = convlens("predict", f"{out}/model.safetensors", str(tmp_path / "set"), "caf\udce9", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert "caf\\udce9 could not be read" in done.stderr
        with (tmp_path / "predictions.csv").open(newline="", encoding="utf-8", errors="surrogateescape") as file:
            assert sum(os.path.exists(row["file"]) for row in csv.DictReader(file)) == 9


def test_interrupted_it_says_how_to_go_on(bars_file: Path, tmp_path: Path) -> None:
    words = [
        "train",
        str(bars_file),
        "--net",
        TINY,
        "--epochs",
        "9999",
        "--threads",
        "1",
        "--out",
        str(tmp_path / "run"),
    ]
    process = subprocess.Popen(
        # a test run in the background of a shell ignores Ctrl-C, and so would its children
        [
            sys.executable,
            "-c",
            "import signal; signal.signal(2, signal.default_int_handler)\nfrom convlens.cli.main import main; main()",
            *words,
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("epoch  2"):
            process.send_signal(signal.SIGINT)
            break
    out, err = process.communicate()
    assert process.returncode == 130
    assert f"--out {tmp_path / 'run'} --resume" in out
    assert err == "convlens: interrupted; what was finished is kept\n"


def test_the_help_of_train_knows_the_defaults() -> None:
    shown = " ".join(convlens("train", "--help").stdout.split())
    usual, book = RECIPES["default"].to_json(), RECIPES["d2l"].to_json()
    for field in ("epochs", "batch", "lr", "optimizer", "schedule", "momentum", "weight-decay", "initialise", "val"):
        option, key = f"--{field}".replace("initialise", "init"), field.replace("-", "_")
        told = shown[shown.index(f" {option} <") :].split("[default: ")[1].split("]")[0]
        other = f"{book[key]:g}" if isinstance(book[key], float) else book[key]
        assert told == (f"{usual[key]}" if usual[key] == book[key] else f"{usual[key]}; d2l: {other}"), option


def test_debug_shows_the_traceback() -> None:
    done = convlens("summary", "lenett", "--debug")
    assert done.returncode == 2
    assert "Traceback" in done.stderr


def test_the_width_of_a_pipe_cuts_no_number() -> None:
    line = "3x3000x4000: conv 64 5, flatten, linear 100"
    assert f"{total(Network.parse(line)).parameters:,}" in convlens("summary", line, COLUMNS="60").stdout


def test_info_shows_the_plan_of_a_network() -> None:
    shown = convlens("info", "lenet").stdout
    assert "conv 6 5 pad 2, sigmoid, avgpool 2" in shown
    block, alone = shown.split("an image alone")
    for part in (block, alone):
        assert part.count("convolution") == 2
        assert part.count("dense") == 3
    assert "costs as much as a block" in convlens("info", "6x5x5: conv 4 3 groups 2").stdout
    refused = convlens("info", "1x99: conv 2 65", "--training")
    assert refused.returncode == 2
    assert "layer 1 (conv 2 65)" in refused.stderr
