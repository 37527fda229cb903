"""The catalog of KPIs, in the order in which the dashboard shows them (kpis.md section 2)."""

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
