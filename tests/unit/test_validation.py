import copy
import json
import random
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from common.config import TradingConfig
from common.errors import MalformedMessageError
from common.inputs import CryptoInput, OptionInput
from common.validation import validate
from tests.unit.samples import document, server

LIMITS = server()
CRYPTO = {"id": "coins", "source": "alpaca", "asset_class": "crypto", "symbols": ["BTC/USD"]}
OPTIONS = {"id": "chain", "source": "alpaca", "asset_class": "us_option", "underlyings": ["SPY"]}


def wide() -> dict[str, Any]:
    """A valid config that uses every part of the document."""
    whole = document()
    whole["data_inputs"] += [copy.deepcopy(CRYPTO), copy.deepcopy(OPTIONS)]
    whole["rules"].append(
        whole["rules"][0]
        | {
            "id": "coin",
            "symbol": None,
            "symbols": ["BTC/USD"],
            "on_answer_match": {
                "action": "propose_order",
                "side": "buy",
                "notional_usd": 20,
                "time_in_force": "gtc",
            },
            "cooldown_seconds": 60,
            "question_ttl_seconds": 60,
            "max_price_drift_pct": Decimal("0.5"),
        }
    )
    whole["rules"].append(
        {
            "id": "both",
            "type": "all_of",
            "symbol": "AAPL",
            "conditions": [
                {
                    "type": "price_below_pct_of_ref",
                    "ref_metric": "prev_close",
                    "threshold_pct": -1,
                },
                {
                    "type": "price_above_pct_of_ref",
                    "symbol": "SPY",
                    "ref_metric": "prev_close",
                    "threshold_pct": 1,
                },
            ],
            "question_template": "{{symbol}}?",
            "on_answer_match": {"action": "close_position"},
        }
    )
    return whole


def with_action(**changes: Any) -> dict[str, Any]:
    whole = wide()
    whole["rules"][0]["on_answer_match"].update(changes)
    return whole


def test_the_wide_config_is_valid() -> None:
    config = validate(wide(), LIMITS)

    assert config.symbols == {"SPY", "AAPL", "BTC/USD"}
    assert isinstance(config.data_inputs[1], CryptoInput)
    assert isinstance(config.data_inputs[2], OptionInput)


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"notional_usd": 1001}, "rules[0].on_answer_match.notional_usd"),
        ({"time_in_force": "ioc"}, "rules[0].on_answer_match.time_in_force"),
        ({"time_in_force": "gtc"}, "rules[0].on_answer_match.time_in_force"),
        (
            {
                "notional_usd": None,
                "qty": Decimal("1.5"),
                "order_type": "limit",
                "limit_offset_pct": 1,
            },
            "rules[0].on_answer_match.order_type",
        ),
    ],
)
def test_an_action_that_the_broker_or_the_server_would_refuse_is_refused_when_saved(
    changes: dict[str, Any], path: str
) -> None:
    with pytest.raises(MalformedMessageError) as refused:
        validate(with_action(**changes), LIMITS)

    assert path in str(refused.value)


def test_live_money_without_a_question_needs_the_operators_leave() -> None:
    whole = wide() | {"mode": "live"}
    whole["guardrails"]["require_question_before_order"] = False

    with pytest.raises(MalformedMessageError, match="require_question_before_order"):
        validate(whole, LIMITS)

    assert validate(whole, replace(LIMITS, allow_unasked_live=True)).mode == "live"


def test_a_whole_quantity_may_rest_with_a_limit() -> None:
    resting = {
        "notional_usd": None,
        "qty": 2,
        "order_type": "limit",
        "limit_offset_pct": -1,
        "time_in_force": "gtc",
    }

    assert validate(with_action(**resting), LIMITS).rules[0].id == "dip"


def test_crypto_takes_no_day_orders() -> None:
    whole = wide()
    whole["rules"][1]["on_answer_match"]["time_in_force"] = "day"

    with pytest.raises(MalformedMessageError, match="crypto orders take gtc or ioc"):
        validate(whole, LIMITS)


