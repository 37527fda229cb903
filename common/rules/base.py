"""What every rule has, and what evaluating one says."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Annotated, ClassVar, Literal

from pydantic import Field, field_validator

from common.market import Metric, Snapshot
from common.model import Exact, Model, Usd
from common.orders import Side
from common.templates import variables

Symbol = Annotated[str, Field(pattern=r"^[A-Z]{1,5}(\.[A-Z]{1,2})?$")]
Identifier = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]

# The latest stored snapshot of each (symbol, metric) that the rules ask for.
Market = Mapping[tuple[str, Metric], Snapshot]


@dataclass(frozen=True)
class Fired:
    """A rule's condition holds. Prices in USD; `pct` is signed percent against `reference`."""

    symbol: str
    price: Decimal
    reference: Decimal
    pct: Decimal
    as_of: datetime
    snapshot_ids: tuple[int, ...]


@dataclass(frozen=True)
class Silent:
    """A rule did not fire, and why."""

    symbol: str
    reason: Literal["not_met", "stale", "no_data"]
    pct: Decimal | None = None


class ProposeOrder(Model):
    """The action after a yes: a market order by notional (USD)."""

    action: Literal["propose_order"]
    side: Side
    notional_usd: Annotated[Usd, Field(ge=1)]


class RuleBase(Model):
    """The part of a rule that does not depend on its type."""

    template_variables: ClassVar[frozenset[str]] = frozenset({"symbol", "notional"})

    id: Identifier
    symbol: Symbol
    question_template: Annotated[str, Field(min_length=1, max_length=280)]
    on_answer_match: ProposeOrder
    cooldown_seconds: Annotated[int, Field(ge=0)] = 3600
    question_ttl_seconds: Annotated[int, Field(ge=30, le=86_400)] = 900
    max_price_drift_pct: Annotated[Exact, Field(gt=0, le=100)] = Decimal(1)

    @field_validator("question_template")
    @classmethod
    def _known_variables(cls, template: str) -> str:
        unknown = sorted(variables(template) - cls.template_variables)
        if unknown:
            known = ", ".join(sorted(cls.template_variables))
            raise ValueError(f"unknown variable {unknown[0]!r}; there are: {known}")
        return template

    @property
    def cooldown(self) -> timedelta:
        """How long the rule stays silent after it fired."""
        return timedelta(seconds=self.cooldown_seconds)

    @property
    def question_ttl(self) -> timedelta:
        """How long a question stands."""
        return timedelta(seconds=self.question_ttl_seconds)
