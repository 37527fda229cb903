"""What a user reads of a denial: the code, and which fact was what."""

from datetime import timedelta
from typing import Any

import pytest

from common.guardrails import consent, market
from common.guardrails.facts import DenialCode, Facts
from tests.unit.samples import NOON, broker, confirmation, facts, order

NO_QUOTE = {"symbol": "SPY", "quote": "none or one-sided"}


@pytest.mark.parametrize(
    ("guard", "given", "code", "context"),
    [
        (
            market.market_is_open,
            facts(broker=broker(market_is_open=False)),
            DenialCode.MARKET_CLOSED,
            {"clock": "closed"},
        ),
        (
            market.market_is_open,
            facts(broker=broker(market_is_open=None)),
            DenialCode.MARKET_CLOSED,
            {"clock": "unknown"},
        ),
        (
            market.spread_is_narrow,
            facts(broker=broker(quote=None)),
            DenialCode.SPREAD_TOO_WIDE,
            NO_QUOTE,
        ),
        (
            market.price_has_not_drifted,
            facts(broker=broker(quote=None)),
            DenialCode.PRICE_DRIFT,
            NO_QUOTE,
        ),
        (
            consent.question_is_approved,
            facts(confirmation=confirmation(status="ambiguous")),
            DenialCode.QUESTION_NOT_APPROVED,
            {"status": "ambiguous"},
        ),
        (
            consent.question_is_approved,
            facts(confirmation=None),
            DenialCode.QUESTION_NOT_APPROVED,
            {"status": "missing"},
        ),
    ],
)
def test_the_reason_names_the_fact(
    guard: Any, given: Facts, code: DenialCode, context: dict[str, object]
) -> None:
    denied = guard(order(), given)

    assert denied is not None
    assert (denied.code, denied.context) == (code, context)


def test_a_yes_that_came_too_late_says_when_it_ended_and_when_it_is() -> None:
    late = NOON + timedelta(hours=1)

    denied = consent.expired_approval(order(), late)

    assert denied is not None
    assert denied.context == {"expires_at": order().expires_at, "now": late}
