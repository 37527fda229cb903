"""The trading config: what a user says, merged over a template, refused when it is wrong."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal, Self

from pydantic import Field, StrictBool, StrictInt, model_validator

from common.inputs import CryptoInput, DataInput, OptionInput, StockInput
from common.market import AssetClass, Metric, Session, StockFeed
from common.model import Exact, Model, Usd, content_hash
from common.orders import acceptance
from common.rules import Rule
from common.rules.base import Symbol
from common.server_limits import USER_CAPS, ServerLimits

WatchedInput = StockInput | CryptoInput
MOST_INPUTS, MOST_RULES = 50, 100


class Guardrails(Model):
    """The user's own limits; the server's ceilings stand above them."""

    max_orders_per_day: Annotated[StrictInt, Field(ge=0)]
    max_notional_usd_per_4h: Usd
    max_position_usd: Usd | None = None
    daily_loss_limit_usd: Usd | None = None
    require_question_before_order: StrictBool = True
    symbols_blocklist: Annotated[tuple[Symbol, ...], Field(max_length=1000)] = ()

    def under(self, server: ServerLimits) -> Self:
        """Return the limits that count: of the user's and the server's the lower."""
        lower = {name: min(getattr(self, name), getattr(server, name)) for name in USER_CAPS}
        return self.model_copy(update=lower)


class TradingConfig(Model):
    """The whole document."""

    version: Annotated[StrictInt, Field(ge=1, le=1)]
    enabled: StrictBool
    mode: Literal["paper", "live"] = "paper"
    data_inputs: Annotated[tuple[DataInput, ...], Field(min_length=1, max_length=MOST_INPUTS)]
    rules: Annotated[tuple[Rule, ...], Field(max_length=MOST_RULES)]
    guardrails: Guardrails
    max_staleness_seconds: Annotated[StrictInt, Field(ge=1, le=86_400)] = 180
    max_spread_pct: Annotated[Exact, Field(gt=0, le=100)] = Decimal(1)
    max_queued_questions: Annotated[StrictInt, Field(ge=1, le=100)] = 5

    @model_validator(mode="after")
    def _check_references(self) -> Self:
        found = [
            *repeats("data_inputs", [each.id for each in self.data_inputs]),
            *repeats("rules", [each.id for each in self.rules]),
            *(
                problem
                for number, rule in enumerate(self.rules)
                for problem in self.reference_problems(number, rule)
            ),
        ]
        if found:
            raise ValueError("; ".join(found))
        return self

    @property
    def watched(self) -> tuple[WatchedInput, ...]:
        """The inputs whose symbols can be traded."""
        return tuple(each for each in self.data_inputs if not isinstance(each, OptionInput))

    @property
    def symbols(self) -> frozenset[str]:
        """Every symbol that some input watches."""
        return frozenset(symbol for each in self.watched for symbol in each.symbols)

    @property
    def all_symbols(self) -> frozenset[str]:
        """Every symbol that something must be fetched for, the underlyings of options too."""
        return frozenset(symbol for each in self.data_inputs for symbol in each.all_symbols)

    @property
    def max_staleness(self) -> timedelta:
        """How old a price may be and still be acted upon."""
        return timedelta(seconds=self.max_staleness_seconds)

    @property
    def hash(self) -> str:
        """Name this very content: opportunities, questions and orders carry it."""
        return content_hash(self.model_dump(mode="json"))

    def rule(self, rule_id: str) -> Rule | None:
        """Return the enabled rule of this id."""
        return next((each for each in self.rules if each.id == rule_id and each.enabled), None)

    def source_of(
        self, symbol: str, metrics: frozenset[Metric] = frozenset()
    ) -> WatchedInput | None:
        """Return the first input that fetches these metrics of a symbol."""
        return next(
            (
                each
                for each in self.watched
                if symbol in each.symbols and metrics <= frozenset(each.metrics)
            ),
            None,
        )

    def feed_of(self, symbol: str, metrics: frozenset[Metric] = frozenset()) -> str | None:
        """Return the feed from which a symbol is watched."""
        source = self.source_of(symbol, metrics)
        return source.feed if source else None

    def needs(self) -> Mapping[tuple[str, Metric, str], int]:
        """Return how many facts the rules look at: by symbol, metric and the feed it comes from."""
        needs: dict[tuple[str, Metric, str], int] = {}
        for rule in self.rules:
            for symbol in rule.all_symbols:
                looks = rule.needs_of(symbol)
                for (looked_at, metric), count in looks.items():
                    feed = self.feed_of(looked_at, frozenset(m for s, m in looks if s == looked_at))
                    if feed is not None:
                        key = (looked_at, metric, feed)
                        needs[key] = max(count, needs.get(key, 0))
        return needs

    def asset_class_of(self, symbol: str) -> AssetClass:
        """Return the asset class of a watched symbol."""
        source = self.source_of(symbol)
        return source.asset_class if source else "us_equity"

    def trades_at(self, symbol: str, now: datetime, session: Session | None) -> bool:
        """Return whether rules on a symbol are evaluated now."""
        source = self.source_of(symbol)
        always = isinstance(source, CryptoInput) or (source is not None and source.extended_hours)
        return always or (session is not None and session.contains(now))

    def reference_problems(self, number: int, rule: Rule) -> Iterator[str]:
        """Say what of a rule, which is the document's rule of this number, fits no input."""
        yield from self._unfed(number, rule)
        yield from self._unaccepted(number, rule)

    def _unfed(self, number: int, rule: Rule) -> Iterator[str]:
        """Name what a rule looks at and no input fetches."""
        for symbol in rule.all_symbols:
            needed: dict[str, set[Metric]] = {}
            for looked_at, metric in rule.needs_of(symbol):
                needed.setdefault(looked_at, set()).add(metric)
            for looked_at, metrics in needed.items():
                if self.source_of(looked_at, frozenset(metrics)) is None:
                    names = " and ".join(sorted(metrics))
                    yield f"rules[{number}]: no data input fetches {names} of {looked_at}"

    def _unaccepted(self, number: int, rule: Rule) -> Iterator[str]:
        """Name what the broker would never take of a rule's orders."""
        action, where = rule.on_answer_match, f"rules[{number}].on_answer_match"
        found = (
            f"{where}.{problem}"
            for symbol in rule.all_symbols
            if self.source_of(symbol)
            for problem in acceptance.problems(action, symbol, self.asset_class_of(symbol))
        )
        yield from dict.fromkeys(found)


