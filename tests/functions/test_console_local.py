"""The console of the local stack: its forms drive the simulator, and edit a user's config."""

import html
import json
import re
from datetime import timedelta
from decimal import Decimal

import pytest

from functions import wiring
from functions.pages.rendering import FAULTS
from infra.local import answers
from infra.local.serving import HttpServer
from infra.local.stack import WEBHOOK_SECRET
from infra.postgres.database import Database
from infra.simulator.broker import SimulatedBroker
from tests.conftest import NOON, USER, enroll, function, rows
from tests.functions.steps import asked, tick

pytestmark = pytest.mark.usefixtures("local")

NOBODY = "http://127.0.0.1:9"
OVERRIDE = {"guardrails": {"max_orders_per_day": 2}}


@pytest.fixture
def local(environment: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    environment.setenv("APP_BACKEND_URL", NOBODY)
    wiring.reset()
    return environment


def notice(path: str, **form: str) -> str:
    """Send a form, and return what the page says of it."""
    reply = function("console").post(f"/{path}", data=form)
    assert reply.status_code == 200, reply.text
    (said,) = re.findall(r'id="notice"[^>]*>(.*?)</', reply.text, re.DOTALL)
    return html.unescape(said).strip()


def last_trade(simulator: SimulatedBroker, symbol: str) -> Decimal:
    view = simulator.market.view(symbol)
    assert view is not None
    return view.trade.price


def test_time_stands_runs_and_is_moved_by_a_minute(simulator: SimulatedBroker) -> None:
    assert notice("simulator/step") == "One minute has passed."
    assert simulator.clock.now() == NOON + timedelta(minutes=1)

    assert notice("simulator/run", speed="60") == "The clock runs at 60 times real time."
    assert simulator.clock.speed == 60
    assert notice("simulator/run") == "The clock runs at 1 times real time."
    assert simulator.clock.speed == 1

    assert notice("simulator/pause") == "The clock stands."
    assert simulator.clock.speed == 0


def test_a_price_is_set_of_the_symbol_that_was_named(simulator: SimulatedBroker) -> None:
    said = notice("simulator/price", symbol=" aapl", last="231.50 ")

    assert said == "AAPL trades at $231.50: the next tick sees it."
    assert last_trade(simulator, "AAPL") == Decimal("231.50")
    assert last_trade(simulator, "SPY") == 492


def test_a_split_is_announced_and_a_pair_of_currencies_has_none(
    simulator: SimulatedBroker,
) -> None:
    said = notice("simulator/split", symbol="SPY")
    refused = function("console").post("/simulator/split", data={"symbol": "BTC/USD"})

    (split,) = simulator.corporate_actions.listed()
    assert (split.kind, split.symbol) == ("forward_split", "SPY")
    assert said == "Two shares of SPY come for one on 2026-02-11: halve its price then."
    assert (refused.status_code, "is not split" in refused.text) == (400, True)


@pytest.mark.parametrize("kind", FAULTS)
def test_a_fault_that_is_chosen_waits_for_its_moment(simulator: SimulatedBroker, kind: str) -> None:
    assert notice("simulator/fault", kind=kind) == f"This will happen once: {FAULTS[kind]}."

    if kind == "status":  # the page itself has asked the simulator since
        assert simulator.faults.injected(kind) + len(simulator.faults.waiting()) == 1
    else:
        assert [(each.kind, each.times) for each in simulator.faults.waiting()] == [(kind, 1)]


@pytest.mark.parametrize(
    ("action", "form", "words"),
    [
        ("fault", {"kind": "earthquake"}, "There is no such fault."),
        ("price", {"symbol": "SPY"}, "The price must be a number."),
        ("price", {"symbol": "SPY", "last": "0"}, "The price must be above zero"),
        ("price", {"symbol": "S P", "last": "1"}, "The symbol must be one"),
        ("run", {"speed": "-1"}, "The speed must be above zero"),
    ],
)
def test_what_the_simulator_cannot_do_is_said(
    simulator: SimulatedBroker, action: str, form: dict[str, str], words: str
) -> None:
    reply = function("console").post(f"/simulator/{action}", data=form)

    assert reply.status_code == 400
    assert words in reply.text
    assert (simulator.clock.now(), simulator.clock.speed) == (NOON, 0)
    assert simulator.faults.waiting() == []


def test_what_nobody_can_do_is_not_there() -> None:
    assert function("console").post("/simulator/rewind").status_code == 404


def test_no_proxy_is_asked_for_what_runs_on_this_machine(
    local: pytest.MonkeyPatch, simulator: SimulatedBroker
) -> None:
    function("console").get("/")  # the broker's client is made: it may go by a proxy
    local.setenv("HTTP_PROXY", NOBODY)

    assert notice("simulator/step") == "One minute has passed."

    assert simulator.clock.now() == NOON + timedelta(minutes=1)
    assert 'aria-label="Simulator"' in function("console").get("/").text


def typed(text: str) -> str:
    (shown,) = re.findall(r"<textarea[^>]*>(.*?)</textarea>", text, re.DOTALL)
    return html.unescape(shown)


@pytest.mark.parametrize("uid", [USER, "another"])
def test_the_config_that_is_edited_is_that_of_the_user_who_was_chosen(
    db: Database, uid: str
) -> None:
    enroll(db, USER, **OVERRIDE)
    enroll(db, "another", max_spread_pct=Decimal("0.5"))

    page = function("console").get(f"/rules/config?user={uid}").text

    assert f"<h1>Config of {uid}</h1>" in page
    expected = OVERRIDE if uid == USER else {"max_spread_pct": "0.5"}
    assert json.loads(typed(page)) == expected
    assert f'name="user" value="{uid}"' in page


def stored(db: Database) -> object:
    (row,) = rows(db, "SELECT config FROM user_trading_config WHERE firebase_uid = :u", u=USER)
    return row["config"]


@pytest.mark.parametrize("do", ["save", "preview"])
@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('{"guardrails": {"max_orders_per_day": "many"}}', "guardrails.max_orders_per_day"),
        ('{"enabled": ', "not JSON"),
        ("[1, 2]", "document"),
    ],
)
def test_what_was_typed_stays_beside_what_is_wrong_with_it(
    db: Database, do: str, text: str, problem: str
) -> None:
    enroll(db, USER, **OVERRIDE)
    form = {"user": USER, "do": do, "config": text}

    reply = function("console").post("/rules/config", data=form)

    assert reply.status_code == 422
    assert typed(reply.text) == text
    assert f"<code>{problem}</code>" in reply.text
    assert stored(db) == OVERRIDE


