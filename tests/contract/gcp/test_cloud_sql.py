"""Google's own connector and our pool, against a stand-in for Cloud SQL."""

import gc
import inspect
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from google.cloud.sql.connector import Connector, RefreshStrategy

from common.errors import PermanentError, TransientError
from infra.clients import Clients
from infra.gcp import cloud_sql as adapter
from infra.gcp.cloud_sql import CloudSql
from infra.postgres.connection import Connection
from infra.postgres.database import Database
from infra.runtime.settings import Settings, SettingsError
from tests.conftest import rows
from tests.contract.gcp.cloud_sql import INSTANCE, Credentials, Google, Proxy, cloud_sql

# Where a session cannot be started, Google's connector (its `connect_async`) leaves the socket that
# it has opened to the garbage collector; on Python 3.13 that is a warning. Nothing of ours has it.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed <ssl.SSLSocket:ResourceWarning")


@pytest.fixture(autouse=True)
def no_socket_is_left_to_a_later_test() -> Iterator[None]:
    yield
    gc.collect()


@pytest.fixture
def instance(tmp_path: Path, database_url: str) -> Iterator[tuple[Google, Proxy, str]]:
    with cloud_sql(tmp_path, database_url) as running:
        yield running


@pytest.fixture
def google(instance: tuple[Google, Proxy, str]) -> Google:
    return instance[0]


@pytest.fixture
def proxy(instance: tuple[Google, Proxy, str]) -> Proxy:
    return instance[1]


@pytest.fixture
def connect(instance: tuple[Google, Proxy, str], database_url: str) -> Iterator[CloudSql]:
    name = urlsplit(database_url).path.removeprefix("/")
    made = CloudSql(
        INSTANCE,
        name,
        "postgres",
        credentials=Credentials(),
        sqladmin_api_endpoint=instance[2],
    )
    yield made
    made.close()


@contextmanager
def pool(connect: Callable[[], Any]) -> Iterator[Database]:
    database = Database(connect, size=2)
    yield database
    database.close()


def backend(database: Database) -> int:
    pid: int = rows(database, "SELECT pg_backend_pid() AS pid")[0]["pid"]
    return pid


def test_the_pool_connects_over_tls_with_iam_authentication(
    connect: CloudSql, google: Google, database_url: str
) -> None:
    with pool(connect) as database:
        (reached,) = rows(
            database,
            "SELECT current_database() AS database, session_user AS who,"
            " current_setting('application_name') AS program",
        )

    assert reached == {
        "database": urlsplit(database_url).path.removeprefix("/"),
        "who": "postgres",
        "program": "countersign",
    }

    assert sorted(google.asked) == ["connectSettings", "countersign:generateEphemeralCert"]
    assert google.tokens == ["stand-in"], "the login's token, which only IAM authentication sends"


def test_no_statement_waits_for_an_acknowledgement(connect: CloudSql) -> None:
    driver = connect()
    connection = Connection(driver)
    try:
        assert driver._usock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    finally:
        connection.close()


def test_further_connections_reuse_the_certificate(connect: CloudSql, google: Google) -> None:
    with pool(connect) as database, database.transaction(), database.transaction() as tx:
        assert tx.rows("SELECT 1 AS one") == [{"one": 1}]

    assert len(google.asked) == 2


def test_after_a_failover_the_pool_reconnects_and_no_caller_fails(
    connect: CloudSql, proxy: Proxy
) -> None:
    with pool(connect) as database:
        before = backend(database)
        proxy.fail_over()

        assert backend(database) != before


def test_an_instance_that_is_down_is_transient_and_found_again(
    connect: CloudSql, google: Google, proxy: Proxy, tmp_path: Path, database_url: str
) -> None:
    with pool(connect) as database:
        backend(database)
        proxy.close()
        with pytest.raises(TransientError), database.transaction():
            pass
        asked = len(google.asked)

        again = Proxy(google.authority.server_context(tmp_path), database_url)
        try:
            assert backend(database)
        finally:
            again.close()

    assert len(google.asked) > asked, "address and certificate are fetched anew after a failure"


def test_a_server_that_stops_answering_is_given_up(
    connect: CloudSql,
) -> None:
    connect._timeout_seconds = 0.3
    with pool(connect) as database, pytest.raises(TransientError):
        rows(database, "SELECT pg_sleep(5)")


@pytest.mark.parametrize(
    ("status", "kind", "words"),
    [
        (403, PermanentError, "roles/cloudsql.client"),
        (404, PermanentError, "CLOUD_SQL_INSTANCE"),
        (400, PermanentError, "said by Google"),
        (429, TransientError, "429"),
    ],
)
def test_each_refusal_says_what_to_do(
    connect: CloudSql, google: Google, status: int, kind: type[Exception], words: str
) -> None:
    google.status = status

    with pytest.raises(kind, match=words) as raised:
        connect()

    assert INSTANCE in str(raised.value)


def test_an_instance_without_a_private_address_names_the_setting(
    connect: CloudSql, google: Google
) -> None:
    google.address_kind = "PRIMARY"

    with pytest.raises(PermanentError, match="CLOUD_SQL_IP"):
        connect()


def test_the_settings_lead_to_it_and_a_refusal_is_a_persons_to_repair(
    google: Google, connect: CloudSql, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[tuple[object, ...]] = []

    def make(*arguments: object) -> Callable[[], Any]:
        made.append(arguments)
        return connect

    monkeypatch.setattr(adapter, "CloudSql", make)
    given = {"CLOUD_SQL_INSTANCE": INSTANCE, "DB_NAME": "d", "DB_USER": "u@p.iam"}
    settings = Settings.from_environment(given)
    google.status = 403

    with (
        pytest.raises(SettingsError, match="CLOUD_SQL_INSTANCE: Cloud SQL instance"),
        Clients(settings).database.transaction(),
    ):
        pass

    assert made == [(INSTANCE, "d", "u@p.iam", "private")]


def test_the_connector_still_has_the_interface_that_we_use() -> None:
    taken = inspect.signature(Connector.__init__).parameters

    assert {"ip_type", "enable_iam_auth", "refresh_strategy", "loop"} <= set(taken)
    assert list(inspect.signature(Connector.connect_async).parameters)[1:3] == [
        "instance_connection_string",
        "driver",
    ]
    assert RefreshStrategy.LAZY
