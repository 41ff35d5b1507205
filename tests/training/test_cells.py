"""A label for every cell: the loss, tiles and wholes, a run from data to labels in a file, and what is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import nibabel
import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional as F

from convlens import nn
from convlens.data import DataError, load, load_set
from convlens.data.cell_files import packed_labels, palette, read_labels
from convlens.data.cell_set import IGNORED, CellSet, CellSplit
from convlens.data.patches import Patches
from convlens.network import Network
from convlens.training import Model, Recipe, TrainingError, evaluate, predict
from convlens.training.cell_loss import cell_loss
from convlens.training.distributed import World
from convlens.training.fit import Fit, Job
from convlens.training.judge_cells import CellJudgement
from convlens.training.labelling import Labeller
from convlens.training.learner import learner
from convlens.training.progress import Silent
from convlens.training.run import Request, train
from convlens.training.target import OfCells
from convlens.training.tiles import Tiled, why_not

CPU = torch.device("cpu")
WORLD = World(0, 1, CPU)
EPS = float(np.finfo(np.float32).eps)
LINES = [
    "2x33: conv 4 5 pad same, relu, conv 3 3 dilation 4 pad same",
    "1x19x23: conv 8 3 pad same, batchnorm, relu, maxpool 3 stride 1 pad 1, conv 3 3 pad 1",
    "2x7x9x11: conv 4 3 pad same, tanh, conv 4 1x3x5 pad same, relu, conv 3 1",
    "1x20x20: conv 4 5, relu, conv 3 3 pad 3",  # the second pads what the first leaves out
]


def module_of(network: Network, seed: int = 0) -> torch.nn.Sequential:
    torch.manual_seed(seed)
    module = nn.build(network)
    nn.initialise(module, "default", torch.Generator().manual_seed(seed))
    for name, buffer in module.named_buffers():  # running statistics that change something
        if name.endswith("running_mean"):
            buffer.normal_()
    return module


def labels_of(shape: tuple[int, ...], classes: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    y = rng.integers(0, classes, shape)
    return np.where(rng.random(shape) < 0.3, IGNORED, y)


# ---- the loss


@pytest.mark.parametrize("shape", [(3, 1, 5), (2, 4, 6, 7), (1, 3, 2, 3, 4), (0, 2, 3)])
def test_loss_and_slope_are_those_of_torch_in_float64(shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    scores = (5 * rng.standard_normal(shape)).astype(np.float32)
    y = labels_of((shape[0], *shape[2:]), shape[1])
    exact = torch.from_numpy(scores.astype(np.float64)).requires_grad_()
    lost = F.cross_entropy(exact, torch.from_numpy(y), reduction="none", ignore_index=IGNORED)
    lost.sum().backward()
    found = cell_loss(scores, y)
    # each cell: an exponential a class, their sum, a logarithm, two additions, each off by an ulp of at most `largest`
    largest = float(np.abs(scores).max(initial=1)) * 2 + np.log(shape[1])
    cells = int(np.prod(shape[2:]))
    assert np.abs(found.loss - lost.detach().flatten(1).sum(1).numpy()).max(initial=0) <= (
        cells * (shape[1] + 6) * EPS * largest
    )
    assert exact.grad is not None
    # a share of one: the same operations without the logarithm, and the difference of scores before them
    assert np.abs(found.slope - exact.grad.numpy()).max(initial=0) <= (shape[1] + 6) * EPS * largest
    said = scores.argmax(1) if scores.size else np.zeros(y.shape)
    assert found.right.tolist() == [int(((a == b) & (b != IGNORED)).sum()) for a, b in zip(said, y, strict=True)]


def test_scores_that_are_no_numbers_are_a_loss_that_is_none() -> None:
    assert np.isnan(cell_loss(np.full((1, 2, 3), np.nan, np.float32), np.zeros((1, 3), np.int64)).loss[0])


@pytest.mark.parametrize("line", LINES)
def test_both_learners_give_the_same_gradients_and_ignore_the_same_cells(line: str) -> None:
    network = Network.parse(line)
    module = module_of(network).train()
    x = torch.randn(5, *network.input_shape)
    y = torch.from_numpy(labels_of((5, *network.input_shape[1:]), 3))
    count = int((y != IGNORED).sum())
    found = []
    for backend in ("torch", "engine"):
        loss, right = learner(module, network, WORLD, 1, backend).learn(x, y, count, 0)  # type: ignore[arg-type]
        found.append((loss, right, [p.grad.clone() for p in module.parameters() if p.grad is not None]))
    (loss_a, right_a, grads_a), (loss_b, right_b, grads_b) = found
    assert (loss_a, right_a) == (pytest.approx(loss_b, rel=1e-5), right_b)
    for a, b in zip(grads_a, grads_b, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


# ---- tiles


@pytest.mark.parametrize("line", LINES)
@pytest.mark.parametrize("cells", [1, 700, 10**6])
def test_tiles_are_the_whole_to_the_bit(line: str, cells: int) -> None:
    network = Network.parse(line)
    module = module_of(network).eval()
    size = tuple(3 * n + 5 for n in network.input_shape[1:])
    x = torch.randn(network.input_shape[0], *size)
    there = Network((network.input_shape[0], *size), network.layers)
    tiled = Tiled(module, network, CPU, 1, "engine", cells=cells)
    with torch.inference_mode():
        whole = nn.compile(module, there.input_shape, fallback=True, threads=1)(x[None])[0]
        meant = module_of(there).eval()(x[None])[0]
    found = tiled(x)
    assert torch.equal(found, whole)
    torch.testing.assert_close(found, meant, rtol=1e-4, atol=1e-4)


def test_tiles_see_weights_that_changed_in_place() -> None:
    network = Network.parse(LINES[0])
    module = module_of(network).eval()
    tiled = Tiled(module, network, CPU, 1)
    before = tiled(torch.ones(2, 50))
    with torch.no_grad():
        for p in module.parameters():
            p.mul_(2)
    assert not torch.equal(before, tiled(torch.ones(2, 50)))


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("1x8x8: conv 2 3", "gives 6x6 for 8x8; pad its convolutions"),
        ("1x8x8: conv 2 3 pad 1, maxpool 2", "make its grid 2x2 times coarser; leave strides and pools out"),
        ("1x8x8: conv 2 3 pad 1 stride 2", "2x2 times coarser"),
        ("1x8x8: local 2 1", "a localconv layer belongs to one size"),
        ("1x8x8: dense4d 8x8", "a dense4d layer belongs to one size"),
    ],
)
def test_networks_that_cannot_are_told_why(line: str, reason: str) -> None:
    assert reason in why_not(Network.parse(line))


# ---- patches and counts


def test_patches_cover_every_cell_and_stay_inside() -> None:
    rng = np.random.default_rng(0)
    x = [rng.integers(0, 9, (1, 7, 9), np.uint8), rng.integers(0, 9, (1, 3, 20), np.uint8)]
    split = CellSplit(x, [a[0] for a in x], ["a", "b"])
    patches = Patches(split, (4, 5))
    assert (patches.places, len(patches), patches.whole) == (63 + 60, 6, False)
    cut, labels = patches.read(np.arange(patches.places))
    assert cut.shape == (123, 1, 4, 5)
    known = labels != IGNORED
    assert (cut[:, 0][known] == labels[known]).all()
    assert known[:63].all()
    assert not known[63:, 3].any()
    assert patches.draw(np.random.default_rng(1)).max() < 123
    alike = Patches(CellSplit(x[:1] * 3, [x[0][0]] * 3, ["a", "b", "c"]), (7, 9))
    assert alike.whole
    assert sorted(alike.draw(np.random.default_rng(0)).tolist()) == [0, 1, 2]


def test_overlaps_of_classes() -> None:
    judged = CellJudgement(np.array([[5, 1, 0], [2, 2, 0], [0, 0, 0]]), 0.5, [])
    assert judged.accuracy == 0.7
    assert judged.dice[:2].tolist() == [10 / 13, 4 / 7]
    assert judged.iou[:2].tolist() == [5 / 8, 2 / 5]
    assert np.isnan(judged.dice[2])


# ---- a run


def discs(count: int, side: int = 24, seed: int = 0, axes: int = 2) -> tuple[np.ndarray, np.ndarray]:
    """Noise with a bright ball each; the cells of the ball are class 1, its upper half class 2."""
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 90, (count, 1, *[side] * axes), np.uint8)
    y = np.zeros((count, *[side] * axes), np.uint8)
    for example, labels in zip(x, y, strict=True):
        offsets = np.indices(labels.shape) - rng.integers(6, side - 6, axes).reshape(-1, *[1] * axes)
        ball = (offsets**2).sum(0) < 25
        example[0][ball] += 120
        labels[ball] = 1
        labels[ball & (offsets[0] < 0)] = 2
    return x, y


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of pictures of two sizes with palettes of labels, and a network that learned it."""
    top = tmp_path_factory.mktemp("cells")
    for part, count, seed in (("train", 24, 0), ("test", 4, 1)):
        for name in ("images", "labels"):
            (top / "set" / part / name).mkdir(parents=True)
        for i, (x, y) in enumerate(zip(*discs(count, seed=seed), strict=True)):
            cut = np.s_[:] if i % 2 else np.s_[:20]
            Image.fromarray(x[0][cut]).save(top / "set" / part / "images" / f"{i}.png")
            (top / "set" / part / "labels" / f"{i}.png").write_bytes(
                packed_labels(Path("a.png"), y[cut], Path("a.png"))
            )
    (top / "set" / "classes.txt").write_text("ground\nlower\nupper\n")
    net = "conv 8 5 pad same, relu, conv 8 5 pad same, relu, conv 3 1"
    recipe = Recipe(epochs=12, batch=4, lr=0.02)
    request = Request(str(top / "set"), net=net, recipe=recipe, out=top / "run", patch=(16,), threads=1)
    outcome = train(request)
    assert outcome is not None
    return top


