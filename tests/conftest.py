"""Real parts for tests: a fresh database each, the simulator behind HTTP, functions as deployed."""

import functools
import importlib
import itertools
import os
import shutil
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import functions_framework
import httpcore  # noqa: F401 (in time, see below)
import hypothesis
import pytest
from werkzeug.test import Client

from common.market import NEW_YORK
from functions import wiring
from infra.local.postgres import create_database, embedded_postgres
from infra.local.pubsub.server import LocalBus
from infra.local.serving import HttpServer
from infra.local.stack import (
    APP_TOPICS,
    FUNCTION_SUBSCRIPTIONS,
    INTERNAL_TOKEN,
    PROJECT,
    SIGNING_SECRET,
    WEBHOOK_SECRET,
)
from infra.postgres.database import Database, connector
from infra.postgres.migrate import migrate
from infra.postgres.users import configs
from infra.simulator.broker import SimulatedBroker
from infra.simulator.market.clock import SimulatedClock
from infra.workflows.config_store import DEFAULT_TEMPLATE

# httpx imports httpcore with its first client, in whatever thread makes it. Coverage forgets what
# another thread is importing at the moment when functions-framework adds to sys.path.

# The official SDK imports a deprecated module of websockets, which warns once: here, where it is
# let through, so that warnings stay errors in the tests themselves.
with warnings.catch_warnings():
    warnings.filterwarnings("ignore", "websockets.legacy is deprecated", DeprecationWarning)
    importlib.import_module("websockets.legacy")

# On a busy machine any example may take long.
hypothesis.settings.register_profile("any-machine", deadline=None)
hypothesis.settings.load_profile("any-machine")

ROOT = Path(__file__).parents[1]
SHARED = ROOT.parent / "shared"
NOON = datetime(2026, 2, 10, 12, 0, tzinfo=NEW_YORK)
USER = "user-1"

# Where a server with a database `template` runs already: for who forks tests by the thousand.
RUNNING_POSTGRES = "COUNTERSIGN_TEST_POSTGRES"

MEMORY = Path("/dev/shm")  # noqa: S108 (a folder of one's own is made in it)
ROOM_IN_MEMORY = 4 * 1024**3  # bytes; a server takes about 300 MB

_numbers = itertools.count()


