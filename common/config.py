"""The trading config: what a user says, merged over a template, refused when it is wrong."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from common.market import AssetClass, Feed, Metric
from common.model import Exact, Model, Usd
from common.rules import Rule
from common.rules.base import Identifier, Symbol

# The scheduler ticks each minute, give or take: half a tick decides to which minute one belongs.
TICK_JITTER = timedelta(seconds=30)


class DataInput(Model):
    """What to fetch, and how often."""

    id: Identifier
    source: Literal["alpaca"]
    asset_class: AssetClass
    symbols: Annotated[tuple[Symbol, ...], Field(min_length=1)]
    feed: Feed = "iex"
    poll_interval_seconds: Annotated[int, Field(ge=60)] = 60
    metrics: Annotated[tuple[Metric, ...], Field(min_length=1)] = (
        "last_trade",
        "daily_bar",
        "prev_close",
    )

    @property
    def key(self) -> str:
        """The same for every user who states the same input: it is fetched once for all of them."""
        return content_hash(self.model_dump(mode="json", exclude={"id"}))

    @property
    def poll_interval(self) -> timedelta:
        """How long a fetch is good for."""
        return timedelta(seconds=self.poll_interval_seconds)


class Guardrails(Model):
    """The user's own limits; the server's ceilings stand above them."""

    max_orders_per_day: Annotated[int, Field(ge=0)]
    max_notional_usd_per_4h: Usd
    require_question_before_order: Literal[True] = True
    symbols_blocklist: tuple[Symbol, ...] = ()


class TradingConfig(Model):
    """The whole document (design section 5)."""

    version: Literal[1]
    enabled: bool
    mode: Literal["paper", "live"] = "paper"
    data_inputs: Annotated[tuple[DataInput, ...], Field(min_length=1)]
    rules: tuple[Rule, ...]
    guardrails: Guardrails
    max_staleness_seconds: Annotated[int, Field(ge=1, le=86_400)] = 180
    max_spread_pct: Annotated[Exact, Field(gt=0, le=100)] = Decimal(1)
    max_queued_questions: Annotated[int, Field(ge=1)] = 5

    @model_validator(mode="after")
    def _check_references(self) -> Self:
        _refuse_repeats("data_inputs", (each.id for each in self.data_inputs))
        _refuse_repeats("rules", (each.id for each in self.rules))
        for index, rule in enumerate(self.rules):
            if self.feed_of(rule.symbol, rule.metrics) is None:
                raise ValueError(
                    f"rules[{index}].symbol: no data input fetches"
                    f" {' and '.join(sorted(rule.metrics))} of {rule.symbol}"
                )
        return self

    @property
    def symbols(self) -> frozenset[str]:
        """Every symbol that some input watches."""
        return frozenset(symbol for each in self.data_inputs for symbol in each.symbols)

    @property
    def max_staleness(self) -> timedelta:
        """How old a price may be and still be acted upon."""
        return timedelta(seconds=self.max_staleness_seconds)

    @property
    def hash(self) -> str:
        """Name this very content: opportunities, questions and orders carry it."""
        return content_hash(self.model_dump(mode="json"))

    def feed_of(self, symbol: str, metrics: frozenset[Metric] = frozenset()) -> Feed | None:
        """Return the feed of the first input that fetches these metrics of a symbol."""
        return next(
            (
                each.feed
                for each in self.data_inputs
                if symbol in each.symbols and metrics <= frozenset(each.metrics)
            ),
            None,
        )


def merge(template: Any, override: Any) -> Any:
    """Lay a user's document over its template (design section 5).

    Objects merge by key, lists of things with an `id` merge by id, everything else is replaced.
    """
    if isinstance(template, dict) and isinstance(override, dict):
        return template | {k: merge(template.get(k), v) for k, v in override.items()}
    if _have_ids(template) and _have_ids(override):
        by_id = {each["id"]: each for each in template}
        by_id |= {each["id"]: merge(by_id.get(each["id"]), each) for each in override}
        return list(by_id.values())
    return override


def is_due(each: DataInput, last_fetch: datetime | None, now: datetime) -> bool:
    """Tell whether an input's poll interval has passed, whatever the scheduler's jitter."""
    return last_fetch is None or now - last_fetch >= each.poll_interval - TICK_JITTER


def content_hash(document: Any) -> str:
    """Return a short, stable name for a JSON document's content (the keys' order is irrelevant)."""
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _have_ids(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(v, dict) and "id" in v for v in value)


def _refuse_repeats(where: str, ids: Iterable[str]) -> None:
    repeated = [each for each, count in Counter(ids).items() if count > 1]
    if repeated:
        raise ValueError(f"{where}: id {repeated[0]!r} is used twice")