def test_a_run_learns_and_says_how_well(run_folder: Path) -> None:
    result = json.loads((run_folder / "run" / "result.json").read_text())
    assert result["judged_on"] == "test"
    assert result["mean_dice"] == pytest.approx(np.mean(list(result["dice"].values())))
    assert min(result["dice"].values()) > 0.8
    assert result["runs"].startswith("engine")
    page = (run_folder / "run" / "report.html").read_text()
    assert "what was said" in page
    assert page.count("data:image/png") >= 4
    scores = evaluate(run_folder / "run" / "model.safetensors", run_folder / "set")
    assert scores["accuracy"] == result["test_accuracy"]
    assert {row["name"]: row["dice"] for row in scores["classes"]} == result["dice"]
    assert set(result["dice"]) == {"ground", "lower", "upper"}


def test_the_model_file_comes_back_and_labels_files(run_folder: Path, tmp_path: Path) -> None:
    model = Model.load(run_folder / "run" / "model.safetensors")
    assert model.of_cells
    assert model.network.input_shape == (1, 16, 16)
    model.save(tmp_path / "again.safetensors")
    files = sorted((run_folder / "set" / "test" / "images").iterdir())
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"no picture")
    found = list(Labeller(Model.load(tmp_path / "again.safetensors"), "cpu").write([*files, bad], tmp_path / "out"))
    assert [f.written for f in found] == [*(tmp_path / "out" / f"{i}.png" for i in range(4)), None]
    assert found[-1].error == "it is not a picture in a known format"
    for file, one in zip(files, found, strict=False):
        assert one.written is not None
        said, meant = read_labels(one.written), read_labels(run_folder / "set" / "test" / "labels" / file.name)
        assert said.shape == meant.shape
        assert (said == meant).mean() > 0.95
        image = Image.open(one.written)
        assert image.mode == "P"
        assert image.getpalette()[3:9] == palette(3)[1:].ravel().tolist()
    with pytest.raises(TrainingError, match="a class for every cell"):
        next(predict(model, files))
    with pytest.raises(TrainingError, match="two of the files would be written to"):
        list(Labeller(model, "cpu").write([files[0], files[0]], tmp_path / "out"))


