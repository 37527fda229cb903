"""What all schedules of one process share: a database, a broker, keys; swept between schedules."""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from infra.auth.firebase_keys import FirebaseKeys
from infra.auth.firebase_tokens import FirebaseTokens
from infra.gcp.pubsub import PubsubPublisher
from infra.local import firebase
from infra.local.serving import HttpServer
from infra.local.stack import INTERNAL_TOKEN, PROJECT, SIGNING_SECRET, WEBHOOK_SECRET
from infra.postgres.database import Database, connector
from infra.postgres.users import configs
from infra.runtime.clock import SystemClock
from infra.runtime.settings import Settings
from infra.simulator.broker import SimulatedBroker
from infra.simulator.faults.switches import Switches
from infra.simulator.market.clock import SimulatedClock
from tests.conftest import NOON
from tests.faults.proof.captured_logs import CapturedLogs, capture_logs
from tests.faults.proof.instance import PUBSUB_HOST, Instance, Parts, instances
from tests.faults.proof.ledger import Ledger
from tests.faults.proof.server import Server
from tests.faults.proof.start_times import STARTS
from tests.faults.proof.topics import Topics
from tests.faults.proof.transport import to_application
from tests.faults.proof.users import PRICES, USERS
from tests.faults.proof.world import INSTANCES, World

_KEY_ID, _SECRET_KEY = "sim-key-of-the-proof", "sim-secret-of-the-proof"
_SECRETS = (_KEY_ID, _SECRET_KEY, INTERNAL_TOKEN, SIGNING_SECRET, WEBHOOK_SECRET)
# Who trades, and by what, stays over schedules; everything else is swept.
_KEPT = ("users", "user_trading_config", "trading_config_templates", "schema_migrations")


@dataclass(frozen=True)
class StartConditions:
    """When a schedule begins, how many connections a pool has, and whether this broker lets the id
    of a canceled order be used again."""

    start: str
    pool_size: int
    ids_are_freed: bool


@dataclass(frozen=True)
class Harness:
    """A place in which one schedule after the other can be lived through."""

    server: Server
    simulator: SimulatedBroker
    database: Database
    settings: Settings
    publisher: PubsubPublisher
    id_tokens: FirebaseTokens
    tokens: dict[str, str]
    captured_logs: CapturedLogs
    sweep: str

    @contextmanager
    def world(self, begins: StartConditions) -> Iterator[World]:
        """Begin anew."""
        self.server.run(self.sweep)
        self.simulator.reset(STARTS[begins.start])
        switches = Switches(cancelled_ids_stay_taken=not begins.ids_are_freed)
        vars(self.simulator.switches).update(vars(switches))
        for symbol, (last, previous) in PRICES.items():
            self.simulator.market.set_price(symbol, last, prev_close=previous, live=True)
        self.captured_logs.problems.clear()
        topics = Topics()
        broker = to_application(self.simulator.app)
        clock = self.simulator.clock
        parts = Parts(
            settings=self.settings,
            server=self.server,
            clock=clock,
            broker=broker,
            topics=topics,
            publisher=self.publisher,
            id_tokens=self.id_tokens,
        )
        world = World(
            parts=parts,
            simulator=self.simulator,
            topics=topics,
            database=self.database,
            captured_logs=self.captured_logs,
            tokens=self.tokens,
            instances=[Instance(parts, begins.pool_size) for _ in range(INSTANCES)],
            ledger=Ledger(topics),
        )
        try:
            yield world
        finally:
            world.close()


@contextmanager
def open_harness(database_url: str) -> Iterator[Harness]:
    """Set up on a migrated database without users."""
    with ExitStack() as opened:
        folder = Path(opened.enter_context(tempfile.TemporaryDirectory()))
        server = Server(database_url)
        opened.callback(server.close)
        database = Database(connector(database_url))
        opened.callback(database.close)
        _enroll(database)
        simulator = SimulatedBroker(SimulatedClock(NOON), key_id=_KEY_ID, secret_key=_SECRET_KEY)
        opened.enter_context(simulator)
        key_file = folder / "key.pem"
        keys = opened.enter_context(HttpServer(firebase.key_server(key_file)))
        captured_logs = CapturedLogs(_SECRETS)
        opened.enter_context(capture_logs(captured_logs))
        opened.enter_context(instances())
        now = SystemClock().now()
        yield Harness(
            server=server,
            simulator=simulator,
            database=database,
            settings=_settings(database_url),
            publisher=PubsubPublisher(PROJECT, PUBSUB_HOST),
            id_tokens=FirebaseTokens(PROJECT, FirebaseKeys(keys.url)),
            tokens={uid: firebase.id_token(key_file, PROJECT, uid, now) for uid in USERS},
            captured_logs=captured_logs,
            sweep=_sweep(database),
        )


def _enroll(database: Database) -> None:
    with database.transaction() as tx:
        for person in USERS.values():
            configs.enroll(tx, person.uid, None, person.config)


def _settings(database_url: str) -> Settings:
    return Settings.from_environment(
        {
            "DATABASE_URL": database_url,
            # A relay is one thread, so that whatever happens to it is part of the schedule.
            "DATABASE_POOL_SIZE": "1",
            "TRADING_ENABLED": "true",
            "BROKER_CLOCK": "true",
            "ALPACA_API_KEY_ID": _KEY_ID,
            "ALPACA_API_SECRET_KEY": _SECRET_KEY,
            "ALPACA_TRADING_BASE_URL": "http://127.0.0.1",
            "ALPACA_DATA_BASE_URL": "http://127.0.0.1",
            "INTERNAL_TOKEN": INTERNAL_TOKEN,
            "SIGNING_SECRET": SIGNING_SECRET,
            "ANSWER_WEBHOOK_SECRET": WEBHOOK_SECRET,
            "GOOGLE_CLOUD_PROJECT": PROJECT,
            "FIREBASE_PROJECT_ID": PROJECT,
        }
    )


def _sweep(database: Database) -> str:
    """Say how to empty every table but the kept ones.

    A row less costs less than a file anew; only orders are truncated, so that they lie in the order
    of their insertion, and a schedule that is lived through again finds them as it did before.
    """
    with database.transaction() as tx:
        tables = tx.rows(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
            " AND tablename <> ALL(CAST(:kept AS text[])) ORDER BY tablename",
            kept=list(_KEPT),
        )
    deletes = "; ".join(f'DELETE FROM "{each["tablename"]}"' for each in tables)  # noqa: S608
    return f"SET session_replication_role = replica; TRUNCATE trade_orders CASCADE; {deletes}"