def pytest_xdist_auto_num_workers() -> int:
    """Run more workers than there are processors: tests wait for servers a third of the time."""
    return max(2, (os.cpu_count() or 1) * 3 // 2)


_loading = threading.Lock()  # compiling one file in several threads at once upsets Python 3.11


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """URL of a server with a migrated database `template` to copy."""
    if running := os.environ.get(RUNNING_POSTGRES):  # noqa: TID251 (of the tests, not of the code)
        yield running
        return
    with running_postgres() as url:
        yield url


@contextmanager
def running_postgres() -> Iterator[str]:
    """Run a server with a migrated database `template`; yield its URL."""
    with (
        TemporaryDirectory(prefix="countersign-", dir=_memory()) as folder,
        embedded_postgres(Path(folder) / "postgres", keep=False) as url,
    ):
        _trade_durability_for_speed(url)
        create_database(url, "template")
        template = Database(connector(_of(url, "template")), size=1)
        migrate(template)
        template.close()
        yield url


def _memory() -> Path | None:
    """Return a folder in memory, where there is one with room for some servers.

    A database has hundreds of files, and ext4 looks for the place of each among all that were
    deleted in the last five seconds: with one database a test, that is most of the time.
    """
    if MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ROOM_IN_MEMORY:
        return MEMORY
    return None


def _trade_durability_for_speed(url: str) -> None:
    """Skip fsync and keep the log short: a killed process loses nothing by it."""
    connection = connector(url)()
    connection.autocommit = True
    for statement in (
        "ALTER SYSTEM SET fsync = off",
        "ALTER SYSTEM SET max_wal_size = '128MB'",
        "SELECT pg_reload_conf()",
    ):
        connection.execute_simple(statement)
    connection.close()


@pytest.fixture
def database_url(postgres: str) -> Iterator[str]:
    """URL of a fresh, migrated database."""
    with fresh_database(postgres) as url:
        yield url


@contextmanager
def fresh_database(server: str) -> Iterator[str]:
    """Copy the template of a server; yield the copy's URL."""
    name = f"test_{os.getpid()}_{next(_numbers)}"
    create_database(server, name, template="template")
    yield _of(server, name)
    connection = connector(server)()  # thousands of them would fill a disk
    connection.autocommit = True
    connection.execute_simple(f"DROP DATABASE {name} WITH (FORCE)")
    connection.close()


@pytest.fixture
def db(database_url: str) -> Iterator[Database]:
    database = Database(connector(database_url))
    yield database
    database.close()


@pytest.fixture
def simulator() -> Iterator[SimulatedBroker]:
    """The broker at noon of a trading day; SPY closed at 500 and trades at 492."""
    with market_at_noon() as broker:
        yield broker


@contextmanager
def market_at_noon() -> Iterator[SimulatedBroker]:
    """Run the broker of `simulator`."""
    with SimulatedBroker(SimulatedClock(NOON)) as broker:
        for symbol, last, previous in (("SPY", 492, 500), ("AAPL", 228, 227), ("MSFT", 410, 409)):
            broker.market.set_price(symbol, last, prev_close=previous, live=True)
        yield broker


@pytest.fixture
def broker_url(simulator: SimulatedBroker) -> Iterator[str]:
    with HttpServer(simulator.app) as server:
        yield server.url


@pytest.fixture
def bus_host() -> Iterator[str]:
    """A bus that takes every topic and delivers nowhere: deliveries are the tests' to make."""
    with silent_bus() as host:
        yield host


@contextmanager
def silent_bus() -> Iterator[str]:
    """Run the bus of `bus_host`."""
    topics: dict[str, list[str]] = {topic: [] for topic in (*FUNCTION_SUBSCRIPTIONS, *APP_TOPICS)}
    with LocalBus(None, topics, PROJECT) as bus, HttpServer(bus.app) as server:
        yield server.url.removeprefix("http://")


@pytest.fixture
def environment(
    database_url: str,
    simulator: SimulatedBroker,
    broker_url: str,
    bus_host: str,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[pytest.MonkeyPatch]:
    """A deployed function's environment; `setenv` and `wiring.reset()` change it."""
    set_environment(monkeypatch, database_url, simulator, broker_url, bus_host)
    wiring.reset()
    yield monkeypatch
    wiring.reset()


def set_environment(
    patch: pytest.MonkeyPatch,
    database_url: str,
    simulator: SimulatedBroker,
    broker_url: str,
    bus_host: str,
) -> None:
    """Set what a deployed function finds in its environment."""
    settings = {
        "DATABASE_URL": database_url,
        "TRADING_ENABLED": "true",
        "BROKER_CLOCK": "true",
        "ALPACA_API_KEY_ID": simulator.key_id,
        "ALPACA_API_SECRET_KEY": simulator.secret_key,
        "ALPACA_TRADING_BASE_URL": broker_url,
        "ALPACA_DATA_BASE_URL": broker_url,
        "INTERNAL_TOKEN": INTERNAL_TOKEN,
        "SIGNING_SECRET": SIGNING_SECRET,
        "ANSWER_WEBHOOK_SECRET": WEBHOOK_SECRET,
        "GOOGLE_CLOUD_PROJECT": PROJECT,
        "PUBSUB_EMULATOR_HOST": bus_host,
        "ENROLLMENT": "open",
        "MAX_CALLER_REQUESTS_AT_ONCE": "100",
        "MAX_CALLER_REQUESTS_PER_MINUTE": "100000",
    }
    for name, value in settings.items():
        patch.setenv(name, value)


@pytest.fixture
def user(db: Database) -> str:
    """A user with the default template."""
    enroll(db, USER)
    return USER


def enroll(db: Database, firebase_uid: str, **override: Any) -> None:
    with db.transaction() as tx:
        configs.enroll(tx, firebase_uid, DEFAULT_TEMPLATE, override)


def function(name: str) -> Client:
    """A client of one function, loaded by functions-framework as in a deployment."""
    with _loading:
        client: Client = _app(name).test_client()
    return client


@functools.cache
def _app(name: str) -> Any:
    return functions_framework.create_app(name, str(ROOT / "functions" / "main.py"))  # type: ignore[no-untyped-call]


def rows(db: Database, sql: str, **parameters: object) -> list[dict[str, Any]]:
    with db.transaction() as tx:
        return tx.rows(sql, **parameters)


def _of(url: str, database: str) -> str:
    return url.replace("/countersign?", f"/{database}?")