def test_a_killed_run_ends_with_the_same_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = discs(6)
    np.savez(tmp_path / "set.npz", x=x, y=y)
    net, recipe = "conv 4 3 pad same, relu, conv 3 1", Recipe(epochs=3, batch=2)

    def run(out: str, *, resume: bool = False) -> None:
        train(Request(str(tmp_path / "set.npz"), net=net, recipe=recipe, out=tmp_path / out, threads=1, resume=resume))

    run("whole")
    reads, read = [0], OfCells.read

    def killed(self: OfCells, shares: list[np.ndarray], workers: int) -> object:
        for batch in read(self, shares, workers):
            reads[0] += 1
            if reads[0] == 5:
                raise KeyboardInterrupt
            yield batch

    monkeypatch.setattr(OfCells, "read", killed)
    with pytest.raises(KeyboardInterrupt):
        run("killed")
    monkeypatch.undo()
    run("killed", resume=True)
    first, second = (Model.load(tmp_path / name / "model.safetensors").state for name in ("whole", "killed"))
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_volumes_are_labelled_where_they_lie(tmp_path: Path) -> None:
    x, y = discs(3, side=14, axes=3)
    affine = np.array([[0, -2.0, 0, 5], [1.5, 0, 0, 6], [0, 0, 3.0, 7], [0, 0, 0, 1]])
    for name, arrays in (("images", x[:, 0]), ("labels", y)):
        (tmp_path / "set" / name).mkdir(parents=True)
        for i, array in enumerate(arrays):
            nibabel.Nifti1Image(array.T, affine).to_filename(tmp_path / "set" / name / f"{i}.nii.gz")
    recipe = Recipe(epochs=1, batch=2, val=0.34)
    outcome = train(
        Request(str(tmp_path / "set"), net="conv 3 3 pad same", recipe=recipe, out=tmp_path / "r", threads=1)
    )
    assert outcome is not None
    assert outcome.result["judged_on"] == "val"
    model = Model.load(outcome.folder.model)
    file = tmp_path / "set" / "images" / "0.nii.gz"
    (found,) = Labeller(model, "cpu").write([file], tmp_path / "seg.nii")
    assert found.written == tmp_path / "seg.nii"
    written = nibabel.load(tmp_path / "seg.nii")
    assert np.array_equal(written.affine, affine)
    assert written.shape == (14, 14, 14)
    assert np.array_equal(read_labels(tmp_path / "seg.nii"), Labeller(model, "cpu").label(file))


