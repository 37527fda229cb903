"""Each page of the console shows what the functions have stored."""

import re
import uuid
from datetime import timedelta
from decimal import Decimal
from uuid import UUID

import pytest

from infra.postgres.database import Database
from infra.simulator.broker import SimulatedBroker
from tests.conftest import USER, function
from tests.functions.orders.test_reconcile_orders import reconcile
from tests.functions.steps import approved, submit

pytestmark = pytest.mark.usefixtures("ordered")


@pytest.fixture
def ordered(environment: pytest.MonkeyPatch, db: Database, user: str) -> UUID:
    """Have the user's rule fire, their yes counted and the order sent."""
    assert environment
    order_id = approved(db, user)
    submit(order_id)
    return order_id


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


@pytest.mark.parametrize(
    ("amount", "written"),
    [
        ("-1234.5", "-$1,234.50"),
        ("-0.01", "-$0.01"),
        ("0", "$0.00"),
        ("1234567.891", "$1,234,567.89"),
    ],
)
def test_a_loss_is_told_from_a_gain(
    db: Database, simulator: SimulatedBroker, ordered: UUID, amount: str, written: str
) -> None:
    simulator.clock.advance(timedelta(seconds=5))
    reconcile()
    with db.transaction() as tx:
        tx.run("UPDATE trades SET realized_pnl = :pnl", pnl=Decimal(amount))

    text = shown(f"orders/{ordered}")

    assert re.search(rf"entered at \$492\.01; realized {re.escape(written)}(?![\d.])", text)


def stuck() -> dict[str, tuple[str, str]]:
    """Return where each line of what is stuck leads to, and why it is there."""
    reply = function("console").get("/")
    (lines,) = re.findall(r"<h2>What is stuck</h2>\s*<ul.*?>(.*?)</ul>", reply.text, re.DOTALL)
    pattern = r'<a href="/(.*?)">(.*?)</a> <span class="quiet">(.*?)</span>'
    return {what: (where, why) for where, what, why in re.findall(pattern, lines)}


def test_what_is_stuck_leads_to_the_page_that_shows_it(
    db: Database, simulator: SimulatedBroker, ordered: UUID
) -> None:
    assert "What is stuck" not in function("console").get("/").text
    waiting, now = uuid.uuid4(), simulator.clock.now()
    with db.transaction() as tx:
        tx.run("UPDATE trade_orders SET outcome_unknown_at = :now", now=now)
        tx.run(
            "INSERT INTO trade_orders (id, firebase_uid, client_order_id, symbol, side, order_type,"
            " notional_usd, status, created_at, updated_at)"
            " VALUES (:id, :uid, 'cs-2', 'AAPL', 'sell', 'market', 10, 'approved', :at, :at)",
            id=waiting,
            uid=USER,
            at=now - timedelta(hours=1),
        )
        tx.run(
            "INSERT INTO set_aside_configs (config_key, reason, since)"
            " SELECT config_key, 'too dear', :now FROM user_trading_config",
            now=now,
        )
        tx.run(
            "INSERT INTO position_drifts (symbol, ours, brokers, found_at)"
            " VALUES ('SPY', 2, 1, :now)",
            now=now,
        )

    assert stuck() == {
        f"buy SPY of {USER}": (f"orders/{ordered}", "the broker&#39;s answer is unknown"),
        f"sell AAPL of {USER}": (f"orders/{waiting}", "still approved"),
        f"the config of {USER}": ("rules", "too dear"),
        "SPY": ("operate", "the broker holds 1, we have 2"),
    }
