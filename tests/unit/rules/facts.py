"""Facts, views and rules that the tests of rule types start from."""

import itertools
from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from pydantic import TypeAdapter

from common.errors import MalformedMessageError
from common.market import NEW_YORK, AssetClass, Metric, Session, Snapshot
from common.model import Model
from common.rules import AnyCondition, Rule
from common.rules.base import Condition, Fired, NotFired, Outcome, Position, SymbolView

NOON = datetime(2026, 2, 10, 12, 0, tzinfo=NEW_YORK)
SESSION = Session(NOON.replace(hour=9, minute=30), NOON.replace(hour=16))
MINUTE = timedelta(minutes=1)
MAX_AGE = timedelta(minutes=3)
ASKING = {
    "id": "rule",
    "question_template": "{{symbol}} at {{price}}: {{size}}?",
    "on_answer_match": {"action": "propose_order", "side": "buy", "notional_usd": 10},
}
METRICS = (
    *("last_trade", "daily_bar", "prev_close", "day_open", "day_high", "day_low"),
    *("minute_bar", "daily_close"),
)

_ids = itertools.count(1)
_conditions: TypeAdapter[Condition] = TypeAdapter(AnyCondition)


class _Holder(Model):
    rule: Rule


def condition(kind: str, **parameters: Any) -> Condition:
    return condition_of({"type": kind} | parameters)


def condition_of(document: dict[str, Any]) -> Condition:
    return _conditions.validate_python(document)


def rule(kind: str, **parameters: Any) -> Rule:
    document = {"type": kind, "symbol": "SPY"} | ASKING | parameters
    return _Holder.from_document({"rule": document}).rule


def refusal(kind: str, **parameters: Any) -> str:
    """Why a rule is not accepted."""
    try:
        rule(kind, **parameters)
    except MalformedMessageError as error:
        return str(error)
    raise AssertionError("it was accepted")


def fact(
    metric: Metric,
    price: object,
    at: datetime = NOON,
    volume: object = None,
    symbol: str = "SPY",
) -> Snapshot:
    asset_class: AssetClass = "crypto" if "/" in symbol else "us_equity"
    traded = None if volume is None else Decimal(str(volume))
    number = next(_ids)
    return Snapshot(symbol, asset_class, "iex", metric, Decimal(str(price)), traded, at, {}, number)


def trades(*prices: object, until: datetime = NOON, symbol: str = "SPY") -> list[Snapshot]:
    """One observation a minute, the last of them at an instant."""
    times = [until - MINUTE * back for back in reversed(range(len(prices)))]
    return [fact("last_trade", p, t, symbol=symbol) for p, t in zip(prices, times, strict=True)]


def minutes(*closes: object, until: datetime = NOON, symbol: str = "SPY") -> list[Snapshot]:
    """Closed minutes in a row, the last of which ends at an instant."""
    times = [until - MINUTE * (back + 1) for back in reversed(range(len(closes)))]
    return [fact("minute_bar", c, t, 100, symbol) for c, t in zip(closes, times, strict=True)]


def days(
    *closes: object,
    volumes: Sequence[object] = (),
    before: datetime = NOON,
    symbol: str = "SPY",
) -> list[Snapshot]:
    """Past days in a row, the last of which is yesterday, which `prev_close` says too."""
    zone = UTC if "/" in symbol else NEW_YORK
    today = datetime.combine(before.astimezone(zone).date(), time(), zone)
    starts = [today - timedelta(days=back + 1) for back in reversed(range(len(closes)))]
    traded = volumes or [1_000_000] * len(closes)
    known = zip(closes, starts, traded, strict=True)
    found = [fact("daily_close", c, start, v, symbol) for c, start, v in known]
    return [*found, fact("prev_close", closes[-1], starts[-1], symbol=symbol)]


def view(
    *facts: Snapshot,
    now: datetime = NOON,
    session: Session | None = SESSION,
    position: Position | None = None,
    max_age: timedelta = MAX_AGE,
    symbol: str = "SPY",
) -> SymbolView:
    known: dict[tuple[str, Metric], list[Snapshot]] = {}
    for each in facts:
        known.setdefault((each.symbol, each.metric), []).append(each)
    return SymbolView(symbol, now, max_age, known, session, position)


def held(qty: object, entry: object) -> Position:
    return Position(Decimal(str(qty)), Decimal(str(entry)))


def fired(outcome: Outcome) -> Fired:
    assert isinstance(outcome, Fired), outcome
    return outcome


def silent(outcome: Outcome) -> NotFired:
    assert isinstance(outcome, NotFired), outcome
    return outcome


def reason(outcome: Outcome) -> str:
    return "fired" if isinstance(outcome, Fired) else outcome.reason