# ---- what is refused, and odd data


@pytest.mark.parametrize(
    ("net", "patch", "sentence"),
    [
        ("lenet", None, "leave flatten and linear out and end it with conv 3 1, or say --net dilated"),
        ("conv 3 3", None, "pad its convolutions"),
        ("conv 2 3 pad same", None, "ends in 2 channels, but set has 3 classes; end it with conv 3 1"),
        ("conv 3 3 pad same", (4, 4, 4), "set holds pictures, so --patch is HxW, not 4x4x4"),
        ("2x8x8: conv 3 3 pad same", None, "examples of 1 channels, not the 2"),
    ],
)
def test_runs_that_cannot_be(tmp_path: Path, net: str, patch: tuple[int, ...] | None, sentence: str) -> None:
    x, y = discs(2)
    np.savez(tmp_path / "set.npz", x=x, y=y)
    with pytest.raises((TrainingError, DataError), match=sentence):
        train(Request(str(tmp_path / "set.npz"), net=net, out=tmp_path / "run", patch=patch, threads=1))
    assert not (tmp_path / "run").exists()


def test_a_patch_is_for_labels_of_cells(tmp_path: Path) -> None:
    np.savez(tmp_path / "set.npz", x=np.zeros((4, 1, 8, 8), np.uint8), y=[0, 1, 0, 1])
    with pytest.raises(TrainingError, match="--patch is for data with a label for every cell"):
        train(Request(str(tmp_path / "set.npz"), patch=(4,), threads=1))


def saved(path: Path, **arrays: np.ndarray) -> Path:
    np.savez(path / "set.npz", **arrays)
    return path / "set.npz"


def test_labels_of_cells_in_an_npz(tmp_path: Path) -> None:
    x, y = discs(10)
    y[0, 0, 0] = IGNORED
    data = load_set(saved(tmp_path, x=x, y=y.astype(np.int64), classes=np.array(["a", "b", "c", "d"])), val=0.2)
    assert isinstance(data, CellSet)
    assert (len(data.train), data.classes, data.preprocessing.shape) == (8, ("a", "b", "c", "d"), (1, 24, 24))
    kinds = sorted(note.kind for note in data.notes)
    assert kinds == ["empty class", "empty class", "ignored", "split"]
    cells = np.concatenate([a.ravel() for a in data.train.x]).astype(np.float64) / 255
    assert (data.preprocessing.mean[0], data.preprocessing.std[0]) == (
        pytest.approx(cells.mean(), rel=1e-12),
        pytest.approx(cells.std(), rel=1e-12),
    )
    masks = load_set(saved(tmp_path, x=x, y=np.where(y == 1, 255, 0)), val=0)
    assert masks.classes == ("0", "1")
    assert [note.kind for note in masks.notes] == ["masks"]
    with pytest.raises(DataError, match="give one label an example"):
        load(saved(tmp_path, x=x, y=y))


