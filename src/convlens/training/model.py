"""The model file: one safetensors file with the weights, and in its metadata everything needed to use them.

Metadata: ``format`` ("convlens model 1"), ``network`` (notation), ``classes``, ``preprocessing``, ``data``, ``seed``,
``versions`` and ``scores``, each but the first two as JSON.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from convlens import __version__, nn
from convlens.data import DataError, Preprocessing
from convlens.network import Network, NetworkError

from . import tensors
from .errors import TrainingError

FORMAT = "convlens model 1"
WHAT = "a convlens model"


@dataclass(frozen=True)
class Model:
    """A trained network with what it needs to be used.

    Args:
        network: the network; its output is one score a class, or one a class for every cell.
        classes: their names, in the order of the outputs.
        preprocessing: how a raw example becomes the network's input.
        state: the weights, named as in ``nn.build(network).state_dict()``.
        data: what it was trained on.
        seed: the run's seed.
        scores: the accuracies of the run.
        versions: convlens and torch that wrote it.
    """

    network: Network
    classes: tuple[str, ...]
    preprocessing: Preprocessing
    state: Mapping[str, Tensor]
    data: str = ""
    seed: int = 0
    scores: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(
        default_factory=lambda: {"convlens": __version__, "torch": str(torch.__version__)}
    )

    @property
    def of_cells(self) -> bool:
        """Whether it says a class for every cell of an example, of any size, and not one for the example."""
        return len(self.network.output_shape) > 1

    def module(self) -> torch.nn.Sequential:
        """The network as a module with these weights, in evaluation mode."""
        module = nn.build(self.network)
        module.load_state_dict(dict(self.state))
        return module.eval()

    def save(self, path: Path | str) -> None:
        """Write the model file in one step."""
        metadata = {
            "format": FORMAT,
            "network": str(self.network),
            "classes": json.dumps(self.classes),
            "preprocessing": json.dumps(self.preprocessing.to_json()),
            "data": json.dumps(self.data),
            "seed": json.dumps(self.seed),
            "versions": json.dumps(dict(self.versions)),
            "scores": json.dumps(dict(self.scores)),
        }
        tensors.write(Path(path), dict(self.state), metadata)

    @classmethod
    def load(cls, path: Path | str) -> Model:
        """Read a model file.

        Raises:
            TrainingError: it is missing, damaged, cut short, of another format, or its parts do not fit together.
        """
        path = Path(path)
        state, metadata = tensors.read(path, WHAT)
        if metadata.get("format") != FORMAT:
            raise TrainingError(
                f"{path} is a safetensors file, but not {WHAT} of this version; make one with convlens train"
            )
        try:
            network = Network.parse(metadata["network"])
            classes = tuple(json.loads(metadata["classes"]))
            preprocessing = Preprocessing.from_json(json.loads(metadata["preprocessing"]))
            rest = {name: json.loads(metadata[name]) for name in ("data", "seed", "versions", "scores")}
        except (KeyError, TypeError, json.JSONDecodeError) as error:
            raise TrainingError(f"{path} lacks or garbles its {error}; train it anew") from error
        except (NetworkError, DataError) as error:
            raise TrainingError(f"{path} describes something that cannot be: {error}") from error
        model = cls(network, classes, preprocessing, state, **rest)
        model._check(path)
        return model

    def _check(self, path: Path) -> None:
        if not self.classes or not all(isinstance(name, str) for name in self.classes):
            raise TrainingError(f"{path} names no classes; train it anew")
        grid = self.network.input_shape[1:]
        if self.network.output_shape not in ((len(self.classes),), (len(self.classes), *grid)):
            raise TrainingError(
                f"{path} does not fit together: {len(self.classes)} classes, but an output of "
                f"{'x'.join(map(str, self.network.output_shape))}; train it anew"
            )
        if self.network.input_shape != self.preprocessing.shape:
            raise TrainingError(f"{path} does not fit together: its preprocessing makes another shape; train it anew")
        if not isinstance(self.scores, dict) or not isinstance(self.versions, dict):
            raise TrainingError(f"{path} garbles its scores; train it anew")
        with torch.device("meta"):
            expected = nn.build(self.network).state_dict()
        tensors.same_tensors(dict(self.state), expected, path)
