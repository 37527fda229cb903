"""Corporate actions (`GET /v1/corporate-actions` on the data host).

The range of a request is of process dates, which for stock dividends lie weeks after the ex-date.
Of an incomplete announcement nothing is made: it comes again when it is complete.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Annotated, Any

from pydantic import AliasChoices, Field

from common.errors import MalformedMessageError
from common.holdings.corporate_actions import CorporateAction
from common.model import WireModel
from infra.alpaca.batches import BatchResult, Issue, batches, part
from infra.alpaca.http import AlpacaHttp
from infra.alpaca.pages import pages
from infra.alpaca.responses import parse

_PATH = "/v1/corporate-actions"
_PAGE = "1000"

_Rate = Annotated[Decimal, Field(gt=0, allow_inf_nan=False)]


class _Row(WireModel):
    """The fields that any kind of action may have; each kind needs some of them."""

    id: str = Field(min_length=1)
    symbol: str = Field(
        validation_alias=AliasChoices("symbol", "old_symbol", "source_symbol", "acquiree_symbol")
    )
    at: date = Field(validation_alias=AliasChoices("ex_date", "effective_date", "process_date"))
    new_symbol: str | None = Field(
        default=None, validation_alias=AliasChoices("new_symbol", "acquirer_symbol")
    )
    new_rate: _Rate | None = Field(
        default=None, validation_alias=AliasChoices("new_rate", "acquirer_rate")
    )
    old_rate: _Rate | None = Field(
        default=None, validation_alias=AliasChoices("old_rate", "acquiree_rate")
    )
    rate: _Rate | None = None
    cash_rate: _Rate | None = None

    def action(self, kind: str, **effect: Any) -> CorporateAction:
        """Return the action of a kind."""
        return CorporateAction(self.id, kind, self.symbol, self.at, **effect)


def corporate_actions(
    http: AlpacaHttp, symbols: Sequence[str], first: date, last: date
) -> BatchResult[CorporateAction]:
    """Return what changes shares of the symbols, processed from first to last (inclusive).

    Cash dividends change no share and are left out. Raises TransientError.
    """
    found: list[CorporateAction] = []
    problems: list[Issue] = []
    for batch in batches(symbols):
        params = {
            "symbols": ",".join(batch),
            "start": first.isoformat(),
            "end": last.isoformat(),
            "limit": _PAGE,
        }
        for page in pages(http, _PATH, params):
            for group, rows in part(page, "corporate_actions").items():
                _collect(group, rows or [], found, problems)
    return BatchResult(tuple(found), tuple(problems))


def _collect(
    group: str, rows: Sequence[Any], found: list[CorporateAction], problems: list[Issue]
) -> None:
    """Read one kind's rows; one that cannot be read loses only itself."""
    for raw in rows:
        try:
            found += _actions(group, raw)
        except MalformedMessageError as error:
            problems.append(Issue(f"corporate action of {group}", str(error)))


def _actions(group: str, raw: Any) -> Iterator[CorporateAction]:
    if group in _WITHOUT_SHARES:
        return
    row, kind = parse(_Row, raw), group.removesuffix("s")
    yield row.action(kind, **_EFFECTS.get(group, _unexplained)(row))


def _split(row: _Row) -> dict[str, Any]:
    if row.new_rate is None or row.old_rate is None:
        return _unexplained(row)
    renamed = row.new_symbol or None  # empty where a reverse split keeps the name
    rates = {"new_rate": row.new_rate, "old_rate": row.old_rate}
    return {"effect": "shares", "new_symbol": renamed, **rates}


def _stock_dividend(row: _Row) -> dict[str, Any]:
    return {"effect": "shares", "new_rate": 1 + row.rate} if row.rate else _unexplained(row)


def _stock_merger(row: _Row) -> dict[str, Any]:
    return _split(row) if row.new_symbol else _unexplained(row)


def _stock_and_cash_merger(row: _Row) -> dict[str, Any]:
    merger = _stock_merger(row)
    if row.cash_rate is None or row.old_rate is None or merger["effect"] != "shares":
        return _unexplained(row)
    return merger | {"cash": row.cash_rate / row.old_rate}


def _name_change(row: _Row) -> dict[str, Any]:
    renamed = row.new_symbol if row.new_symbol != row.symbol else None
    return {"effect": "shares", "new_symbol": renamed}


def _cash(row: _Row) -> dict[str, Any]:
    return {"effect": "cash", "cash": row.rate} if row.rate else _unexplained(row)


def _worthless(row: _Row) -> dict[str, Any]:  # noqa: ARG001 (its holders get nothing)
    return {"effect": "cash", "cash": Decimal(0)}


def _unexplained(row: _Row) -> dict[str, Any]:  # noqa: ARG001 (a person must look)
    return {"effect": "unexplained"}


_EFFECTS: Mapping[str, Callable[[_Row], dict[str, Any]]] = {
    "forward_splits": _split,
    "reverse_splits": _split,
    "stock_dividends": _stock_dividend,
    "stock_mergers": _stock_merger,
    "stock_and_cash_mergers": _stock_and_cash_merger,
    "name_changes": _name_change,
    "cash_mergers": _cash,
    "redemptions": _cash,
    "worthless_removals": _worthless,
}
_WITHOUT_SHARES = frozenset(
    {"cash_dividends", "capital_gains_distributions", "rights_distributions", "partial_calls"}
)
