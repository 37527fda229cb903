"""What is known without the broker is asked before a person is: nobody confirms what is denied."""

from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from common.config import TradingConfig
from common.guardrails import GUARDRAILS, Guardrail, consent, deny, limits, market
from common.guardrails.facts import BrokerFacts, Denied, Exposure, Facts
from common.holdings.positions import Holding
from common.market import Quote
from common.orders.order import Order
from common.orders.status import APPROVED
from common.questions import Terms
from common.server_limits import ServerLimits

# What these look at changes only between a question and its answer, or after it.
_ONLY_AFTERWARDS: Sequence[Guardrail] = (
    consent.question_is_approved,
    consent.question_has_not_expired,
    market.market_is_open,
    market.asset_is_tradable,
    limits.account_is_not_blocked,
    limits.day_trades_are_left,
    market.quote_is_not_crossed,
    market.price_is_fresh,
    market.spread_is_narrow,
    market.broker_takes_the_order,
    market.price_has_not_drifted,
    limits.account_can_pay,
)
BEFORE_ASKING = tuple(check for check in GUARDRAILS if check not in _ONLY_AFTERWARDS)
_NOBODY = UUID(int=0)


def proposed(terms: Terms) -> Order:
    """Return the order that a yes to these terms would make; nobody's yet."""
    names = [field.name for field in fields(Order)]
    # What is in neither has not happened yet.
    not_yet: dict[str, Any] = dict.fromkeys(names)
    of_terms = {name: getattr(terms, name) for name in names if name in Terms.model_fields}
    made_with: dict[str, Any] = {
        "id": _NOBODY,
        "firebase_uid": "",
        "client_order_id": "",
        "status": APPROVED,
        "seen_price": terms.price,
        "created_at": terms.asked_at,
        "filled_qty": Decimal(0),
    }
    return Order(**(not_yet | of_terms | made_with))


def deny_proposal(
    terms: Terms, config: TradingConfig, exposure: Exposure, server: ServerLimits, now: datetime
) -> Denied | None:
    """Return why the order would be denied as far as can be told without the broker.

    The price that fired stands for the quote and the last close, and our position for what the
    broker holds.
    """
    order, position = proposed(terms), exposure.position
    held = position.qty if position else Decimal(0)
    facts = Facts(
        now=now,
        server=server,
        config=config,
        confirmation=None,
        broker=BrokerFacts(
            quote=Quote(terms.symbol, terms.price, terms.price, terms.as_of),
            previous_close=terms.price,
            holding=Holding(held, held),
        ),
        exposure=exposure,
    )
    unasked = not config.guardrails.require_question_before_order
    checks = (consent.question_is_approved, *BEFORE_ASKING) if unasked else BEFORE_ASKING
    return deny(facts.reduced(order), facts, checks)
