"""Scenes of our own, made of what packages carry, with exact truth: the same from the same seed."""

from .families import RECIPES, Recipe, make

__all__ = ["RECIPES", "Recipe", "make"]