def test_every_number_above_a_ceiling_is_named_at_once() -> None:
    whole = wide()
    whole["guardrails"] |= {"max_orders_per_day": 21, "max_notional_usd_per_4h": 5001}
    whole["data_inputs"][0]["symbols"] = (
        ["SPY", "AAPL"]
        + [f"A{chr(65 + n)}" for n in range(26)]
        + [
            "BA",
            "BB",
            "BC",
        ]
    )

    with pytest.raises(MalformedMessageError) as refused:
        validate(whole, LIMITS)

    message = str(refused.value)
    assert "guardrails.max_orders_per_day: must be at most 20" in message
    assert "guardrails.max_notional_usd_per_4h: must be at most 5000" in message
    assert "distinct symbols: must be at most 30" in message


def test_ceilings_are_named_beside_what_is_malformed_elsewhere() -> None:
    whole = wide()
    whole["guardrails"] |= {"max_orders_per_day": 21, "max_notional_usd_per_4h": 10**20}
    whole["rules"][0]["threshold_pct"] = "low"
    whole["rules"][2]["conditions"][0]["type"] = "no_such_type"

    with pytest.raises(MalformedMessageError) as refused:
        validate(whole, LIMITS)

    paths = [problem.partition(":")[0] for problem in refused.value.problems]
    assert sorted(paths) == [
        "guardrails.max_notional_usd_per_4h",
        "guardrails.max_orders_per_day",
        "rules[0].threshold_pct",
        "rules[2].conditions[0].type",
    ]
    assert "guardrails.max_orders_per_day: must be at most 20" in str(refused.value)


@pytest.mark.parametrize("whole", [[], {}, {"guardrails": []}, {"guardrails": {}}])
def test_a_document_without_limits_is_malformed_only(whole: object) -> None:
    with pytest.raises(MalformedMessageError) as refused:
        validate(whole, LIMITS)

    assert "ceiling" not in str(refused.value)


def problems_of(whole: object) -> list[str]:
    with pytest.raises(MalformedMessageError) as refused:
        validate(whole, LIMITS)
    return list(refused.value.problems)


def test_what_does_not_fit_together_is_named_beside_what_is_malformed() -> None:
    whole = wide()
    whole["rules"][0]["threshold_pct"] = "low"
    whole["rules"][1]["symbols"] = ["ETH/USD"]
    whole["rules"][2]["conditions"][1]["symbol"] = "QQQ"
    whole["rules"].append(copy.deepcopy(whole["rules"][2]))
    whole["guardrails"]["max_orders_per_day"] = 21

    assert problems_of(whole) == [
        "rules[0].threshold_pct: must be a decimal number in plain digits",
        "rules: id 'both' is used twice",
        "rules[1]: no data input fetches last_trade and prev_close of ETH/USD",
        "rules[2]: no data input fetches last_trade and prev_close of QQQ",
        "rules[3]: no data input fetches last_trade and prev_close of QQQ",
        "guardrails.max_orders_per_day: must be at most 20, the server's ceiling",
    ]


def test_each_reference_problem_is_a_problem_of_its_own() -> None:
    whole = wide()
    whole["rules"][0]["symbol"] = "QQQ"
    whole["rules"][1]["on_answer_match"]["time_in_force"] = "day"
    whole["rules"][2]["on_answer_match"] = {
        "action": "propose_order",
        "side": "buy",
        "notional_usd": 1001,
    }

    paths = [problem.partition(":")[0] for problem in problems_of(whole)]

    assert paths == [
        "rules[0]",
        "rules[1].on_answer_match.time_in_force",
        "rules[2].on_answer_match.notional_usd",
    ]


def test_live_money_unasked_is_named_beside_what_is_malformed() -> None:
    whole = wide() | {"mode": "live", "version": 2}
    whole["guardrails"]["require_question_before_order"] = False

    paths = [problem.partition(":")[0] for problem in problems_of(whole)]

    assert paths == ["version", "guardrails.require_question_before_order"]


