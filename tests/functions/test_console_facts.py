"""Each page of the console shows what the functions have stored."""

import re

import pytest

from infra.postgres.database import Database
from tests.conftest import USER, function
from tests.functions.steps import approved, submit

pytestmark = pytest.mark.usefixtures("ordered")


@pytest.fixture
def ordered(environment: pytest.MonkeyPatch, db: Database, user: str) -> None:
    """Have the user's rule fire, their yes counted and the order sent."""
    assert environment
    submit(approved(db, user))


def shown(page: str) -> str:
    """Read a page's text, without its markup."""
    reply = function("console").get(f"/{page}")
    assert reply.status_code == 200
    return " ".join(re.sub(r"<[^>]*>", " ", reply.text).split())


def test_market_shows_prices_and_what_fired_and_was_ordered() -> None:
    text = shown("market")

    assert "SPY $492.00 -1.60 %" in text
    assert "dip_confirm fired" in text
    assert re.search(r"buy (pending_new|new|filled|accepted)", text)


def test_rules_show_what_fired_today() -> None:
    assert "2026-02-09: 0 2026-02-10: 1" in shown("rules")


def test_today_shows_what_is_used_of_each_cap() -> None:
    text = shown("")

    assert USER in text
    assert "Orders today 1 of 3" in text
    assert "Ordered in 4 hours 10 of 100 USD" in text


def test_kpis_are_those_of_the_day_that_was_pushed_last(db: Database) -> None:
    with db.transaction() as tx:
        tx.run(
            "INSERT INTO snapshot_pushes (report_date, updated_at, result)"
            " VALUES ('2026-02-09', now(), 'failed')"
        )

    assert "KPIs 2026-02-09" in shown("kpis")
