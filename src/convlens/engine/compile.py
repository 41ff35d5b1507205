"""From LLVM's text to machine code, kept on disk so that the second time costs milliseconds.

A cached object is keyed by the text, the target and the versions; it is written beside its place and renamed, carries a
checksum, and is compiled again when it does not match. A cache that cannot be written only slows.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

import llvmlite
import llvmlite.binding as llvm

from .builder import Kernel
from .errors import EngineError
from .target import Target

FORMAT = b"convlens object 1\n"
_lock = threading.Lock()
_engines: dict[str, llvm.ExecutionEngine] = {}
_ready = False

Call = Callable[..., None]


def _prepare() -> None:
    global _ready
    if not _ready:
        llvm.initialize_all_targets()
        llvm.initialize_all_asmprinters()
        _ready = True


def machine(target: Target) -> llvm.TargetMachine:
    """LLVM's code generator for ``target``."""
    _prepare()
    triple = target.triple or llvm.get_process_triple()
    # level 3 of code generation without the passes over the text: those hoist splats out of loops, and spill them
    return llvm.Target.from_triple(triple).create_target_machine(
        cpu=target.cpu, features=target.features, opt=3, reloc="default", codemodel="jitdefault", jit=not target.triple
    )


def assembly(kernel: Kernel) -> str:
    """The assembly of a kernel, for reading and for tests; works for targets that cannot run here."""
    _prepare()
    module = llvm.parse_assembly(kernel.text())
    module.verify()
    return str(machine(kernel.target).emit_assembly(module))


def folder() -> Path:
    """Where compiled kernels are kept: ``CONVLENS_CACHE``, or the user's cache folder."""
    if given := os.environ.get("CONVLENS_CACHE"):
        return Path(given)
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "convlens" / "kernels"


def load(kernel: Kernel) -> Call:
    """Machine code for ``kernel`` as a function of its pointers (addresses) and counts; compiled at most once.

    Raises:
        EngineError: the kernel is written for a processor that is not this one.
    """
    if kernel.target.triple:
        raise EngineError(f"code for {kernel.target.name} cannot run on this processor")
    text = kernel.text()
    versions = f"{llvmlite.__version__} {llvm.llvm_version_info} {kernel.target}"
    key = hashlib.sha256(f"{versions}\n{text}".encode()).hexdigest()
    with _lock:
        if key not in _engines:
            _engines[key] = _engine(key, text, kernel.target)
        address = _engines[key].get_function_address(kernel.name)
    kinds = [ctypes.c_void_p if str(a.type).endswith("*") else ctypes.c_int64 for a in kernel.arguments]
    return ctypes.CFUNCTYPE(None, *kinds)(address)


def address(call: Call) -> int:
    """The address of a loaded function."""
    return ctypes.cast(call, ctypes.c_void_p).value or 0  # type: ignore[arg-type]


def _engine(key: str, text: str, target: Target) -> llvm.ExecutionEngine:
    path = folder() / f"{key}.o"
    code = _read(path)
    generator = machine(target)
    if code is None:
        module = llvm.parse_assembly(text)
        module.verify()
        code = generator.emit_object(module)
        _write(path, code)
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), generator)
    engine.add_object_file(llvm.ObjectFileRef.from_data(code))
    engine.finalize_object()
    return engine


def _read(path: Path) -> bytes | None:
    try:
        content = path.read_bytes()
    except OSError:
        return None
    head, code = content[: len(FORMAT) + 32], content[len(FORMAT) + 32 :]
    return code if head == FORMAT + hashlib.sha256(code).digest() else None


def _write(path: Path, code: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".part")
        with os.fdopen(handle, "wb") as file:
            file.write(FORMAT + hashlib.sha256(code).digest() + code)
        os.replace(temporary, path)
    except OSError:
        return
