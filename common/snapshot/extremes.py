"""The highest and lowest contracts of a KPI, and what the dashboard shows of each."""

import datetime as dt
from decimal import Decimal
from typing import Literal

from pydantic import computed_field

from common.model import Model
from common.snapshot.numbers import Number

ExtremesSide = Literal["hi", "lo"]

_NOTHING = Decimal(0)
_SHARES_PER_CONTRACT = 100
_RATIO_PLACES = Decimal("0.00001")
_PRICE_PLACES = 6


class ContractItem(Model):
    """A contract with its metric, as the view holds it.

    0 where nothing is held; None where something is not known, as a quote.
    """

    trade_id: int
    symbol: str
    contract_name: str
    metric_raw: Number
    metric_abs: Number
    individual_pnl: Number | None
    abs_individual_pnl: Number | None
    percent_change: Number | None
    cost_basis: Number | None
    qty: Number | None
    bid_price: Number | None
    ask_price: Number | None
    mid_price: Number | None
    mid_ts: str | None
    mid_mark_pnl: Number | None
    liquidity_drag: Number | None


class ExtremeItem(ContractItem):
    """One item of a list. It says itself where it stands, which a reader there needs."""

    day: str
    kpi: str
    side: ExtremesSide
    rank: int
    broker_unrealized_pl: Number | None
    broker_unrealized_plpc: Number | None
    broker_market_value: Number | None
    broker_avg_entry_price: Number | None

    @classmethod
    def of(
        cls, contract: ContractItem, day: dt.date, kpi: str, side: ExtremesSide, rank: int
    ) -> "ExtremeItem":
        """Place a contract; what the broker says of it follows from the same figures."""
        pnl, cost = contract.individual_pnl, contract.cost_basis
        return cls.model_construct(
            **dict(contract),
            day=f"{day:%a %b %d}",
            kpi=kpi,
            side=side,
            rank=rank,
            broker_unrealized_pl=pnl,
            broker_unrealized_plpc=_ratio(pnl, cost),
            broker_market_value=None if pnl is None or cost is None else cost + pnl,
            broker_avg_entry_price=_average_entry(contract),
        )


class Sides(Model):
    """A KPI's highest contracts, descending, and its lowest, ascending."""

    hi: list[ExtremeItem]
    lo: list[ExtremeItem]

    @computed_field  # type: ignore[prop-decorator]
    @property
    def items(self) -> list[ExtremeItem]:
        """Both lists in one, for readers that want them so."""
        return self.hi + self.lo


def _ratio(pnl: Decimal | None, cost: Decimal | None) -> Decimal | None:
    """Return the gain as a fraction of the cost; of nothing it is 0, as its percentage."""
    if pnl is None or cost is None:
        return None
    return (pnl / abs(cost)).quantize(_RATIO_PLACES) if cost else _NOTHING


def _average_entry(contract: ContractItem) -> Decimal | None:
    """Return what one share cost, 0 where none is held."""
    cost, qty = contract.cost_basis, contract.qty
    if cost is None or qty is None:
        return None
    # A plain equity's contract is named by its symbol.
    each = 1 if contract.contract_name == contract.symbol else _SHARES_PER_CONTRACT
    if not qty or not cost:
        return _NOTHING
    price = abs(cost / (qty * each))
    places = max(_PRICE_PLACES, _PRICE_PLACES - 1 - price.adjusted())  # of a coin's, six digits
    return price.quantize(Decimal(1).scaleb(-places))
