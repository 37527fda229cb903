"""A user's receipt over the account API."""

from pathlib import Path
from uuid import UUID

import pytest

from functions import wiring
from infra.auth.receipt_signature import verified
from infra.local.key_files import make_receipt_key
from infra.postgres.database import Database
from infra.simulator.broker import SimulatedBroker
from tests.conftest import enroll
from tests.functions.account.account import Account
from tests.functions.steps import approved, submit

pytestmark = pytest.mark.usefixtures("user")


@pytest.fixture
def public_key(environment: pytest.MonkeyPatch, tmp_path: Path) -> str:
    make_receipt_key(tmp_path / "key.pem", tmp_path / "key.pub.pem")
    environment.setenv("RECEIPT_KEY_FILE", str(tmp_path / "key.pem"))
    wiring.reset()
    return (tmp_path / "key.pub.pem").read_text()


def test_a_user_gets_the_receipt_of_their_order(
    account: Account, db: Database, simulator: SimulatedBroker, public_key: str
) -> None:
    order_id = approved(db)
    submit(order_id)

    reply = account.get(f"/orders/{order_id}/receipt")

    found = verified(reply.get_json()["receipt"].encode(), public_key)
    (at_broker,) = simulator.ledger.orders()
    assert (found.order_id, found.client_order_id) == (order_id, at_broker.client_order_id)
    (consent,) = (entry.body for entry in found.entries if entry.type == "consent")
    assert consent["firebase_uid"] == account.uid


def test_anothers_order_is_not_there(account: Account, db: Database, public_key: str) -> None:
    enroll(db, "user-2")
    order_id = approved(db, "user-2")

    assert account.get(f"/orders/{order_id}/receipt").status_code == 404
    assert account.get(f"/orders/{UUID(int=7)}/receipt").status_code == 404
    assert public_key


def test_a_server_without_a_key_says_so(account: Account, db: Database) -> None:
    reply = account.get(f"/orders/{approved(db)}/receipt")

    assert (reply.status_code, reply.get_json()["error"]["code"]) == (500, "misconfigured")


def test_the_route_takes_no_parameters(account: Account, db: Database) -> None:
    assert account.get(f"/orders/{approved(db)}/receipt?x=1").status_code == 422
