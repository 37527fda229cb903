"""What is asked of guardrails before a person is asked."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest

from common.guardrails import GUARDRAILS, Guardrail, consent, holdings, limits, market, proposals
from common.guardrails.facts import Control, DenialCode, Denied
from common.guardrails.proposals import BEFORE_ASKING, deny_proposal
from common.holdings.drift import Drift
from common.rules.base import Position
from tests.unit.samples import NOON, config, document, exposure, server, terms


def guardrails(**changes: Any) -> dict[str, Any]:
    return {"guardrails": document()["guardrails"] | changes}


def judged(
    asked: Mapping[str, Any] | None = None,
    said: Mapping[str, Any] | None = None,
    stored: Mapping[str, Any] | None = None,
    allowed: Mapping[str, Any] | None = None,
) -> Denied | None:
    return deny_proposal(
        terms(**asked or {}),
        config(**said or {}),
        exposure(**stored or {}),
        server(**allowed or {}),
        NOON,
    )


_CASES: dict[Guardrail, tuple[DenialCode, dict[str, Any]]] = {
    consent.trading_is_enabled: (
        DenialCode.TRADING_DISABLED,
        {"said": {"enabled": False}},
    ),
    consent.trading_is_not_halted: (
        DenialCode.TRADING_HALTED,
        {"stored": {"controls": (Control("reducing", "why"),)}},
    ),
    consent.live_takes_two_keys: (DenialCode.LIVE_NOT_ALLOWED, {"said": {"mode": "live"}}),
    consent.symbol_is_watched: (DenialCode.SYMBOL_NOT_WATCHED, {"asked": {"symbol": "QQQ"}}),
    consent.symbol_is_not_blocked: (
        DenialCode.SYMBOL_BLOCKED,
        {"said": guardrails(symbols_blocklist=["SPY"])},
    ),
    market.money_is_usd: (
        DenialCode.CURRENCY_NOT_SUPPORTED,
        {
            "asked": {"symbol": "BTC/EUR", "asset_class": "crypto"},
            "said": {
                "data_inputs": [
                    *document()["data_inputs"],
                    {
                        "id": "coins",
                        "source": "alpaca",
                        "asset_class": "crypto",
                        "symbols": ["BTC/EUR"],
                    },
                ]
            },
        },
    ),
    holdings.position_has_not_drifted: (
        DenialCode.POSITION_DRIFT,
        {"stored": {"drift": Drift("SPY", Decimal(2), Decimal(1))}},
    ),
    holdings.enough_is_held: (
        DenialCode.NOT_HELD,
        {"asked": {"side": "sell"}},
    ),
    market.price_is_not_split: (
        DenialCode.CORPORATE_ACTION,
        {"stored": {"changed_basis": "an action"}},
    ),
    limits.order_is_small_enough: (
        DenialCode.MAX_ORDER_NOTIONAL,
        {"allowed": {"max_order_notional_usd": Decimal("9.99")}},
    ),
    limits.position_stays_small_enough: (
        DenialCode.MAX_POSITION_NOTIONAL,
        {
            "said": guardrails(max_position_usd="501.99"),
            "stored": {"position": Position(Decimal(1), Decimal(600))},
        },
    ),
    limits.day_has_not_lost_too_much: (
        DenialCode.DAILY_LOSS_LIMIT,
        {"said": guardrails(daily_loss_limit_usd=10), "stored": {"day_pnl": Decimal(-10)}},
    ),
    limits.day_has_a_slot: (DenialCode.MAX_ORDERS_PER_DAY, {"stored": {"orders_today": 3}}),
    limits.window_has_room: (
        DenialCode.MAX_NOTIONAL_PER_WINDOW,
        {"stored": {"notional_in_window": Decimal("90.01")}},
    ),
    limits.no_outcome_is_pending: (
        DenialCode.OUTCOME_PENDING,
        {"stored": {"outcome_pending": "an order"}},
    ),
    limits.server_has_room: (
        DenialCode.SERVER_CAP_REACHED,
        {"allowed": {"max_server_orders_per_day": 0}},
    ),
}
_NAMES = [code.value for code, _ in _CASES.values()]


def test_a_proposal_that_nothing_speaks_against_passes() -> None:
    assert judged() is None


def test_every_guardrail_that_is_asked_has_a_case_and_keeps_its_place() -> None:
    assert set(_CASES) == set(BEFORE_ASKING)
    assert sorted(BEFORE_ASKING, key=GUARDRAILS.index) == list(BEFORE_ASKING)


@pytest.mark.parametrize("guard", _CASES, ids=_NAMES)
def test_what_would_be_denied_is_not_asked(guard: Guardrail) -> None:
    code, case = _CASES[guard]

    denied = judged(**case)

    assert denied is not None
    assert denied.code is code


@pytest.mark.parametrize("guard", _CASES, ids=_NAMES)
def test_without_the_guard_it_is_asked(monkeypatch: pytest.MonkeyPatch, guard: Guardrail) -> None:
    others = tuple(each for each in BEFORE_ASKING if each is not guard)
    monkeypatch.setattr(proposals, "BEFORE_ASKING", others)

    _, case = _CASES[guard]

    assert judged(**case) is None


@pytest.mark.parametrize(
    "case",
    [
        {"asked": {"side": "sell", "qty": Decimal(1), "notional_usd": None}},
        {"asked": {"side": "sell", "qty": Decimal(3), "notional_usd": None}},
        {
            "asked": {"side": "sell", "qty": Decimal(1), "notional_usd": None},
            "stored": {"controls": (Control("reducing", "why"),)},
        },
    ],
    ids=["part of what is held", "more than is held, which is sold", "while reducing"],
)
def test_a_sale_of_what_is_held_is_asked(case: dict[str, Any]) -> None:
    held = {"position": Position(Decimal(1), Decimal(600))}
    case = case | {"stored": held | case.get("stored", {})}

    denied = judged(said=guardrails(max_notional_usd_per_4h=5000), **case)

    assert denied is None


@pytest.mark.parametrize(("allowed", "code"), [(True, None), (False, "QUESTION_NOT_APPROVED")])
def test_live_money_is_not_spent_unasked_unless_the_server_allows_it(
    *, allowed: bool, code: str | None
) -> None:
    live = {"allow_live": True, "broker_is_live": True, "allow_unasked_live": allowed}

    denied = judged(
        said={"mode": "live"} | guardrails(require_question_before_order=False), allowed=live
    )

    assert (denied.code if denied else None) == code


def test_the_numbers_behind_a_denial_are_told() -> None:
    denied = judged(stored={"orders_today": 3})

    assert denied is not None
    assert denied.reason == "used=3 limit=3"
