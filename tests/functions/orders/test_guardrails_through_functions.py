"""Each guardrail on its own, through the functions, with the scenarios of `countersign selftest`.

In each of them only that guard stands between the yes and the broker: without it the order leaves.
Behind two of them stands the broker itself (`BROKERS_OWN`), and nothing can take it away: the order
is sent all the same, and comes back rejected.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import httpx
import pytest

from common.guardrails import (
    GUARDRAILS,
    Guardrail,
    consent,
    deny,
    holdings,
    limits,
    market,
    proposals,
)
from common.guardrails.facts import DenialCode
from functions import submit_order as function
from functions import wiring
from infra.local.app_backend import AppBackend
from infra.local.dashboard.receiver import DashboardReceiver
from infra.local.functions_server import FunctionsServer, application
from infra.local.pubsub.server import LocalBus
from infra.local.selftest.guards import SCENARIOS, DenialScenario, trip
from infra.local.selftest.silences import SILENCES, Silence, listen
from infra.local.serving import HttpServer
from infra.local.stack import (
    APP_TOPICS,
    FUNCTION_SUBSCRIPTIONS,
    INTERNAL_TOKEN,
    PROJECT,
    SIGNING_SECRET,
    Stack,
)
from infra.postgres.database import Database
from infra.simulator.broker import SimulatedBroker
from tests.conftest import rows

GUARDS: dict[DenialCode, Guardrail] = {
    DenialCode.TRADING_DISABLED: consent.trading_is_enabled,
    DenialCode.TRADING_HALTED: consent.trading_is_not_halted,
    DenialCode.LIVE_NOT_ALLOWED: consent.live_takes_two_keys,
    DenialCode.QUESTION_NOT_APPROVED: consent.question_is_approved,
    DenialCode.QUESTION_EXPIRED: consent.question_has_not_expired,
    DenialCode.SYMBOL_NOT_WATCHED: consent.symbol_is_watched,
    DenialCode.SYMBOL_BLOCKED: consent.symbol_is_not_blocked,
    DenialCode.MARKET_CLOSED: market.market_is_open,
    DenialCode.ASSET_NOT_TRADABLE: market.asset_is_tradable,
    DenialCode.ACCOUNT_BLOCKED: limits.account_is_not_blocked,
    DenialCode.CURRENCY_NOT_SUPPORTED: market.money_is_usd,
    DenialCode.ORDER_NOT_ACCEPTED_BY_BROKER: market.broker_takes_the_order,
    DenialCode.DAY_TRADE_LIMIT: limits.day_trades_are_left,
    DenialCode.QUOTE_CROSSED: market.quote_is_not_crossed,
    DenialCode.PRICE_STALE: market.price_is_fresh,
    DenialCode.SPREAD_TOO_WIDE: market.spread_is_narrow,
    DenialCode.CORPORATE_ACTION: market.price_is_not_split,
    DenialCode.PRICE_DRIFT: market.price_has_not_drifted,
    DenialCode.MAX_ORDER_NOTIONAL: limits.order_is_small_enough,
    DenialCode.MAX_POSITION_NOTIONAL: limits.position_stays_small_enough,
    DenialCode.INSUFFICIENT_BUYING_POWER: limits.account_can_pay,
    DenialCode.DAILY_LOSS_LIMIT: limits.day_has_not_lost_too_much,
    DenialCode.MAX_ORDERS_PER_DAY: limits.day_has_a_slot,
    DenialCode.MAX_NOTIONAL_PER_WINDOW: limits.window_has_room,
    DenialCode.OUTCOME_PENDING: limits.no_outcome_is_pending,
    DenialCode.POSITION_DRIFT: holdings.position_has_not_drifted,
    DenialCode.NOT_HELD: holdings.enough_is_held,
    DenialCode.SERVER_CAP_REACHED: limits.server_has_room,
}
# Denied before the broker is asked for anything, and by no guardrail.
BEFORE_THE_GUARDS = {DenialCode.REQUEST_LIMIT}
BROKERS_OWN = {
    DenialCode.ASSET_NOT_TRADABLE: "is not tradable",
    DenialCode.ORDER_NOT_ACCEPTED_BY_BROKER: "minimal amount of order",
    DenialCode.INSUFFICIENT_BUYING_POWER: "insufficient buying power",
    DenialCode.NOT_HELD: "position intent mismatch",
}
NAMES = [f"{number}-{each.code}" for number, each in enumerate(SCENARIOS)]

GUARDED = [each for each in SCENARIOS if each.code in GUARDS]
UNASKED = [each.code for each in SILENCES]


@pytest.fixture(scope="module")
def functions_url() -> Iterator[str]:
    """All functions, in this process, so that a test can change them."""
    with HttpServer(application()) as server:
        yield server.url


@pytest.fixture
def stack(
    functions_url: str,
    environment: pytest.MonkeyPatch,
    db: Database,
    database_url: str,
    simulator: SimulatedBroker,
    broker_url: str,
    tmp_path: Path,
) -> Iterator[Stack]:
    """A local stack around these functions."""
    app = AppBackend()
    with ExitStack() as running:
        start = running.enter_context
        app_url = start(HttpServer(app.app)).url
        topics = {t: [f"{functions_url}/{name}"] for t, name in FUNCTION_SUBSCRIPTIONS.items()}
        topics |= {topic: [f"{app_url}/{topic}"] for topic in APP_TOPICS}
        bus = start(LocalBus(None, topics, PROJECT, backoff_seconds=0.1))
        bus_url = start(HttpServer(bus.app)).url
        dashboard = DashboardReceiver(None, INTERNAL_TOKEN, SIGNING_SECRET)
        running.callback(dashboard.close)
        environment.setenv("PUBSUB_EMULATOR_HOST", bus_url.removeprefix("http://"))
        wiring.reset()
        yield Stack(
            database=db,
            database_url=database_url,
            functions=start(FunctionsServer(tmp_path / "functions.log")),  # never started
            broker=simulator,
            broker_url=broker_url,
            bus=bus,
            app=app,
            dashboard=dashboard,
            dashboard_url="",
            client=start(httpx.Client(base_url=functions_url, timeout=60, trust_env=False)),
            environment={},
        )


def test_each_check_has_its_code_and_each_code_its_scenario() -> None:
    assert set(GUARDS) | BEFORE_THE_GUARDS == set(DenialCode) == {e.code for e in SCENARIOS}
    assert set(GUARDS.values()) == set(GUARDRAILS)
    assert len(GUARDS) == len(GUARDRAILS)


def test_each_check_before_asking_has_its_silence_or_another_test() -> None:
    silent = {GUARDS[each.code] for each in SILENCES}
    # What a config says is refused when it is saved, or is not evaluated; the others need a day.
    elsewhere = {
        consent.trading_is_enabled,
        consent.symbol_is_watched,
        market.money_is_usd,
        market.price_is_not_split,
    }

    assert silent | elsewhere == set(proposals.BEFORE_ASKING)
    assert not silent & elsewhere


@pytest.mark.parametrize("scenario", SCENARIOS, ids=NAMES)
def test_the_guard_denies_and_the_user_is_told(stack: Stack, scenario: DenialScenario) -> None:
    result = trip(stack, 0, scenario)

    assert result.seen == f"denied {scenario.code}"
    assert result.ok


@pytest.mark.parametrize("scenario", GUARDED, ids=[each.code for each in GUARDED])
def test_without_the_guard_the_order_reaches_the_broker(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, scenario: DenialScenario
) -> None:
    others = tuple(check for check in GUARDRAILS if check is not GUARDS[scenario.code])
    monkeypatch.setattr(function, "deny", partial(deny, checks=others))

    result = trip(stack, 0, scenario)

    assert not result.ok
    if scenario.code in BROKERS_OWN:
        order = rows(stack.database, "SELECT status, reason FROM trade_orders ORDER BY updated_at")[
            -1
        ]
        assert (order["status"], result.seen) == ("rejected", "rejected")
        assert BROKERS_OWN[scenario.code] in order["reason"]
    else:
        assert result.seen.endswith("at the broker")


@pytest.mark.parametrize("silence", SILENCES, ids=UNASKED)
def test_who_cannot_trade_is_asked_nothing(stack: Stack, silence: Silence) -> None:
    result = listen(stack, 0, silence)

    assert result.seen == f"not asked: {silence.code}"
    assert result.ok


@pytest.mark.parametrize("silence", SILENCES, ids=UNASKED)
def test_without_the_guard_the_user_is_asked(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, silence: Silence
) -> None:
    others = tuple(check for check in proposals.BEFORE_ASKING if check is not GUARDS[silence.code])
    monkeypatch.setattr(proposals, "BEFORE_ASKING", others)

    result = listen(stack, 0, silence)

    assert result.seen == "asked"


def test_a_price_that_moved_too_far_is_told_with_its_numbers(stack: Stack) -> None:
    drift = next(each for each in SCENARIOS if each.code is DenialCode.PRICE_DRIFT)

    trip(stack, 0, drift)

    (update,) = stack.app.updates
    assert (update.status, update.denial_code) == ("denied", DenialCode.PRICE_DRIFT)
    assert update.reason == "seen=98 now=96.04 drift_pct=2.0000 limit=1"
    assert stack.simulator.ledger.orders() == []
