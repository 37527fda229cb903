"""The sound parts of a malformed config, so that their problems are named at once, too."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import Any, Self

from pydantic import TypeAdapter, ValidationError

from common.config import MOST_INPUTS, MOST_RULES, Guardrails, TradingConfig, repeats
from common.inputs import DataInput
from common.rules import Rule


@dataclass(frozen=True)
class PartialConfig:
    """A config of the sound parts only, which nobody acts upon; `rules` by number in the document.

    `unread` are the symbols of inputs that cannot be read: nobody knows yet what is fetched of
    them. It is None when such an input does not even say its symbols, or there is no input.
    """

    config: TradingConfig
    rules: Mapping[int, Rule]
    unread: frozenset[str] | None
    repeated: tuple[str, ...]

    @classmethod
    def of(cls, document: object) -> Self:
        """Read the inputs and rules of a document one by one."""
        inputs, rules = _items(document, "data_inputs"), _items(document, "rules")
        sound_inputs = _sound(_inputs(), inputs[:MOST_INPUTS])
        sound_rules = _sound(_rules(), rules[:MOST_RULES])
        odd = [each for number, each in enumerate(inputs) if number not in sound_inputs]
        repeated = (
            *repeats("data_inputs", list(_ids(inputs))),
            *repeats("rules", list(_ids(rules))),
        )
        config = TradingConfig.model_construct(
            version=1,
            enabled=False,
            data_inputs=tuple(sound_inputs.values()),
            rules=tuple(sound_rules.values()),
            guardrails=Guardrails(max_orders_per_day=0, max_notional_usd_per_4h=Decimal(1)),
        )
        return cls(config, sound_rules, _symbols(odd) if inputs else None, repeated)

    def reference_problems(self) -> Iterator[str]:
        """Say what does not fit together, whatever the malformed parts will be."""
        yield from self.repeated
        for number, rule in self.rules.items():
            if self.unread is not None and not self.unread & _looked_at(rule):
                yield from self.config.reference_problems(number, rule)


def _looked_at(rule: Rule) -> set[str]:
    needed = {looked_at for symbol in rule.all_symbols for looked_at, _ in rule.needs_of(symbol)}
    return needed | set(rule.all_symbols)


def _items(document: object, name: str) -> list[Any]:
    found = document.get(name) if isinstance(document, dict) else None
    return found if isinstance(found, list) else []


def _ids(items: list[Any]) -> Iterator[str]:
    for each in items:
        if isinstance(each, dict) and isinstance(each.get("id"), str):
            yield each["id"]


def _symbols(inputs: list[Any]) -> frozenset[str] | None:
    """Collect what inputs that cannot be read say they watch; None when one does not say it."""
    found = set[str]()
    for each in inputs:
        symbols = each.get("symbols", each.get("underlyings")) if isinstance(each, dict) else None
        if not isinstance(symbols, list) or not all(isinstance(name, str) for name in symbols):
            return None
        found.update(name.strip().upper() for name in symbols)
    return frozenset(found)


def _sound(adapter: TypeAdapter[Any], items: list[Any]) -> dict[int, Any]:
    found = {}
    for number, each in enumerate(items):
        try:
            found[number] = adapter.validate_python(each)
        except ValidationError:
            continue  # named with the document's own problems
    return found


@cache
def _inputs() -> TypeAdapter[Any]:
    return TypeAdapter(DataInput)


@cache
def _rules() -> TypeAdapter[Any]:
    return TypeAdapter(Rule)
