"""What the commands say of data with a label for every cell, and of a model that labels cells."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.cli.saying import say


def test_from_data_to_labels(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    x = np.random.default_rng(0).integers(0, 256, (12, 1, 20, 20), np.uint8)
    np.savez("set.npz", x=x, y=(x[:, 0] > 127).astype(int), classes=np.array(["dark", "light"]))
    code, out, _ = say(capsys, monkeypatch, "data", "set.npz")
    assert (code, out.splitlines()[0]) == (0, "set: pictures of 1x20x20, uint8")
    code, out, err = say(capsys, monkeypatch, "train", "set.npz", "--threads", "1")
    assert (code, out) == (2, "")
    assert err == (
        "convlens: the network ends in 2, but set has a label for every cell: leave flatten and linear out and end it "
        "with conv 2 1, or say --net dilated\n"
    )
    net = ["--net", "conv 4 1, relu, conv 2 1", "--patch", "10", "--batch", "4", "--epochs", "12", "--lr", "0.05"]
    code, out, err = say(capsys, monkeypatch, "train", "set.npz", *net, "--threads", "1", "--out", "run")
    assert (code, err) == (0, "")
    assert "cells    a class for each, learned from 44 patches of 10x10 an epoch" in out
    assert "\ndice     val: dark " in out
    model = "run/model.safetensors"
    code, out, _ = say(capsys, monkeypatch, "evaluate", model, "set.npz", "--threads", "1")
    assert code == 0
    assert "of 4,800 cells)" in out
    assert out.splitlines()[1].split() == ["class", "Dice", "IoU", "cells"]
    Image.fromarray(x[0, 0]).save("one.png")
    Image.fromarray(x[1, 0, :7]).save("two.png")
    code, out, _ = say(capsys, monkeypatch, "predict", model, "one.png", "two.png", "--threads", "1")
    assert (code, out.count("written  predictions/")) == (0, 2)
    assert Image.open("predictions/two.png").size == (20, 7)
    code, _, err = say(capsys, monkeypatch, "predict", model, "one.png", "--out", "seg.nii", "--threads", "1")
    assert code == 2
    assert "labels along 2 axes are written as .png, .tif or .npy" in err
