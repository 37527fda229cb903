"""Many schedules over all cores: a process each, a database each, one server for all."""

import faulthandler
import itertools
import logging
import multiprocessing
import os
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import ExitStack, contextmanager
from pathlib import Path

from infra.local.postgres import create_database, embedded_postgres
from infra.postgres.database import Database, connector
from infra.postgres.migrate import migrate
from tests.faults.proof.harness import Harness, open_harness
from tests.faults.proof.schedules import Schedule, schedule
from tests.faults.proof.shrinking import shrink
from tests.faults.proof.trial import Verdict, live_through

# A schedule takes a second or so: one that takes this long hangs, and says where.
_HANGS_AFTER_SECONDS = 180
_TEMPLATE = "template"

_opened = ExitStack()
_harness: Harness | None = None


def run(seeds: Sequence[int], processes: int | None = None) -> Iterator[tuple[int, Verdict]]:
    """Live through the schedules of all seeds; yield each verdict as soon as it is there."""
    with database_server() as url:
        # Spawned, not forked: a forked process would share the sockets of its parent.
        context = multiprocessing.get_context("spawn")
        count = min(processes or os.cpu_count() or 1, len(seeds))
        with ProcessPoolExecutor(count, context, _begin, (url,)) as pool:
            yield from _as_completed(pool, seeds, ahead=count * 2)


@contextmanager
def database_server() -> Iterator[str]:
    """Run a server with a migrated database to copy; yield the URL of another, empty one."""
    with (
        tempfile.TemporaryDirectory(prefix="countersign-faults-") as folder,
        embedded_postgres(Path(folder) / "postgres", keep=False) as url,
    ):
        _hurry(url)
        create_database(url, _TEMPLATE)
        template = Database(connector(_named(url, _TEMPLATE)), size=1)
        migrate(template)
        template.close()
        yield url


def fresh_database(url: str, name: str) -> str:
    """Return the URL of a migrated database."""
    create_database(url, name, template=_TEMPLATE)
    return _named(url, name)


def trial(seed: int) -> tuple[int, Verdict]:
    """Live through one schedule in this process's harness."""
    if _harness is None:
        raise AssertionError("this process has not begun")
    faulthandler.dump_traceback_later(_HANGS_AFTER_SECONDS, exit=True)
    try:
        return seed, live_through(_harness, schedule(seed))
    finally:
        faulthandler.cancel_dump_traceback_later()


def shortest(seed: int) -> Schedule:
    """Return the shortest schedule that fails as the seed's does; the seed's where none does."""
    with database_server() as url, open_harness(fresh_database(url, "shrinking")) as opened:
        first = schedule(seed)
        verdict = live_through(opened, first)
        return shrink(opened, first, verdict) if verdict.violations else first


def _begin(url: str) -> None:
    global _harness  # noqa: PLW0603 (one per process is the point)
    warnings.simplefilter("ignore")
    logging.captureWarnings(capture=True)
    own = fresh_database(url, f"proof_{os.getpid()}")
    _harness = _opened.enter_context(open_harness(own))


def _as_completed(
    pool: ProcessPoolExecutor, seeds: Sequence[int], ahead: int
) -> Iterator[tuple[int, Verdict]]:
    """Keep a few trials waiting, so that a run that is left early leaves nothing behind."""
    waiting = iter(seeds)
    running: set[Future[tuple[int, Verdict]]] = set()
    while True:
        more = itertools.islice(waiting, ahead - len(running))
        running |= {pool.submit(trial, seed) for seed in more}
        if not running:
            return
        done, running = wait(running, return_when=FIRST_COMPLETED)
        for each in done:
            yield each.result()


def _hurry(url: str) -> None:
    """Skip fsync, which only a power cut would miss, and find deadlocks at once."""
    connection = connector(url)()
    connection.autocommit = True
    for setting in ("fsync = off", "deadlock_timeout = '5ms'"):
        connection.execute_simple(f"ALTER SYSTEM SET {setting}")
    connection.execute_simple("SELECT pg_reload_conf()")
    connection.close()


def _named(url: str, database: str) -> str:
    return url.replace("/countersign?", f"/{database}?")