@pytest.mark.parametrize(
    "damage",
    [
        {"poll_interval_seconds": 1},
        {"symbols": ["spy", "AAPL "]},
        {"symbols": "SPY, AAPL"},
        {"symbols": [7]},
        {"metrics": ["last"]},
    ],
)
def test_a_rule_is_not_blamed_for_the_input_that_cannot_be_read(damage: dict[str, Any]) -> None:
    whole = wide()
    whole["data_inputs"][0] |= damage

    assert {problem.partition(":")[0].partition("]")[0] for problem in problems_of(whole)} == {
        "data_inputs[0"
    }


@pytest.mark.parametrize("inputs", [None, "SPY", [], ["SPY"]])
def test_rules_are_not_blamed_where_no_input_can_be_read(inputs: object) -> None:
    assert not [each for each in problems_of(wide() | {"data_inputs": inputs}) if "rules" in each]


def test_a_rule_on_what_no_input_mentions_is_named_beside_an_input_that_cannot_be_read() -> None:
    whole = wide()
    whole["data_inputs"][0]["poll_interval_seconds"] = 1
    whole["rules"][0]["symbol"] = "QQQ"

    assert problems_of(whole)[1:] == [
        "rules[0]: no data input fetches last_trade and prev_close of QQQ"
    ]


WRONG: dict[str, list[Any]] = {
    "number": ["x", None, -(10**9), Decimal("NaN"), True, [], {}, 0.1],
    "text": [7, None, "", "Ä" * 300, [], {}, "no such value!"],
    "flag": ["maybe", 7, None, [], {}],
    "list": ["x", 7, None, {}, [7], [None], [[]]],
    "object": ["x", 7, None, [], {"surprise": 1}],
}


def kind(value: object) -> str:
    if isinstance(value, bool):
        return "flag"
    if isinstance(value, int | Decimal):
        return "number"
    names: dict[type, str] = {str: "text", list: "list", dict: "object"}
    return names[type(value)]


def places(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Every place in a document."""
    if path:
        yield path
    inside: list[tuple[str | int, Any]] = []
    if isinstance(value, dict):
        inside = list(value.items())
    if isinstance(value, list):
        inside = list(enumerate(value))
    for key, inner in inside:
        yield from places(inner, (*path, key))


def at(whole: Any, path: tuple[str | int, ...]) -> Any:
    for key in path:
        whole = whole[key]
    return whole


def mutants() -> list[tuple[str, dict[str, Any]]]:
    """Invalid configs, made of the valid one: a wrong value, an unknown key, a missing one."""
    found = []
    for path in places(wide()):
        *parents, last = path
        value = at(wide(), path)
        if value is None:
            continue
        for wrong in WRONG[kind(value)]:
            whole = wide()
            at(whole, tuple(parents))[last] = wrong
            found.append((f"{path} = {wrong!r}", whole))
        if isinstance(value, dict):
            whole = wide()
            at(whole, path)["surprise"] = 1
            found.append((f"{path} + surprise", whole))
    return found


# A question is free text, and some settings may be left out.
OPTIONAL = ("symbol", "time_in_force", "notional_usd")


def means_something(name: str) -> bool:
    free_text = "'question_template') = 'no such value!'" in name
    left_out = any(f"'{key}') = None" in name for key in OPTIONAL)
    return free_text or left_out


def test_hundreds_of_mutated_configs_are_each_refused_with_a_path() -> None:
    wrong = [(name, whole) for name, whole in mutants() if not means_something(name)]

    for name, whole in wrong:
        with pytest.raises(MalformedMessageError) as refused:
            validate(whole, LIMITS)
        first = str(refused.value).split(": ", maxsplit=1)[0]
        assert first.split("[")[0].split(".")[0] in wide(), (name, str(refused.value))

    assert len(wrong) >= 200


def test_random_damage_never_ends_in_anything_but_our_error() -> None:
    chance = random.Random(7)
    text = json.dumps(wide(), default=str)
    for _ in range(500):
        position = chance.randrange(len(text))
        damaged = text[:position] + chance.choice('{}[]",:0x') + text[position + 1 :]
        try:
            TradingConfig.from_json(damaged)
        except MalformedMessageError:
            continue
