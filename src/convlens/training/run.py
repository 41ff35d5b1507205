"""One training run from a data source to a folder with a model, metrics, a result and a report."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from convlens import __version__
from convlens.data import CellSet, FileSplit
from convlens.network import total
from convlens.network.layers import spell

from .checkpoint import Standing
from .distributed import World, threads, world
from .errors import TrainingError
from .fit import Fit, Job
from .fitting import fetched, fitting
from .folder import RunFolder
from .judge import Judgement
from .judge_cells import CellJudgement
from .learner import Backend
from .model import Model
from .progress import Reporter, reporter
from .publish import publish
from .recipe import Recipe
from .tensorboard import board, installed

RUNS = Path("runs")
MOST_WORKERS = 256


@dataclass(frozen=True)
class Request:
    """What a person asked for.

    Args:
        source: ``"fashion-mnist"``, a folder or a file.
        net: a named network, a line of notation, or layers without an input.
        recipe: how to train.
        seed: of the weights, the order, the augmentation, and the validation split.
        out: the run folder; None: the next free one under ``runs/``.
        resume: continue the run in ``out``.
        data_dir: where named data sets are looked for first.
        size: (H, W), or (D, H, W), or (W,) of signals and texts, or one number for all axes, that files are brought to;
            None: the network's or the data's own.
        rate: samples a second that sounds are brought to; None: the most common one.
        label: of a .csv or .tsv file, the column of the classes; None: found by a rule.
        patch: where every cell has a label: cells of what is learned from at once, an axis each, or one number; None:
            the network's own, or whole examples if they are small.
        threads: CPU threads; None: the cores this process may use.
        device: ``"auto"``, ``"cpu"``, ``"cuda"``, ``"cuda:N"``.
        workers: helper processes that decode sets too large for memory.
        backend: ``"auto"`` (the engine where it can and is faster, else PyTorch), ``"engine"`` or ``"torch"``.
        command: the command line that asked, for the report to show; empty where there was none.
        tensorboard: also write TensorBoard event files into the folder.
    """

    source: str
    net: str = "lenet"
    recipe: Recipe = field(default_factory=Recipe)
    seed: int = 0
    out: Path | None = None
    resume: bool = False
    data_dir: Path | None = None
    size: tuple[int, ...] | None = None
    rate: int | None = None
    label: str | None = None
    patch: tuple[int, ...] | None = None
    threads: int | None = None
    device: str = "auto"
    workers: int = 0
    backend: Backend = "auto"
    tensorboard: bool = False
    command: str = ""


@dataclass(frozen=True)
class Outcome:
    """Where a run's files lie, and what ``result.json`` holds."""

    folder: RunFolder
    result: dict[str, Any]


def train(request: Request) -> Outcome | None:
    """Train as requested; returns the outcome, or None in the helper processes of a torchrun.

    Raises:
        TrainingError, DataError, NetworkError: with a sentence for the person who asked.
    """
    if not 0 <= request.seed < 2**63:
        raise TrainingError(f"--seed must be 0 to 2**63 - 1, not {request.seed}")
    if not 0 <= request.workers <= MOST_WORKERS:
        raise TrainingError(f"--workers must be 0 to {MOST_WORKERS}, not {request.workers}")
    if request.tensorboard:
        installed()
    count = threads(request.threads)
    with world(request.device) as here:
        teller = reporter(main=here.main)
        try:
            return _train(request, here, teller, count)
        finally:
            teller.close()


def _train(request: Request, here: World, teller: Reporter, count: int) -> Outcome | None:
    started = time.perf_counter()
    data = fetched(
        request.source,
        request.net,
        data_dir=request.data_dir,
        val=request.recipe.val,
        seed=request.seed,
        size=request.size,
        rate=request.rate,
        label=request.label,
    )
    network = fitting(request.net, data, request.patch)
    job = Job(network, data, request.recipe, request.seed, request.workers, count, request.backend)
    fit = Fit(job, here, teller)  # what cannot be is refused here, before a folder is made
    folder = here.alike(lambda: _begin(request, fit, here, count))
    introduce(teller, fit, folder)
    earlier = sum(row["seconds"] for row in folder.read_metrics()) if here.main else 0.0
    _run(fit, folder, request.tensorboard)
    if not here.main:
        return None
    teller.close()
    model = Model.load(folder.model)
    judged_split, judged = _judge(model, fit)
    result = _result(job, folder, model, judged_split, judged)
    result |= {"seconds": round(earlier + time.perf_counter() - started, 3)}
    result |= {"threads": count, "processes": here.size, "device": str(here.device), "runs": fit.learner.where}
    folder.write_json(folder.result, result)
    publish(folder, job, model, judged_split, judged, result, _word(request.net), request.command)
    return Outcome(folder, result)


def _take_up(folder: RunFolder, standing: Standing) -> None:
    """Bring the other files of a run to where its checkpoint stands; TrainingError where one is missing."""
    if standing.best_epoch and not folder.model.is_file():
        raise TrainingError(f"{folder.model} is missing; put it back, or start a new run with another --out")
    folder.tidy()
    folder.keep_metrics(standing.epoch)


def _begin(request: Request, fit: Fit, here: World, count: int) -> RunFolder:
    """The run's folder, new or found again, with ``fit`` standing where it stands."""
    folder = _folder(request, fit.job, here, count)
    fit.keep(folder.path / "checkpoint.safetensors")
    if request.resume:
        fit.resume()
        if here.main:
            _take_up(folder, fit.standing)
    return folder


