"""Sales against what the broker shows as held and available."""

from decimal import Decimal

from common.guardrails.facts import DenialCode
from common.guardrails.holdings import enough_is_held, position_has_not_drifted
from common.holdings.positions import Holding
from common.rules.base import Position
from tests.unit.samples import broker, exposure, facts, order

TWO = Decimal(2)
HELD = facts(
    broker=broker(holding=Holding(TWO, TWO)),
    exposure=exposure(position=Position(TWO, Decimal(400)), units_of_all=TWO),
)


def test_a_sale_of_what_both_records_hold_has_not_drifted() -> None:
    assert position_has_not_drifted(order(side="sell"), HELD) is None


def test_a_sale_by_notional_without_a_quote_is_not_known_to_be_held() -> None:
    sale = order(side="sell", notional_usd=Decimal(10), qty=None)
    unquoted = facts(broker=broker(holding=Holding(TWO, TWO), quote=None), exposure=HELD.exposure)

    denied = enough_is_held(sale, unquoted)

    assert denied is not None
    assert denied.code is DenialCode.NOT_HELD


def test_a_sale_is_cut_to_what_is_held() -> None:
    sale = order(side="sell", notional_usd=None, qty=Decimal(3))

    assert HELD.reduced(sale).qty == TWO
    assert HELD.reduced(order(side="buy", notional_usd=None, qty=Decimal(3))).qty == 3
