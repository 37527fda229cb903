"""A row of another user's never leaves the account API, whatever went wrong below it."""

import time
from collections.abc import Sequence

import httpx
import pytest
from werkzeug.test import TestResponse

from functions import edge, wiring
from infra.postgres.database import Database, connector
from infra.postgres.driver import DriverConnection
from infra.postgres.user_transaction import ForeignRowError, UserTransaction
from tests.conftest import USER, enroll, function
from tests.functions.account.account import BASE, Account
from tests.functions.steps import approved
from tests.security.deployed import Deployed
from tests.security.hostile import API

OTHER = "user-2"


class MixedUp(DriverConnection):
    """A driver that returns the rows of another user than was asked about."""

    def send_BIND(self, statement: bytes, values: Sequence[str | None]) -> None:  # noqa: N802 (the driver's)
        super().send_BIND(statement, [OTHER if value == USER else value for value in values])


@pytest.fixture
def ended(environment: pytest.MonkeyPatch) -> list[bool]:
    """Collect the ends of this process, which would end the tests as well."""
    ends: list[bool] = []
    environment.setattr(edge, "end_process", lambda: ends.append(True))
    return ends


@pytest.fixture
def two_users(db: Database, account: Account) -> Account:
    """Two users, each with an order, so that there is something to mix up."""
    for uid in (USER, OTHER):
        enroll(db, uid)
        approved(db, uid)
    return account


def mix_up(database_url: str) -> None:
    def connect() -> MixedUp:
        connection: MixedUp = connector(database_url)()
        connection.__class__ = MixedUp
        return connection

    wiring.current().database.close()
    wiring.current().database = Database(connect, size=1)


def raw(account: Account, path: str) -> TestResponse:
    """Call without a look at the document, which promises no such reply."""
    headers = {"Authorization": f"Bearer {account.token()}"}
    return function("account_api").get(BASE + path, headers=headers)


@pytest.mark.parametrize(
    "path", ["/config", "/orders", "/questions", "/status", "/snapshots?symbol=SPY"]
)
def test_it_is_an_error_of_ours_and_the_end_of_the_instance(
    two_users: Account,
    database_url: str,
    ended: list[bool],
    caplog: pytest.LogCaptureFixture,
    path: str,
) -> None:
    assert two_users.get(path).status_code == 200
    mix_up(database_url)

    reply = raw(two_users, path)

    assert reply.status_code == 500
    assert OTHER not in reply.text
    assert "CRITICAL" in {record.levelname for record in caplog.records}
    reply.close()
    assert ended


def test_a_trace_is_checked_part_by_part(
    two_users: Account, database_url: str, ended: list[bool]
) -> None:
    order_id = two_users.get("/orders").get_json()["orders"][0]["id"]
    assert two_users.get(f"/orders/{order_id}/trace").status_code == 200
    mix_up(database_url)

    reply = raw(two_users, f"/orders/{order_id}/trace")
    reply.close()

    assert reply.status_code in {404, 500}  # the order of the one is none of the other's
    assert ended == ([True] if reply.status_code == 500 else [])


def test_a_statement_about_a_user_says_whose_its_rows_are(db: Database) -> None:
    with db.transaction() as tx, pytest.raises(ForeignRowError):
        UserTransaction(tx, USER).rows("SELECT CAST(:uid AS text) AS whose", uid=USER)


@pytest.mark.parametrize(
    "sql", ["SELECT 1 AS whose", "SELECT CAST(:other AS text) AS firebase_uid"]
)
def test_a_statement_about_several_users_is_about_this_one_alone(db: Database, sql: str) -> None:
    with db.transaction() as tx, pytest.raises(ForeignRowError):
        UserTransaction(tx, USER).rows(sql, uids=[USER], other=OTHER)


def test_its_rows_keep_their_owner(db: Database) -> None:
    with db.transaction() as tx:
        found = UserTransaction(tx, USER).rows(
            "SELECT unnest(CAST(:uids AS text[])) AS firebase_uid", uids=[USER]
        )

    assert found == [{"firebase_uid": USER}]


def ignore_trailing_blanks(db: Database) -> None:
    """Make ids that differ by a blank the same to the database: a query finds another's rows."""
    with db.transaction() as tx:
        tx.run("DROP VIEW user_trading_state")  # it names the column
        tx.run("ALTER TABLE confirmations ADD kept text")
        tx.run("UPDATE confirmations SET kept = firebase_uid")
        tx.run("ALTER TABLE confirmations ALTER firebase_uid TYPE character(64)")


def mend(db: Database) -> None:
    with db.transaction() as tx:
        tx.run("ALTER TABLE confirmations ALTER firebase_uid TYPE text USING kept, DROP kept")


def test_under_gunicorn_the_worker_ends_and_a_fresh_one_serves(
    gunicorn: Deployed, account: Account, db: Database
) -> None:
    for uid in (USER, f"{USER} "):
        enroll(db, uid)
        approved(db, uid)
    headers = {"authorization": f"Bearer {account.token()}"}

    def questions() -> httpx.Response:
        return httpx.get(
            f"{gunicorn.url}{API}/questions", headers=headers, timeout=120, trust_env=False
        )

    def workers() -> int:
        return gunicorn.log.read_text().count("Booting worker")

    before = questions()
    ignore_trailing_blanks(db)
    parsed_before = questions()
    mixed_up = questions()
    mend(db)
    while workers() == 1:
        time.sleep(0.05)
    after = questions()

    assert (before.status_code, len(before.json()["questions"])) == (200, 1)
    assert parsed_before.status_code == 503  # the statement would return another type now
    assert mixed_up.status_code == 500
    assert "foreign_row_read" in gunicorn.log.read_text()
    assert (after.status_code, after.json()) == (200, before.json())
