"""Draws a replay: prices, the references that rules fired against, firings and their orders."""

from decimal import Decimal
from pathlib import Path

import matplotlib as mpl
from matplotlib import dates
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from common.market import NEW_YORK
from infra.local.replay.history import History, ReplayedOpportunity

mpl.use("agg")  # draws into files: there may be no screen


def draw(history: History, out: Path) -> None:
    """Write one picture, a panel for each symbol; the name's ending says whether PNG or SVG."""
    symbols = [symbol for symbol, prices in sorted(history.prices.items()) if prices]
    figure = Figure(figsize=(11, 3.2 * max(len(symbols), 1)), layout="constrained")
    panels = figure.subplots(max(len(symbols), 1), 1, squeeze=False, sharex=True)
    for symbol, (panel,) in zip(symbols, panels, strict=False):
        fired = [each for each in history.opportunities if each.fired.symbol == symbol]
        _draw_symbol(panel, symbol, history, fired)
    figure.savefig(out, dpi=120)


def _draw_symbol(
    panel: Axes, symbol: str, history: History, fired: list[ReplayedOpportunity]
) -> None:
    prices = history.prices[symbol]
    times = dates.date2num([at for at, _ in prices])  # type: ignore[no-untyped-call]
    panel.plot(times, [float(price) for _, price in prices], color="#1f4e79", lw=1.2)
    panel.set_title(f"{symbol}: {len(fired)} firings", loc="left", fontsize=10)
    panel.set_ylabel("USD")
    panel.grid(visible=True, alpha=0.25)
    clock = dates.DateFormatter("%H:%M", tz=NEW_YORK)  # type: ignore[no-untyped-call]
    panel.xaxis.set_major_formatter(clock)
    for reference in {each.fired.reference for each in fired if each.fired.reference}:
        panel.axhline(float(reference or Decimal(0)), color="#7f7f7f", ls="--", lw=0.9)
        panel.annotate(
            f"reference {reference}",
            (0.01, float(reference or Decimal(0))),
            xycoords=("axes fraction", "data"),
            fontsize=8,
            va="bottom",
        )
    for each in fired:
        at = dates.date2num(each.fired.as_of)  # type: ignore[no-untyped-call]
        panel.plot(at, float(each.fired.price), "v", color="#c00000", ms=8)
        panel.annotate(
            f"{each.rule.id}: {_outcome(each)}",
            (at, float(each.fired.price)),
            xytext=(8, -10),
            textcoords="offset points",
            fontsize=8,
            color="#c00000",
        )


def _outcome(each: ReplayedOpportunity) -> str:
    order = each.order.order if each.order else None
    return "no yes in time" if order is None else order.denial_code or order.status