def _folder(request: Request, job: Job, here: World, count: int) -> RunFolder:
    """The run's folder, begun or found again. Helper processes only need it to resume."""
    settings = {
        "network": str(job.network),
        "data": str(request.source),
        "rate": request.rate,
        "label": request.label,
        "recipe": job.recipe.to_json(),
        "seed": request.seed,
        "threads": count,
        "processes": here.size,
        "device": here.device.type,
        "backend": request.backend,
    }
    if request.resume:
        if request.out is None:
            raise TrainingError("--resume needs --out, the folder of the run to continue")
        folder = RunFolder(request.out)
        _same(folder.settings(), settings, folder)
        return folder
    if not here.main:
        return RunFolder(request.out or RUNS)
    name = f"{_word(request.net)}-{_word(Path(request.source).stem)}"
    folder = RunFolder.fresh(RUNS, name) if request.out is None else RunFolder(request.out)
    folder.begin({**settings, "versions": {"convlens": __version__, "torch": str(torch.__version__)}})
    return folder


def _word(text: str) -> str:
    """A part of a folder's name: a name as it is, a line of notation as "net"."""
    return text if text.replace("-", "").replace("_", "").isalnum() else "net"


def _same(before: dict[str, Any], now: dict[str, Any], folder: RunFolder) -> None:
    """A run goes on with what it was started with, or it would not end with the same weights."""
    for name, value in now.items():
        was = before.get(name)
        if name == "recipe" and isinstance(was, dict):
            different = [key for key in value if was.get(key) != value[key]]
            if different:
                key = different[0]
                raise TrainingError(
                    f"the run in {folder.path} was started with {key} {was.get(key)}, not {value[key]}; "
                    "resume it with the same, or choose another --out"
                )
        elif was != value:
            raise TrainingError(
                f"the run in {folder.path} was started with {name} {was}, not {value}; "
                "resume it with the same, or choose another --out"
            )


def introduce(teller: Reporter, fit: Fit, folder: RunFolder) -> None:
    """Say what will run where, on what, and what the data has to say."""
    job = fit.job
    data, splits = job.data, []
    for name, split in (("training", data.train), ("validation", data.val), ("test", data.test)):
        if split is not None:
            splits.append(f"{len(split):,} {name}")
    shown = ", ".join(data.classes[:10]) + (f", ... ({len(data.classes)})" if len(data.classes) > 10 else "")
    teller.say(f"data     {data.name}: {', '.join(splits)}; {len(data.classes)} classes: {shown}")
    for note in data.notes:
        teller.say(f"note     {note}")
    if isinstance(data, CellSet):
        size = spell(job.network.input_shape[1:])
        teller.say(f"cells    a class for each, learned from {len(job.target):,} patches of {size} an epoch")
    teller.say(f"network  {job.network}")
    cost = total(job.network)
    teller.say(f"         {cost.parameters:,} parameters, {cost.multiply_adds:,} multiply-adds an example")
    teller.say(f"runs     {fit.learner.where}, seed {job.seed}")
    standing = fit.standing
    where = f", from epoch {standing.epoch + 1}, batch {standing.batch}" if standing.epoch or standing.batch else ""
    teller.say(f"folder   {folder.path}{where}")


def _run(fit: Fit, folder: RunFolder, tensorboard: bool) -> None:
    """Run the loop, writing metrics and the best model."""
    writer = board(folder.path / "tensorboard" if tensorboard and fit.world.main else None)

    def on_epoch(row: dict[str, Any], better: bool) -> None:
        folder.add_metrics(row)
        writer(row)
        if better:
            job = fit.job
            scores = {key: row[key] for key in ("epoch", "train_accuracy", "val_loss", "val_accuracy")}
            Model(
                job.network,
                job.data.classes,
                job.preprocessing,
                fit.module.state_dict(),
                job.data.name,
                job.seed,
                scores,
            ).save(folder.model)
        fit.reporter.epoch(row)
        for split in (fit.job.data.train, fit.job.data.val):
            for note in split.report() if isinstance(split, FileSplit) else ():
                fit.reporter.say(f"note     {note}")

    try:
        fit.run(on_epoch)
    except KeyboardInterrupt:
        fit.reporter.say(f"stopped  continue with the same command and --out {folder.path} --resume")
        raise


def _judge(model: Model, fit: Fit) -> tuple[str, Judgement | CellJudgement]:
    """The final judgement of the model: on the test split, else the validation split, else the training split."""
    fit.module.load_state_dict(dict(model.state))
    splits = fit.job.data.splits
    last = next(name for name in ("test", "val", "train") if name in splits and len(splits[name]))
    return last, fit.judge(last)


def _result(job: Job, folder: RunFolder, model: Model, split: str, judged: Judgement | CellJudgement) -> dict[str, Any]:
    rows = folder.read_metrics()
    seconds = sum(row["seconds"] for row in rows)
    overlaps: dict[str, Any] = {}
    if isinstance(judged, CellJudgement):
        overlaps["dice"] = {row["name"]: row["dice"] for row in judged.rows(job.data.classes)}
        overlaps["mean_dice"] = float(np.nanmean(judged.dice))
        overlaps["judged_on"] = split
    return {
        **overlaps,
        "test_accuracy": judged.accuracy if split == "test" else None,
        "test_loss": judged.loss if split == "test" else None,
        "val_accuracy": model.scores["val_accuracy"],
        "epochs": len(rows),
        "best_epoch": model.scores["epoch"],
        "training_seconds": round(seconds, 3),
        "images_per_second": round(len(rows) * len(job.target) / max(seconds, 1e-9), 1),
        "parameters": total(job.network).parameters,
        "network": str(job.network),
        "data": job.data.name,
        "seed": job.seed,
        "versions": dict(model.versions),
    }
