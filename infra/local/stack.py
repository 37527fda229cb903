"""The local stack: everything that a deployment has, on one machine, with nothing installed.

simulator ◄── functions (a process of their own) ──► embedded Postgres
                 ▲         │ publish
    scheduler ───┘         ▼
                    local bus ──► evaluate, ask, submit_order, app backend
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from common.errors import PermanentError
from infra.local import answers, firebase
from infra.local.app_backend import AppBackend
from infra.local.dashboard.receiver import DashboardReceiver
from infra.local.functions_server import FunctionsServer
from infra.local.key_files import make_receipt_key
from infra.local.paper import PaperAccount
from infra.local.postgres import embedded_postgres
from infra.local.pubsub.emulator_bus import EmulatedBus
from infra.local.pubsub.server import LocalBus
from infra.local.serving import HttpServer
from infra.postgres.database import Database, connector
from infra.postgres.migrate import migrate
from infra.postgres.users import configs
from infra.runtime.settings import env_var
from infra.runtime.tls import tls_context
from infra.simulator.broker import SimulatedBroker
from infra.simulator.streams.server import StreamServer
from infra.workflows.config_store import DEFAULT_TEMPLATE

PROJECT = "countersign-local"
# In the stack's folder.
FIREBASE_KEY = "firebase-key.pem"  # signs the users' ID tokens
RECEIPT_KEY, RECEIPT_PUBLIC_KEY = "receipt-key.pem", "receipt-key.pub.pem"
# Local-only values: they open nothing outside this machine.
WEBHOOK_SECRET = "whsec_Y291bnRlcnNpZ24tbG9jYWwtd2ViaG9vay1zZWNyZXQ="  # noqa: S105
INTERNAL_TOKEN = "local-internal-token"  # noqa: S105
SIGNING_SECRET = "local-signing-secret"  # noqa: S105

FUNCTION_SUBSCRIPTIONS = {
    "snapshots-ingested": "evaluate",
    "rules-fired": "ask",
    "orders-approved": "submit_order",
}
APP_TOPICS = ("questions-created", "trade-updates")
TOPICS = (*APP_TOPICS, *FUNCTION_SUBSCRIPTIONS)
Broker = SimulatedBroker | PaperAccount


@dataclass(frozen=True)
class Ports:
    """Where the stack listens; 0 picks a free port."""

    functions: int = 0
    broker: int = 0
    dashboard: int = 0


@dataclass(frozen=True)
class User:
    """A user of the stack: a template, and what they override in it."""

    firebase_uid: str
    template: str | None = DEFAULT_TEMPLATE
    config: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Stack:
    """A running stack."""

    database: Database
    database_url: str
    functions: FunctionsServer
    broker: Broker
    broker_url: str
    bus: LocalBus | EmulatedBus
    app: AppBackend
    dashboard: DashboardReceiver
    dashboard_url: str
    client: httpx.Client
    environment: Mapping[str, str]
    broker_streams_url: str = ""  # of the simulator's server, where there is one

    @property
    def console_url(self) -> str:
        """The console: pages for a browser."""
        return f"{self.functions.url}/console"

    @property
    def simulator(self) -> SimulatedBroker:
        """The broker where it is simulated; raises TypeError where it is a real paper account."""
        if not isinstance(self.broker, SimulatedBroker):
            raise TypeError("the broker of this stack is a paper account")
        return self.broker

    def call(self, function: str, body: Mapping[str, object] | None = None) -> httpx.Response:
        """Call an HTTP function as Cloud Scheduler does."""
        return self.client.post(f"/{function}", json=body or {})


@contextmanager
def local_stack(
    folder: Path,
    broker: Broker,
    app: AppBackend,
    users: Sequence[User],
    *,
    ports: Ports = Ports(),
    keep: bool = True,
    pushes: Mapping[str, Sequence[str]] | None = None,
    emulator: str = "",
) -> Iterator[Stack]:
    """Start everything, yield it, stop it in reverse.

    Data lives in `folder`; `keep=False` deletes the database at the end. `pushes` adds URLs of
    yours to topics. An `emulator` (`host:port`, else PUBSUB_EMULATOR_HOST) takes the place of the
    local bus.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as running:
        start = running.enter_context
        database_url = env_var("DATABASE_URL") or start(
            embedded_postgres(folder / "postgres", keep=keep)
        )
        database = Database(connector(database_url))
        running.callback(database.close)
        _refuse_real_users(database, users)
        migrate(database)
        _enroll(database, users)
        dashboard = DashboardReceiver(folder / "dashboard.sqlite", INTERNAL_TOKEN, SIGNING_SECRET)
        running.callback(dashboard.close)
        dashboard_server = start(HttpServer(dashboard.app, ports.dashboard))
        broker_settings = start(_reached(broker, ports.broker))
        streams_url = ""
        if isinstance(broker, SimulatedBroker):
            streams_url = start(StreamServer(broker)).url
        app_server = start(HttpServer(app.app))
        key_server = start(HttpServer(firebase.key_server(folder / FIREBASE_KEY)))
        make_receipt_key(folder / RECEIPT_KEY, folder / RECEIPT_PUBLIC_KEY)
        functions = start(FunctionsServer(folder / "functions.log", ports.functions))
        answers_server = start(HttpServer(answers.application(functions.url, WEBHOOK_SECRET)))
        subscriptions = _subscriptions(functions.url, app_server.url, pushes or {})
        emulator = emulator or env_var("PUBSUB_EMULATOR_HOST")
        bus, bus_host = start(_bus(folder, subscriptions, emulator))
        environment = {
            "DATABASE_URL": database_url,
            "TRADING_ENABLED": "true",
            "ENROLLMENT": "open",
            **broker_settings,
            **({"ALPACA_STREAM_URL": streams_url} if streams_url else {}),
            "HAIPHEN_API_URL": dashboard_server.url,
            "INTERNAL_TOKEN": INTERNAL_TOKEN,
            "SIGNING_SECRET": SIGNING_SECRET,
            "ANSWER_WEBHOOK_SECRET": WEBHOOK_SECRET,
            "APP_BACKEND_URL": answers_server.url,
            "FIREBASE_PROJECT_ID": PROJECT,
            "FIREBASE_KEYS_URL": key_server.url,
            "RECEIPT_KEY_FILE": str((folder / RECEIPT_KEY).absolute()),
            "GOOGLE_CLOUD_PROJECT": PROJECT,
            "PUBSUB_EMULATOR_HOST": bus_host,
        }
        functions.start({**_process_environment(), **environment})
        yield Stack(
            database=database,
            database_url=database_url,
            functions=functions,
            broker=broker,
            broker_url=broker_settings["ALPACA_TRADING_BASE_URL"],
            bus=bus,
            app=app,
            dashboard=dashboard,
            dashboard_url=dashboard_server.url,
            client=start(
                httpx.Client(
                    verify=tls_context(), base_url=functions.url, timeout=60, trust_env=False
                )
            ),
            environment=environment,
            broker_streams_url=streams_url,
        )


