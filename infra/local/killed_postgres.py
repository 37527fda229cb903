"""What a server that was killed leaves behind, which must not keep the next one from starting.

Postgres recovers its data by itself. What it or its package does not survive is a kill in the
middle of writing: a cluster that was never finished, and files that name processes.
"""

import json
import shutil
from pathlib import Path

import psutil

# The status is the last of its lines; a shorter file was not finished.
_PID_FILE_LINES = 8


def forget_the_killed(data: Path) -> None:
    """Clear away what no living process stands behind."""
    if data.exists() and not (data / "postmaster.opts").exists():
        shutil.rmtree(data)  # no server has ever run here: it was killed while it was being made
    if not _serves(data):
        (data / ".handle_pids.json").unlink(missing_ok=True)
        for lock in data.glob(".s.PGSQL.*.lock"):  # it names the process that the pid file named
            lock.unlink()
    _keep_the_living(data / ".handle_pids.json")


def _serves(data: Path) -> bool:
    """Return whether a server runs here; a pid file that says so wrongly is removed.

    The file of a server that is gone stays: Postgres looks into it for what may be left of it.
    """
    pid_file = data / "postmaster.pid"
    lines = pid_file.read_text().splitlines() if pid_file.exists() else []
    if len(lines) < _PID_FILE_LINES:
        pid_file.unlink(missing_ok=True)
        return False
    try:
        serves = str(data.resolve()) in psutil.Process(int(lines[0])).cmdline()
    except psutil.ZombieProcess:  # killed, and nobody has buried it yet
        serves = False
    except psutil.NoSuchProcess:
        return False
    if not serves:
        pid_file.unlink()  # of the dead, or its number is another's by now
    return serves


def _keep_the_living(handles: Path) -> None:
    """Leave only users of the server that live: the last one to go stops it."""
    if handles.exists():
        pids: list[int] = json.loads(handles.read_text() or "[]")
        handles.write_text(json.dumps([pid for pid in pids if psutil.pid_exists(pid)]))