@pytest.mark.parametrize(
    ("y", "sentence"),
    [
        (np.zeros((2, 8, 9)), r"has the shape \(2, 8, 9\); give every cell of x a label, \(2, 8, 8\)"),
        (np.full((2, 8, 8), -1), "holds the label -1"),
        (np.full((2, 8, 8), 0.5), "a label is a whole number"),
        (np.full((2, 8, 8), 300), "holds the label 300"),
    ],
)
def test_labels_that_are_none(tmp_path: Path, y: np.ndarray, sentence: str) -> None:
    with pytest.raises(DataError, match=sentence):
        load_set(saved(tmp_path, x=np.zeros((2, 1, 8, 8), np.uint8), y=y))


def test_folders_with_what_folders_have(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for name in ("images", "labels"):
        (tmp_path / name).mkdir()
    for i in range(4):
        Image.fromarray(rng.integers(0, 256, (6 + i, 7, 3), np.uint8)).save(tmp_path / "images" / f"{i}.jpg")
        Image.fromarray(rng.integers(0, 2, (6 + i, 7), np.uint8)).save(tmp_path / "labels" / f"{i}.png")
    Image.fromarray(rng.integers(0, 256, (9, 9), np.uint8)).save(tmp_path / "images" / "grey.png")
    Image.fromarray(rng.integers(0, 2, (9, 9), np.uint8)).save(tmp_path / "labels" / "grey.png")
    Image.fromarray(rng.integers(0, 9, (6, 8), np.uint8)).save(tmp_path / "labels" / "0.png")  # another size
    Image.fromarray(rng.integers(0, 9, (7, 7, 3), np.uint8)).save(tmp_path / "labels" / "1.png")  # colours
    Image.fromarray(rng.integers(0, 9, (7, 7), np.uint8)).save(tmp_path / "labels" / "alone.png")
    (tmp_path / "images" / ".DS_Store").write_bytes(b"x")
    data = load_set(tmp_path, val=0)
    assert isinstance(data, CellSet)
    assert data.train.names == ["images/2.jpg", "images/3.jpg", "images/grey.png"]
    assert {x.shape[0] for x in data.train.x} == {3}
    notes = {note.kind: note for note in data.notes}
    assert notes["stray"].names == ("alone",)
    assert notes["skipped"].names == (
        "images/0.jpg: it has 6x7 cells and its labels 6x8",
        "images/1.jpg: its labels cannot be read: it has colours; save class numbers as grey levels, or as a palette",
    )
    with pytest.raises(DataError, match="labels are not resampled"):
        load_set(tmp_path, size=(8, 8))
    with pytest.raises(DataError, match="has a label for every cell, and one label an example is wanted"):
        load(tmp_path)  # images and labels are no classes


def test_labels_go_where_their_cells_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    x = np.random.default_rng(0).integers(0, 3, (6, 1, 20, 30), np.uint8)
    np.savez(tmp_path / "set.npz", x=x, y=x[:, 0])
    seen = []

    job = Job(
        Network.parse("1x20x30: conv 3 3 pad same"),
        load_set(tmp_path / "set.npz", val=0),
        Recipe(epochs=1, augment=("shift", "flip"), standardise=False),
        0,
    )
    fit = Fit(job, WORLD, Silent())
    learn = fit.learner.learn

    def watched(x: torch.Tensor, y: torch.Tensor, together: int, seed: int) -> tuple[float, float]:
        seen.append((x, y))
        return learn(x, y, together, seed)

    monkeypatch.setattr(fit.learner, "learn", watched)
    fit.keep(tmp_path / "checkpoint")
    fit.run(lambda row, better: None)
    ((moved, labels),) = seen
    assert torch.equal((moved[:, 0] * 255).round().long(), labels)
    assert not torch.equal(labels, torch.from_numpy(x[:, 0].astype(np.int64)))
    with pytest.raises(TrainingError, match="labels of cells are not resampled"):
        Fit(replace(job, recipe=Recipe(augment=("crop",))), WORLD, Silent())
