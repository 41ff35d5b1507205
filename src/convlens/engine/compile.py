"""From LLVM's text to machine code, kept on disk so that the second time costs milliseconds.

An object is kept under what determines it: who writes the kernel and from which facts, the engine's sources, the
target, and llvmlite's version. So a kernel that is there needs no text. An object is written beside its place and
renamed, carries a checksum, and is compiled again when it does not match. A cache that cannot be written only slows.
"""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import os
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import llvmlite
import llvmlite.binding as llvm

from .blueprint import Blueprint
from .errors import EngineError
from .target import Target

Call = Callable[..., None]

FORMAT = b"convlens object 2\n"
HOUR, MONTH = 3600.0, 30 * 86400.0
_lock = threading.Lock()
_loaded: dict[str, Call] = {}
# one for all kernels of a target: an engine costs a millisecond and a half, an object in it a tenth of that
_engines: dict[Target, llvm.ExecutionEngine] = {}
_ready = False
_swept = False


@dataclass(frozen=True)
class _Code:
    """A kernel's machine code, the function's name in there, and its arguments: "p" for a pointer, "i" for a count."""

    name: str
    arguments: str
    object: bytes

    def packed(self) -> bytes:
        body = f"{self.name} {self.arguments}\n".encode() + self.object
        return FORMAT + hashlib.sha256(body).digest() + body

    @classmethod
    def unpacked(cls, content: bytes) -> _Code | None:
        """None where anything is damaged."""
        head, body = content[: len(FORMAT) + 32], content[len(FORMAT) + 32 :]
        if head != FORMAT + hashlib.sha256(body).digest():
            return None
        line, _, code = body.partition(b"\n")
        name, arguments = line.decode().split(" ")
        return cls(name, arguments, code)


def _prepare() -> None:
    global _ready
    if not _ready:
        llvm.initialize_all_targets()
        llvm.initialize_all_asmprinters()
        _ready = True


@cache
def _sources() -> str:
    """What the engine's own files say: a kernel written by other lines is another kernel."""
    digest = hashlib.sha256()
    for file in sorted(Path(__file__).parent.rglob("*.py")):
        digest.update(file.read_bytes())
    return digest.hexdigest()


def machine(target: Target) -> llvm.TargetMachine:
    """LLVM's code generator for ``target``."""
    _prepare()
    triple = target.triple or llvm.get_process_triple()
    # level 3 of code generation without the passes over the text: those hoist splats out of loops, and spill them
    return llvm.Target.from_triple(triple).create_target_machine(
        cpu=target.cpu, features=target.features, opt=3, reloc="default", codemodel="jitdefault", jit=not target.triple
    )


def assembly(kernel: Blueprint) -> str:
    """The assembly of a kernel, for reading and for tests; works for targets that cannot run here."""
    _prepare()
    module = llvm.parse_assembly(kernel.kernel().text())
    module.verify()
    return str(machine(kernel.target).emit_assembly(module))


def folder() -> Path:
    """Where compiled kernels are kept: ``CONVLENS_CACHE``, or the user's cache folder."""
    if given := os.environ.get("CONVLENS_CACHE"):
        return Path(given)
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return Path(base) / "convlens" / "kernels"


def key(kernel: Blueprint) -> str:
    """The name under which the machine code of ``kernel`` is kept."""
    versions = f"{llvmlite.__version__} {llvm.llvm_version_info} {_sources()} {kernel.target}"
    return hashlib.sha256(f"{versions}\n{kernel!r}".encode()).hexdigest()


def load(kernel: Blueprint) -> Call:
    """Machine code for ``kernel`` as a function of its pointers (addresses) and counts; compiled at most once.

    Raises:
        EngineError: the kernel is written for a processor that is not this one.
    """
    if kernel.target.triple:
        raise EngineError(f"code for {kernel.target.name} cannot run on this processor")
    name = key(kernel)
    with _lock:
        if name not in _loaded:
            path = folder() / f"{name}.o"
            code = _read(path)
            if code is None:
                code = _compiled(kernel, name)
                _write(path, code)
            _loaded[name] = _linked(code, kernel.target)
        return _loaded[name]


def address(call: Call) -> int:
    """The address of a loaded function."""
    return ctypes.cast(call, ctypes.c_void_p).value or 0  # type: ignore[arg-type]


def _compiled(kernel: Blueprint, name: str) -> _Code:
    written = kernel.kernel()
    generator = machine(kernel.target)
    # named by its key, so that all kernels can lie in one engine
    module = llvm.parse_assembly(written.text().replace(f'@"{written.name}"(', f'@"{name}"(', 1))
    module.verify()
    kinds = "".join("p" if str(a.type).endswith("*") else "i" for a in written.arguments)
    return _Code(name, kinds, generator.emit_object(module))


def _linked(code: _Code, target: Target) -> Call:
    if target not in _engines:
        _engines[target] = llvm.create_mcjit_compiler(llvm.parse_assembly(""), machine(target))
    engine = _engines[target]
    engine.add_object_file(llvm.ObjectFileRef.from_data(code.object))
    engine.finalize_object()
    kinds = [ctypes.c_void_p if a == "p" else ctypes.c_int64 for a in code.arguments]
    return ctypes.CFUNCTYPE(None, *kinds)(engine.get_function_address(code.name))


def _read(path: Path) -> _Code | None:
    try:
        return _Code.unpacked(path.read_bytes())
    except OSError:
        return None


def _write(path: Path, code: _Code) -> None:
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _sweep(path.parent)
        handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".part")
        with os.fdopen(handle, "wb") as file:
            file.write(code.packed())
        os.replace(temporary, path)
    except OSError:
        if temporary:
            with contextlib.suppress(OSError):
                os.unlink(temporary)


def _sweep(folder: Path) -> None:
    """Once a process: drop what killed processes left half written, and kernels that were compiled a month ago."""
    global _swept
    if _swept:
        return
    _swept, now = True, time.time()
    for suffix, age in ((".part", HOUR), (".o", MONTH)):
        for file in folder.glob(f"*{suffix}"):
            with contextlib.suppress(OSError):
                if now - file.stat().st_mtime > age:
                    file.unlink()
