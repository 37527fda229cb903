"""`ALPACA_DATA_FEED` is the feed of stock inputs that name none."""

import flask
import pytest

from functions import wiring
from infra.postgres.database import Database
from infra.postgres.users import configs
from infra.simulator.broker import SimulatedBroker
from tests.conftest import USER, rows
from tests.functions.account.account import Account
from tests.functions.steps import approved, order_row, submit
from tests.unit.samples import document


@pytest.fixture(autouse=True)
def _delayed_sip(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("ALPACA_DATA_FEED", "delayed_sip")
    wiring.reset()


@pytest.fixture
def feeds(simulator: SimulatedBroker) -> list[str]:
    """The feeds that the broker was asked for prices of."""
    asked: list[str] = []

    def note() -> None:
        if "feed" in flask.request.args:
            asked.append(flask.request.args["feed"])

    simulator.app.before_request(note)
    return asked


def enroll_without_feed(db: Database) -> None:
    whole = document()
    for each in whole["data_inputs"]:
        each.pop("feed", None)
    with db.transaction() as tx:
        configs.enroll(tx, USER, None, whole)


def test_everything_up_to_the_quote_of_an_order_comes_from_it(
    db: Database, feeds: list[str]
) -> None:
    enroll_without_feed(db)

    order_id = approved(db)
    submit(order_id)

    assert order_row(db, order_id)["status"] == "pending_new"
    assert set(feeds) == {"delayed_sip"}
    stored = rows(db, "SELECT DISTINCT feed FROM market_data_snapshots")
    assert stored == [{"feed": "delayed_sip"}]


def test_the_users_effective_config_and_their_facts_show_it(account: Account, db: Database) -> None:
    enroll_without_feed(db)
    account.get("/config")
    approved(db)

    (data_input,) = account.get("/config").get_json()["config"]["data_inputs"]
    facts = account.get("/snapshots?symbol=SPY").get_json()["snapshots"]

    assert data_input["feed"] == "delayed_sip"
    assert facts
    assert {fact["feed"] for fact in facts} == {"delayed_sip"}


def test_an_input_that_names_its_feed_keeps_it(account: Account) -> None:
    saved = account.put({"data_inputs": [{"id": "primary_watchlist", "feed": "iex"}]})

    assert saved.get_json()["config"]["data_inputs"][0]["feed"] == "iex"


def test_a_feed_of_null_is_named_as_a_mistake(account: Account) -> None:
    refused = account.put({"data_inputs": [{"id": "primary_watchlist", "feed": None}]})

    assert refused.status_code == 422
    assert "data_inputs[0].feed" in refused.text
