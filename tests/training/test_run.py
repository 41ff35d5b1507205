"""Whole runs: they learn, they resume to the same bits after a kill, they stop at NaN, they share work."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from convlens.data import load
from convlens.training.checkpoint import Standing
from convlens.training.distributed import World
from convlens.training.errors import TrainingError
from convlens.training.fit import Fit, Job
from convlens.training.progress import Silent
from convlens.training.recipe import recipe
from convlens.training.run import Request, fitting, train
from tests.conftest import TINY


def request(bars_file: Path, out: Path, **changes: object) -> Request:
    names = ("net", "seed", "resume", "threads", "device", "workers", "backend", "tensorboard")
    given = {k: changes.pop(k) for k in names if k in changes}
    settings = {"epochs": 3, "batch": 16, "lr": 0.02, **changes}
    return Request(str(bars_file), out=out, recipe=recipe(**settings), **{"net": TINY, "threads": 1, **given})  # type: ignore[arg-type]


def weights(folder: Path, name: str = "model.safetensors") -> dict[str, torch.Tensor]:
    return load_file(folder / name)


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


def test_a_run_learns_and_writes_its_folder(bars_file: Path, tmp_path: Path) -> None:
    outcome = train(request(bars_file, tmp_path / "run", epochs=6))
    assert outcome is not None
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    assert result == json.loads(json.dumps(outcome.result))
    assert result["test_accuracy"] > 0.9
    assert result["epochs"] == 6
    assert result["parameters"] == 4 * 9 + 4 + 100 * 3 + 3
    assert result["seconds"] >= result["training_seconds"] > 0
    rows = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert [row["epoch"] for row in rows] == [1, 2, 3, 4, 5, 6]
    assert rows[-1]["train_loss"] < rows[0]["train_loss"]
    assert "<html" in (tmp_path / "run" / "report.html").read_text()


def test_the_same_seed_gives_the_same_bits(bars_file: Path, tmp_path: Path) -> None:
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        train(request(bars_file, tmp_path / name, seed=seed, augment=("shift", "flip", "crop"), epochs=2))
    assert same(weights(tmp_path / "a"), weights(tmp_path / "b"))
    assert not same(weights(tmp_path / "a"), weights(tmp_path / "c"))


@pytest.mark.parametrize("changes", [{"optimizer": "sgd"}, {"augment": ("shift",), "schedule": "cosine"}])
def test_stopped_at_the_worst_moment_it_ends_with_the_same_bits(
    bars_file: Path, tmp_path: Path, changes: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    train(request(bars_file, tmp_path / "whole", epochs=2, **changes))
    before = signal.getsignal(signal.SIGINT)
    for stop in (0, 1, 17, 18, 19, 20, 37):  # 19 batches an epoch
        folder, taken, add = tmp_path / f"stopped-{stop}", 0, Standing.add

        def interrupted(self: Standing, *counted: float, stop: int = stop, add: object = add) -> None:
            # called when the weights have moved and the step is not counted yet
            nonlocal taken
            if taken == stop:
                signal.raise_signal(signal.SIGINT if stop % 2 else signal.SIGTERM)
            taken += 1
            add(self, *counted)  # type: ignore[operator]

        with monkeypatch.context() as patch:
            patch.setattr(Standing, "add", interrupted)
            with pytest.raises(KeyboardInterrupt):
                train(request(bars_file, folder, epochs=2, **changes))
        assert signal.getsignal(signal.SIGINT) == before
        train(request(bars_file, folder, epochs=2, resume=True, **changes))
        for name in ("model.safetensors", "checkpoint.safetensors"):
            assert same(weights(tmp_path / "whole", name), weights(folder, name)), stop
        strip = ("seconds", "images_per_second")
        rows = [
            [{k: v for k, v in json.loads(line).items() if k not in strip} for line in path.open()]
            for path in (tmp_path / "whole" / "metrics.jsonl", folder / "metrics.jsonl")
        ]
        assert rows[0] == rows[1]


def command(bars_file: Path, out: Path, *more: str) -> list[str]:
    base = [sys.executable, "-m", "convlens", "train", str(bars_file), "--net", TINY, "--threads", "1"]
    return [*base, "--epochs", "30", "--batch", "4", "--seed", "1", "--out", str(out), *more]


def test_killed_without_warning_it_resumes_to_the_same_bits(bars_file: Path, tmp_path: Path) -> None:
    subprocess.run(command(bars_file, tmp_path / "whole"), check=True, capture_output=True)
    folder = tmp_path / "killed"
    resume: tuple[str, ...] = ()
    kills = 0
    for after in (2, 5, 9):
        process = subprocess.Popen(
            command(bars_file, folder, *resume), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        deadline = time.monotonic() + 60
        metrics = folder / "metrics.jsonl"
        while process.poll() is None and time.monotonic() < deadline:
            if metrics.exists() and metrics.read_text().count("\n") >= after:
                process.send_signal(signal.SIGKILL)
            time.sleep(0.005)
        kills += process.wait() == -signal.SIGKILL
        resume = ("--resume",)
    assert kills == 3
    subprocess.run(command(bars_file, folder, "--resume"), check=True, capture_output=True)
    assert same(weights(tmp_path / "whole"), weights(folder))
    assert len((folder / "metrics.jsonl").read_text().splitlines()) == 30


def test_a_run_is_resumed_with_what_it_was_started_with(bars_file: Path, tmp_path: Path) -> None:
    train(request(bars_file, tmp_path / "run", epochs=1))
    with pytest.raises(TrainingError, match="already holds a run"):
        train(request(bars_file, tmp_path / "run"))
    with pytest.raises(TrainingError, match="started with epochs 1, not 2"):
        train(request(bars_file, tmp_path / "run", epochs=2, resume=True))
    with pytest.raises(TrainingError, match="started with seed 0, not 9"):
        train(request(bars_file, tmp_path / "run", epochs=1, seed=9, resume=True))
    with pytest.raises(TrainingError, match="no run to resume"):
        train(request(bars_file, tmp_path / "empty", resume=True))
    outcome = train(request(bars_file, tmp_path / "run", epochs=1, resume=True))
    assert outcome is not None
    assert outcome.result["epochs"] == 1


def test_a_run_whose_files_were_meddled_with(bars_file: Path, tmp_path: Path) -> None:
    train(request(bars_file, tmp_path / "whole", epochs=2))

    def meddle(name: str, content: bytes | None) -> str:
        folder = tmp_path / "meddled"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(tmp_path / "whole", folder)
        (folder / name).unlink(missing_ok=True)
        if content is not None:
            (folder / name).write_bytes(content)
        try:
            train(request(bars_file, folder, epochs=2, resume=True))
        except TrainingError as error:
            return str(error)
        return "goes on"

    rows = (tmp_path / "whole" / "metrics.jsonl").read_bytes().splitlines(keepends=True)
    assert "settings.json is damaged" in meddle("settings.json", b"[]")
    assert "settings.json cannot be read" in meddle("settings.json", b"\xff{")
    assert "no run to resume" in meddle("settings.json", None)
    assert "damaged or cut short" in meddle("checkpoint.safetensors", b"1234567890")
    assert "model.safetensors is missing" in meddle("model.safetensors", None)
    for content in (None, rows[0], rows[1], b'{"a": 1}\n', b"\xff\xfe", b"[1]\n[2]\n"):
        assert "metrics.jsonl lacks a row of the 2 epochs" in meddle("metrics.jsonl", content)
    assert meddle("metrics.jsonl", b"".join(rows) + rows[1][:9]) == "goes on"
    assert meddle("checkpoint.safetensors", None) == "goes on"
    assert meddle("report.html", None) == "goes on"
    assert meddle(".model.safetensors.x1.part", b"half") == "goes on"
    assert not list((tmp_path / "meddled").glob(".*"))


def test_a_loss_that_is_no_number_stops_the_run(bars_file: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"the loss became (nan|inf) in epoch 1, batch \d+, at learning rate"):
        train(
            request(
                bars_file,
                tmp_path / "run",
                net="flatten, linear 30, linear 3",
                lr=1e6,
                optimizer="sgd",
                schedule="constant",
            )
        )
    assert (tmp_path / "run" / "settings.json").exists()


def test_the_best_epoch_is_kept_when_a_later_one_diverges(
    bars_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from convlens.training import fit

    monkeypatch.setattr(fit, "rate", lambda recipe, step, steps: 1e-2 if step < 19 else 1e30)
    with pytest.raises(TrainingError, match=r"epoch 2.*keeps the best epoch so far"):
        train(request(bars_file, tmp_path / "run", net="flatten, linear 30, linear 3", optimizer="sgd"))
    assert all(bool(t.isfinite().all()) for t in weights(tmp_path / "run").values())


def test_early_stopping(bars_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    accuracies = iter([0.5, 0.6, 0.7, 0.6, 0.7, 0.8])
    monkeypatch.setattr(Fit, "_validate", lambda self: {"val_loss": 1.0, "val_accuracy": next(accuracies)})
    outcome = train(request(bars_file, tmp_path / "run", epochs=60, patience=2))
    assert outcome is not None
    assert outcome.result["epochs"] == 5
    assert outcome.result["best_epoch"] == 5  # a tie keeps the later weights, and is no reason to go on
    assert outcome.result["val_accuracy"] == 0.7


def test_networks_that_cannot_learn_the_data(bars_file: Path) -> None:
    data = load(str(bars_file))
    with pytest.raises(TrainingError, match="the network reads 1x9x9; start its line with 1x12x12:"):
        fitting("1x9x9: flatten, linear 3", data)
    for line, reason in (
        ("flatten, linear 4", "end it with linear 3"),
        ("conv 3 12", "ends in 3x1x1"),
        ("maxpool 12x4, flatten", "no weights to train"),
    ):
        job = Job(fitting(line, data), data, recipe(), 0)
        with pytest.raises(TrainingError, match=reason):
            Fit(job, World(0, 1, torch.device("cpu")), Silent())


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"device": "tpu"}, "--device must be"),
        ({"device": "cuda:99"}, "no such GPU"),
        ({"threads": 0}, "--threads"),
        ({"seed": -1}, "--seed"),
        ({"backend": "abacus"}, "--backend must be"),
        ({"workers": -1}, "--workers must be 0 to 256"),
        ({"net": "flatten, linear 4"}, "end it with linear 3"),
        ({"patience": 2, "val": 0.0}, "--patience needs validation examples"),
    ],
)
def test_requests_that_cannot_be(bars_file: Path, tmp_path: Path, changes: dict[str, object], reason: str) -> None:
    with pytest.raises(TrainingError, match=reason):
        train(request(bars_file, tmp_path / "run", **changes))
    assert not (tmp_path / "run").exists()  # so that the mended request may use the same --out


def test_two_processes_train_as_one(bars_file: Path, tmp_path: Path) -> None:
    line = "conv 4 3, relu, maxpool 2, flatten, linear 3"  # no dropout: its draws differ between processes
    base = ["train", str(bars_file), "--net", line, "--epochs", "2", "--batch", "30", "--lr", "0.01", "--seed", "0"]
    one = [sys.executable, "-m", "convlens", *base, "--out", str(tmp_path / "one"), "--threads", "1"]
    subprocess.run(one, check=True, capture_output=True)
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-port", "0"]
    torchrun += ["--rdzv-backend", "c10d", "--rdzv-endpoint", "127.0.0.1:0", "-m", "convlens", *base]
    run = subprocess.run(
        [*torchrun, "--out", str(tmp_path / "two")],
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.count("done ") == 1
    a, b = weights(tmp_path / "one"), weights(tmp_path / "two")
    for name in a:
        # the same sums in another order, two epochs long
        torch.testing.assert_close(a[name], b[name], rtol=1e-3, atol=1e-4)
    assert json.loads((tmp_path / "two" / "result.json").read_text())["processes"] == 2
