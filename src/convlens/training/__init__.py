"""Training a network on labelled pictures, signals or volumes, and using what was trained.

    from convlens.training import Model, Recipe, Request, evaluate, predict, train

    outcome = train(Request("fashion-mnist", net="lenet", recipe=Recipe(epochs=3)))   # as `convlens train` does
    outcome.result["test_accuracy"], outcome.folder.report

    model = Model.load(outcome.folder.model)
    evaluate(outcome.folder.model, "fashion-mnist")["accuracy"]                       # as `convlens evaluate` does
    for prediction in predict(model, [Path("shoe.png")]):                             # as `convlens predict` does
        print(prediction.file, prediction.predicted, prediction.probability)

``Recipe`` says how to train, ``RECIPES`` holds those with a name, and ``Request`` adds what to train on what.
Importing this imports no torch; the first name that needs it does.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .errors import TrainingError
from .recipe import RECIPES, Recipe

if TYPE_CHECKING:
    from .evaluation import evaluate
    from .model import Model
    from .prediction import Prediction, predict
    from .run import Outcome, Request, train

__all__ = [
    "RECIPES",
    "Model",
    "Outcome",
    "Prediction",
    "Recipe",
    "Request",
    "TrainingError",
    "evaluate",
    "predict",
    "train",
]

HOMES = {
    "Model": "model",
    "Outcome": "run",
    "Prediction": "prediction",
    "Request": "run",
    "evaluate": "evaluation",
    "predict": "prediction",
    "train": "run",
}


def __getattr__(name: str) -> Any:
    if name not in HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{HOMES[name]}"), name)
