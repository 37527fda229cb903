"""What every rule has, what it may look at, and what evaluating it says."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import (
    Field,
    StrictBool,
    StrictInt,
    ValidationInfo,
    field_validator,
    model_validator,
)

from common.actions import Action, ClosePosition
from common.bounds import Line
from common.inputs import CryptoSymbol, Identifier, StockSymbol
from common.market import Metric, Session, Snapshot, is_fresh
from common.model import Exact, Model, readable
from common.templates import variables

Symbol = StockSymbol | CryptoSymbol
Reason = Literal[
    "not_met", "stale", "no_data", "no_position", "market_closed", "disabled", "corporate_action"
]
# What a condition costs besides the facts that it looks at, as if it looked at so many more.
COST_OF_A_CONDITION = 10
# Stored facts by symbol and metric, newest last: as many of each as some rule needs.
MarketFacts = Mapping[tuple[str, Metric], Sequence[Snapshot]]


@dataclass(frozen=True)
class Position:
    """What a user holds of a symbol: signed units, and their average entry price (USD).

    `is_explained` is False while something unexplained happened to its price or shares.
    """

    qty: Decimal
    avg_entry_price: Decimal
    is_explained: bool = True


@dataclass(frozen=True)
class Fired:
    """A condition holds. Prices in USD; `pct` is signed percent against `reference`.

    `values` are what the rule's own template variables show.
    """

    symbol: str
    price: Decimal
    as_of: datetime
    snapshot_ids: tuple[int, ...]
    reference: Decimal | None = None
    pct: Decimal | None = None
    values: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class NotFired:
    """A condition does not hold, or cannot be judged; `observed` are the numbers behind it."""

    symbol: str
    reason: Reason
    observed: Mapping[str, str] = field(default_factory=dict)


Outcome = Fired | NotFired


@dataclass(frozen=True)
class SymbolView:
    """What is known of one symbol at one instant, to one user.

    `sessions` are the exchange's, today's among them when there is one; `position` is None when the
    user holds nothing, or when the rule does not ask.
    """

    symbol: str
    now: datetime
    max_age: timedelta
    facts: MarketFacts
    session: Session | None = None
    position: Position | None = None

    def of(self, symbol: str) -> "SymbolView":
        """Look at another symbol at the same instant."""
        return self if symbol == self.symbol else replace(self, symbol=symbol, position=None)

    def series(self, metric: Metric, count: int) -> Sequence[Snapshot]:
        """Return the newest `count` facts, oldest first; fewer where there are fewer."""
        return self.facts.get((self.symbol, metric), ())[-count:]

    def latest(self, metric: Metric) -> Snapshot | None:
        """Return the newest fact."""
        return next(iter(self.series(metric, 1)), None)

    def fresh_trade(self) -> Snapshot | NotFired:
        """Return the last trade, or why there is none to act upon."""
        trade = self.latest("last_trade")
        if trade is None:
            return self.not_fired("no_data", missing="last_trade")
        if not is_fresh(trade.as_of, self.now, self.max_age):
            return self.not_fired("stale", as_of=trade.as_of.isoformat())
        return trade

    def fired(self, trade: Snapshot, *others: Snapshot, **shown: object) -> Fired:
        """Say that it fires at a trade; what else it rests on, what its own variables show."""
        rows = tuple(fact.id for fact in (trade, *others) if fact.id is not None)
        values = {k: _text(v) for k, v in shown.items()}
        return Fired(self.symbol, trade.price, trade.as_of, rows, values=values)

    def not_fired(self, reason: Reason, **observed: object) -> NotFired:
        """Say why nothing fires, with the numbers behind it."""
        return NotFired(self.symbol, reason, {k: _text(v) for k, v in observed.items()})


class Condition(Model):
    """A rule's type and its parameters, without what it asks.

    `symbol` may be left out where a condition stands inside another: it is then that one's.
    `template_variables` are what its firing shows beyond what every question can: `ref` and `pct`
    where there is a reference, and its own values.
    """

    template_variables: ClassVar[frozenset[str]] = frozenset()

    symbol: Symbol | None = None

    @classmethod
    def shows(cls, parameters: Mapping[str, Any]) -> frozenset[str] | None:  # noqa: ARG003
        """Name the template variables that a firing with these parameters fills.

        None when it is unknown, because the parameters it depends on were refused.
        """
        return cls.template_variables

    @property
    def needs_position(self) -> bool:
        """Whether the condition is about what the user holds."""
        return False

    @property
    def needs(self) -> Mapping[Metric, int]:
        """How many of the newest facts of each metric the condition looks at."""
        raise NotImplementedError

    @property
    def cost(self) -> int:
        """What evaluating the condition for one symbol costs, in facts looked at."""
        return COST_OF_A_CONDITION + sum(self.needs.values())

    def needs_of(self, symbol: str) -> Mapping[tuple[str, Metric], int]:
        """Return what the condition looks at when it is evaluated for a symbol."""
        return {(self.symbol or symbol, metric): count for metric, count in self.needs.items()}

    def evaluate(self, view: SymbolView) -> Outcome:
        """Return whether the condition holds for the view's symbol."""
        raise NotImplementedError


class BaseRule(Condition):
    """The part of a rule that does not depend on its type: for which symbols, asking what."""

    shared_variables: ClassVar[frozenset[str]] = frozenset(
        {"symbol", "price", "notional", "qty", "size"}
    )

    id: Identifier
    enabled: StrictBool = True
    symbols: Annotated[tuple[Symbol, ...], Field(max_length=100)] = ()
    question_template: Annotated[Line, Field(min_length=1, max_length=280)]
    on_answer_match: Action
    cooldown_seconds: Annotated[StrictInt, Field(ge=0, le=31_536_000)] = 3600
    question_ttl_seconds: Annotated[StrictInt, Field(ge=30, le=86_400)] = 900
    max_price_drift_pct: Annotated[Exact, Field(gt=0, le=100)] = Decimal(1)
    ask_again_on_failure: StrictBool = True

    @field_validator("question_template")
    @classmethod
    def _known_variables(cls, template: str, info: ValidationInfo) -> str:
        shown = cls.shows(info.data)
        if shown is None:
            return template
        known = cls.shared_variables | shown
        unknown = sorted(variables(template) - known)
        if unknown:
            raise ValueError(
                f"unknown variable {unknown[0]!r}; there are: {', '.join(sorted(known))}"
            )
        return template

    @model_validator(mode="after")
    def _some_symbol(self) -> Self:
        if bool(self.symbol) == bool(self.symbols):
            raise ValueError("give either symbol or symbols")
        if len(set(self.symbols)) != len(self.symbols):
            raise ValueError("symbols: one is named twice")
        return self

    @property
    def all_symbols(self) -> tuple[str, ...]:
        """The symbols that the rule is evaluated for, each on its own."""
        return self.symbols or ((self.symbol,) if self.symbol else ())

    @property
    def acts_on_position(self) -> bool:
        """Whether the rule concerns only users who hold the symbol."""
        return self.needs_position or isinstance(self.on_answer_match, ClosePosition)


def _text(value: object) -> str:
    return readable(value) if isinstance(value, Decimal) else str(value)
