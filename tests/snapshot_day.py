"""A complete day as the views would hold it, of any size, without a database."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from common.snapshot import ContractItem, ExtremesSide, PortfolioAsset, SeriesPoint, SnapshotParts
from common.snapshot.catalog import CATALOG, EXTREMES

DAY = date(2026, 2, 10)
AT = datetime(2026, 2, 10, 22, 44, 7, 984_000, tzinfo=UTC)
MIDNIGHT = datetime(2026, 2, 10, tzinfo=UTC)
FIGURES = {kpi: f"{number}.5000" for number, kpi in enumerate(CATALOG)} | {
    "Signals scanned": "47,324",
    "Opportunities flagged": "10",
    "Entries opened": "4",
    "Exits closed": "0",
    "Avg hold time": "2414s",
    "Daily PnL": "-$1,457.99",
    "Win rate": "72.30%",
    "Portfolio": "14",
}


def full_day(points: int = 96, contracts: int = 13, assets: int = 14) -> SnapshotParts:
    """All 26 KPIs with `points` each, 18 lists over `contracts` each, `assets` positions."""
    return SnapshotParts(
        figures=FIGURES,
        series={kpi: series(points) for kpi in CATALOG},
        extremes=extremes([contract(number) for number in range(contracts)]),
        assets=[asset(number) for number in range(assets)],
    )


def series(points: int) -> list[SeriesPoint]:
    return [point(number, Decimal(number * number) / 7) for number in range(points)]


def point(minutes: int, value: Decimal) -> SeriesPoint:
    at = MIDNIGHT + timedelta(minutes=minutes)
    return SeriesPoint(t=f"{at:%Y-%m-%dT%H:%M:%S}.000Z", v=value, src="real")


def extremes(
    contracts: Sequence[ContractItem],
) -> Mapping[tuple[str, ExtremesSide], Sequence[ContractItem]]:
    """The upper half descending, the lower half ascending, ten at most."""
    half = (len(contracts) + 1) // 2
    high, low = (
        list(reversed(contracts))[: min(half, 10)],
        contracts[: min(len(contracts) - half, 10)],
    )
    return {(kpi, "hi"): high for kpi in EXTREMES} | {(kpi, "lo"): low for kpi in EXTREMES}


def contract(number: int, **changes: object) -> ContractItem:
    pnl = Decimal(number * 15 - 100)
    given: dict[str, object] = {
        "trade_id": 850_000 + number,
        "symbol": "GOOG",
        "contract_name": f"GOOG260220C{number:08}",
        "metric_raw": pnl,
        "metric_abs": abs(pnl),
        "individual_pnl": pnl,
        "abs_individual_pnl": abs(pnl),
        "percent_change": Decimal("-1.57"),
        "cost_basis": Decimal(18_400),
        "qty": Decimal(2),
        "bid_price": Decimal("87.5"),
        "ask_price": Decimal(92),
        "mid_price": Decimal("89.75"),
        "mid_ts": "2026-02-10T20:59:45.279Z",
        "mid_mark_pnl": Decimal(-450),
        "liquidity_drag": Decimal(-390),
    }
    return ContractItem.model_validate(given | changes)


def asset(number: int) -> PortfolioAsset:
    return PortfolioAsset(
        trade_id=850_000 + number, symbol="GOOG", contract_name=f"GOOG260220C{number:08}"
    )
