"""What the combinators share: conditions inside a condition."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field, ValidationInfo, field_validator

from common.market import Metric
from common.rules.base import Condition, Fired, NotFired, Outcome, SymbolView

if TYPE_CHECKING:  # the union that these classes are part of: completed in common.rules
    from common.rules import AnyCondition

# Enough for anything a person means, and a bound for what a config may cost.
MOST_CONDITIONS = 8


class Combination(Condition):
    """A condition made of conditions; each looks at its own symbol, or at this one's."""

    conditions: Annotated[
        tuple["AnyCondition", ...], Field(min_length=2, max_length=MOST_CONDITIONS)
    ]

    @field_validator("conditions")
    @classmethod
    def _positions_of_its_own(
        cls, conditions: tuple["AnyCondition", ...], info: ValidationInfo
    ) -> tuple["AnyCondition", ...]:
        own = info.data.get("symbol")
        for number, each in enumerate(conditions):
            if each.needs_position and each.symbol not in {None, own}:
                raise ValueError(
                    f"[{number}] is about the position in {each.symbol}, but only the one in the "
                    "rule's own symbol is known: leave its symbol out"
                )
        return conditions

    @classmethod
    def parts_show(cls, parameters: Mapping[str, Any]) -> Iterator[frozenset[str]]:
        """Yield what each condition shows; a reference is shown only of the rule's own symbol."""
        for each in parameters["conditions"]:
            own = each.symbol in {None, parameters.get("symbol")}
            shown = each.shows(dict(each)) or frozenset()
            yield shown if own else shown - {"ref", "pct"}

    @property
    def needs_position(self) -> bool:
        """Whether any of them does."""
        return any(each.needs_position for each in self.conditions)

    @property
    def needs(self) -> Mapping[Metric, int]:
        """The trade whose price is shown, whatever the conditions look at."""
        return {"last_trade": 1}

    @property
    def cost(self) -> int:
        """What all of them cost."""
        return super().cost + sum(each.cost for each in self.conditions)

    def needs_of(self, symbol: str) -> Mapping[tuple[str, Metric], int]:
        """Return the most that any of them looks at."""
        needs = dict(super().needs_of(symbol))
        for each in self.conditions:
            for key, count in each.needs_of(self.symbol or symbol).items():
                needs[key] = max(count, needs.get(key, 0))
        return needs

    def outcomes(self, view: SymbolView) -> Sequence[Outcome]:
        """Evaluate all of them at the same instant."""
        return [each.evaluate(view.of(each.symbol or view.symbol)) for each in self.conditions]

    def fired(self, parts: Sequence[Fired], view: SymbolView) -> Outcome:
        """Show the price of the symbol that the rule is about, and what the parts saw.

        Where several show the same, the first does; a reference must be of the rule's own symbol.
        """
        trade = view.fresh_trade()
        if isinstance(trade, NotFired):
            return trade
        values = {key: value for part in reversed(parts) for key, value in part.values.items()}
        fired = replace(
            view.fired(trade),
            snapshot_ids=tuple(sorted({row for part in parts for row in part.snapshot_ids})),
            values=values,
        )
        own = (part for part in parts if part.symbol == view.symbol and part.reference is not None)
        shown = next(own, fired)
        return replace(fired, reference=shown.reference, pct=shown.pct)
