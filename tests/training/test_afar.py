"""Files that the workers of a Dask scheduler predict get the rows that they get here."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from distributed import LocalCluster

from convlens import Network, nn
from convlens.data import Preprocessing
from convlens.training.model import Model
from convlens.training.prediction import predict, predict_afar


def test_workers_predict_what_is_predicted_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    network = Network.parse("1x6x6: conv 2 3, relu, flatten, linear 2")
    preprocessing = Preprocessing("picture", (1, 6, 6), "uint8", 255.0, (0.25,), (0.5,))
    model = Model(network, ("a", "b"), preprocessing, nn.build(network).state_dict())
    files = [Path(f"{n}.npy") for n in range(70)]
    for n, file in enumerate(files):
        np.save(file, np.random.default_rng(n).integers(0, 256, (1, 6, 6), dtype=np.uint8))
    files.append(Path("gone.npy"))
    here = list(predict(model, files, "cpu"))
    with LocalCluster(n_workers=2, threads_per_worker=1, processes=False, dashboard_address=":0") as cluster:
        there = list(predict_afar(model, files, "cpu", cluster.scheduler_address))
    assert [(p.file, p.predicted) for p in there] == [(p.file, p.predicted) for p in here]
    assert all(np.allclose(a.probabilities, b.probabilities) for a, b in zip(here[:-1], there[:-1], strict=True))
    assert there[-1].error is not None
