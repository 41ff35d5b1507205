"""``convlens train``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, cast

import typer

from convlens.cli.words import LABEL, NAMED, SOURCES, command, sizes


def train(
    data: Annotated[str, typer.Argument(help=SOURCES)],
    net: Annotated[
        str, typer.Option(help=f'{NAMED}, or a line such as "1x28x28: conv 6 5, relu, flatten, linear 10".')
    ] = "lenet",
    epochs: Annotated[int | None, typer.Option(help="Passes over the training examples. [default: 10]")] = None,
    batch: Annotated[int | None, typer.Option(help="Examples a step, all processes together. [default: 256]")] = None,
    lr: Annotated[float | None, typer.Option(help="Peak learning rate. [default: 0.01; d2l: 0.9]")] = None,
    optimizer: Annotated[str | None, typer.Option(help="adamw or sgd. [default: adamw; d2l: sgd]")] = None,
    schedule: Annotated[
        str | None,
        typer.Option(help="Of the learning rate: constant, cosine or one-cycle. [default: one-cycle; d2l: constant]"),
    ] = None,
    momentum: Annotated[float | None, typer.Option(help="Of sgd; adamw has none. [default: 0.9; d2l: 0]")] = None,
    weight_decay: Annotated[float | None, typer.Option(help="On weights, not biases. [default: 0.01; d2l: 0]")] = None,
    augment: Annotated[
        str | None, typer.Option(help="Any of shift,flip,crop joined by commas, or none. [default: none]")
    ] = None,
    init: Annotated[
        str | None,
        typer.Option(help="First weights: default (as PyTorch), xavier or kaiming. [default: default; d2l: xavier]"),
    ] = None,
    patience: Annotated[
        int | None,
        typer.Option(help="Stop after so many epochs without a better validation accuracy. [default: never]"),
    ] = None,
    recipe: Annotated[
        str,
        typer.Option(help="What the options start from: default, or d2l (as the book Dive into Deep Learning trains)."),
    ] = "default",
    seed: Annotated[
        int, typer.Option(help="Of the weights, the order, the validation split and all else that is drawn.")
    ] = 0,
    val: Annotated[
        float | None,
        typer.Option(help="Fraction held out for validation where the data brings none. [default: 0.1; d2l: 0]"),
    ] = None,
    size: Annotated[
        str | None,
        typer.Option(
            help="Bring files to this size, such as 32x48, or length. [default: the network's, else what fits most]"
        ),
    ] = None,
    rate: Annotated[
        int | None, typer.Option(help="Bring sounds to so many samples a second. [default: the most common]")
    ] = None,
    label: Annotated[str | None, typer.Option(help=LABEL)] = None,
    patch: Annotated[
        str | None,
        typer.Option(
            help="Where every cell has a label: learn from patches of this size, such as 24 or 16x32x32. "
            "[default: the network's, else small examples whole and 24, 128 or 2048 a side of larger ones]"
        ),
    ] = None,
    threads: Annotated[int | None, typer.Option(help="CPU threads. [default: the cores this process may use]")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    workers: Annotated[int, typer.Option(help="Helper processes that decode sets too large for memory.")] = 0,
    backend: Annotated[
        str,
        typer.Option(help="auto (the engine where it can and is faster, else PyTorch), engine or torch."),
    ] = "auto",
    out: Annotated[Path | None, typer.Option(help="The run's folder. [default: the next free one under runs/]")] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue the run in --out, asked for with the same options.")
    ] = False,
    data_dir: Annotated[
        Path | None, typer.Option(help="A folder to look for fashion-mnist in before the usual places.")
    ] = None,
    tensorboard: Annotated[
        bool, typer.Option("--tensorboard", help="Also write TensorBoard event files (needs the tensorboard package).")
    ] = False,
) -> None:
    """Train a network on labelled pictures, sounds, series, texts or volumes; write a model and a report."""
    from convlens.training import run
    from convlens.training.recipe import recipe as named

    words = None if augment is None else [word.strip() for word in augment.split(",")]
    names = None if words is None else () if words == ["none"] else tuple(words)
    chosen = named(
        recipe,
        epochs=epochs,
        batch=batch,
        lr=lr,
        optimizer=optimizer,
        schedule=schedule,
        momentum=momentum,
        weight_decay=weight_decay,
        augment=names,
        initialise=init,
        patience=patience,
        val=val,
    )
    outcome = run.train(
        run.Request(
            source=data,
            net=net,
            recipe=chosen,
            seed=seed,
            out=out,
            resume=resume,
            data_dir=data_dir,
            size=None if size is None else sizes(size, "--size"),
            rate=rate,
            label=label,
            patch=None if patch is None else sizes(patch, "--patch"),
            threads=threads,
            device=device,
            workers=workers,
            backend=cast(Any, backend),
            tensorboard=tensorboard,
            command=command(),
        )
    )
    if outcome is not None:
        _show(outcome)


def _show(outcome: object) -> None:
    from convlens.training.run import Outcome

    assert isinstance(outcome, Outcome)
    result = outcome.result
    scores = [
        f"{name} accuracy {result[key]:.4f}"
        for name, key in (("test", "test_accuracy"), ("validation", "val_accuracy"))
        if result[key] is not None
    ]
    print(f"done     {', '.join(scores) or 'no test or validation examples'}; {result['seconds']:.0f} s")
    if "dice" in result:
        said = ", ".join(f"{name} {value:.4f}" for name, value in result["dice"].items())
        print(f"dice     {result['judged_on']}: {said}")
    print(f"model    {outcome.folder.model}")
    print(f"report   {outcome.folder.report}")
