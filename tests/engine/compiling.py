"""The module that turns kernels into machine code; ``convlens.engine.compile`` names the function that hides it."""

from __future__ import annotations

import importlib

compiling = importlib.import_module("convlens.engine.compile")
load, assembly = compiling.load, compiling.assembly
