"""Work on many files, done by the workers of a ``dask.distributed`` scheduler, told in order. Knows no file itself.

The workers are processes, on this machine or others, that have convlens and see the files under the same names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from typing import Any, TypeVar

from convlens.data.errors import DataError

Shared = TypeVar("Shared")
Item = TypeVar("Item")
Found = TypeVar("Found")

PATIENCE = 10
"""Seconds within which a scheduler answers."""


def ensure_workers(scheduler: str) -> None:
    """Raise unless a scheduler answers and has workers, before work begins that ends with it.

    Raises:
        DataError: the package is not there, nobody answers at the address, or it has no workers.
    """
    with _connected(scheduler):
        pass


def _connected(scheduler: str) -> Any:
    """A client of a scheduler that has workers, to be closed."""
    try:
        distributed: Any = import_module("distributed")
    except ImportError as error:
        raise DataError('--scheduler needs dask.distributed; pip install "dask[array]" distributed') from error
    client = object.__new__(distributed.Client)
    try:
        client.__init__(scheduler, timeout=PATIENCE, set_as_default=False)
    except (OSError, ValueError) as error:
        # one that was begun in vain would wait when it is collected, and for ever if another begins just then
        client.status = "closed"
        raise DataError(f"no Dask scheduler answers at {scheduler}; start one, or name its address") from error
    if not client.scheduler_info()["workers"]:
        client.close()
        raise DataError(f"the Dask scheduler at {scheduler} has no workers; start some")
    return client


def mapped(
    work: Callable[[Shared, Item], Found], shared: Shared, items: Sequence[Item], scheduler: str
) -> Iterator[Found]:
    """What ``work`` makes of each item, in their order, computed by whichever worker is free.

    Args:
        work: a function of a module, which is sent by its name.
        shared: its first argument, sent to each worker once.
        items: its second one.
        scheduler: an address, such as tcp://host:8786.

    Raises:
        DataError: as for ``ensure_workers``, or a worker was lost again and again.
        Exception: what ``work`` raised.
    """
    with _connected(scheduler) as client:
        everywhere = client.scatter(shared, broadcast=True, hash=False)
        futures = [client.submit(work, everywhere, item, pure=False) for item in items]
        try:
            for future in futures:
                yield future.result()
        except import_module("distributed").scheduler.KilledWorker as error:
            raise DataError(f"a worker of {scheduler} ended again and again; give them more memory") from error
        finally:
            client.cancel(futures)
