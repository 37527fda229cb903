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


def test_what_an_open_order_sells_is_not_sold_again() -> None:
    sale = order(side="sell", notional_usd=None, qty=TWO)
    of_two_users = broker(holding=Holding(Decimal(4), Decimal(4)))
    position = Position(TWO, Decimal(400))
    one_left = exposure(position=position, units_of_all=Decimal(4), on_sale=Decimal(1))
    none_left = exposure(position=position, units_of_all=Decimal(4), on_sale=TWO)

    assert facts(broker=of_two_users, exposure=one_left).reduced(sale).qty == 1
    denied = enough_is_held(sale, facts(broker=of_two_users, exposure=none_left))
    assert denied is not None
    assert denied.code is DenialCode.NOT_HELD
