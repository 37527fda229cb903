"""The catalog of KPIs, in the order in which the dashboard shows them (docs/kpis.md)."""

DASH = "—"

CATALOG: tuple[str, ...] = (
    "Signals scanned",
    "Opportunities flagged",
    "Notifications sent",
    "Entries opened",
    "Exits closed",
    "Avg hold time",
    "Daily PnL",
    "Win rate",
    "Max drawdown",
    "Sharpe ratio",
    "Delta",
    "Gamma",
    "Theta",
    "Vega",
    "Rho",
    "Historical Volatility",
    "Uncertainty",
    "Fair Market Price",
    "IV Skew",
    "Decay Rate",
    "Gamma Exposure",
    "Volume Ratio",
    "OI Ratio",
    "Liquidity Ratios",
    "Decay Weight",
    "Portfolio",
)

# The KPIs that count what happened in the day.
COUNTS = CATALOG[:5]

# The KPIs whose highest and lowest contracts are shown.
EXTREMES: tuple[str, ...] = (
    "Daily PnL",
    "Decay Rate",
    "Delta",
    "Fair Market Price",
    "Gamma",
    "Gamma Exposure",
    "IV Skew",
    "Liquidity Drag",
    "Liquidity Ratios",
    "Mid Mark PnL",
    "OI Ratio",
    "Percent Change",
    "Rho",
    "Theta",
    "Uncertainty",
    "Unrealized P/L",
    "Vega",
    "Volume Ratio",
)

_NO_EXITS = "no position was closed that day"
_NO_EQUITY = "the equity curve has too few buckets that day"
_NO_OPTIONS = "no option contract was scanned that day"
_NO_HISTORY = "no scanned contract has 20 daily returns of its underlying"
_NO_PAIRS = "no call and put of one strike and expiry were scanned that day"
_NO_HOLDINGS = "no open position has a quote"

# What was not there, for each KPI that can be without a value. Counts never are.
_WITHOUT_INPUT: dict[str, str] = {
    "Avg hold time": _NO_EXITS,
    "Daily PnL": "the price of a position is not known",
    "Win rate": _NO_EXITS,
    "Max drawdown": _NO_EQUITY,
    "Sharpe ratio": _NO_EQUITY,
    **dict.fromkeys(("Delta", "Gamma", "Theta", "Vega", "Rho", "Uncertainty"), _NO_OPTIONS),
    **dict.fromkeys(("Historical Volatility", "Fair Market Price", "Decay Weight"), _NO_HISTORY),
    **dict.fromkeys(("IV Skew", "Decay Rate", "Gamma Exposure"), _NO_PAIRS),
    "Volume Ratio": "no pair of a call and a traded put was scanned that day",
    "OI Ratio": "no pair of a call and a put with open interest was scanned that day",
    "Liquidity Ratios": "no pair has both a volume ratio and an OI ratio that day",
    **dict.fromkeys(
        ("Liquidity Drag", "Mid Mark PnL", "Percent Change", "Unrealized P/L"), _NO_HOLDINGS
    ),
}


def why_missing(kpi: str) -> str:
    """Say what a KPI without a value lacks."""
    return _WITHOUT_INPUT.get(kpi, "the view holds nothing of it")