@contextmanager
def _reached(broker: Broker, port: int) -> Iterator[dict[str, str]]:
    """Yield the settings that lead to the broker; the simulator is served meanwhile."""
    if isinstance(broker, PaperAccount):
        yield {"ALPACA_TRADING_BASE_URL": broker.trading_url, **broker.environment}
        return
    with HttpServer(broker.app, port) as server:
        yield {
            "BROKER_CLOCK": "true",
            "ALPACA_API_KEY_ID": broker.key_id,
            "ALPACA_API_SECRET_KEY": broker.secret_key,
            "ALPACA_TRADING_BASE_URL": server.url,
            "ALPACA_DATA_BASE_URL": server.url,
        }


@contextmanager
def _bus(
    folder: Path, subscriptions: Mapping[str, Sequence[str]], emulator: str
) -> Iterator[tuple[LocalBus | EmulatedBus, str]]:
    """Run the local bus, or stand before the emulator; yield it and the host to publish to."""
    if emulator:
        with EmulatedBus(emulator, subscriptions, PROJECT) as emulated:
            yield emulated, emulated.host
        return
    with (
        LocalBus(folder / "bus.sqlite", subscriptions, PROJECT) as bus,
        HttpServer(bus.app) as server,
    ):
        yield bus, server.url.removeprefix("http://")


def _subscriptions(
    functions_url: str, app_url: str, pushes: Mapping[str, Sequence[str]]
) -> dict[str, list[str]]:
    """Name the subscribers of each topic: the functions, the app backend, and any added."""
    received = {
        topic: [f"{functions_url}/{name}"] for topic, name in FUNCTION_SUBSCRIPTIONS.items()
    }
    received |= {topic: [f"{app_url}/{topic}"] for topic in APP_TOPICS}
    for topic, urls in pushes.items():
        received.setdefault(topic, []).extend(urls)
    return received


def _refuse_real_users(database: Database, users: Sequence[User]) -> None:
    """Keep simulated prices and questions away from a database that people use."""
    with database.transaction() as tx:
        if not tx.rows("SELECT 1 FROM pg_tables WHERE tablename = 'users'"):
            return
        known = [user.firebase_uid for user in users]
        others = tx.rows(
            "SELECT 1 FROM users WHERE firebase_uid <> ALL(CAST(:known AS text[])) LIMIT 1",
            known=known,
        )
    if others:
        raise PermanentError("DATABASE_URL holds users that are not the local stack's: refusing")


def _enroll(database: Database, users: Sequence[User]) -> None:
    with database.transaction() as tx:
        for user in users:
            configs.enroll(tx, user.firebase_uid, user.template, user.config or {})


def _process_environment() -> dict[str, str]:
    """Pass on what a Python process needs of its surroundings, and no setting of ours."""
    names = ("PATH", "HOME", "LANG", "TMPDIR", "VIRTUAL_ENV", "PYTHONPATH", "SSL_CERT_FILE")
    return {name: value for name in names if (value := env_var(name))}