def test_a_preview_keeps_what_was_typed_and_stores_nothing(db: Database) -> None:
    enroll(db, USER, **OVERRIDE)
    tick()
    text = '{ "guardrails": {"max_orders_per_day": 1} }'
    form = {"user": USER, "do": "preview", "config": text}

    reply = function("console").post("/rules/config", data=form)

    assert reply.status_code == 200
    assert typed(reply.text) == text
    assert "What its rules say" in reply.text
    assert stored(db) == OVERRIDE


def test_a_saved_config_stands_as_it_was_typed_and_changes_nobody_elses(db: Database) -> None:
    enroll(db, USER)
    enroll(db, "another")
    text = '{ "guardrails": {"max_orders_per_day": 1} }'

    said = notice("rules/config", user=USER, do="save", config=text)

    assert said == "Saved: the next tick evaluates it."
    assert stored(db) == {"guardrails": {"max_orders_per_day": 1}}
    others = rows(db, "SELECT config FROM user_trading_config WHERE firebase_uid = 'another'")
    assert others == [{"config": {}}]


@pytest.mark.parametrize(
    ("answer", "said", "status"),
    [
        ("10", "Yes: the order is on its way, past the guardrails.", "approve"),
        ("-10", "No: nothing will be ordered.", "reject"),
        ("0", "Neither yes nor no: you are asked once more.", "ambiguous"),
    ],
)
def test_an_answer_is_sent_as_the_app_does_and_by_no_proxy(
    local: pytest.MonkeyPatch, db: Database, answer: str, said: str, status: str
) -> None:
    enroll(db, USER)
    question_id = asked(db)
    with (
        HttpServer(function("answer").application) as functions,
        HttpServer(answers.application(functions.url, WEBHOOK_SECRET)) as backend,
    ):
        local.setenv("APP_BACKEND_URL", backend.url)
        wiring.reset()
        function("console").get("/")
        local.setenv("HTTP_PROXY", NOBODY)

        assert notice(f"questions/{question_id}/answer", answer=answer) == said

    (row,) = rows(db, "SELECT status FROM confirmations WHERE question_id = :id", id=question_id)
    assert row["status"] == status
