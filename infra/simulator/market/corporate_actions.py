"""Announced corporate actions, as the broker lists them (`GET /v1/corporate-actions`).

The shapes are those of the broker's published description of the endpoint (docs.alpaca.markets,
"Corporate actions", and its examples: SRE 2:1, MNTS 1:50, LSI into EXR at 0.895).
"""

import uuid
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from infra.simulator.market.timestamps import new_york_midnight

_SUBJECTS = ("symbol", "old_symbol", "source_symbol", "acquiree_symbol")
_DATES = ("ex_date", "effective_date", "process_date")


@dataclass(frozen=True)
class CorporateAction:
    """One action: its kind as the request names it (`forward_split`), and its fields.

    A spin-off `keeps` a share of its stock's price; adjusted history alone tells it.
    """

    id: str
    kind: str
    fields: dict[str, Any]
    keeps: Decimal = Decimal(1)

    @property
    def symbol(self) -> str:
        """Whose shares it changes."""
        return next(str(self.fields[name]) for name in _SUBJECTS if name in self.fields)

    @property
    def at(self) -> int:
        """When it takes effect: the midnight with which its day begins in New York."""
        return new_york_midnight(self._day("ex_date", "effective_date", "process_date"))

    @property
    def process_date(self) -> date:
        """The day by which the broker sorts and filters."""
        return self._day("process_date", "ex_date")

    @property
    def rates(self) -> tuple[Decimal, Decimal] | None:
        """How many new shares come for how many old ones; None when shares do not become others."""
        if self.kind == "stock_dividend":
            return 1 + Decimal(str(self.fields["rate"])), Decimal(1)
        if self.kind in ("name_change", "spin_off"):
            return Decimal(1), Decimal(1)
        new, old = (
            self._rate(*names)
            for names in (("new_rate", "acquirer_rate"), ("old_rate", "acquiree_rate"))
        )
        return (new, old) if new and old else None

    @property
    def symbol_after(self) -> str:
        """The name of the shares afterwards."""
        if self.kind == "spin_off":
            return self.symbol
        renamed = self.fields.get("new_symbol") or self.fields.get("acquirer_symbol")
        return str(renamed or self.symbol)

    @property
    def cash(self) -> Decimal | None:
        """What is paid for a share that ceases to exist; None when shares stay shares."""
        if self.kind == "worthless_removal":
            return Decimal(0)
        return self._rate("rate") if self.kind in ("cash_merger", "redemption") else None

    @property
    def cash_beside(self) -> Decimal:
        """What is paid for a share beside the new shares that come for it."""
        if self.kind != "stock_and_cash_merger":
            return Decimal(0)
        return Decimal(str(self.fields["cash_rate"])) / Decimal(str(self.fields["acquiree_rate"]))

    def _day(self, *names: str) -> date:
        found = next(self.fields[name] for name in names if name in self.fields)
        return date.fromisoformat(str(found))

    def _rate(self, *names: str) -> Decimal | None:
        return next((Decimal(str(self.fields[n])) for n in names if n in self.fields), None)


class CorporateActions:
    """What is announced, and what of it has taken effect."""

    def __init__(self) -> None:
        self._announced: list[CorporateAction] = []
        self._done: set[str] = set()

    def announce(self, kind: str, *, keeps: Decimal = Decimal(1), **fields: Any) -> CorporateAction:
        """Announce an action by its fields; its process date defaults to its ex-date.

        For example `announce("forward_split", symbol="SPY", new_rate=10, old_rate=1,
        ex_date="2026-02-11")`.
        """
        dated = next(str(fields[name]) for name in _DATES if name in fields)
        action = CorporateAction(str(uuid.uuid4()), kind, {"process_date": dated, **fields}, keeps)
        self._announced.append(action)
        return action

    def listed(self) -> list[CorporateAction]:
        """Return all that is announced, by process date."""
        return sorted(self._announced, key=lambda each: each.process_date)

    def moments(self) -> list[int]:
        """Return the instants at which something has yet to take effect."""
        return [each.at for each in self._announced if each.id not in self._done]

    def take_due(self, moment: int) -> list[CorporateAction]:
        """Return what takes effect at a moment, once."""
        due = [e for e in self._announced if e.at <= moment and e.id not in self._done]
        self._done.update(each.id for each in due)
        return sorted(due, key=lambda each: each.at)

    def splits(self, symbol: str) -> list[tuple[int, Decimal]]:
        """Return when prices of a symbol were divided by which ratio, for adjusted history."""
        return [
            (each.at, each.rates[0] / each.rates[1])
            for each in self._announced
            if each.symbol == symbol and each.rates and each.kind != "name_change"
        ]

    def spin_offs(self, symbol: str) -> list[tuple[int, Decimal]]:
        """Return when prices of a symbol lost which part, for adjusted history."""
        return [
            (each.at, 1 / each.keeps)
            for each in self._announced
            if each.symbol == symbol and each.kind == "spin_off"
        ]

    def forget(self) -> None:
        """Drop everything."""
        self._announced.clear()
        self._done.clear()