def with_default_feed(document: Any, feed: StockFeed) -> Any:
    """Return a document whose stock inputs that name no feed have this one."""
    inputs = document.get("data_inputs") if isinstance(document, dict) else None
    if not isinstance(inputs, list):
        return document
    default = {"feed": feed}
    return document | {
        "data_inputs": [default | each if _is_of_stocks(each) else each for each in inputs]
    }


def _is_of_stocks(data_input: Any) -> bool:
    return isinstance(data_input, dict) and data_input.get("asset_class") == "us_equity"


def merge(template: Any, override: Any) -> Any:
    """Lay a user's document over its template (docs/config.md).

    Objects merge by key, lists of things with an `id` merge by id, everything else is replaced.
    """
    if isinstance(template, dict) and isinstance(override, dict):
        return template | {k: merge(template.get(k), v) for k, v in override.items()}
    if _have_ids(template) and _have_ids(override):
        by_id = {each["id"]: each for each in template}
        by_id |= {each["id"]: merge(by_id.get(each["id"]), each) for each in override}
        return list(by_id.values())
    return override


def _have_ids(value: Any) -> bool:
    return isinstance(value, list) and all(
        isinstance(v, dict) and isinstance(v.get("id"), str) for v in value
    )


def repeats(where: str, ids: Sequence[str]) -> Iterator[str]:
    """Name each id that stands twice."""
    for each, count in Counter(ids).items():
        if count > 1:
            yield f"{where}: id {each!r} is used twice"
