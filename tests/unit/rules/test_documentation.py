import inspect
import json
import re
import sys
from decimal import Decimal
from typing import Any, get_args

import pytest

from common.rules import AnyCondition, Rule
from common.rules.base import BaseRule, Condition
from common.rules.shared.against_reference import AgainstReference
from common.rules.shared.reference import RefMetric
from common.templates import variables
from tests.unit.rules.facts import ASKING, METRICS, refusal, rule, view

RULES: tuple[type[BaseRule], ...] = get_args(get_args(Rule)[0])
NO_REFERENCE = {
    *("price_crosses_level", "moving_average_cross", "rsi_threshold", "volume_above_average"),
    "schedule",
}
CONDITIONS: tuple[type[Condition], ...] = get_args(get_args(AnyCondition)[0])


def documentation(kind: type) -> str:
    return inspect.getdoc(sys.modules[kind.__module__]) or ""


def example(kind: type) -> dict[str, Any]:
    """The JSON of a rule type's own documentation."""
    text = re.search(r"^    (\{.*?, \.\.\.\})$", documentation(kind), re.DOTALL | re.MULTILINE)
    assert text, documentation(kind)
    found: dict[str, Any] = json.loads(text[1].replace(", ...}", "}"), parse_float=Decimal)
    return found


def tag(kind: type[Condition]) -> str:
    return str(get_args(kind.model_fields["type"].annotation)[0])


def test_every_rule_is_a_condition_too_and_has_a_file_of_its_own() -> None:
    files = [kind.__module__.rpartition(".")[2] for kind in RULES]

    assert files == [tag(kind) for kind in RULES] == [tag(kind) for kind in CONDITIONS]
    assert all(issubclass(r, c) for r, c in zip(RULES, CONDITIONS, strict=True))
    assert len(set(files)) == 12


@pytest.mark.parametrize("kind", RULES, ids=tag)
def test_the_example_in_the_documentation_is_a_valid_rule(kind: type[BaseRule]) -> None:
    shown = example(kind)

    accepted = rule(shown.pop("type"), **shown)

    assert type(accepted) is kind


@pytest.mark.parametrize("kind", RULES, ids=tag)
def test_a_rule_says_a_bounded_number_of_facts_that_exist(kind: type[BaseRule]) -> None:
    needs = rule(**_named(example(kind))).needs_of("SPY")

    assert ("SPY", "last_trade") in needs
    assert {metric for _, metric in needs} <= set(METRICS)
    assert all(0 < count <= 400 for count in needs.values())


@pytest.mark.parametrize("kind", RULES, ids=tag)
def test_every_variable_it_has_is_accepted_and_named_when_another_is_asked_for(
    kind: type[BaseRule],
) -> None:
    document = _named(example(kind))
    shown = kind.shows(dict(rule(**document))) or frozenset()
    every = " ".join(f"{{{{{name}}}}}" for name in sorted(shown | kind.shared_variables))

    assert rule(**document, question_template=every).question_template == every
    message = refusal(**document, question_template="{{moon}}")
    assert "question_template: " in message
    assert all(name in message for name in variables(every))


@pytest.mark.parametrize("kind", [k for k in RULES if tag(k) in NO_REFERENCE], ids=tag)
@pytest.mark.parametrize("variable", ["ref", "pct"])
def test_a_rule_without_a_reference_cannot_show_one(kind: type[BaseRule], variable: str) -> None:
    document = _named(example(kind))

    message = refusal(**document, question_template=f"{{{{{variable}}}}}?")

    assert f"unknown variable {variable!r}" in message


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"symbol": None}, "give either symbol or symbols"),
        ({"symbols": ["SPY"]}, "give either symbol or symbols"),
        ({"symbol": None, "symbols": ["SPY", "SPY"]}, "one is named twice"),
    ],
)
def test_a_rule_is_about_one_symbol_or_about_several(changes: dict[str, Any], message: str) -> None:
    level = {"level": 500, "direction": "up"}

    assert message in refusal("price_crosses_level", **level, **changes)


def test_a_rule_is_evaluated_for_each_of_its_symbols() -> None:
    level = {"level": 500, "direction": "up"}
    several = rule("price_crosses_level", symbol=None, symbols=["SPY", "BTC/USD"], **level)

    assert several.all_symbols == ("SPY", "BTC/USD")
    assert rule("price_crosses_level", **level).all_symbols == ("SPY",)
    assert several.needs_of("BTC/USD") == {("BTC/USD", "last_trade"): 2}


def test_closing_a_position_concerns_only_those_who_hold_it() -> None:
    level = {"level": 500, "direction": "up"}

    closing = rule("price_crosses_level", **level, on_answer_match={"action": "close_position"})

    assert closing.acts_on_position
    assert not rule("price_crosses_level", **level).acts_on_position
    assert rule("position_gain_pct", threshold_pct=5).acts_on_position


def test_a_type_that_leaves_out_a_part_is_refused_by_name() -> None:
    unfinished = Condition()
    against = AgainstReference(ref_metric="day_low", threshold_pct=Decimal(1))

    with pytest.raises(NotImplementedError):
        _ = unfinished.needs
    with pytest.raises(NotImplementedError):
        unfinished.evaluate(view())
    with pytest.raises(NotImplementedError):
        against.holds(Decimal(1), Decimal(1))


def test_the_references_are_metrics_or_the_users_own_entry() -> None:
    assert set(get_args(RefMetric)) - set(METRICS) == {"entry_price"}


def _named(document: dict[str, Any]) -> dict[str, Any]:
    assert not document.keys() & ASKING.keys()
    return {"kind": document.pop("type")} | document
