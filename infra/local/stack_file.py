"""`stack.json`: where everything of the local stack of a folder is, as long as it runs."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fasteners import InterProcessLock

from common.errors import PermanentError

NAME = "stack.json"
_LOCK = "stack.lock"
# How long a start waits for the lock, which whoever reads the file holds for a moment.
_PATIENCE_SECONDS = 2.0


def read(folder: Path) -> dict[str, Any]:
    """Read the file of a running stack; raises PermanentError, with a hint, where none runs."""
    file = folder / NAME
    if not file.exists():
        raise PermanentError(
            f"no local stack runs here (no {file}): start `countersign dev` in this folder"
        )
    if not _is_running(folder):
        raise PermanentError(
            f"{file} is left of a stack that no longer runs: start `countersign dev` in this folder"
        )
    found: dict[str, Any] = json.loads(file.read_text())
    return found


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Hold the folder; raises PermanentError, naming the console, where another stack holds it.

    What a stack that was killed has left of the file is removed.
    """
    lock = InterProcessLock(folder / _LOCK)
    if not lock.acquire(timeout=_PATIENCE_SECONDS):
        file = folder / NAME
        where = json.loads(file.read_text())["functions"] if file.exists() else ""
        hint = f": its console is at {where}/console" if where else " and is starting"
        raise PermanentError(f"a stack runs in {folder} already{hint}")
    try:
        (folder / NAME).unlink(missing_ok=True)
        yield
        (folder / NAME).unlink(missing_ok=True)
    finally:
        lock.release()


def write(folder: Path, document: dict[str, Any]) -> None:
    """Say where everything is; complete or not there at all, and for its owner alone."""
    unfinished = folder / f"{NAME}.part"
    unfinished.unlink(missing_ok=True)
    unfinished.touch(mode=0o600)  # it holds secrets: nobody else on this machine may read it
    unfinished.write_text(json.dumps(document, indent=2) + "\n")
    unfinished.replace(folder / NAME)


def _is_running(folder: Path) -> bool:
    """Whether somebody holds the folder: a process that ended, however, holds nothing."""
    lock = InterProcessLock(folder / _LOCK)
    if lock.acquire(blocking=False):
        lock.release()
        return False
    return True
