"""A search by the workers of a Dask scheduler comes to what a search here comes to, and goes on like it."""

from __future__ import annotations

import dataclasses
import gc
from pathlib import Path
from typing import Any

import pytest
from distributed import Client, LocalCluster

from convlens.data import DataError, Mark, write_marks
from convlens.data.workers import ensure_workers, mapped
from convlens.finding.request import Request
from convlens.finding.search import search

from .fake import School, picture


def quiet(stage: str, done: int, total: int) -> None: ...


def outputs(folder: Path) -> dict[str, bytes]:
    """What a search wrote, but for what tells the time."""
    names = [path for path in folder.rglob("*") if path.suffix in (".csv", ".png")]
    return {str(path.relative_to(folder)): path.read_bytes() for path in names}


def test_workers_find_what_is_found_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("photos").mkdir()
    for n in range(7):
        picture(Path(f"photos/{n}.png"), [(10 * n, 20, 250), (50, 60, 200)])
    Path("photos/empty.jpg").touch()
    write_marks("marks.csv", [Mark("0.png", "object", 0, 20, 10, 10)])
    asked = Request(["photos"], Path("here"), Path("marks.csv"), angles=True)
    one = search(asked, School(), quiet)
    with LocalCluster(n_workers=2, threads_per_worker=1, processes=False, dashboard_address=":0") as cluster:
        there = dataclasses.replace(asked, out=Path("there"), scheduler=cluster.scheduler_address)
        steps: list[int] = []
        other = search(there, School(), lambda stage, done, total: steps.append(done))
        assert steps == sorted(steps)
        assert outputs(Path("there")) == outputs(Path("here"))
        assert [(r.image, r.path, r.reason) for r in one.results] == [
            (r.image, r.path, r.reason) for r in other.results
        ]
        assert [finds.picture for finds in other.found] == [Path(f"photos/{n}.png") for n in range(7)]
        Path("there/overlays/3.png").unlink()
        picture(Path("photos/5.png"), [(0, 0, 250)])
        asks: list[str] = []
        monkeypatch.setattr("convlens.finding.look.mapped", lambda *a: asks.extend(x.name for x in a[2]) or mapped(*a))
        search(there, School(), quiet)
        assert asks == ["3.png", "5.png"]
    monkeypatch.undo()


def shout(loud: str, word: str) -> str:
    if word == "bad":
        raise KeyError(word)
    return word + loud


def test_work_comes_back_in_order_and_what_cannot_be_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with LocalCluster(n_workers=1, threads_per_worker=2, processes=False, dashboard_address=":0") as cluster:
        address = cluster.scheduler_address
        assert list(mapped(shout, "!", [str(n) for n in range(20)], address)) == [f"{n}!" for n in range(20)]
        with pytest.raises(KeyError):
            list(mapped(shout, "!", ["good", "bad"], address))
    monkeypatch.setattr("convlens.data.workers.PATIENCE", 0.2)
    with pytest.raises(DataError, match=r"no Dask scheduler answers at tcp://127\.0\.0\.1:9; start one"):
        list(mapped(shout, "!", ["a"], "tcp://127.0.0.1:9"))
    with pytest.raises(DataError, match="no Dask scheduler answers at nowhere"):
        list(mapped(shout, "!", ["a"], "nowhere"))

    def missing(name: str) -> Any:
        raise ImportError(name)

    monkeypatch.setattr("convlens.data.workers.import_module", missing)
    with pytest.raises(DataError, match=r"needs dask\.distributed; pip install"):
        list(mapped(shout, "!", ["a"], address))


def clients() -> list[Client]:
    """Those that there are in this process."""
    return [one for one in gc.get_objects() if type(one) is Client]


def test_a_scheduler_that_does_not_answer_is_told_before_anything_is_learned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("convlens.data.workers.PATIENCE", 0.2)
    picture(Path("a.png"), [(10, 20, 250)])
    write_marks("marks.csv", [Mark("a.png", "object", 10, 20, 10, 10)])
    school, before = School(), clients()
    with pytest.raises(DataError, match="no Dask scheduler answers at nowhere"):
        search(Request(["a.png"], Path("out"), Path("marks.csv"), scheduler="nowhere"), school, quiet)
    assert school.fitted == []
    begun = [one for one in clients() if all(one is not other for other in before)]
    assert [one.status for one in begun] in ([], ["closed"]), "an open one, collected, waits for one that begins"
    with (
        LocalCluster(n_workers=0, processes=False, dashboard_address=":0") as cluster,
        pytest.raises(DataError, match="has no workers; start some"),
    ):
        ensure_workers(cluster.scheduler_address)
